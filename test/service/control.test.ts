// Pause, resume, change and fork over the real services: whatever is done with a job, it ends in the bits that it has to.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Libsql from 'libsql';
import { expect, test } from 'vitest';
import type { Job, Services } from '../../src/service/types.ts';
import { migrations } from '../../src/store/migrations.ts';
import { actions, type JobState, jobStates } from '../../src/training/states.ts';
import { behaviour } from '../helpers/fakeWorker.mjs';
import { firstEvent, reached, startServices, temporaryFolder } from '../helpers/service.ts';

const blobs = { synthetic: { kind: 'blobs', samples: 200, classes: 3, seed: 1 }, split: { test: 0.1, seed: 1 } };
const network = {
  layers: [
    { type: 'dense', units: 8, activation: 'tanh' },
    { type: 'dropout', rate: 0.1 },
    { type: 'dense', units: 3 },
  ],
};
const training = { epochs: 12, batchSize: 16, seed: 3, checkpoint: { everySteps: 50 }, optimizer: { type: 'adam' } };

async function start(settings: NodeJS.ProcessEnv = {}): Promise<{ services: Services; folder: string }> {
  const folder = await temporaryFolder();
  return { services: await startServices(folder, settings, null), folder };
}

async function trained(services: Services, changes: object = {}): Promise<Job> {
  const { id } = await services.jobs.create({ dataset: blobs, network, training: { ...training, ...changes } });
  return reached(services, id);
}

async function forked(services: Services, id: string, body: object = {}, key?: string): Promise<Job> {
  const fork = await services.jobs.fork(id, body, key);
  expect(fork).toMatchObject({ state: 'queued', fork: { job: id } });
  return reached(services, fork.id);
}

const curve = (services: Services, id: string) =>
  services.jobs.metrics(id, { resolution: 'epoch' }).rows.map(({ time: _, seq: __, ...row }) => row);

test('a fork ends in the bits of the job that it continues, also when that is gone', async () => {
  const { services } = await start();
  const short = await trained(services);
  expect(short.state).toBe('completed');
  const steps = services.jobs.checkpoints(short.id).items.map(({ step }) => step);
  expect(steps).toEqual([144, 100]);
  for (const step of steps.slice(1)) {
    const same = await forked(services, short.id, { step });
    expect(same).toMatchObject({
      state: 'completed',
      weightsHash: short.weightsHash,
      best: short.best,
      test: short.test,
    });
    expect(same.name).toBe(`${short.name}-fork`);
    // The rows of its own steps, within the epoch of the checkpoint, too.
    expect(curve(services, same.id)).toEqual(curve(services, short.id).filter((row) => row.step > step));
  }
  const long = await trained(services, { epochs: 20 });
  for (const step of steps) {
    expect((await forked(services, short.id, { step, training: { epochs: 20 } })).weightsHash).toBe(long.weightsHash);
  }
  // All settings as the job tells them: nothing of them differs.
  const { initialModel: _, ...all } = short.training;
  expect((await forked(services, short.id, { step: 100, training: all })).weightsHash).toBe(short.weightsHash);

  const key = 'once';
  const last = await services.jobs.fork(short.id, { training: { epochs: 20 }, name: 'last' }, key);
  await services.jobs.delete(short.id);
  expect(await reached(services, last.id)).toMatchObject({ name: 'last', weightsHash: long.weightsHash });
  const again = await services.jobs.fork(long.id, { training: { epochs: 21 } }, 'another');
  expect((await services.jobs.fork(long.id, { training: { epochs: 21 } }, 'another')).id).toBe(again.id);
  await expect(services.jobs.fork(long.id, { training: { epochs: 22 } }, 'another')).rejects.toMatchObject({
    code: 'idempotency-mismatch',
  });
  await reached(services, again.id);
});

test('a fork with other settings goes on with them', async () => {
  const { services } = await start();
  const job = await trained(services, { optimizer: { type: 'sgd', learningRate: 0.1 } });
  const rate = await forked(services, job.id, { step: 100, training: { optimizer: { learningRate: 0.01 } } });
  expect(rate).toMatchObject({ state: 'completed', learningRateChanges: [{ step: 100, learningRate: 0.01 }] });
  expect(rate.weightsHash).not.toBe(job.weightsHash);
  const plateau = { type: 'onPlateau', patience: 0, factor: 0.5, minDelta: 10 };
  const falling = await forked(services, job.id, { training: { epochs: 16, schedule: plateau } });
  expect(curve(services, falling.id).map((row) => row.learningRate)).toEqual([0.1, 0.1, 0.05, 0.025]);
  const stopped = await forked(services, job.id, {
    training: { epochs: 100, earlyStopping: { metric: 'loss', patience: 2, minDelta: 100 } },
  });
  expect(curve(services, stopped.id).map((row) => row.epoch)).toEqual([13, 14, 15, 16]);
});

test('a fork that cannot be is refused, at the place that is wrong', async () => {
  const { services } = await start();
  const job = await trained(services, { optimizer: { type: 'sgd', learningRate: 0.1 } });
  const refused = async (body: object, code: string, pointer: string, id = job.id) =>
    expect(services.jobs.fork(id, body), JSON.stringify(body)).rejects.toMatchObject({
      code,
      faults: expect.arrayContaining([expect.objectContaining({ pointer })]),
    });
  for (const [key, value] of Object.entries({
    batchSize: 8,
    shuffle: false,
    seed: 4,
    initializer: 'zeros',
    normalization: { type: 'scale', factor: 2 },
    validation: { fraction: 0.3 },
    initialModel: 'default',
  })) {
    await refused({ training: { [key]: value } }, 'invalid-training', `/training/${key}`);
  }
  await refused({ training: { optimizer: { type: 'adam' } } }, 'invalid-training', '/training/optimizer/type');
  await refused({ training: { optimizer: { momentum: 0.9 } } }, 'invalid-training', '/training/optimizer/momentum');
  await refused({ step: 99 }, 'invalid-training', '/step');
  await refused({ training: { epochs: 12 } }, 'invalid-training', '/training/epochs');
  await refused({ training: { epochs: 'x' } }, 'invalid-request', '/training/epochs');
  await refused({ training: [] }, 'invalid-request', '/training');
  await refused({ steps: 1 }, 'invalid-request', '/steps');
  await expect(services.jobs.fork(job.id, { step: 99 })).rejects.toThrow(/it has those of 100, 144/);
  await expect(services.jobs.fork('absent', {})).rejects.toMatchObject({ code: 'not-found' });
  const untrained = await services.jobs.create({
    network: { input: [2], layers: [{ type: 'dense', units: 1 }] },
    training: { epochs: 0 },
  });
  await reached(services, untrained.id);
  await expect(services.jobs.fork(untrained.id, {})).rejects.toThrow(/no checkpoint to go on from/);
  expect(services.jobs.list({ limit: 10 }).items).toHaveLength(2);
});

test('a rate that is set while a job is paused is in its rows, in its forks, and in what comes after a restart', async () => {
  const folder = await temporaryFolder();
  const before = await startServices(folder, {}, null);
  const request = {
    ...training,
    epochs: 4000,
    schedule: { type: 'onPlateau', patience: 1000 },
    checkpoint: { everySteps: 500 },
  };
  const { id } = await before.jobs.create({ dataset: blobs, network, training: request });
  await firstEvent(before, id, 'epoch');
  const paused = await before.jobs.pause(id);
  expect(paused).toMatchObject({ state: 'paused', pause: { code: 'asked' } });
  const { step } = paused.progress;
  expect(before.jobs.checkpoints(id).items[0]?.step).toBe(step);
  const changed = await before.jobs.change(id, { training: { optimizer: { learningRate: 0.5 } } });
  expect(changed.learningRateChanges).toEqual([{ step, learningRate: 0.5 }]);
  const end = Math.ceil(step / 12) + 30;
  const fork = await before.jobs.fork(id, { training: { epochs: end } });
  await before.close();

  const after = await startServices(folder, {}, null);
  expect(after.jobs.get(id)).toMatchObject({ state: 'paused', learningRateChanges: [{ step, learningRate: 0.5 }] });
  const ended = await reached(after, fork.id);
  expect(ended.state).toBe('completed');
  await after.jobs.resume(id);
  for await (const { type, data } of after.jobs.events(id, undefined, new AbortController().signal)) {
    if (type === 'epoch' && (data as { epoch: number }).epoch >= end) break;
  }
  // The fork and the job itself tell the same, and both the new rate.
  const rows = (of: string) => curve(after, of).filter((row) => row.step > step && row.epoch <= end);
  expect(rows(id)).toEqual(rows(fork.id));
  expect(
    new Set(
      rows(id)
        .slice(1)
        .map((row) => row.learningRate),
    ),
  ).toEqual(new Set([0.5]));
  await after.jobs.cancel(id);
});

test('what a state does not allow is a conflict that names the states that would do', async () => {
  const services = await startServices(await temporaryFolder());
  const { id: dataset } = await services.datasets.create({ name: 'blobs', ...blobs });
  const create = async (seed: number) =>
    (await services.jobs.create({ dataset, network, training: { epochs: 2, seed } })).id;
  const completed = await create(1);
  await reached(services, completed);
  const failed = await create(behaviour.diverge);
  await reached(services, failed);
  const cancelled = await create(behaviour.endless);
  await services.jobs.cancel(cancelled);
  const running = await create(behaviour.endless);
  await firstEvent(services, running, 'epoch');
  const paused = await create(1);
  await services.jobs.pause(paused);
  const ids: Record<JobState, string> = { queued: await create(1), running, paused, completed, failed, cancelled };
  const act: Record<Exclude<keyof typeof actions, 'fork'>, (id: string) => Promise<unknown>> = {
    cancel: (id) => services.jobs.cancel(id),
    pause: (id) => services.jobs.pause(id),
    resume: (id) => services.jobs.resume(id),
    'change the learning rate of': (id) => services.jobs.change(id, { training: { optimizer: { learningRate: 1 } } }),
    delete: (id) => services.jobs.delete(id),
  };
  for (const [action, todo] of Object.entries(act)) {
    const allowed: readonly JobState[] = actions[action as keyof typeof actions];
    for (const state of jobStates.filter((state) => !allowed.includes(state))) {
      await expect(todo(ids[state]), `${action}, ${state}`).rejects.toMatchObject({
        code: 'state-conflict',
        faults: [{ pointer: '/state', expected: allowed, received: state }],
      });
      expect(services.jobs.get(ids[state]).state).toBe(state);
    }
  }
  for (const state of ['queued', 'running', 'paused'] as const) await services.jobs.cancel(ids[state]);
});

test('a data directory from before there were checkpoints opens, and its jobs go on', async () => {
  const { services, folder } = await start();
  const job = await trained(services);
  await services.close();
  // As the schema was then: the same job, queued and running.
  const path = join(folder, 'hebb.db');
  const now = new Libsql(path);
  const [datasets, [row]] = ['datasets', 'jobs'].map((table) => now.prepare(`SELECT * FROM ${table}`).all()) as [
    Record<string, unknown>[],
    Record<string, unknown>[],
  ];
  now.close();
  for (const end of ['', '-wal', '-shm']) await rm(path + end, { force: true });
  await rm(join(folder, 'models'), { recursive: true });
  await mkdir(join(folder, 'models'));
  const old = new Libsql(path);
  for (const step of migrations.slice(0, 5)) old.exec(step);
  old.exec('PRAGMA user_version = 5');
  const insert = (table: string, values: Record<string, unknown>) => {
    const names = (old.prepare(`SELECT name FROM pragma_table_info('${table}')`).all() as { name: string }[]).map(
      ({ name }) => name,
    );
    const known = names.filter((name) => values[name] !== undefined && name !== 'seq');
    old
      .prepare(`INSERT INTO ${table} (${known.join(', ')}) VALUES (${known.map(() => '?').join(', ')})`)
      .run(...known.map((name) => values[name]));
  };
  for (const values of datasets) insert('datasets', values);
  const { checkpoint: _, ...training } = JSON.parse(row!.training as string);
  const unfinished = {
    ...row,
    training: JSON.stringify(training),
    finished_at: null,
    weights_hash: null,
    model: null,
    best: null,
    restarts: 0,
    metrics: '{}',
    test: null,
  };
  insert('jobs', { ...unfinished, id: 'was-running', state: 'running' });
  insert('jobs', { ...unfinished, id: 'was-queued', state: 'queued', started_at: null, isa: null });
  old.close();

  const after = await startServices(folder, {}, null);
  for (const [id, restarts] of [
    ['was-running', 1],
    ['was-queued', 0],
  ] as const) {
    expect(await reached(after, id)).toMatchObject({ state: 'completed', weightsHash: job.weightsHash, restarts });
  }
});
