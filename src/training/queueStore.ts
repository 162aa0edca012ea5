import type { DatasetInfo } from '../data/dataset.ts';
import type { Problem } from '../errors.ts';
import type { WeightMatch } from '../nn/initialWeights.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';
import type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress, RangeTest, TrainingResult } from './protocol.ts';
import type { JobState } from './states.ts';

/** A model that a job starts from, and what it takes of it. */
export interface InitialWeights extends WeightMatch {
  /** Its id. */
  model: string;
}

/** What the queue needs to know of a job. */
export interface QueuedJob {
  id: string;
  dataset: string | null;
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  progress: Progress;
  metrics: MetricValues;
  best: Best | null;
  restarts: number;
  deaths: number;
  isa: string | null;
  initialWeights: InitialWeights | null;
}

/** What changes with a job's state. */
export interface StatusChange {
  state: JobState;
  startedAt?: string | null;
  finishedAt?: string;
  progress?: Progress;
  metrics?: MetricValues;
  best?: Best | null;
  test?: MetricValues | null;
  error?: Problem;
  restarts?: number;
  deaths?: number;
  isa?: string;
  weightsHash?: string;
  rangeTest?: RangeTest | null;
}

/** The durable side of the queue. Each call is one transaction. */
export interface QueueStore {
  /** The next job by priority, then age. */
  nextQueued(): QueuedJob | undefined;
  running(): QueuedJob[];
  dataset(id: string): DatasetInfo | undefined;
  /** Name of the weights file in the model's folder. */
  weightsFile(model: string): string | undefined;
  /** Changes the state, tells of it, and stores the model where the run left one; false where the job is not in `from`. */
  change(id: string, from: JobState, change: StatusChange, result?: TrainingResult): boolean;
  setIsa(id: string, isa: string): void;
  record(id: string, news: JobNews): void;
  setRangeTest(id: string, rangeTest: RangeTest): void;
  /** Tells of progress that is not stored. */
  announce(id: string, live: LiveProgress): void;
}

/** What a training process told since the last time. */
export interface JobNews {
  rows: MetricRow[];
  diagnostics: DiagnosticsRow[];
  progress: Progress;
  metrics: MetricValues;
  best: Best | null;
}

export interface LiveProgress {
  progress: Progress;
  metrics: MetricValues;
}
