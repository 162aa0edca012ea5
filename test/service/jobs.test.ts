import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createServices } from '../../src/service/index.ts';
import type { JobEvent, Services } from '../../src/service/types.ts';
import { behaviour } from '../helpers/fakeWorker.mjs';
import { fakeWorker, firstEvent, reached, silent, startServices, temporaryFolder } from '../helpers/service.ts';

const network = { layers: [{ type: 'dense', units: 2 }] };
const request = (seed: number, changes: object = {}) => ({
  dataset: 'xor',
  network,
  training: { epochs: 3, seed },
  ...changes,
});

/** A data directory that holds the dataset xor. */
let template: string;

beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'hebb-test-'));
  const services = await createServices(readConfig({ HEBB_DATA_DIR: template }), silent, { workerEntry: fakeWorker });
  await services.datasets.create({ name: 'xor', synthetic: { kind: 'xor' } });
  await services.close();
});
afterAll(() => rm(template, { recursive: true, force: true }));

async function withXor(): Promise<{ services: Services; folder: string }> {
  const folder = await temporaryFolder();
  await cp(template, folder, { recursive: true });
  return { services: await startServices(folder), folder };
}

async function collect(events: AsyncIterable<JobEvent>): Promise<JobEvent[]> {
  const all: JobEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const never = new AbortController().signal;

describe('a job that is created', () => {
  test('is completed with every default, so that sending it again does the same', async () => {
    const { services } = await withXor();
    const job = await services.jobs.create(request(1, { name: 'first' }));
    const dataset = services.datasets.get('xor');
    expect(job).toMatchObject({
      name: 'first',
      state: 'queued',
      dataset: dataset.id,
      priority: 0,
      network: { input: [2], layers: [{ type: 'dense', name: 'dense_0', units: 2 }] },
      training: { epochs: 3, batchSize: 32, seed: 1, loss: { type: 'softmaxCrossEntropy' } },
      progress: { epoch: 0, epochs: 3, step: 0, steps: 3, fraction: 0 },
      restarts: 0,
      error: null,
    });
    expect(job).not.toHaveProperty('traits');
    expect(job).not.toHaveProperty('deaths');
    const { name, network, training, priority } = job;
    const again = await services.jobs.create({ name, dataset: job.dataset, network, training, priority });
    expect(again.network).toEqual(job.network);
    expect(again.training).toEqual(job.training);
    const done = await reached(services, job.id);
    expect(done).toMatchObject({ state: 'completed', model: job.id });
    expect(services.jobs.get('first').id).toBe(again.id);
    await reached(services, again.id);
  });

  test('gets a name where it has none', async () => {
    const { services } = await withXor();
    const [a, b] = [await services.jobs.create(request(1)), await services.jobs.create(request(1))];
    expect(a.name).toMatch(/^job-[0-9a-f]{8}$/);
    expect(a.name).not.toBe(b.name);
    await reached(services, b.id);
  });

  test('is refused with all its faults at once', async () => {
    const { services } = await withXor();
    const wrong = services.jobs.create({
      dataset: 'xor',
      network: { layers: [{ type: 'dense', unit: 2 }] },
      training: { epochs: '3' },
      nmae: 'x',
    });
    const error = await wrong.catch((e) => e);
    expect(error.code).toBe('invalid-request');
    const pointers = error.faults.map((fault: { pointer: string }) => fault.pointer);
    expect(pointers).toEqual(
      expect.arrayContaining(['/nmae', '/network/layers/0/unit', '/network/layers/0/units', '/training/epochs']),
    );
  });

  test('is refused for what is impossible, with its place', async () => {
    const { services, folder } = await withXor();
    const cases: [string, object, string, string | RegExp][] = [
      ['an unknown dataset', { dataset: 'nope' }, 'unknown-dataset', '/dataset'],
      ['no dataset', { dataset: undefined }, 'invalid-training', '/dataset'],
      [
        'shapes that do not fit',
        { network: { layers: [{ type: 'dense', units: 3 }] } },
        'invalid-network',
        '/network/layers/0',
      ],
      [
        'more memory than there is',
        {
          network: {
            layers: [
              { type: 'dense', units: 40_000 },
              { type: 'dense', units: 40_000 },
              { type: 'dense', units: 2 },
            ],
          },
          training: { batchSize: 65_536 },
        },
        'invalid-network',
        '/network',
      ],
      [
        'a misspelt key in a dataset',
        { dataset: { synthetic: { kind: 'xor' }, tsak: 1 } },
        'invalid-request',
        '/dataset/tsak',
      ],
      [
        'an impossible dataset',
        { dataset: { inputs: [[1], [1, 2]], targets: ['a', 'b'] } },
        'invalid-data',
        /^\/dataset\//,
      ],
    ];
    for (const [what, changes, code, pointer] of cases) {
      const error = await services.jobs.create(request(1, changes)).catch((e) => e);
      expect(error.code, what).toBe(code);
      expect(error.faults[0].pointer, what).toMatch(pointer);
    }
    expect(services.jobs.list({ limit: 10 }).items).toEqual([]);
    expect(await readdir(join(folder, 'datasets'))).toHaveLength(1);
  });

  test('brings its dataset along, which is stored once', async () => {
    const { services, folder } = await withXor();
    const spec = { synthetic: { kind: 'blobs', samples: 30, classes: 2 } };
    const first = await services.jobs.create(request(1, { dataset: { name: 'blobs', ...spec } }));
    const second = await services.jobs.create(request(1, { dataset: spec }));
    expect(second.dataset).toBe(first.dataset);
    expect(services.datasets.get('blobs').id).toBe(first.dataset);
    expect(await readdir(join(folder, 'datasets'))).toHaveLength(2);
    const unnamed = await services.jobs.create(
      request(1, { dataset: { synthetic: { kind: 'blobs', samples: 31, classes: 2 } } }),
    );
    expect(services.datasets.get(unnamed.dataset!).name).toMatch(/^dataset-[0-9a-f]{8}$/);
    await reached(services, unnamed.id);
  });

  test('may have no dataset where it does not train', async () => {
    const { services } = await withXor();
    const given = { input: [2], layers: [{ type: 'dense', units: 1, weights: { weight: [[1], [2]], bias: [0] } }] };
    const job = await services.jobs.create({ network: given, training: { epochs: 0 } });
    expect(await reached(services, job.id)).toMatchObject({ state: 'completed', dataset: null });
    expect(services.models.get(job.id).network.layers[0]).not.toHaveProperty('weights');
  });
});

test('a dry run tells the costs and stores nothing', async () => {
  const { services, folder } = await withXor();
  const dry = await services.jobs.dryRun(request(1, { dataset: { synthetic: { kind: 'and' } } }));
  expect(dry).toMatchObject({
    layers: [{ name: 'dense_0', type: 'dense', inputShape: [2], outputShape: [2], parameters: 6 }],
    parameters: 6,
  });
  expect(dry.memoryBytes).toBeGreaterThan(0);
  expect(dry.secondsPerEpoch).toBeGreaterThan(0);
  expect(Object.keys(dry).sort()).toEqual([
    'flopsPerSample',
    'initialWeights',
    'layers',
    'memoryBytes',
    'parameters',
    'secondsPerEpoch',
    'warnings',
  ]);
  expect(services.jobs.list({ limit: 10 }).items).toEqual([]);
  expect(await readdir(join(folder, 'datasets'))).toHaveLength(1);
});

test('lists go page by page, the newest first', async () => {
  const { services } = await withXor();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift((await services.jobs.create(request(1))).id);
  const first = services.jobs.list({ limit: 2 });
  const second = services.jobs.list({ limit: 2, cursor: first.next! });
  const third = services.jobs.list({ limit: 2, cursor: second.next! });
  expect([first, second, third].flatMap(({ items }) => items.map(({ id }) => id))).toEqual(ids);
  expect(third.next).toBeNull();
  expect(() => services.jobs.list({ limit: 2, cursor: 'made up' })).toThrow(/cursor/);
  for (const id of ids) await reached(services, id);
  expect(services.jobs.list({ limit: 9, state: 'completed' }).items).toHaveLength(5);
  expect(services.jobs.list({ limit: 9, state: 'failed' }).items).toEqual([]);
});

describe('events', () => {
  test('tell a job from its beginning to its end, each state with the job', async () => {
    const { services } = await withXor();
    const { id } = await services.jobs.create(request(1));
    await reached(services, id);
    const events = await collect(services.jobs.events(id, undefined, never));
    expect(events.map((event) => [event.id, event.type])).toEqual([
      [1, 'state'],
      [2, 'state'],
      [3, 'epoch'],
      [4, 'epoch'],
      [5, 'epoch'],
      [6, 'state'],
    ]);
    expect(events[1]!.data).toMatchObject({ id, state: 'running', network: { input: [2] }, metrics: {} });
    expect(events[1]!.data).not.toHaveProperty('traits');
    expect(events[2]!.data).toMatchObject({ seq: 1, epoch: 1, step: 10, loss: 1 });
    expect(events[5]!.data).toEqual(services.jobs.get(id));
    expect(await collect(services.jobs.events(id, 4, never))).toEqual(events.slice(4));
    expect(await collect(services.jobs.events(id, 6, never))).toEqual([]);
    expect(await collect(services.jobs.events(id, 99, never))).toEqual([]);
  });

  test('bring live progress, which the job shows too', async () => {
    const { services } = await withXor();
    const { id } = await services.jobs.create(request(behaviour.endless));
    const { data } = await firstEvent(services, id, 'progress');
    expect(data).toMatchObject({ epoch: 1, epochs: 3, fraction: 1 / 3, metrics: { loss: 1 } });
    expect(services.jobs.get(id)).toMatchObject({ state: 'running', progress: { epoch: 1, samplesPerSecond: 1000 } });
    await services.jobs.cancel(id);
  });

  test('end when the reader leaves', async () => {
    const { services } = await withXor();
    const { id } = await services.jobs.create(request(behaviour.endless));
    const controller = new AbortController();
    const events = collect(services.jobs.events(id, undefined, controller.signal));
    await reached(services, id, 'running');
    controller.abort();
    expect((await events).length).toBeGreaterThan(0);
    await services.jobs.cancel(id);
  });
});

test('metrics go on from where the reader was', async () => {
  const { services } = await withXor();
  const { id } = await services.jobs.create(request(1, { training: { epochs: 50, seed: 1 } }));
  await reached(services, id);
  const all = services.jobs.metrics(id, { resolution: 'epoch' });
  expect(all.rows).toHaveLength(50);
  expect(all.rows[0]).toMatchObject({ seq: 1, epoch: 1, loss: 1, time: expect.stringMatching(/Z$/) });
  expect(all.next).toBe(50);
  const rest = services.jobs.metrics(id, { resolution: 'epoch', since: 48 });
  expect(rest).toEqual({ rows: all.rows.slice(48), next: 50 });
  expect(services.jobs.metrics(id, { resolution: 'epoch', since: 50 })).toEqual({ rows: [], next: 50 });
  expect(services.jobs.metrics(id, { resolution: 'epoch', points: 10 }).rows.length).toBeLessThanOrEqual(10);
  expect(services.jobs.metrics(id, { resolution: 'step' })).toEqual({ rows: [], next: 0 });
});

describe('deleting', () => {
  test('is refused while the job is under way; then the job goes with its model and files', async () => {
    const { services, folder } = await withXor();
    const { id } = await services.jobs.create(request(behaviour.endless));
    await expect(services.jobs.delete(id)).rejects.toMatchObject({ code: 'state-conflict' });
    await firstEvent(services, id, 'epoch');
    expect(await services.jobs.cancel(id)).toMatchObject({ state: 'cancelled', model: id });
    await expect(services.jobs.cancel(id)).rejects.toMatchObject({ code: 'state-conflict' });
    await services.jobs.delete(id);
    for (const get of [services.jobs.get, services.models.get]) expect(() => get(id)).toThrow(/no (job|model)/);
    expect(await readdir(join(folder, 'models'))).toEqual([]);
  });

  test('is refused while an alias that was set by hand points at the model', async () => {
    const { services } = await withXor();
    const [a, b] = [await services.jobs.create(request(1)), await services.jobs.create(request(2))];
    await reached(services, b.id);
    services.models.setAlias('best', a.id);
    await expect(services.jobs.delete(a.id)).rejects.toMatchObject({ code: 'in-use' });
    await expect(services.models.delete('best')).rejects.toMatchObject({ code: 'in-use' });
    services.models.setAlias('best', b.id);
    await services.jobs.delete(a.id);
    expect(services.models.get('best').id).toBe(b.id);
    expect(() => services.models.setAlias(b.id, b.id)).toThrow(expect.objectContaining({ code: 'in-use' }));
    services.models.removeAlias('best');
    expect(() => services.models.get('best')).toThrow(expect.objectContaining({ code: 'not-found' }));
    expect(() => services.models.removeAlias('best')).toThrow(expect.objectContaining({ code: 'not-found' }));
    await services.models.delete(b.id);
  });
});

test('a service that stops takes no more jobs and puts those that run back', async () => {
  const { services, folder } = await withXor();
  const { id } = await services.jobs.create(request(behaviour.deaf));
  await firstEvent(services, id, 'epoch');
  const closing = services.close();
  expect(services.ready()).toBe(false);
  await expect(services.jobs.create(request(1))).rejects.toMatchObject({ code: 'unavailable' });
  await closing;
  const again = await startServices(folder);
  expect(again.jobs.get(id)).toMatchObject({ state: 'running', restarts: 1 });
});
