import type { DatasetInfo, SplitName } from '../data/dataset.ts';
import type { Problem } from '../errors.ts';
import type { ClassificationReport } from '../nn/measurement.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { Normalization } from '../nn/normalization.ts';
import type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress } from '../nn/progress.ts';
import type { RangeTest } from '../nn/rangeTest.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';
import type { RateChange } from '../nn/trainingState.ts';

export type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress, RangeTest, RateChange };

/** A classification in detail, over the split that says most: test, otherwise validation, otherwise train. */
export interface JobEvaluation extends Omit<ClassificationReport, 'confusion'> {
  /** null for more than 256 classes: nobody reads it. */
  confusion: number[][] | null;
  split: SplitName;
  /** Where the rows of `worst` stand: validation may be a part of train. */
  rowsOf: SplitName;
  samples: number;
}

/** What a training process leaves behind: a weights file under its final name, and what is known of it. */
export interface TrainingResult {
  /** File name inside the output directory: ATTEMPT.safetensors. */
  weightsFile: string;
  /** SHA-256 in hex of that file. */
  weightsHash: string;
  /** Steps behind these weights. */
  step: number;
  metrics: MetricValues;
  best: Best | null;
  /** Evaluation of the test split; null where the dataset has none or the job did not complete. */
  test: MetricValues | null;
  /** How the model reads the classes; null for a regression and for a job that did not complete. */
  evaluation: JobEvaluation | null;
  /** Where the learning rate was to be found. */
  rangeTest: RangeTest | null;
}

/** A checkpoint that stands durable on disk. */
export interface CheckpointNote {
  /** File name inside the output directory. */
  file: string;
  /** Steps and epochs behind it. */
  step: number;
  epoch: number;
  bytes: number;
  /** As they were then. */
  metrics: MetricValues;
  best: Best | null;
}

/** Everything that a training process needs; it has no other source. Both configs are complete (every default filled in). */
export interface TrainingTask {
  jobId: string;
  /** Grows by one every time that the job is taken up; the files carry it. */
  attempt: number;
  datasetDirectory: string;
  dataset: DatasetInfo;
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  /** Exists; the weights file is written here (temporary name, fsync, rename). */
  outputDirectory: string;
  /** A weights file to start from, and the tensors to take of it; null: all start anew. */
  initialWeights: { file: string; tensors: string[] } | null;
  /** Worked out by an attempt before, or by the job that this one goes on from. */
  normalization?: Normalization | null;
  /** Checkpoint files of the output directory to go on from, newest first; none: from the start. */
  checkpoints: string[];
  /** The job does not begin at the start: without a checkpoint that can be used it fails. */
  mustResume: boolean;
  /** Changes of the learning rate by hand, in order of their steps. */
  rateChanges: RateChange[];
  /** Rows up to this step have been told by attempts before. */
  toldStep: number;
  isa: string;
  threads: number;
}

/** Parent → training process. `leave`: end cleanly; only sent while no job is running. */
export type ToWorker =
  | { type: 'start'; task: TrainingTask }
  | { type: 'cancel' }
  | { type: 'pause' }
  | { type: 'setRate'; learningRate: number }
  | { type: 'leave' };

/** Training process → parent. After completed, cancelled, paused or failed the process waits for its next `start`. */
export type FromWorker =
  | { type: 'ready' }
  | { type: 'started'; isa: string; kernelVersion: string }
  | { type: 'progress'; progress: Progress; metrics: MetricValues }
  | { type: 'row'; row: MetricRow; progress: Progress; best: Best | null }
  | ({ type: 'diagnostics' } & DiagnosticsRow)
  | { type: 'rangeTest'; rangeTest: RangeTest }
  /** What was worked out on the training samples: told before the first step. */
  | { type: 'normalization'; normalization: Normalization }
  /** Where it goes on, null: from the start; and which checkpoints could not be used. */
  | { type: 'resumed'; step: number | null; damaged: { file: string; problem: Problem }[] }
  /** All rows up to its step were told before. */
  | ({ type: 'checkpoint' } & CheckpointNote)
  | { type: 'checkpointFailed'; step: number; problem: Problem }
  /** The rate that was asked for holds from here on; rows of steps after it follow. */
  | { type: 'rateChange'; change: RateChange }
  /** It has stopped at a checkpoint, or, where that could not be written, behind one. */
  | { type: 'paused' }
  | { type: 'completed' | 'cancelled'; result: TrainingResult }
  /** A training that diverged leaves a result, too. */
  | { type: 'failed'; problem: Problem; result?: TrainingResult };
