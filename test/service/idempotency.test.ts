import { expect, test } from 'vitest';
import type { HebbError } from '../../src/errors.ts';
import { openStore } from '../../src/store/store.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const request = (name: string, units = 2) => ({
  name,
  dataset: { synthetic: { kind: 'xor' } },
  network: { layers: [{ type: 'dense', units }] },
  training: { epochs: 1 },
});
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: HebbError) => error.code,
  );

test('the same key and request give one job, one after the other and at once', async () => {
  const services = await startServices(await temporaryFolder());
  const job = await services.jobs.create(request('a'), 'key 1');
  expect((await services.jobs.create(request('a'), 'key 1')).id).toBe(job.id);
  const many = await Promise.all(Array.from({ length: 5 }, () => services.jobs.create(request('b'), 'key 2')));
  expect(new Set(many.map(({ id }) => id)).size).toBe(1);
  expect(services.jobs.list({ limit: 10 }).items).toHaveLength(2);
  // Without a key, and with another, each call is a job of its own.
  await services.jobs.create(request('a'));
  await services.jobs.create(request('a'), 'key 3');
  expect(services.jobs.list({ limit: 10 }).items).toHaveLength(4);
});

test('the key of another request is refused, while that is under way, too', async () => {
  const services = await startServices(await temporaryFolder());
  const first = services.jobs.create(request('a'), 'key');
  expect(await codeOf(services.jobs.create(request('b'), 'key'))).toBe('idempotency-mismatch');
  await first;
  expect(await codeOf(services.jobs.create(request('b'), 'key'))).toBe('idempotency-mismatch');
});

test('a request that was refused takes no key', async () => {
  const services = await startServices(await temporaryFolder());
  expect(await codeOf(services.jobs.create(request('a', 0), 'key'))).toBe('invalid-request');
  expect((await services.jobs.create(request('a'), 'key')).name).toBe('a');
});

test('the key of a deleted job is free again', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { id } = await services.jobs.create(request('a'), 'key');
  await reached(services, id);
  // The alias `default` follows the newest: only then can the one before go.
  await reached(services, (await services.jobs.create(request('b'))).id);
  await services.jobs.delete(id);
  const again = await services.jobs.create(request('a'), 'key');
  expect(again.id).not.toBe(id);
});

test('keys outlive a restart, for a day, and go with their job', async () => {
  const folder = await temporaryFolder();
  const store = openStore(folder);
  const now = Date.parse('2026-01-15T12:00:00Z');
  const day = 24 * 60 * 60 * 1000;
  store.idempotency.insert({ key: 'old', hash: 'h1' }, 'job-1', now - day);
  store.idempotency.insert({ key: 'new', hash: 'h2' }, 'job-2', now - day + 1);
  store.close();
  const again = openStore(folder);
  expect(again.idempotency.find('old', now)).toBeUndefined();
  expect(again.idempotency.find('new', now)).toMatchObject({ hash: 'h2', job: 'job-2' });
  // An old key can be used anew, and the others stay.
  again.idempotency.insert({ key: 'old', hash: 'h3' }, 'job-3', now);
  expect(again.idempotency.find('new', now)).toMatchObject({ job: 'job-2' });
  expect(again.idempotency.find('old', now)).toMatchObject({ job: 'job-3' });
  again.idempotency.deleteOf('job-3');
  expect(again.idempotency.find('old', now)).toBeUndefined();
  again.close();
});
