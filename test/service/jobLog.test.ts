import { expect, test } from 'vitest';
import { startServices, temporaryFolder } from '../helpers/service.ts';

test('the log of a job is read on from where one was', async () => {
  const services = await startServices(await temporaryFolder());
  const dataset = { synthetic: { kind: 'xor' } };
  const network = { layers: [{ type: 'dense', units: 2 }] };
  const { id, name } = await services.jobs.create({ name: 'told', dataset, network, training: { epochs: 1 } });
  const { items, next } = services.jobs.log(id, { limit: 1 });
  expect(items).toEqual([
    { seq: 1, time: expect.any(String), level: 'info', event: 'created', message: 'the job was created', data: null },
  ]);
  expect(next).toBe(1);
  expect(services.jobs.log(name, { limit: 1 }).items).toEqual(items);
  expect(services.jobs.log(id, { since: 1000, limit: 10 })).toEqual({ items: [], next: 1000 });
  expect(() => services.jobs.log('nobody', { limit: 1 })).toThrow(/no job has the id or the name "nobody"/);
});
