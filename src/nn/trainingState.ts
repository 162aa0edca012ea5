import { HebbError } from '../errors.ts';
import type { Shape } from '../shape.ts';
import type { MeanSums, TrainingSplit } from './evaluate.ts';
import type { MonitorState } from './monitor.ts';
import type { TargetKind } from './programs.ts';
import type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress } from './progress.ts';
import type { RangeTest } from './rangeTest.ts';
import type { PlateauState } from './schedules.ts';

export interface TrainingData {
  targets: TargetKind;
  /** Of a sample; that of the network's input where it is left out. */
  inputShape?: Shape;
  train: TrainingSplit;
  validation?: TrainingSplit;
}

/** What a training tells while it runs. */
export type TrainingEvent =
  | { type: 'rangeTest'; rangeTest: RangeTest }
  | { type: 'progress'; progress: Progress; metrics: MetricValues }
  | { type: 'row'; row: MetricRow; progress: Progress; best: Best | null }
  | ({ type: 'diagnostics' } & DiagnosticsRow)
  /** A rate that was asked for while the training runs is in force from here on. */
  | { type: 'rateChange'; change: RateChange }
  /** Views of what the training goes on to change: to be copied before the next event is asked for. */
  | { type: 'snapshot'; snapshot: TrainingSnapshot };

/** The learning rate was set by hand: schedules go on from the new one. */
export interface RateChange {
  /** Steps that had run: the change holds from the next one on. */
  step: number;
  learningRate: number;
}

/** How a training is told what its settings do not say. */
export interface TrainingControl {
  /** Ends the training after the current instruction. */
  signal?: AbortSignal;
  /** Tells of the layers, too; changes no bit. */
  diagnostics?: boolean;
  /** Goes on from here instead of the start. */
  resume?: TrainingSnapshot;
  /** Asked between two steps, about every 50 ms, at each start of an epoch, and at the end: whether a snapshot is wanted. */
  snapshotDue?(at: SnapshotMoment): boolean;
  /** The training stands still at multiples of so many steps, so that a snapshot can be had exactly there. */
  stopEverySteps?: number;
  /** Changes of the rate that a training from here on meets, in order of their steps. */
  rateChanges?: readonly RateChange[];
  /** A rate that was asked for since the last time, if any. */
  takeRate?(): number | null;
  /** Rows up to this step have been told before, so no other rate is asked for before it [0]. */
  toldStep?: number;
}

export interface SnapshotMoment {
  step: number;
  /** An epoch has just ended. */
  epochEnd: boolean;
  /** No step follows. */
  last: boolean;
}

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
  /** What early stopping remembers, and of which metric. */
  stopping: MonitorState;
  monitored: string;
}

/**
 * All that a training needs to go on as if nothing had been, taken between two steps. But for the arrays a plain JSON value.
 */
export interface TrainingSnapshot {
  /** Of the end of the last epoch. */
  state: TrainingState;
  /** Steps that have run: those past `state.step` belong to the epoch under way. */
  step: number;
  /** The newest values. */
  running: MetricValues;
  /** Over the steps of the epoch under way. */
  mean: MeanSums;
  /** Over the steps since the last step row. */
  window: MeanSums;
  plateau: PlateauState | null;
  rangeTest: RangeTest | null;
  /** Weights and the optimiser's state, as they stand in the network's memory. */
  memory: Float32Array;
  kept: KeptWeights;
}

/** Weights that a training may have to go back to: those of the state, and of its best epoch. */
export interface KeptWeights {
  last: Float32Array;
  best: Float32Array | null;
}
