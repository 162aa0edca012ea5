import type { ActivationName } from './activations.ts';
import type { Recorder, Tensor } from './recorder.ts';

/** What a loss is, with every setting of it. */
export interface LossConfig {
  type: LossName;
  /** Of the cross-entropies: targets move so far towards equal shares [0]. */
  labelSmoothing?: number;
  /** Of huber: where its parabola ends [1]. */
  delta?: number;
}

interface LossDefinition {
  /** For the catalogue: the loss of one row of outputs y and targets t. */
  formula: string;
  source?: string;
  /** A final activation that forms a pair with this loss: in training the loss works from the logits before it. */
  pairedActivation: ActivationName | null;
  /** Threshold on a single output above which it means the second class; on the logit where there is a paired activation. */
  threshold: number;
  /** Class indices become rows of zeros and a one, or of minus ones and a one. */
  classTargets: '0/1' | '±1';
  /** Takes classes alone. */
  classesOnly?: boolean;
  /** Shares that smoothing moves labels to, given the number of outputs. */
  smoothed?(elements: number): number;
  /** The op, and its parameters beside `value`. */
  op(elements: number, config: LossConfig): [name: string, parameters: Record<string, number>];
}

/** Losses by name; each is the mean over rows. */
export const losses = {
  softmaxCrossEntropy: {
    formula: '−Σ t · log softmax(y), from logits: Σ t · (log Σ e^(y − max) + max) − Σ t · y',
    pairedActivation: 'softmax',
    threshold: 0,
    classTargets: '0/1',
    smoothed: (elements: number) => 1 / elements,
    op: (classes: number) => ['softmax_cross_entropy', { classes }],
  },
  binaryCrossEntropy: {
    formula: 'mean of max(y, 0) − y · t + log(1 + e^−|y|), from logits',
    pairedActivation: 'sigmoid',
    threshold: 0,
    classTargets: '0/1',
    smoothed: () => 1 / 2,
    op: (elements: number) => ['binary_cross_entropy', { elements }],
  },
  meanSquaredError: {
    formula: 'mean of (y − t)²',
    pairedActivation: null,
    threshold: 0.5,
    classTargets: '0/1',
    op: (elements: number) => ['squared_error', { elements, value_scale: 1 / elements }],
  },
  halfSquaredError: {
    formula: '½ Σ (y − t)²',
    pairedActivation: null,
    threshold: 0.5,
    classTargets: '0/1',
    op: (elements: number) => ['squared_error', { elements, value_scale: 0.5 }],
  },
  meanAbsoluteError: {
    formula: 'mean of |y − t|',
    pairedActivation: null,
    threshold: 0.5,
    classTargets: '0/1',
    op: (elements: number) => ['absolute_error', { elements }],
  },
  huber: {
    formula: 'mean of ½ (y − t)² where |y − t| ≤ delta, otherwise delta · (|y − t| − ½ delta)',
    source: 'Huber, Annals of Statistics 53, 1964',
    pairedActivation: null,
    threshold: 0.5,
    classTargets: '0/1',
    op: (elements: number, { delta = 1 }: LossConfig) => ['huber', { elements, delta }],
  },
  hinge: {
    formula: 'mean of max(1 − y · t, 0), t = ±1',
    source: 'Cortes, Vapnik, Machine Learning 20, 1995',
    pairedActivation: null,
    threshold: 0,
    classTargets: '±1',
    op: (elements: number) => ['hinge', { elements }],
  },
  perceptron: {
    formula: 'the share of outputs that are wrong; its “gradient” y − t gives Rosenblatt’s rule',
    source: 'Rosenblatt, Psychological Review 65, 1958',
    pairedActivation: null,
    threshold: 0.5,
    classTargets: '0/1',
    op: (elements: number) => ['perceptron_error', { elements }],
  },
} as const satisfies Record<string, LossDefinition>;

export type LossName = keyof typeof losses;
export const lossNames = Object.keys(losses) as LossName[];

/** A loss by its name, in the terms that all of them share. */
export const lossOf = (name: LossName): LossDefinition => losses[name];

/** Records the loss of output x against targets t, (rows, elements), as value 0, and returns its gradient. */
export function recordLoss(
  rec: Recorder,
  config: LossConfig,
  elements: number,
  { x, t, weights }: { x: Tensor; t: Tensor; weights?: Tensor },
): Tensor {
  const loss = lossOf(config.type);
  const dx = rec.perRow(elements);
  const smoothing = config.labelSmoothing ?? 0;
  let targets = t;
  if (smoothing > 0 && loss.smoothed) {
    targets = rec.perRow(elements);
    const share = loss.smoothed(elements);
    rec.op('affine', { elements, scale: 1 - smoothing, offset: smoothing * share }, { x: t, y: targets });
  }
  const [name, parameters] = loss.op(elements, config);
  rec.op(name, { ...parameters, value: 0 }, { x, t: targets, weights, dx });
  return dx;
}
