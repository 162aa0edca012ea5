import { HebbError } from '../errors.ts';
import type { TrainingSplit } from './evaluate.ts';
import type { MonitorState } from './monitor.ts';
import type { TargetKind } from './programs.ts';
import type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress } from './progress.ts';
import type { RangeTest } from './rangeTest.ts';
import type { PlateauState } from './schedules.ts';

export interface TrainingData {
  targets: TargetKind;
  train: TrainingSplit;
  validation?: TrainingSplit;
}

/** What a training tells while it runs. */
export type TrainingEvent =
  | { type: 'rangeTest'; rangeTest: RangeTest }
  | { type: 'progress'; progress: Progress; metrics: MetricValues }
  | { type: 'row'; row: MetricRow; progress: Progress; best: Best | null }
  | ({ type: 'diagnostics' } & DiagnosticsRow);

/** How a training stands when it has ended: all of it belongs to the weights that the network then has. */
export interface TrainingOutcome {
  cancelled: boolean;
  /** Whether earlyStopping ended it before its last epoch. */
  stopped: boolean;
  /** Steps behind the weights. */
  step: number;
  metrics: MetricValues;
  best: Best | null;
  /** Where the learning rate was to be found. */
  rangeTest: RangeTest | null;
}

/** A training that diverged. The network has its last finite weights: of the end of an epoch, or those that it started from. */
export class DivergedError extends HebbError {
  readonly outcome: TrainingOutcome;

  constructor(cause: HebbError, outcome: TrainingOutcome) {
    super(cause.code, cause.message, cause.faults, { cause });
    this.outcome = outcome;
  }
}

/** What a training knows at the end of an epoch, beside weights: a plain JSON value. */
export interface TrainingState {
  /** Epochs and steps that have ended. */
  epoch: number;
  step: number;
  /** Of that epoch. */
  metrics: MetricValues;
  best: Best | null;
  /** Steps behind the best weights. */
  bestStep: number;
  stopping: MonitorState;
  plateau: PlateauState | null;
}

/** Weights that a training may have to go back to: those of the state, and of its best epoch. */
export interface KeptWeights {
  last: Float32Array;
  best: Float32Array | null;
}
