import { parameterTensor, type Recorder, type Tensor } from './recorder.ts';
import type { OptimizerConfig, OptimizerName } from './trainingConfig.ts';

/** A stretch of the parameters that is updated, in floats. */
export interface Range {
  from: number;
  to: number;
}

interface OptimizerDefinition<Config> {
  /** For the catalogue. */
  formula: string;
  source: string;
  defaults: Omit<Config, 'type'>;
  /** Arrays of the parameters' size that it keeps from step to step. */
  states(config: Config): number;
  /** The op, its parameters beside `elements`, and the names of its states. */
  op(config: Config): [name: string, parameters: Record<string, number>, states: string[]];
}

type Of<Name extends OptimizerName> = Extract<OptimizerConfig, { type: Name }>;
const adamDefaults = { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Every optimiser there is, defined as in PyTorch. g: gradient, w: weights, r: learning rate. */
export const optimizers: { [Name in OptimizerName]: OptimizerDefinition<Of<Name>> } = {
  sgd: {
    formula:
      'w ← w − r · g; with momentum v ← momentum · v + g, w ← w − r · v; nesterov: w ← w − r · (g + momentum · v)',
    source: 'Robbins, Monro, 1951; Sutskever et al., ICML 2013',
    defaults: { learningRate: 0.01, momentum: 0, nesterov: false },
    states: ({ momentum }) => (momentum > 0 ? 1 : 0),
    op: ({ momentum, nesterov }) => ['sgd', { momentum, nesterov: nesterov ? 1 : 0 }, ['velocity']],
  },
  rmsprop: {
    formula: 's ← decay · s + (1 − decay) · g²; w ← w − r · g / (√s + epsilon); with momentum as in sgd',
    source: 'Tieleman, Hinton, Coursera lecture 6.5, 2012',
    defaults: { learningRate: 0.01, decay: 0.99, epsilon: 1e-8, momentum: 0 },
    states: ({ momentum }) => (momentum > 0 ? 2 : 1),
    op: ({ decay, epsilon, momentum }) => ['rmsprop', { decay, epsilon, momentum }, ['square', 'velocity']],
  },
  adagrad: {
    formula: 's ← s + g²; w ← w − r · g / (√s + epsilon)',
    source: 'Duchi, Hazan, Singer, JMLR 12, 2011',
    defaults: { learningRate: 0.01, epsilon: 1e-10 },
    states: () => 1,
    op: ({ epsilon }) => ['adagrad', { epsilon }, ['sum']],
  },
  adam: {
    formula:
      'm ← beta1 · m + (1 − beta1) · g; v ← beta2 · v + (1 − beta2) · g²; w ← w − r · m / (1 − beta1ᵗ) / (√(v / (1 − beta2ᵗ)) + epsilon)',
    source: 'Kingma, Ba, ICLR 2015',
    defaults: adamDefaults,
    states: () => 2,
    op: ({ beta1, beta2, epsilon }) => ['adam', { beta1, beta2, epsilon, weight_decay: 0 }, ['m', 'v']],
  },
  adamw: {
    formula: 'w ← w · (1 − r · weightDecay), then as adam',
    source: 'Loshchilov, Hutter, ICLR 2019',
    defaults: { ...adamDefaults, weightDecay: 0.01 },
    states: () => 2,
    op: ({ beta1, beta2, epsilon, weightDecay }) => [
      'adam',
      { beta1, beta2, epsilon, weight_decay: weightDecay },
      ['m', 'v'],
    ],
  },
  perceptron: {
    formula: 'w ← w + r · (t − y) · x, b ← b + r · (t − y)',
    source: 'Rosenblatt, Psychological Review 65, 1958',
    defaults: { learningRate: 1 },
    states: () => 0,
    op: () => ['sgd', { momentum: 0, nesterov: 0 }, []],
  },
};
export const optimizerNames = Object.keys(optimizers) as OptimizerName[];

const definitionOf = (config: OptimizerConfig) => optimizers[config.type] as OptimizerDefinition<OptimizerConfig>;

/** Arrays of the parameters' size that an optimiser keeps from step to step. */
export function optimizerStates(config: OptimizerConfig): number {
  return definitionOf(config).states(config);
}

/** Rows of a batch up to which a dense layer's weights are updated while their gradient is summed. */
const mostFusedRows = 384;

/**
 * Records the update of the parameters; their states lie behind them, each `floats` long.
 *
 * Plain SGD updates dense weights where their gradient arises, so that it is never written out: training sample by
 * sample is bound by the passes over the weights. The bits are the same.
 * @param floats of all parameters
 * @param gradient of all parameters, laid out as they are; holds nothing where an update was fused
 * @param ranges what is updated, in order
 * @param mayFuse whether nothing else reads or changes the gradient of the weight at this offset
 */
export function recordUpdate(
  rec: Recorder,
  config: OptimizerConfig,
  {
    floats,
    gradient,
    ranges,
    mayFuse,
  }: { floats: number; gradient: Tensor; ranges: Range[]; mayFuse(offset: number): boolean },
): void {
  const [name, parameters, stateNames] = definitionOf(config).op(config);
  const states = optimizerStates(config);
  const update = (from: number, to: number) => {
    if (to <= from) return;
    const elements = to - from;
    const state = (i: number) => parameterTensor((i + 1) * floats + from, elements);
    rec.op(
      name,
      { ...parameters, elements },
      {
        w: parameterTensor(from, elements),
        gradient: rec.part(gradient, from, elements),
        ...Object.fromEntries(stateNames.slice(0, states).map((key, i) => [key, state(i)])),
      },
    );
  };
  const fused = name === 'sgd' && states === 0 && rec.rows <= mostFusedRows ? fuseUpdates(rec, gradient, mayFuse) : [];
  for (const { from, to } of ranges) {
    let at = from;
    for (const { offset, floats: count } of fused) {
      if (offset < from || offset >= to) continue;
      update(at, offset);
      at = offset + count;
    }
    update(at, to);
  }
}

/** Puts the update of dense weights in the place of their gradient. @returns those weights, in order */
function fuseUpdates(rec: Recorder, gradient: Tensor, mayFuse: (offset: number) => boolean): Tensor[] {
  const updated: Tensor[] = [];
  rec.rewrite('dense_backward_weight', ({ x, dy, dw }) => {
    if (dw?.base !== gradient || !mayFuse(dw.offset)) return null;
    const weight = parameterTensor(dw.offset, dw.floats);
    updated.push(weight);
    return { name: 'dense_sgd', operands: { x, dy, w: weight } };
  });
  return updated.sort((a, b) => a.offset - b.offset);
}
