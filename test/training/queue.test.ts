import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { sha256 } from '../../src/data/durableFile.ts';
import { resolveNetwork } from '../../src/nn/resolve.ts';
import { encodeSafetensors, tensorsOf } from '../../src/nn/weights.ts';
import { openStore } from '../../src/store/store.ts';
import { encodeCheckpoint, writeCheckpoint } from '../../src/training/checkpoint.ts';
import type { QueueStore } from '../../src/training/queueStore.ts';
import { behaviour } from '../helpers/fakeWorker.mjs';
import {
  type Engine,
  engines,
  memoryEngine,
  type Settings,
  startQueue,
  storeEngine,
  until,
} from '../helpers/queues.ts';
import { jobRecord, temporaryFolder } from '../helpers/service.ts';
import { snapshotOf } from '../helpers/snapshots.ts';

/** Files of a job, as soon as they are these. */
async function files(models: string, id: string, wanted: string[]): Promise<void> {
  const found = () => readdir(join(models, id)).catch(() => []);
  await vi.waitFor(async () => expect(await found()).toEqual(wanted), { timeout: 5000 });
}

/** A job's folder with a checkpoint whose weights are all the number of its epoch. */
async function checkpointAt(models: string, id: string, epoch: number) {
  const { network, training } = jobRecord(id);
  const step = 10 * epoch;
  const snapshot = snapshotOf(network, training, { epoch, step });
  const file = `0-${step}.checkpoint`;
  await mkdir(join(models, id), { recursive: true });
  const content = encodeCheckpoint({ snapshot, history: null });
  await writeCheckpoint(join(models, id, file), content);
  const { metrics, best } = snapshot.state;
  return { file, step, epoch, bytes: content.length, metrics, best };
}

/** The weights file of a network whose weights are all the same. */
function weightsOf(value: number): Uint8Array {
  const resolved = resolveNetwork(jobRecord('any').network, { checked: true });
  return encodeSafetensors(tensorsOf(resolved, new Float32Array(resolved.parameterFloats).fill(value)));
}

describe.each(engines)('over %s', (_name, open) => {
  async function start(settings: Settings = {}) {
    const folder = await temporaryFolder();
    const engine = open(folder);
    onTestFinished(() => engine.close());
    return startQueue(folder, engine, settings);
  }

  describe('a job', () => {
    test('goes through its states to a model', async () => {
      const { add, reached, engine, models } = await start();
      add('a', 1);
      expect(await reached('a')).toMatchObject({
        state: 'completed',
        progress: { epoch: 3, fraction: 1, step: 30, etaSeconds: 0 },
        metrics: { loss: 1 / 3 },
        best: { epoch: 3 },
        isa: 'scalar',
        kernelVersion: 'fake',
        restarts: 0,
        attempt: 0,
        epochs: [1, 2, 3],
        weightsFile: '0.safetensors',
      });
      expect(await engine.states('a')).toEqual(['queued', 'running', 'completed']);
      await files(models, 'a', ['0.safetensors']);
    });

    test('that diverges fails with the problem, and leaves no files', async () => {
      const { add, reached, models } = await start();
      add('a', behaviour.diverge);
      expect(await reached('a')).toMatchObject({ state: 'failed', weightsFile: null, error: 'diverged' });
      await vi.waitFor(async () => expect(await readdir(models)).toEqual([]));
    });

    test('whose dataset is gone fails', async () => {
      const { add, reached } = await start();
      add('a', 1, { dataset: 'gone' });
      expect(await reached('a')).toMatchObject({ state: 'failed', error: 'unknown-dataset' });
    });

    test('trains beside others up to the limit, and in their order', async () => {
      const { add, firstEpoch, see, queue, processes } = await start({ jobs: 2 });
      for (const id of ['a', 'b', 'c']) add(id, behaviour.endless);
      await Promise.all([firstEpoch('a'), firstEpoch('b')]);
      add('d', behaviour.endless, { priority: 1 });
      expect(see('c').state).toBe('queued');
      await queue.cancel('a');
      await firstEpoch('d');
      expect(see('c').state).toBe('queued');
      await queue.cancel('d');
      await firstEpoch('c');
      expect(processes.pids).toHaveLength(2);
      await Promise.all([queue.cancel('b'), queue.cancel('c')]);
    });
  });

  describe('pausing', () => {
    test('a running job leaves a checkpoint, gives its place to the next, and goes on from there', async () => {
      const { add, firstEpoch, see, queue, reached, engine } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      add('b', behaviour.endless);
      await queue.pause('a');
      expect(see('a')).toMatchObject({
        state: 'paused',
        pause: 'asked',
        checkpoints: [10],
        restarts: 0,
        best: { epoch: 1 },
      });
      expect(see('a').progress).toMatchObject({ epoch: 1, step: 10, fraction: 10 / 3, samplesPerSecond: null });
      await firstEpoch('b');
      await queue.resume('a');
      expect(see('a')).toMatchObject({ state: 'queued', pause: null });
      await queue.cancel('b');
      await until(() => see('a').epochs.length === 2);
      await queue.cancel('a');
      expect(see('a')).toMatchObject({ epochs: [1, 2], attempt: 1, weightsFile: '1.safetensors' });
      expect(await engine.states('a')).toEqual(['queued', 'running', 'paused', 'queued', 'running', 'cancelled']);
      await reached('b');
    });

    test('a queued job keeps it from running until it is resumed', async () => {
      const { add, firstEpoch, see, queue, reached } = await start();
      add('a', behaviour.endless);
      add('b', 1);
      await firstEpoch('a');
      await queue.pause('b');
      await queue.cancel('a');
      add('c', 1);
      await reached('c');
      expect(see('b')).toMatchObject({ state: 'paused', attempt: -1 });
      await queue.resume('b');
      expect((await reached('b')).state).toBe('completed');
    });

    test('a job that ends instead is a conflict, as is what a state does not allow', async () => {
      const { add, queue, reached, firstEpoch } = await start();
      add('a', 1);
      await reached('a');
      const conflict = { code: 'state-conflict' };
      await expect(queue.pause('a')).rejects.toMatchObject({
        ...conflict,
        faults: [{ expected: ['queued', 'running'], received: 'completed' }],
      });
      await expect(queue.resume('a')).rejects.toMatchObject(conflict);
      await expect(queue.setRate('a', 1)).rejects.toMatchObject(conflict);
      await expect(queue.pause('absent')).rejects.toMatchObject({ code: 'not-found' });
      add('b', behaviour.endless);
      await firstEpoch('b');
      await expect(queue.resume('b')).rejects.toMatchObject(conflict);
      add('c', behaviour.endless);
      await expect(queue.setRate('c', 1)).rejects.toThrow(/is queued: .* running or paused/);
      const cancelled = queue.cancel('b');
      await expect(queue.pause('b')).rejects.toThrow(/is being cancelled/);
      await cancelled;
      await queue.cancel('c');
    });
  });

  describe('cancelling', () => {
    test('ends a queued job at once', async () => {
      const { add, see, queue } = await start();
      add('a', behaviour.endless);
      add('b', 1);
      await queue.cancel('b');
      expect(see('b')).toMatchObject({ state: 'cancelled', weightsFile: null, attempt: -1 });
      await queue.cancel('a');
    });

    test('keeps the weights of a running one as a model', async () => {
      const { add, see, queue, firstEpoch } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      await queue.cancel('a');
      expect(see('a')).toMatchObject({ state: 'cancelled', weightsFile: '0.safetensors', progress: { step: 10 } });
    });

    test('a paused one keeps the best weights of its checkpoint, and no files of others', async () => {
      const { add, see, queue, firstEpoch, models } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      await queue.pause('a');
      await queue.cancel('a');
      expect(see('a')).toMatchObject({
        state: 'cancelled',
        weightsFile: '1.safetensors',
        weightsHash: sha256(weightsOf(1)),
        metrics: { loss: 1 },
        progress: { step: 10, epoch: 1 },
      });
      await files(models, 'a', ['0-10.checkpoint', '1.history', '1.safetensors']);
      expect(await readFile(join(models, 'a', '1.safetensors'))).toEqual(Buffer.from(weightsOf(1)));
    });

    test('a paused one without a checkpoint, or with a damaged one, keeps none', async () => {
      const { add, see, queue, firstEpoch, models } = await start();
      add('first', behaviour.endless);
      await firstEpoch('first');
      add('a', 1);
      await queue.pause('a');
      await queue.cancel('a');
      expect(see('a')).toMatchObject({ state: 'cancelled', weightsFile: null });
      const note = await checkpointAt(models, 'b', 1);
      add('b', 1, {}, { ...note, file: 'absent.checkpoint' });
      await queue.cancel('b');
      expect(see('b')).toMatchObject({ state: 'cancelled', weightsFile: null });
      await queue.cancel('first');
    });

    test('a queued one that goes on from a checkpoint keeps its weights', async () => {
      const { add, see, queue, firstEpoch, models } = await start();
      add('first', behaviour.endless);
      await firstEpoch('first');
      add('a', 1, { attempt: 0, isa: 'scalar' }, await checkpointAt(models, 'a', 2));
      await queue.cancel('a');
      expect(see('a')).toMatchObject({ state: 'cancelled', weightsHash: sha256(weightsOf(2)) });
      await queue.cancel('first');
    });

    test('twice, or after the end, is a conflict', async () => {
      const { add, queue, firstEpoch } = await start();
      add('a', behaviour.endless);
      const first = queue.cancel('a');
      await expect(queue.cancel('a')).rejects.toMatchObject({ code: 'state-conflict' });
      await first;
      await expect(queue.cancel('a')).rejects.toThrow(/is cancelled.*queued, running or paused/);
      add('b', behaviour.endless);
      await firstEpoch('b');
      await queue.pause('b');
      const both = await Promise.allSettled([queue.cancel('b'), queue.cancel('b')]);
      expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      expect((both[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'state-conflict' });
    });

    test('a job that pauses just now ends it all the same', async () => {
      const { add, see, queue, firstEpoch } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      const paused = queue.pause('a');
      const refused = expect(paused).rejects.toMatchObject({ code: 'state-conflict' });
      await queue.cancel('a');
      await refused;
      expect(see('a')).toMatchObject({ state: 'cancelled', weightsFile: expect.any(String) });
    });

    test('a job that fails or completes meanwhile is a conflict', async () => {
      const { add, queue, reached, firstEpoch, processes } = await start();
      add('a', behaviour.crash);
      await reached('a', 'running');
      // Whatever comes first: nobody is told that a job is cancelled which is not.
      const outcome = await queue.cancel('a').then(
        () => 'cancelled',
        (error) => error.code,
      );
      expect(outcome).toBe((await reached('a')).state === 'cancelled' ? 'cancelled' : 'state-conflict');
      add('b', behaviour.endless);
      await firstEpoch('b');
      expect(processes.pids.length).toBeGreaterThan(0);
      await queue.cancel('b');
    });
  });

  describe('a death of the training process', () => {
    test('puts the job back to the start, and it ends as if nothing had been', async () => {
      const { add, reached, engine, models } = await start();
      add('a', behaviour.sigkillOnce);
      const job = await reached('a');
      expect(job).toMatchObject({ state: 'completed', restarts: 1, deaths: 1, epochs: [1, 2, 3] });
      expect(await engine.states('a')).toEqual(['queued', 'running', 'queued', 'running', 'completed']);
      await files(models, 'a', ['1.safetensors']);
    });

    test('fails the job the third time at one place', async () => {
      const { add, reached } = await start();
      add('a', behaviour.crash);
      expect(await reached('a')).toMatchObject({
        state: 'failed',
        restarts: 2,
        deaths: 3,
        deathStep: 0,
        error: 'training-died',
      });
    });

    test('counts from the newest checkpoint on', async () => {
      const { add, reached, models } = await start();
      add('a', behaviour.creep, { training: { ...jobRecord('a').training, epochs: 6 } });
      const job = await reached('a');
      expect(job).toMatchObject({ state: 'completed', restarts: 4, deaths: 1, deathStep: 40, checkpoints: [40, 30] });
      expect(job.epochs).toEqual([1, 2, 3, 4, 5, 6]);
      await files(models, 'a', ['2-30.checkpoint', '3-40.checkpoint', '4.safetensors']);
      add('b', behaviour.stuck);
      expect(await reached('b')).toMatchObject({
        state: 'failed',
        restarts: 2,
        deaths: 3,
        deathStep: 10,
        checkpoints: [10],
      });
    });

    test('that comes from outside is no different', async () => {
      const { add, see, firstEpoch, processes, queue } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      for (const pid of processes.pids) process.kill(pid, 'SIGKILL');
      await until(() => see('a').state === 'running' && see('a').attempt === 1);
      expect(see('a')).toMatchObject({ restarts: 1, deaths: 1 });
      await queue.cancel('a');
      expect(see('a').state).toBe('cancelled');
    });
  });

  describe('the learning rate', () => {
    test('of a running job is changed by its process, one change after the other', async () => {
      const { add, see, firstEpoch, queue } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      const changes = await Promise.all([0.5, 0.25, 0.125].map((rate) => queue.setRate('a', rate)));
      expect(changes).toEqual([
        { step: 10, learningRate: 0.5 },
        { step: 11, learningRate: 0.25 },
        { step: 12, learningRate: 0.125 },
      ]);
      expect(see('a').rateChanges).toEqual(changes);
      await queue.cancel('a');
    });

    test('of a paused job holds from its checkpoint on', async () => {
      const { add, see, firstEpoch, queue } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      await queue.pause('a');
      expect(await queue.setRate('a', 0.5)).toEqual({ step: 10, learningRate: 0.5 });
      await queue.setRate('a', 0.25);
      expect(see('a').rateChanges).toEqual([
        { step: 10, learningRate: 0.5 },
        { step: 10, learningRate: 0.25 },
      ]);
      await queue.cancel('a');
    });

    test('of a paused job changes nothing that was told of steps to be run once more', async () => {
      const { add, see, queue, engine } = await start();
      add('b', behaviour.noSpaceAtEnd);
      await until(() => see('b').epochs.length === 1);
      await queue.pause('b');
      // Without a checkpoint it begins at the start, but its first epoch is known.
      expect(see('b')).toMatchObject({ checkpoints: [], progress: { step: 0 } });
      expect(await queue.setRate('b', 0.5)).toEqual({ step: 10, learningRate: 0.5 });
      expect((await engine.queueStore.job('b'))?.job.toldStep).toBe(10);
      await queue.cancel('b');
    });

    test('that comes too late is a conflict', async () => {
      const { add, firstEpoch, queue, see } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      const cancelled = queue.cancel('a');
      await expect(queue.setRate('a', 0.5)).rejects.toThrow(/ended before the new rate was in force/);
      await cancelled;
      expect(see('a').rateChanges).toEqual([]);
    });
  });

  describe('another machine', () => {
    test.each([
      ['instruction set', { isa: 'avx2', kernelVersion: 'fake' }, /began with avx2, this machine has scalar/],
      ['kernels', { isa: 'scalar', kernelVersion: 'older' }, /began with kernels older, these are fake/],
    ])('with another %s puts the job aside', async (_what, changes, message) => {
      const { add, see, reached, queue, engine } = await start();
      add('a', 1, changes);
      await reached('a', 'paused');
      expect(see('a')).toMatchObject({ pause: 'other-machine', restarts: 0, deaths: 0 });
      expect(see('a').pauseMessage).toMatch(message);
      add('b', 1);
      expect((await reached('b')).state).toBe('completed');
      // Resumed, it is found out once more.
      await queue.resume('a');
      await until(async () => (await engine.states('a')).filter((state) => state === 'paused').length === 2);
      await queue.cancel('a');
    });
  });

  describe('a disk that is short of room', () => {
    test('holds the queue and puts running jobs aside; they go on by themselves', async () => {
      let shortage: string | null = null;
      const { add, see, firstEpoch, reached, queue } = await start({ shortOfSpace: async () => shortage });
      add('a', behaviour.endless);
      add('c', 1);
      await firstEpoch('a');
      shortage = 'There is little room.';
      await reached('a', 'paused');
      expect(see('a')).toMatchObject({ pause: 'disk-space', checkpoints: [10], restarts: 0 });
      // One that is paused by hand stays so.
      await queue.pause('c');
      add('b', behaviour.endless);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(see('b').state).toBe('queued');
      shortage = null;
      await until(() => see('a').epochs.length === 2);
      expect(see('c').state).toBe('paused');
      await queue.cancel('a');
      await queue.cancel('b');
    });

    test('that only the training process met is no failure', async () => {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
      onTestFinished(() => void vi.useRealTimers());
      const { add, see, reached } = await start();
      add('a', behaviour.noSpaceOnce);
      await reached('a', 'paused');
      expect(see('a')).toMatchObject({ pause: 'disk-space', error: null });
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await reached('a')).toMatchObject({ state: 'completed', attempt: 1, restarts: 0 });
    });

    test('changes nothing of what was asked for', async () => {
      const { add, see, firstEpoch, queue } = await start();
      add('a', behaviour.noSpaceAtEnd);
      await firstEpoch('a');
      await queue.pause('a');
      expect(see('a')).toMatchObject({ state: 'paused', pause: 'asked' });
      add('b', behaviour.noSpaceAtEnd);
      await firstEpoch('b');
      await queue.cancel('b');
      expect(see('b')).toMatchObject({ state: 'cancelled', weightsFile: null });
    });
  });

  describe('a stop of the service', () => {
    test('leaves a checkpoint, puts the job back and counts no death', async () => {
      const { add, see, firstEpoch, processes, close } = await start();
      add('a', behaviour.endless);
      await firstEpoch('a');
      const { pids } = processes;
      await close();
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
      expect(see('a')).toMatchObject({
        state: 'queued',
        restarts: 1,
        deaths: 0,
        checkpoints: [10],
        progress: { step: 10 },
      });
    });

    test('does not wait for a process that does not answer', async () => {
      const { add, see, firstEpoch, processes, close } = await start();
      add('a', behaviour.deaf);
      await firstEpoch('a');
      const { pids } = processes;
      await close();
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
      const { state, restarts, deaths, progress } = see('a');
      expect({ state, restarts, deaths }).toEqual({ state: 'queued', restarts: 1, deaths: 0 });
      expect(progress).toMatchObject({ epoch: 0, fraction: 0 });
    });
  });

  test('a job whose runner is gone comes free when its lease is over, without gap or doubling', async () => {
    const { reached, models } = await start({
      // What a runner that was killed in the second epoch of its first attempt leaves.
      before: async ({ insert, queueStore: store }) => {
        insert(jobRecord('a'));
        const { progress } = (await store.claim('the one that was killed', Date.now() - 1))!;
        const row = { kind: 'epoch', epoch: 1, step: 10, values: { loss: 1 } } as const;
        const nothing = { log: [], damaged: [], rateChanges: [], diagnostics: [], checkpoints: [], best: null };
        await store.record({ job: 'a', attempt: 0 }, { ...nothing, rows: [row], metrics: {}, progress });
      },
    });
    const job = await reached('a');
    expect(job).toMatchObject({ state: 'completed', restarts: 1, deaths: 0, epochs: [1, 2, 3] });
    await files(models, 'a', ['1.safetensors']);
  });

  test('news and changes of an attempt that was given up are refused', async () => {
    const engine = open(await temporaryFolder());
    onTestFinished(() => engine.close());
    const { queueStore: store, insert, see } = engine;
    insert(jobRecord('a'));
    const { progress } = (await store.claim('one', Date.now() + 60_000))!;
    const old = { job: 'a', attempt: 0 };
    const claim = { job: 'a', attempt: 1 };
    const nothing = { log: [], damaged: [], rateChanges: [], rows: [], diagnostics: [], checkpoints: [], best: null };
    expect(await store.prolong([old], Date.now() + 60_000)).toEqual([]);
    expect(await store.claim('another', 0)).toBeNull();
    expect(await store.change('a', 'running', { state: 'queued' }, { claim: old })).toBe(true);
    await store.claim('another', Date.now() + 60_000);
    const row = { kind: 'epoch', epoch: 1, step: 10, values: { loss: 1 } } as const;
    expect(await store.record(old, { ...nothing, metrics: {}, progress, rows: [row] })).toBeNull();
    expect(await store.change('a', 'running', { state: 'failed' }, { claim: old })).toBe(false);
    expect(await store.prolong([old, claim], Date.now() + 60_000)).toEqual([old]);
    expect(see('a')).toMatchObject({ state: 'running', attempt: 1, epochs: [] });
    expect(await store.record(claim, { ...nothing, metrics: {}, progress, rows: [row] })).toEqual([]);
    expect(see('a').epochs).toEqual([1]);
  });
});

test('a death is told with its signal, its exit code and the last words', async () => {
  const folder = await temporaryFolder();
  const store = openStore(folder);
  onTestFinished(() => store.close());
  const { add, reached } = await startQueue(folder, storeEngine(store));
  add('a', behaviour.crash);
  await reached('a');
  expect(store.jobs.get('a')!.error!.detail).toMatch(/3 times.*exit code 3.*something is wrong/);
  add('b', behaviour.sigkill);
  await reached('b');
  expect(store.jobs.get('b')!.error!.detail).toMatch(/3 times after step 0; .*killed by SIGKILL$/);
});

test('what a cancelled job leaves is no default model', async () => {
  const folder = await temporaryFolder();
  const store = openStore(folder);
  onTestFinished(() => store.close());
  const { add, firstEpoch, queue } = await startQueue(folder, storeEngine(store));
  add('a', behaviour.endless);
  await firstEpoch('a');
  await queue.cancel('a');
  expect(store.models.get('a')).toMatchObject({ completed: false, step: 10 });
  expect(store.models.resolve('default')).toBeUndefined();
});

describe('a runner that is cut off from the store', () => {
  /** Two queues on one store; the first does not prolong its leases while it is cut off. */
  async function twoRunners(seed: number) {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const folder = await temporaryFolder();
    const engine = memoryEngine();
    let connected = true;
    const store = engine.queueStore;
    const prolong: QueueStore['prolong'] = async (...given) => (connected ? store.prolong(...given) : []);
    const cutOff: Engine = {
      ...engine,
      queueStore: new Proxy(store, {
        get: (target, key) => {
          if (key === 'prolong') return prolong;
          const value = Reflect.get(target, key);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
    };
    const one = await startQueue(folder, cutOff);
    one.add('a', seed);
    await one.firstEpoch('a');
    connected = false;
    const other = await startQueue(folder, engine);
    await vi.advanceTimersByTimeAsync(45_000);
    await until(() => one.see('a').attempt === 1 && one.see('a').state === 'running');
    return {
      one,
      other,
      connect() {
        connected = true;
      },
    };
  }

  test('loses its job to another, and ends its process when it finds out', async () => {
    const { one, other, connect } = await twoRunners(behaviour.endless);
    const [old] = one.processes.pids as [number];
    await until(() => other.processes.pids.length === 1);
    connect();
    await vi.advanceTimersByTimeAsync(10_000);
    await until(() => !one.processes.pids.includes(old));
    expect(one.queue.progressOf('a')).toBeUndefined();
    expect(one.see('a')).toMatchObject({ state: 'running', attempt: 1, restarts: 1, deaths: 0 });
    await other.queue.cancel('a');
    expect(one.see('a')).toMatchObject({ state: 'cancelled', weightsFile: '1.safetensors' });
  });

  test('touches no file of the other when it ends', async () => {
    const { one, other } = await twoRunners(behaviour.endless);
    await until(() => other.queue.progressOf('a')?.progress.epoch === 1);
    await other.queue.pause('a');
    expect(one.see('a').checkpoints).toEqual([10]);
    await other.queue.resume('a');
    await until(() => one.see('a').state === 'running');
    // Still believes that the job is its own, and puts an end to it.
    await expect(one.queue.cancel('a')).rejects.toMatchObject({ code: 'state-conflict' });
    expect(await readdir(join(one.models, 'a'))).toContain('1-10.checkpoint');
    expect(one.see('a')).toMatchObject({ state: 'running', weightsFile: null });
    await Promise.all([one, other].map(({ queue }) => queue.cancel('a').catch(() => {})));
  });
});

describe('a store that fails now and then', () => {
  /** The first calls of a method fail with an error of this code. */
  function failing(method: 'record' | 'abandoned', times: number, code: string): Engine {
    const engine = memoryEngine();
    const store = engine.queueStore;
    let left = times;
    const queueStore = new Proxy(store, {
      get: (target, key) => {
        const value = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return async (...given: unknown[]) => {
          if (key === method && left-- > 0) throw Object.assign(new Error(`${method} failed`), { code });
          return value.apply(target, given);
        };
      },
    });
    return { ...engine, queueStore };
  }

  test('costs a job no more than a death: it is tried again, and fails the third time at one place', async () => {
    const { add, reached } = await startQueue(await temporaryFolder(), failing('record', 1, 'SQLITE_BUSY'));
    add('a', 1);
    expect(await reached('a')).toMatchObject({ state: 'completed', restarts: 1, deaths: 1, epochs: [1, 2, 3] });
    const broken = await startQueue(await temporaryFolder(), failing('record', 3, 'SQLITE_BUSY'));
    broken.add('b', 1);
    expect(await broken.reached('b')).toMatchObject({ state: 'failed', error: 'training-died', deaths: 3 });
  });

  test('does not keep the queue from starting: what was abandoned is taken up when it can be stored', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const engine = failing('abandoned', 1, 'SQLITE_FULL');
    const { reached, see } = await startQueue(await temporaryFolder(), engine, {
      before: async ({ insert, queueStore }) => {
        insert({ ...jobRecord('a'), training: { ...jobRecord('a').training, seed: 1 } });
        await queueStore.claim('one that is gone', 0);
      },
    });
    expect(see('a').state).toBe('running');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await reached('a')).toMatchObject({ state: 'completed', attempt: 1, restarts: 1 });
  });
});
