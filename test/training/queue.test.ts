import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { queueStore } from '../../src/service/queueStore.ts';
import type { JobRecord } from '../../src/store/jobs.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { JobQueue } from '../../src/training/queue.ts';
import { TrainingProcesses } from '../../src/training/runner.ts';
import { isFinal } from '../../src/training/states.ts';
import { behaviour } from '../helpers/fakeWorker.ts';
import { fakeWorker, jobRecord, silent, tell, temporaryFolder } from '../helpers/service.ts';

interface Running {
  store: Store;
  queue: JobQueue;
  processes: TrainingProcesses;
  models: string;
  /** Ends the queue as a stop of the service does. */
  close(): Promise<void>;
}

async function startQueue(folder: string, { jobs = 1, before = (_: Store) => {} } = {}): Promise<Running> {
  const store = openStore(folder);
  before(store);
  const processes = new TrainingProcesses({ size: jobs, logger: silent, entry: fakeWorker });
  const models = join(folder, 'models');
  await mkdir(models, { recursive: true });
  const queue = new JobQueue({
    store: queueStore(store),
    processes,
    jobs,
    threads: 1,
    isas: ['scalar'],
    kernelVersion: 'fake',
    shortOfSpace: async () => null,
    datasetsDirectory: join(folder, 'datasets'),
    modelsDirectory: models,
    logger: silent,
  });
  await queue.start();
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await queue.close();
    store.close();
  };
  onTestFinished(close);
  return { store, queue, processes, models, close };
}

function add({ store, queue }: Running, id: string, seed: number, changes: Partial<JobRecord> = {}): void {
  const job = jobRecord(id, changes);
  store.jobs.insert({ ...job, training: { ...job.training, seed } });
  queue.wake();
}

/** Follows the job until a state, or a final one. */
async function reached({ store }: Running, id: string, wanted?: string): Promise<JobRecord> {
  for await (const { type, data } of store.events.follow(id, 0, new AbortController().signal)) {
    if (type !== 'state') continue;
    if (wanted ? data.state === wanted : isFinal(data.state as JobRecord['state'])) break;
  }
  return store.jobs.get(id)!;
}

async function firstEpoch({ store }: Running, id: string): Promise<void> {
  for await (const { type } of store.events.follow(id, 0, new AbortController().signal)) {
    if (type === 'epoch') return;
  }
}

async function statesOf({ store }: Running, id: string): Promise<string[]> {
  const states: string[] = [];
  for await (const { type, data } of store.events.follow(id, 0, new AbortController().signal)) {
    if (type === 'state') states.push(data.state);
    if (isFinal(states.at(-1) as JobRecord['state'])) break;
  }
  return states;
}

describe('a job', () => {
  test('goes through its states to a model', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', 1);
    const job = await reached(running, 'a');
    expect(job).toMatchObject({
      state: 'completed',
      progress: { epoch: 3, fraction: 1, step: 30, etaSeconds: 0 },
      metrics: { loss: 1 / 3 },
      best: { epoch: 3 },
      isa: 'scalar',
      model: 'a',
      restarts: 0,
    });
    expect(await statesOf(running, 'a')).toEqual(['queued', 'running', 'completed']);
    expect(running.store.models.get('a')).toMatchObject({ weightsHash: job.weightsHash, weightsFile: '0.safetensors' });
    expect(running.store.metrics.after('a', 'epoch', 0)).toHaveLength(3);
    expect(await readdir(join(running.models, 'a'))).toEqual(['0.safetensors']);
  });

  test('that diverges fails with the problem, and leaves no files', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', behaviour.diverge);
    expect(await reached(running, 'a')).toMatchObject({ state: 'failed', model: null, error: { code: 'diverged' } });
    expect(await readdir(running.models)).toEqual([]);
  });

  test('whose dataset is gone fails', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', 1, { dataset: 'gone' });
    expect(await reached(running, 'a')).toMatchObject({ state: 'failed', error: { code: 'unknown-dataset' } });
  });

  test('trains beside others up to the limit, and in their order', async () => {
    const running = await startQueue(await temporaryFolder(), { jobs: 2 });
    for (const id of ['a', 'b', 'c']) add(running, id, behaviour.endless);
    await Promise.all([firstEpoch(running, 'a'), firstEpoch(running, 'b')]);
    expect(running.store.jobs.get('c')?.state).toBe('queued');
    await running.queue.cancel('a');
    await firstEpoch(running, 'c');
    expect(running.processes.pids).toHaveLength(2);
    await Promise.all([running.queue.cancel('b'), running.queue.cancel('c')]);
  });
});

describe('a death of the training process', () => {
  test('puts the job back to the start, and it ends as if nothing had been', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', behaviour.sigkillOnce);
    const job = await reached(running, 'a');
    expect(job).toMatchObject({ state: 'completed', restarts: 1, deaths: 1 });
    expect(await statesOf(running, 'a')).toEqual(['queued', 'running', 'queued', 'running', 'completed']);
    expect(running.store.metrics.after('a', 'epoch', 0).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(await readdir(join(running.models, 'a'))).toEqual(['1.safetensors']);
  });

  test('fails the job the third time, naming the exit code and the last words', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', behaviour.crash);
    const job = await reached(running, 'a');
    expect(job).toMatchObject({ state: 'failed', restarts: 2, deaths: 3, error: { code: 'training-died' } });
    expect(job.error?.detail).toMatch(/3 times.*exit code 3.*something is wrong/);
  });

  test('fails the job the third time, naming the signal', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', behaviour.sigkill);
    expect((await reached(running, 'a')).error?.detail).toMatch(/3 times after step 0; .*killed by SIGKILL$/);
  });

  test('that comes from outside is no different', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', behaviour.endless);
    await firstEpoch(running, 'a');
    for (const pid of running.processes.pids) process.kill(pid, 'SIGKILL');
    await reached(running, 'a', 'running');
    for await (const { type, data } of running.store.events.follow('a', 3, new AbortController().signal)) {
      if (type === 'state' && data.state === 'running') break;
    }
    expect(running.store.jobs.get('a')).toMatchObject({ restarts: 1, deaths: 1 });
    await running.queue.cancel('a');
    expect(running.store.jobs.get('a')?.state).toBe('cancelled');
  });
});

describe('cancelling', () => {
  test('ends a queued job at once', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', behaviour.endless);
    add(running, 'b', 1);
    await running.queue.cancel('b');
    expect(running.store.jobs.get('b')).toMatchObject({ state: 'cancelled', model: null, startedAt: null });
    await running.queue.cancel('a');
  });

  test('keeps the weights of a running one as a model', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', behaviour.endless);
    await firstEpoch(running, 'a');
    await running.queue.cancel('a');
    expect(running.store.jobs.get('a')).toMatchObject({ state: 'cancelled', model: 'a', progress: { step: 10 } });
    expect(running.store.models.get('a')).toMatchObject({ completed: false, step: 10 });
    expect(running.store.models.byAlias('default')).toBeUndefined();
  });

  test('twice, or after the end, is a conflict', async () => {
    const running = await startQueue(await temporaryFolder());
    add(running, 'a', behaviour.endless);
    const first = running.queue.cancel('a');
    await expect(running.queue.cancel('a')).rejects.toMatchObject({ code: 'state-conflict' });
    await first;
    await expect(running.queue.cancel('a')).rejects.toThrow(/is cancelled.*queued, running or paused/);
  });
});

describe('a restart of the service', () => {
  test('that stopped puts running jobs back without counting a death', async () => {
    const folder = await temporaryFolder();
    const before = await startQueue(folder);
    add(before, 'a', behaviour.deaf);
    await firstEpoch(before, 'a');
    const { pids } = before.processes;
    await before.close();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);

    const store = openStore(folder);
    expect(store.jobs.get('a')).toMatchObject({
      state: 'queued',
      restarts: 1,
      deaths: 0,
      progress: { epoch: 0, fraction: 0 },
    });
    store.close();
  });

  test('that was killed takes up what it finds running, and leaves no gap and no doubling', async () => {
    const folder = await temporaryFolder();
    // What a service that was killed in the second epoch of its first attempt leaves.
    const after = await startQueue(folder, {
      before: (store) => {
        const job = jobRecord('a');
        store.jobs.insert(job);
        store.queue.claim('the one that was killed', Date.now() + 60_000);
        const row = { kind: 'epoch', epoch: 1, step: 10, values: { loss: 1 } } as const;
        tell(store, 'a', { rows: [row], progress: { ...job.progress, epoch: 1 } });
      },
    });
    const job = await reached(after, 'a');
    expect(job).toMatchObject({ state: 'completed', restarts: 1, deaths: 0 });
    expect(after.store.metrics.after('a', 'epoch', 0).map(({ seq, epoch }) => [seq, epoch])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(await readdir(join(after.models, 'a'))).toEqual(['1.safetensors']);
  });
});
