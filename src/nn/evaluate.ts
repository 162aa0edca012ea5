import { HebbError } from '../errors.ts';
import type { Source } from '../native.ts';
import { elementCount } from '../shape.ts';
import type { LossConfig } from './losses.ts';
import { type ClassificationReport, Measurement } from './measurement.ts';
import { defaultMetrics, type MetricConfig, metricKey, needOutputs } from './metrics.ts';
import type { Network } from './network.ts';
import { recordEvaluation, rowsAtOnce, stepValues, type TargetKind } from './programs.ts';
import type { MetricValues } from './progress.ts';
import { place, type Tensor } from './recorder.ts';
import type { ResolvedNetwork } from './resolve.ts';

/** Samples of one split. */
export interface TrainingSplit {
  inputs: Source;
  targets: Source;
  /** How much each row counts in the loss of training; all the same where it is left out. */
  weights?: Source;
  /** The rows that belong to the split; all of them where it is left out. */
  rows?: Uint32Array;
}

export interface EvaluationSettings {
  targets: TargetKind;
  loss: LossConfig;
  /** [classes: accuracy] */
  metrics?: readonly MetricConfig[];
  /** The report, too, where the targets are classes. */
  detailed?: boolean;
}

export interface Evaluation {
  /** loss, and the metrics that were asked for. */
  values: MetricValues;
  /** Of a classification, where it was asked for. */
  report: ClassificationReport | null;
}

/** Long enough that a call costs nothing, short enough that progress and cancelling come at once. */
const sliceMs = 50;
/** Rows of an evaluation step at most; the result does not depend on them but for rounding in double. */
const mostEvaluationRows = 256;

/** Rows that an evaluation takes at once: a function of the network's shapes. */
export function evaluationRows(network: ResolvedNetwork, samples: number): number {
  return rowsAtOnce(network.floatsPerSample, Math.min(mostEvaluationRows, samples));
}

export function rowsOf(split: TrainingSplit): Uint32Array {
  return split.rows ?? Uint32Array.from({ length: split.inputs.rows }, (_, i) => i);
}

/** Sums over rows: a plain JSON value. */
export interface MeanSums {
  rows: number;
  loss: number;
  correct: number;
}

/** Means of the values of the steps, weighted by their rows. */
export class RunningMean {
  readonly sums: MeanSums;

  /** @param from sums to go on from */
  constructor(from: MeanSums = { rows: 0, loss: 0, correct: 0 }) {
    this.sums = { ...from };
  }

  add(values: Float64Array, at: number, rows: number): void {
    this.sums.loss += values[at + stepValues.loss]! * rows;
    this.sums.correct += values[at + stepValues.correct]!;
    this.sums.rows += rows;
  }

  /** The loss, and the accuracy where that is among the metrics. */
  values(metrics: readonly MetricConfig[]): MetricValues {
    const { rows, correct } = this.sums;
    const loss = this.sums.loss / rows;
    return metrics.includes('accuracy') ? { loss, accuracy: correct / rows } : { loss };
  }
}

/**
 * The loss (each row counting the same) and metrics over a whole split.
 * @throws HebbError('diverged') where the loss is not finite
 */
export async function evaluate(
  network: Network,
  split: TrainingSplit,
  { targets, loss, metrics = defaultMetrics(targets), detailed = false }: EvaluationSettings,
): Promise<Evaluation> {
  const order = rowsOf(split);
  if (order.length === 0) throw new HebbError('invalid-data', 'there are no samples to evaluate');
  const rows = evaluationRows(network.resolved, order.length);
  const elements = elementCount(network.outputShape);
  const recorded = recordEvaluation(network.resolved, { rows, loss, targets, normalization: network.normalization });
  const program = recorded.rec.finish(network.memory, network.settings);
  const measured =
    (detailed && targets === 'classes') || needOutputs(metrics)
      ? new Measurement({ targets, loss: loss.type, elements, rows: order.length, metrics })
      : null;
  try {
    const mean = new RunningMean();
    for (let step = 0; step * rows < order.length; ) {
      const slice = await program.train({
        ...run(split, order, rows),
        ...withoutLearning,
        // Outputs stand in the arena until the next step: then one at a time.
        budgetMs: measured ? 0 : sliceMs,
        firstStep: step,
      });
      for (let s = 0; s < slice.steps; s++) {
        const count = Math.min(rows, order.length - (step + s) * rows);
        mean.add(slice.values, s * stepValues.count, count);
        const read = (tensor: Tensor) => program.read(place(tensor), count * elements);
        measured?.add(read(recorded.output), read(recorded.targets));
      }
      step += slice.steps;
    }
    const values = mean.values(metrics);
    if (!Number.isFinite(values.loss)) throw diverged('the loss over a whole split is not a finite number');
    // In the order in which they were asked for; the accuracy as it was counted.
    const all: MetricValues = { ...values, ...measured?.values(), ...values };
    const keys = ['loss', ...metrics.map(metricKey)].filter((key) => all[key] !== undefined);
    return {
      values: Object.fromEntries(keys.map((key) => [key, all[key]!])),
      report: detailed ? reportOf(measured, order) : null,
    };
  } finally {
    program.dispose();
  }
}

/** The report with rows by their index in the split's file. */
function reportOf(measured: Measurement | null, order: Uint32Array): ClassificationReport | null {
  const report = measured?.report();
  return report ? { ...report, worst: report.worst.map((worst) => ({ ...worst, row: order[worst.row]! })) } : null;
}

/** The part of a run's request that says what it goes over. */
export function run(split: TrainingSplit, order: Uint32Array, batch: number) {
  const sources = [split.inputs, split.targets, split.weights];
  return { sources, order, batch, budgetMs: sliceMs, values: stepValues.count };
}

/** The part that says when it is and at which rates, for a pass that learns nothing: at no step of a training. */
export const withoutLearning = { learningRates: new Float64Array(), seed: 0, epoch: 0, globalStep: 0 };

/** @throws HebbError('diverged') where a weight is not finite; the loss can still be, for it is summed in double */
export function assertFinite(network: Network, when: string): void {
  const bad = network.weights().find(({ values }) => !values.every(Number.isFinite));
  if (bad) throw diverged(`the weights ${bad.name} became infinite or NaN ${when}`);
}

export function diverged(what: string): HebbError {
  return new HebbError('diverged', `${what}: use a smaller learning rate, normalised inputs or another initialisation`);
}
