import type { Measurement } from './measurement.ts';
import type { TargetKind } from './programs.ts';

interface MetricDefinition {
  /** For the catalogue. n: rows, C: classes, y: outputs (probabilities where the loss is a cross-entropy), t: targets. */
  formula: string;
  source?: string;
  better: 'higher' | 'lower';
  /** The targets that it makes sense of. */
  targets: readonly TargetKind[];
  /** null where the rows do not define it. */
  value(measured: Measurement, k: number): number | null;
}

/** Every metric there is, worked out over whole splits, in double precision. */
export const metrics = {
  accuracy: {
    formula:
      'the share of rows whose largest output is that of their class; with one output: on the right side of its threshold',
    better: 'higher',
    targets: ['classes'],
    value: (measured) => measured.accuracy(),
  },
  binaryAccuracy: {
    formula: 'the share of single outputs that are on the right side of the threshold (½, of hinge 0)',
    better: 'higher',
    targets: ['classes', 'values'],
    value: (measured) => measured.binaryAccuracy(),
  },
  topK: {
    formula: 'the share of rows whose class is among the k largest outputs',
    better: 'higher',
    targets: ['classes'],
    value: (measured, k) => measured.topK(k),
  },
  precision: {
    formula:
      'of what was taken for a class, the share that is; mean over the classes that occur; 0 where nothing was taken for it',
    source: 'macro average as in scikit-learn, zero_division 0',
    better: 'higher',
    targets: ['classes'],
    value: (measured) => measured.macro('precision'),
  },
  recall: {
    formula: 'of the rows of a class, the share that was taken for it; mean over the classes that occur',
    source: 'macro average as in scikit-learn, zero_division 0',
    better: 'higher',
    targets: ['classes'],
    value: (measured) => measured.macro('recall'),
  },
  f1: {
    formula: '2 · precision · recall / (precision + recall) of each class; mean over the classes that occur',
    source: 'van Rijsbergen, Information Retrieval, 1979; macro average as in scikit-learn',
    better: 'higher',
    targets: ['classes'],
    value: (measured) => measured.macro('f1'),
  },
  auc: {
    formula:
      'the probability that a row of the class has a larger output than a row of another, ties counting half; two classes: of the second; more: mean of one versus rest',
    source: 'Hanley, McNeil, Radiology 143, 1982',
    better: 'higher',
    targets: ['classes'],
    value: (measured) => measured.auc(),
  },
  mae: {
    formula: 'mean of |y − t| over rows and outputs; classes are rows of zeros and a one',
    better: 'lower',
    targets: ['classes', 'values'],
    value: (measured) => measured.absoluteError(),
  },
  mse: {
    formula: 'mean of (y − t)² over rows and outputs; classes are rows of zeros and a one',
    better: 'lower',
    targets: ['classes', 'values'],
    value: (measured) => measured.squaredError(),
  },
  r2: {
    formula:
      '1 − Σ (y − t)² / Σ (t − mean t)², mean over outputs; of constant targets 1 where all are met, otherwise 0',
    source: 'coefficient of determination, as in scikit-learn',
    better: 'higher',
    targets: ['values'],
    value: (measured) => measured.r2(),
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metrics;
/** Metrics that can be asked for; loss is always there. */
export const metricNames = Object.keys(metrics) as MetricName[];
/** topK by its name alone means k = 5. */
export type MetricConfig = MetricName | { type: 'topK'; k: number };

const defaultK = 5;

export const metricName = (config: MetricConfig): MetricName => (typeof config === 'string' ? config : config.type);
export const metricOf = (config: MetricConfig): MetricDefinition => metrics[metricName(config)];
export const kOf = (config: MetricConfig): number => (typeof config === 'string' ? defaultK : config.k);

/** How a metric's value is called in rows: by the metric's name, but for top5 and the like. */
export function metricKey(config: MetricConfig): string {
  return metricName(config) === 'topK' ? `top${kOf(config)}` : metricName(config);
}

/** The key of a value over the validation split: validationLoss, validationAccuracy, … */
export function validationKey(key: string): string {
  return `validation${key[0]!.toUpperCase()}${key.slice(1)}`;
}

/** What is measured where nothing is asked for. */
export function defaultMetrics(targets: TargetKind): MetricConfig[] {
  return targets === 'classes' ? ['accuracy'] : [];
}

/** Metrics that need the outputs of a whole split; accuracy is counted while the steps run. */
export function needOutputs(wanted: readonly MetricConfig[]): boolean {
  return wanted.some((config) => config !== 'accuracy');
}

/** Keys of the values that each epoch of a training has. */
export function epochKeys(wanted: readonly MetricConfig[], hasValidation: boolean): string[] {
  const keys = wanted.map(metricKey);
  if (!hasValidation) return ['loss', ...keys];
  const running = keys.filter((key) => key === 'accuracy');
  return ['loss', ...running, 'validationLoss', ...keys.map(validationKey)];
}

/** Whether a smaller value of this key is the better one. */
export function lowerIsBetter(key: string): boolean {
  const plain = key.startsWith('validation') ? key[10]!.toLowerCase() + key.slice(11) : key;
  return plain === 'loss' || (Object.hasOwn(metrics, plain) && metrics[plain as MetricName].better === 'lower');
}
