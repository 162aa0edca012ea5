import { Type } from 'typebox';
import { elementCount, type Shape } from '../shape.ts';
import type { Recorder, Tensor } from './recorder.ts';

interface Activation {
  /** For the catalogue. */
  formula: string;
  source?: string;
  /** Can be a part of the op before it. */
  fusable: boolean;
  /** Its gradient needs x; the others' follow from y. */
  fromInput?: boolean;
  /** Of leakyRelu and elu, where none is given (as in PyTorch). */
  slope?: number;
}

/** Every activation there is; element by element, but for softmax, which runs over the last dimension. */
export const activations = {
  linear: { formula: 'z', fusable: true },
  relu: { formula: 'max(z, 0)', fusable: true },
  leakyRelu: {
    formula: 'z where z ≥ 0, otherwise slope · z',
    fusable: true,
    slope: 0.01,
    source: 'Maas, Hannun, Ng, 2013',
  },
  sigmoid: { formula: '1 / (1 + e^−z)', fusable: true },
  tanh: { formula: 'tanh z', fusable: true },
  step: { formula: '1 where z > 0, otherwise 0', fusable: true, source: 'McCulloch, Pitts, 1943' },
  elu: {
    formula: 'z where z > 0, otherwise alpha · (e^z − 1)',
    fusable: false,
    slope: 1,
    source: 'Clevert et al., 2016',
  },
  selu: { formula: '1.0507 · elu(z) with alpha 1.6733', fusable: false, source: 'Klambauer et al., 2017' },
  softplus: { formula: 'log(1 + e^z)', fusable: false },
  hardSigmoid: { formula: 'z / 6 + ½, cut to 0 … 1', fusable: false, source: 'as in PyTorch and Keras 3' },
  gelu: {
    formula: 'z · Φ(z), Φ the normal distribution function',
    fusable: false,
    fromInput: true,
    source: 'Hendrycks, Gimpel, 2016',
  },
  silu: { formula: 'z · sigmoid(z)', fusable: false, fromInput: true, source: 'Elfwing et al., 2018' },
  softmax: { formula: 'e^z / Σ e^z over the last dimension', fusable: false },
} as const satisfies Record<string, Activation>;
export type ActivationName = keyof typeof activations;
export const activationNames = Object.keys(activations) as ActivationName[];

export const activationSchema = Type.Enum(activationNames, {
  description: 'Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere.',
});

const facts = (name: ActivationName): Activation => activations[name];

/** The slope of leakyRelu and the alpha of elu, of the others 0. */
export function slopeOf(name: ActivationName, given?: number): number {
  return given ?? facts(name).slope ?? 0;
}

export const isFusable = (name: ActivationName): boolean => facts(name).fusable;

/** Records y = f(x) into a new tensor; x itself where f is linear. */
export function recordActivation(rec: Recorder, name: ActivationName, slope: number, x: Tensor, shape: Shape): Tensor {
  if (name === 'linear') return x;
  const elements = elementCount(shape);
  const y = rec.perRow(elements);
  if (name === 'softmax') rec.op('softmax', softmaxSizes(shape), { x, y });
  else rec.op('activate', { elements, activation: name, slope }, { x, y });
  return y;
}

/**
 * Records the gradient of x from that of y = f(x), in place of it.
 * @param x not needed where the activation was part of an op: then y tells
 */
export function recordActivationBackward(
  rec: Recorder,
  name: ActivationName,
  slope: number,
  { x, y, dy }: { x?: Tensor; y: Tensor; dy: Tensor },
  shape: Shape,
): Tensor {
  if (name === 'linear') return dy;
  const elements = elementCount(shape);
  if (name === 'softmax') rec.op('softmax_backward', softmaxSizes(shape), { y, dy, dx: dy });
  else if (facts(name).fromInput)
    rec.op('activate_backward_input', { elements, activation: name, slope }, { x, dy, dx: dy });
  else rec.op('activate_backward', { elements, activation: name, slope }, { y, dy, dx: dy });
  return dy;
}

function softmaxSizes(shape: Shape) {
  const classes = shape.at(-1) ?? 1;
  return { positions: elementCount(shape) / classes, classes };
}
