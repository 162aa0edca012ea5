import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Logger, pino } from 'pino';
import { onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import type { DatasetInfo } from '../../src/data/dataset.ts';
import { createServices } from '../../src/service/index.ts';
import type { Job, JobEvent, Services } from '../../src/service/types.ts';
import type { JobRecord } from '../../src/store/jobs.ts';
import type { ModelRecord } from '../../src/store/models.ts';
import type { Store } from '../../src/store/store.ts';
import type { JobNews } from '../../src/training/queueStore.ts';
import { isFinal } from '../../src/training/states.ts';

export const silent: Logger = pino({ level: 'silent' });
export const fakeWorker = fileURLToPath(new URL('./fakeWorker.mjs', import.meta.url));

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hebb-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The training process as it is built: it starts faster than its source. */
export const builtWorker = fileURLToPath(new URL('../../dist/training/worker.js', import.meta.url));

/**
 * The services on a data directory, closed when the test is over.
 * @param workerEntry [the fake training process]; null: the real one
 */
export async function startServices(
  dataDir: string,
  settings: NodeJS.ProcessEnv = {},
  workerEntry: string | null = fakeWorker,
): Promise<Services> {
  const config = readConfig({ HEBB_DATA_DIR: dataDir, HEBB_LOG_LEVEL: 'silent', HEBB_THREADS: '1', ...settings });
  const services = await createServices(config, silent, { workerEntry: workerEntry ?? builtWorker });
  onTestFinished(() => services.close());
  return services;
}

/** The job as soon as it is in a state, or in any final one. */
export async function reached(services: Services, id: string, state?: Job['state']): Promise<Job> {
  const controller = new AbortController();
  for await (const event of services.jobs.events(id, undefined, controller.signal)) {
    if (event.type !== 'state') continue;
    const job = services.jobs.get(id);
    if (state ? job.state === state : isFinal(job.state)) break;
  }
  controller.abort();
  return services.jobs.get(id);
}

/** The first live or kept event of a type. */
export async function firstEvent(services: Services, id: string, type: JobEvent['type']): Promise<JobEvent> {
  for await (const event of services.jobs.events(id, undefined, new AbortController().signal)) {
    if (event.type === type) return event;
  }
  throw new Error(`the job ended without an event ${type}`);
}

export const datasetInfo: DatasetInfo = {
  task: 'classification',
  inputShape: [2],
  inputType: 'float32',
  targetShape: [],
  classes: ['0', '1'],
  features: null,
  columns: null,
  samples: { train: 4, validation: 0, test: 0 },
  statistics: { min: 0, max: 1, mean: 0.5, standardDeviation: 0.5, classCounts: [2, 2] },
  warnings: [],
  bytes: 100,
  sha256: 'ab'.repeat(32),
};

/** A queued job as it stands in the store. */
export function jobRecord(id: string, changes: Partial<JobRecord> = {}): JobRecord {
  return {
    id,
    name: `name-${id}`,
    priority: 0,
    dataset: null,
    network: { input: [2], layers: [{ type: 'dense', units: 2, name: 'dense_0' }] },
    training: {
      epochs: 3,
      batchSize: 4,
      shuffle: true,
      seed: 0,
      loss: { type: 'softmaxCrossEntropy' },
      optimizer: { type: 'sgd', learningRate: 0.1, momentum: 0, nesterov: false },
      initializer: 'glorotUniform',
      normalization: { type: 'none' },
    },
    initialWeights: null,
    fork: null,
    traits: {
      task: 'classification',
      loss: 'softmaxCrossEntropy',
      inputShape: [2],
      inputType: 'float32',
      outputShape: [2],
      classes: ['0', '1'],
      columns: null,
      parameters: 6,
    },
    warnings: [],
    createdAt: '2026-01-01T00:00:00.000Z',
    state: 'queued',
    startedAt: null,
    finishedAt: null,
    progress: { epoch: 0, epochs: 3, step: 0, steps: 3, fraction: 0, samplesPerSecond: null, etaSeconds: null },
    metrics: {},
    best: null,
    test: null,
    error: null,
    restarts: 0,
    deaths: 0,
    deathStep: 0,
    attempt: -1,
    pause: null,
    kernelVersion: null,
    rateChanges: [],
    isa: null,
    weightsHash: null,
    model: null,
    rangeTest: null,
    normalization: null,
    ...changes,
  };
}

/** The model of a job as it stands in the store. */
export function modelRecord(job: JobRecord, changes: Partial<ModelRecord> = {}): ModelRecord {
  const { id, name, dataset, network, traits } = job;
  return {
    ...traits,
    id,
    name,
    createdAt: '2026-01-01T00:01:00.000Z',
    job: id,
    dataset,
    normalization: { type: 'none' },
    network,
    metrics: { loss: 0.1 },
    test: null,
    step: 3,
    isa: 'scalar',
    weightsHash: 'cd'.repeat(32),
    weightsFile: '0.safetensors',
    completed: true,
    ...changes,
  };
}

/** What a training process of a job tells, as the queue stores it. */
export function tell(store: Store, job: string, news: Partial<JobNews>): void {
  const { progress, attempt } = store.jobs.get(job)!;
  const nothing = { log: [], damaged: [], rateChanges: [], rows: [], diagnostics: [], checkpoints: [], best: null };
  const kept = store.queue.record({ job, attempt }, { ...nothing, progress, metrics: {}, ...news });
  if (!kept) throw new Error(`the job ${job} does not run`);
}
