import type { DatasetInfo } from '../data/dataset.ts';
import type { Problem } from '../errors.ts';
import type { WeightMatch } from '../nn/initialWeights.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { Normalization } from '../nn/normalization.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';
import type {
  Best,
  CheckpointNote,
  DiagnosticsRow,
  MetricRow,
  MetricValues,
  Progress,
  RangeTest,
  RateChange,
  TrainingResult,
} from './protocol.ts';
import type { JobState } from './states.ts';

/** A model that a job starts from, and what it takes of it. */
export interface InitialWeights extends WeightMatch {
  /** Its id. */
  model: string;
}

/** Why a job is paused: asked for; no room on the disk; begun on an instruction set or by kernels that are not here. */
export interface PauseReason {
  code: 'asked' | 'disk-space' | 'other-machine';
  message: string;
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
  /** Deaths of its training process since its checkpoint of step `deathStep`. */
  deaths: number;
  deathStep: number;
  isa: string | null;
  kernelVersion: string | null;
  initialWeights: InitialWeights | null;
  /** Worked out on the training samples, where it had to be. */
  normalization?: Normalization | null;
  fork: { job: string; step: number } | null;
  rateChanges: RateChange[];
  /** Step of the newest row that was told; attempts that begin before it tell the same. */
  toldStep: number;
  /** Number of the newest attempt. */
  attempt: number;
  /** Newest first. */
  checkpoints: CheckpointNote[];
}

/** What changes with a job's state. */
export interface StatusChange {
  state: JobState;
  finishedAt?: string;
  progress?: Progress;
  metrics?: MetricValues;
  best?: Best | null;
  test?: MetricValues | null;
  error?: Problem;
  pause?: PauseReason | null;
  restarts?: number;
  deaths?: number;
  deathStep?: number;
  weightsHash?: string;
  rangeTest?: RangeTest | null;
}

/** A runner's hold on a job: one attempt, as long as its lease is prolonged. */
export interface Claim {
  job: string;
  attempt: number;
}

/** A message for the job's log. */
export interface LogEntry {
  level: 'info' | 'warn' | 'error';
  /** Short and stable. */
  event: string;
  message: string;
  data?: Record<string, unknown>;
}

/**
 * The durable side of the queue: all that the runners of one or of several machines need to agree on. Each call is one
 * transaction. A claim is good as long as no newer attempt of its job was begun: afterwards all that its runner says is refused.
 */
export interface QueueStore {
  /** Takes the queued job of highest priority, of several the oldest, for a runner until a time (ms); it then runs. */
  claim(runner: string, until: number): Promise<QueuedJob | null>;
  /** Prolongs leases. @returns the claims that are not good any more */
  prolong(claims: Claim[], until: number): Promise<Claim[]>;
  /** Jobs that run, but whose lease is over or whose runner is known to be gone. */
  abandoned(runner: string): Promise<QueuedJob[]>;
  job(id: string): Promise<{ job: QueuedJob; state: JobState } | null>;
  dataset(id: string): Promise<DatasetInfo | null>;
  /** Name of the weights file in the model's folder. */
  weightsFile(model: string): Promise<string | null>;
  /**
   * Keeps what a training process told: all of it or nothing.
   * @returns the job's checkpoints that are kept, newest first; null where the claim is not good any more
   */
  record(claim: Claim, news: JobNews): Promise<CheckpointNote[] | null>;
  /**
   * Changes the state from `from`, tells of it, and stores the model where the run left one.
   * @param claim needed to change a job that runs
   * @returns false where the job is in another state, or the claim is not good any more
   */
  change(
    id: string,
    from: JobState,
    change: StatusChange,
    more?: { claim?: Claim; result?: TrainingResult; log?: LogEntry },
  ): Promise<boolean>;
  /** Sets a learning rate from a step on, of a job that is paused. @returns false where it is not */
  setRate(id: string, change: RateChange, log: LogEntry): Promise<boolean>;
  /** Ids of the jobs that are paused for this reason. */
  paused(code: PauseReason['code']): Promise<string[]>;
  /** Tells of progress that is not stored. */
  announce(id: string, live: LiveProgress): void;
}

/** What a training process told since the last time. */
export interface JobNews extends LiveProgress {
  log: LogEntry[];
  /** What it runs on. */
  started?: { isa: string; kernelVersion: string };
  rangeTest?: RangeTest;
  normalization?: Normalization;
  /** Files of checkpoints that turned out to be of no use. */
  damaged: string[];
  rateChanges: RateChange[];
  rows: MetricRow[];
  diagnostics: DiagnosticsRow[];
  checkpoints: CheckpointNote[];
  best: Best | null;
}

export interface LiveProgress {
  progress: Progress;
  metrics: MetricValues;
}
