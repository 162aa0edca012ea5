import type { DatasetInfo, SplitName } from '../data/dataset.ts';
import type { Problem } from '../errors.ts';
import type { ClassificationReport } from '../nn/measurement.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress } from '../nn/progress.ts';
import type { RangeTest } from '../nn/rangeTest.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';

export type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress, RangeTest };

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

/** Everything that a training process needs; it has no other source. Both configs are complete (every default filled in). */
export interface TrainingTask {
  jobId: string;
  /** Starts at 0 and grows with every restart; the weights file carries it. */
  attempt: number;
  datasetDirectory: string;
  dataset: DatasetInfo;
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  /** Exists; the weights file is written here (temporary name, fsync, rename). */
  outputDirectory: string;
  /** A weights file to start from, and the tensors to take of it; null: all start anew. */
  initialWeights: { file: string; tensors: string[] } | null;
  isa: string;
  threads: number;
}

/** Parent → training process. `leave`: end cleanly; only sent while no job is running. */
export type ToWorker = { type: 'start'; task: TrainingTask } | { type: 'cancel' } | { type: 'leave' };

/** Training process → parent. After completed, cancelled or failed the process waits for its next `start`. */
export type FromWorker =
  | { type: 'ready' }
  | { type: 'started'; isa: string; kernelVersion: string }
  | { type: 'progress'; progress: Progress; metrics: MetricValues }
  | { type: 'row'; row: MetricRow; progress: Progress; best: Best | null }
  | ({ type: 'diagnostics' } & DiagnosticsRow)
  | { type: 'rangeTest'; rangeTest: RangeTest }
  | { type: 'completed' | 'cancelled'; result: TrainingResult }
  /** A training that diverged leaves a result, too. */
  | { type: 'failed'; problem: Problem; result?: TrainingResult };
