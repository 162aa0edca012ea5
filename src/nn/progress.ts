/** Measured values by name, for instance {loss, accuracy, validationLoss, validationAccuracy}. All finite. */
export type MetricValues = Record<string, number>;

/** A row of a job's curves. Epoch rows are written at epoch ends, step rows every `logEverySteps` steps. */
export interface MetricRow {
  kind: 'epoch' | 'step';
  /** Epochs completed (kind epoch), or the current one counted from 1 (kind step). */
  epoch: number;
  /** Steps completed since the start of the job. Rows are unique in (job, kind, step). */
  step: number;
  values: MetricValues;
}

export interface Progress {
  epoch: number;
  epochs: number;
  step: number;
  steps: number;
  /** 0 to 1. */
  fraction: number;
  samplesPerSecond: number | null;
  etaSeconds: number | null;
}

/** Which epoch was the best so far, and its values. */
export interface Best extends MetricValues {
  epoch: number;
}
