// Job queues with fake training processes, over either engine.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { queueStore } from '../../src/service/queueStore.ts';
import type { JobRecord } from '../../src/store/jobs.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { encodeCheckpoint, writeCheckpoint } from '../../src/training/checkpoint.ts';
import type { Best, CheckpointNote, RateChange } from '../../src/training/protocol.ts';
import { JobQueue, type QueueOptions } from '../../src/training/queue.ts';
import type { QueueStore } from '../../src/training/queueStore.ts';
import { TrainingProcesses } from '../../src/training/runner.ts';
import { isFinal, type JobState } from '../../src/training/states.ts';
import { MemoryQueueStore } from './memoryQueue.ts';
import { fakeWorker, jobRecord, silent } from './service.ts';
import { snapshotOf } from './snapshots.ts';

/** What both engines know of a job. */
export interface Seen {
  state: JobState;
  pause: string | null;
  pauseMessage: string | null;
  error: string | null;
  restarts: number;
  deaths: number;
  deathStep: number;
  attempt: number;
  progress: { epoch: number; step: number };
  best: Best | null;
  rateChanges: RateChange[];
  checkpoints: number[];
  /** Name of the weights file where there is a model. */
  weightsFile: string | null;
  epochs: number[];
}

/** By the log of events, which keeps every change. */
async function statesOf(store: Store, id: string): Promise<JobState[]> {
  const states: JobState[] = [];
  const last = store.events.lastId(id);
  for await (const event of store.events.follow(id, 0, new AbortController().signal)) {
    if (event.type === 'state') states.push(event.data.state as JobState);
    if (event.id === last) break;
  }
  return states;
}

/** A store to insert jobs into and to look at. */
export interface Engine {
  queueStore: QueueStore;
  insert(job: JobRecord, checkpoint?: CheckpointNote): void;
  see(id: string): Seen;
  /** All states so far. */
  states(id: string): Promise<JobState[]>;
  close(): void;
}

const steps = (checkpoints: CheckpointNote[]) => checkpoints.map(({ step }) => step);

export function memoryEngine(): Engine {
  const store = new MemoryQueueStore();
  return {
    queueStore: store,
    insert: (job, checkpoint) =>
      store.insert({ ...job, toldStep: 0, checkpoints: checkpoint ? [checkpoint] : [] }, job.priority),
    see(id) {
      const { job, state, pause, error, result, rows } = store.jobs.get(id)!;
      return {
        ...job,
        state,
        error,
        pause: pause?.code ?? null,
        pauseMessage: pause?.message ?? null,
        checkpoints: steps(job.checkpoints),
        weightsFile: result?.weightsFile ?? null,
        epochs: rows.map(({ epoch }) => epoch),
      };
    },
    states: async (id) => [...store.jobs.get(id)!.states],
    close() {},
  };
}

export function storeEngine(store: Store): Engine {
  return {
    queueStore: queueStore(store),
    insert: (job, checkpoint) => store.jobs.insert(job, { checkpoint }),
    see(id) {
      const job = store.jobs.get(id)!;
      return {
        ...job,
        pause: job.pause?.code ?? null,
        pauseMessage: job.pause?.message ?? null,
        error: job.error?.code ?? null,
        checkpoints: steps(store.checkpoints.ofJob(id)),
        weightsFile: store.models.get(id)?.weightsFile ?? null,
        epochs: store.metrics.after(id, 'epoch', 0).map(({ epoch }) => epoch),
      };
    },
    states: (id) => statesOf(store, id),
    close: () => store.close(),
  };
}

export const engines: [string, (folder: string) => Engine][] = [
  ['the database', (folder) => storeEngine(openStore(folder))],
  ['memory', memoryEngine],
];

export interface Running {
  engine: Engine;
  queue: JobQueue;
  processes: TrainingProcesses;
  models: string;
  /** Inserts a job whose fake training process goes by the seed. */
  add(id: string, seed: number, changes?: Partial<JobRecord>, checkpoint?: CheckpointNote): void;
  see(id: string): Seen;
  /** Waits for a state [any final one]. */
  reached(id: string, state?: JobState): Promise<Seen>;
  /** Waits until the job runs and its first epoch is stored. */
  firstEpoch(id: string): Promise<Seen>;
  /** Ends the queue as a stop of the service does. */
  close(): Promise<void>;
}

export interface Settings extends Partial<QueueOptions> {
  /** What is in the store already. */
  before?: (engine: Engine) => void | Promise<void>;
}

export async function startQueue(folder: string, engine: Engine, settings: Settings = {}): Promise<Running> {
  const { before, ...options } = settings;
  const jobs = options.jobs ?? 1;
  const processes = new TrainingProcesses({ size: jobs, logger: silent, entry: fakeWorker });
  const models = join(folder, 'models');
  await mkdir(models, { recursive: true });
  await layCheckpoints(join(folder, 'checkpoints'));
  await before?.(engine);
  const queue = new JobQueue({
    store: engine.queueStore,
    processes,
    jobs,
    threads: 1,
    isas: ['scalar'],
    kernelVersion: 'fake',
    shortOfSpace: async () => null,
    datasetsDirectory: join(folder, 'datasets'),
    modelsDirectory: models,
    logger: silent,
    ...options,
  });
  await queue.start();
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await queue.close();
  };
  onTestFinished(close);
  const see = engine.see;
  return {
    engine,
    queue,
    processes,
    models,
    see,
    add(id, seed, changes, checkpoint) {
      const job = jobRecord(id, changes);
      engine.insert({ ...job, training: { ...job.training, seed } }, checkpoint);
      queue.wake();
    },
    async reached(id, state) {
      await until(() => (state ? see(id).state === state : isFinal(see(id).state)));
      return see(id);
    },
    async firstEpoch(id) {
      await until(() => see(id).state === 'running' && see(id).epochs.length > 0);
      return see(id);
    },
    close,
  };
}

/** The checkpoints that the fake training processes hand out, by epoch. */
async function layCheckpoints(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { network, training } = jobRecord('any');
  for (let epoch = 1; epoch <= 6; epoch++) {
    const snapshot = snapshotOf(network, training, { epoch, step: 10 * epoch });
    await writeCheckpoint(join(folder, String(epoch)), encodeCheckpoint({ snapshot, history: null }));
  }
}

/** Asks again until it is true. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(5);
}
