import type { DatasetInfo, SplitName, Task } from '../data/dataset.ts';
import type { Problem } from '../errors.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { LossName, NormalizationConfig, TrainingConfig, TrainingRequest } from '../nn/trainingConfig.ts';
import type { Shape } from '../shape.ts';
import type { Best, MetricValues, Progress } from '../training/protocol.ts';

/** A page of a list; `next` is the cursor of the following page, null on the last. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Dataset extends DatasetInfo {
  id: string;
  name: string;
  createdAt: string;
}

/** One row of a dataset as a client sees it: raw values in the dataset's units. */
export interface Sample {
  index: number;
  /** Nested as inputShape. */
  input: unknown;
  /** Class name, or the target nested as targetShape. */
  target: unknown;
}

export type JobState = 'queued' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';

export interface Job {
  id: string;
  name: string;
  state: JobState;
  /** Id of the dataset; null for a job of zero epochs without one. */
  dataset: string | null;
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  priority: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  progress: Progress;
  /** The newest values. */
  metrics: MetricValues;
  best: Best | null;
  /** Evaluation of the test split at the end. */
  test: MetricValues | null;
  error: Problem | null;
  restarts: number;
  isa: string | null;
  weightsHash: string | null;
  /** Id of the model that the job became; null before. */
  model: string | null;
}

export interface JobRequest {
  name?: string;
  /** Id, name or spec. */
  dataset?: string | object;
  network: NetworkConfig;
  training?: TrainingRequest;
  priority?: number;
}

export interface DryRun {
  layers: { name: string; type: string; inputShape: Shape; outputShape: Shape; parameters: number; flops: number }[];
  parameters: number;
  flopsPerSample: number;
  /** Of parameters, optimiser state, gradients and activations of one batch. */
  memoryBytes: number;
  /** null until this machine has been calibrated. */
  secondsPerEpoch: number | null;
}

export type TimedRow = { seq: number; time: string; epoch: number; step: number } & {
  [metric: string]: number | string;
};

/** Something that happened to a job; ids grow by one per event of a job. */
export interface JobEvent {
  id: number;
  type: 'state' | 'progress' | 'epoch';
  data: unknown;
}

export interface Model {
  /** The job's id. */
  id: string;
  name: string;
  createdAt: string;
  job: string;
  dataset: string | null;
  task: Task;
  network: NetworkConfig & { input: number[] };
  loss: LossName | null;
  normalization: NormalizationConfig;
  inputShape: Shape;
  /** What the dataset stored: says in which units raw inputs come. */
  inputType: 'uint8' | 'float32';
  outputShape: Shape;
  classes: string[] | null;
  parameters: number;
  metrics: MetricValues;
  test: MetricValues | null;
  step: number;
  isa: string;
  weightsHash: string;
}

export type SampleQuery = { split: SplitName; offset: number; limit: number };
