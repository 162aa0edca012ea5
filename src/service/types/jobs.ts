import type { SplitName } from '../../data/dataset.ts';
import type { Problem } from '../../errors.ts';
import type { Finding } from '../../nn/findings.ts';
import type { NetworkConfig } from '../../nn/networkConfig.ts';
import type { TrainingConfig } from '../../nn/trainingConfig.ts';
import type { Warning } from '../../nn/warnings.ts';
import type { Preset } from '../../presets/index.ts';
import type { Shape } from '../../shape.ts';
import type { Best, DiagnosticsRow, MetricValues, Progress, RangeTest, RateChange } from '../../training/protocol.ts';
import type { InitialWeights, PauseReason } from '../../training/queueStore.ts';
import type { JobState } from '../../training/states.ts';
import type { DatasetUpload } from './datasets.ts';
import type { Page, PageQuery } from './pages.ts';

export type { JobState };

export interface Job {
  id: string;
  name: string;
  state: JobState;
  /** Id of the dataset; null for a job of zero epochs without one. */
  dataset: string | null;
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  /** The model that it starts from (training.initialModel), and the tensors that it takes of it; null where it starts anew. */
  initialWeights: InitialWeights | null;
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
  /** Why it is paused; null where it is not. */
  pause: PauseReason | null;
  /** How often it was taken up again after a stop of the service or a death of its training process. */
  restarts: number;
  /** The job and the step of its checkpoint that this one goes on from. */
  fork: { job: string; step: number } | null;
  isa: string | null;
  kernelVersion: string | null;
  weightsHash: string | null;
  /** Id of the model that the job became; null before. */
  model: string | null;
  /** What the search for a learning rate found; null where one was given, or before. */
  rangeTest: RangeTest | null;
  /** Learning rates that were set by hand, and from which step on they hold. */
  learningRateChanges: RateChange[];
  /** What is allowed, but most likely not meant. */
  warnings: Warning[];
}

export interface DryRun {
  layers: { name: string; type: string; inputShape: Shape; outputShape: Shape; parameters: number; flops: number }[];
  parameters: number;
  flopsPerSample: number;
  /** Of parameters, optimiser state, gradients and activations of one batch. */
  memoryBytes: number;
  /** Measured, with a reserve of a tenth; null where nothing is trained, or it is too large to be measured. */
  secondsPerEpoch: number | null;
  warnings: Warning[];
  initialWeights: InitialWeights | null;
}

/** A state of a job's training that another job can go on from. */
export interface Checkpoint {
  step: number;
  epoch: number;
  time: string;
  bytes: number;
  metrics: MetricValues;
}

export type TimedRow = { seq: number; time: string; epoch: number; step: number } & {
  [metric: string]: number | string;
};

/** What a network of two inputs makes of a plane, with the samples that it learnt from. */
export interface DecisionRegion {
  /** The job's. */
  name: string;
  /** Of the weights; null: those that the job ended with. */
  epoch: number | null;
  /** Names of the inputs, and the stretch of the plane. */
  x: { name: string; low: number; high: number };
  y: { name: string; low: number; high: number };
  /** Cells in a row, and rows. */
  size: number;
  /** (size, size), from the lowest y up: index of the class where `range` is null, otherwise a value. */
  values: Float32Array;
  /** Values that the ends of a colour scale stand for. */
  range: [number, number] | null;
  /** Names of the classes; null for a regression. */
  classes: string[] | null;
  /** x, y and the target (class index, or value) of each sample. */
  points: { x: number; y: number; target: number }[];
}

/** Something that happened to a job; ids grow by one per event of a job. */
export interface JobEvent {
  id: number;
  type: 'state' | 'progress' | 'epoch' | 'diagnostics';
  data: unknown;
}

/** A classification in detail, over its test split, otherwise validation, otherwise train. */
export interface Evaluation {
  split: SplitName;
  samples: number;
  /** In index order; support: samples of the class. */
  classes: { class: string; precision: number; recall: number; f1: number; support: number }[];
  /** Samples by their class and the one that they were taken for; null for very many classes. */
  confusion: number[][] | null;
  /** Samples with the lowest score of their own class, as `GET /v1/datasets/:id/samples` counts them. */
  worst: { split: SplitName; index: number; class: string; predicted: string; score: number }[];
}

/** An entry of a job's log; `seq` grows by one per entry of a job. */
export interface LogEntry {
  seq: number;
  time: string;
  level: 'info' | 'warn' | 'error';
  /** A short code that stays: what a program may test. */
  event: string;
  message: string;
  data: Record<string, unknown> | null;
}

export interface JobService {
  /**
   * @param idempotencyKey the same key and request give the same job for a day
   * @param upload the dataset, where it came with the request, which then names none; with a key also the SHA-256 of its files. Its files
   * may go when this resolves
   */
  create(request: unknown, idempotencyKey?: string, upload?: DatasetUpload): Promise<Job>;
  dryRun(request: unknown, upload?: DatasetUpload): Promise<DryRun>;
  /** What can be known to be wrong with a job whose dataset is still on its way. */
  checkBeforeUpload(request: unknown): void;
  list(query: PageQuery & { state?: JobState }): Page<Job>;
  get(id: string): Job;
  /** The best weights so far stay as a model. */
  cancel(id: string): Promise<Job>;
  /** Resolves when it stands still; its place goes to others. */
  pause(id: string): Promise<Job>;
  resume(id: string): Promise<Job>;
  /** Changes the learning rate of a job that runs or is paused: {training: {optimizer: {learningRate}}}. */
  change(id: string, request: unknown): Promise<Job>;
  /** A new job that goes on from a checkpoint of this one: {step?, name?, priority?, training?}. */
  fork(id: string, request: unknown, idempotencyKey?: string): Promise<Job>;
  /** Those that are kept, newest first. */
  checkpoints(id: string): Page<Checkpoint>;
  delete(id: string): Promise<void>;
  metrics(
    id: string,
    query: { resolution: 'epoch' | 'step'; since?: number; points?: number },
  ): { rows: TimedRow[]; next: number };
  /** The layers after each epoch that was diagnosed, and what that says. */
  diagnostics(id: string): { rows: DiagnosticsRow[]; findings: Finding[] };
  /** @throws HebbError('state-conflict') before the job's end, 'not-found' where it has none */
  evaluation(id: string): Evaluation;
  /** The first entries of the log after `since`, at most `limit`; `next` is the last seq. */
  log(id: string, query: { since?: number; limit: number }): { items: LogEntry[]; next: number };
  /**
   * The decision region after an epoch, or the last kept one before it; left out: of the newest weights.
   * @throws HebbError('unsuitable-model') where the network has not two inputs, 'state-conflict' where there are no weights yet,
   * 'not-found' where there are none
   */
  decision(id: string, epoch?: number): Promise<DecisionRegion>;
  /** Events after the given id (all that are kept where it is left out), then live; ends after the event of a final state. */
  events(id: string, after: number | undefined, signal: AbortSignal): AsyncIterable<JobEvent>;
  /** The same, several at a time; those who follow at the same place get the very same objects. */
  eventPages(id: string, after: number | undefined, signal: AbortSignal): AsyncIterable<readonly JobEvent[]>;
}

export interface PresetService {
  list(): Page<Preset>;
  get(name: string): Preset;
}
