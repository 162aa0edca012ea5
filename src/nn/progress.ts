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

/** How large a training is. */
interface Extent {
  epochs: number;
  steps: number;
  stepsPerEpoch: number;
  samplesPerEpoch: number;
  batch: number;
}

/**
 * How far a training is after so many steps, in the epoch (counted from 1) that they lead into or end.
 * @param at seconds: since the step `from`
 */
export function progressAt(
  extent: Extent,
  at: { epoch: number; step: number; from: number; seconds: number },
): Progress {
  const { epochs, steps } = extent;
  const { epoch, step, from, seconds } = at;
  const samples = samplesIn(extent, step);
  const done = samples - samplesIn(extent, from);
  const rate = seconds > 0 && done > 0 ? done / seconds : null;
  return {
    epoch,
    epochs,
    step,
    steps,
    fraction: steps === 0 ? 1 : step / steps,
    samplesPerSecond: rate,
    etaSeconds: rate && (samplesIn(extent, steps) - samples) / rate,
  };
}

/** Samples that so many steps take; the last batch of an epoch is smaller. */
function samplesIn({ stepsPerEpoch, samplesPerEpoch, batch }: Extent, steps: number): number {
  const whole = Math.floor(steps / stepsPerEpoch) * samplesPerEpoch;
  return whole + Math.min((steps % stepsPerEpoch) * batch, samplesPerEpoch);
}

/** What a layer looked like at the end of an epoch; null where it has no such thing, or the number is not finite. */
export interface LayerDiagnostics {
  name: string;
  type: string;
  /** Norm of the loss's gradient by the layer's parameters, of those that learn. */
  gradientNorm: number | null;
  /** Norm of the parameters that learn. */
  weightNorm: number | null;
  /** ‖w after − w before‖ / ‖w after‖ of the last step of the epoch; about 0.001 is usual. */
  updateRatio: number | null;
  /** Of the layer's outputs, over rows and units. */
  activationMean: number | null;
  activationDeviation: number | null;
  /** Share of the units that are 0 for every row: of relu and its like. A channel of an image is one unit. */
  deadUnits: number | null;
  /** Share of the outputs at the flat ends of sigmoid, hardSigmoid (below 0.02, above 0.98) or tanh (beyond ±0.98). */
  saturated: number | null;
  /** Norm of the loss's gradient by the layer's outputs. */
  outputGradientNorm: number | null;
}

/** The health of all layers after an epoch, measured on the same rows of the training split each time. */
export interface DiagnosticsRow {
  epoch: number;
  /** Over the measured rows, as in training. */
  loss: number | null;
  /** Share of the measured rows that are right; null for a regression. */
  accuracy: number | null;
  layers: LayerDiagnostics[];
}
