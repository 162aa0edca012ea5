import { join } from 'node:path';
import type { DatasetInfo } from '../data/dataset.ts';
import { HebbError } from '../errors.ts';
import type { TrainingTask } from './protocol.ts';
import type { PauseReason, QueuedJob, QueueStore } from './queueStore.ts';

/** Where jobs train. */
export interface TaskSettings {
  store: QueueStore;
  threads: number;
  /** Instruction sets of this machine, the one to use first. */
  isas: readonly string[];
  kernelVersion: string;
  /** Holds a folder for each dataset and for each model, named by id. */
  datasetsDirectory: string;
  modelsDirectory: string;
}

/** Why a job cannot go on here: it does so only where it would end in the same bits. */
export function obstacleTo(
  { isa, kernelVersion }: QueuedJob,
  { isas, kernelVersion: here }: TaskSettings,
): PauseReason | null {
  const begun = 'The job began with';
  const then = 'resume it where that is to be had, or cancel it, which keeps its best weights, and send it again.';
  if (isa !== null && !isas.includes(isa)) {
    return { code: 'other-machine', message: `${begun} ${isa}, this machine has ${isas.join(', ')}: ${then}` };
  }
  if (kernelVersion !== null && kernelVersion !== here) {
    return { code: 'other-machine', message: `${begun} kernels ${kernelVersion}, these are ${here}: ${then}` };
  }
  return null;
}

/**
 * All that a training process needs for a job.
 * @throws HebbError('unknown-dataset' or 'unknown-model') where what the job uses is gone
 */
export async function taskOf(job: QueuedJob, outputDirectory: string, settings: TaskSettings): Promise<TrainingTask> {
  const { isas, threads, datasetsDirectory, store } = settings;
  const dataset = job.dataset === null ? noDataset(job) : await store.dataset(job.dataset);
  if (!dataset) throw new HebbError('unknown-dataset', `the job's dataset ${job.dataset} is gone`);
  return {
    jobId: job.id,
    attempt: job.attempt,
    datasetDirectory: join(datasetsDirectory, job.dataset ?? ''),
    dataset,
    network: job.network,
    training: job.training,
    outputDirectory,
    normalization: job.normalization,
    initialWeights: await initialWeightsOf(job, settings),
    checkpoints: job.checkpoints.map(({ file }) => file),
    mustResume: job.fork !== null,
    rateChanges: job.rateChanges,
    toldStep: job.toldStep,
    isa: job.isa ?? isas[0]!,
    threads,
  };
}

async function initialWeightsOf(
  { initialWeights }: QueuedJob,
  { store, modelsDirectory }: TaskSettings,
): Promise<TrainingTask['initialWeights']> {
  if (!initialWeights) return null;
  const { model, loaded } = initialWeights;
  const file = await store.weightsFile(model);
  if (file === null) throw new HebbError('unknown-model', `the model ${model} that the job starts from is gone`);
  return { file: join(modelsDirectory, model, file), tensors: loaded };
}

/** What a job without a dataset trains on: nothing. */
function noDataset(job: QueuedJob): DatasetInfo {
  return {
    task: 'regression',
    inputShape: job.network.input,
    inputType: 'float32',
    targetShape: [],
    classes: null,
    features: null,
    columns: null,
    samples: { train: 0, validation: 0, test: 0 },
    statistics: { min: 0, max: 0, mean: 0, standardDeviation: 0, classCounts: null },
    warnings: [],
    bytes: 0,
    sha256: '',
  };
}
