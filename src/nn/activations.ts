import { Type } from 'typebox';
import type { Recorder, Tensor } from './recorder.ts';

/** Element-wise activations that every layer with an `activation` key takes, and softmax over the last dimension. */
export const activationNames = ['linear', 'relu', 'leakyRelu', 'sigmoid', 'tanh', 'softmax', 'step'] as const;
export type ActivationName = (typeof activationNames)[number];

export const activationSchema = Type.Enum([...activationNames], {
  description: 'Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere.',
});

/** Slope of leakyRelu for negative inputs where none is given (as in PyTorch). */
export const defaultSlope = 0.01;

/** Sizes of what an activation is applied to: (rows, positions, channels). */
interface Extent {
  positions: number;
  channels: number;
}

/** What an op with a built-in activation applies; softmax runs as an op of its own afterwards. */
export function fusedActivation(name: ActivationName | undefined): ActivationName {
  return name === undefined || name === 'softmax' ? 'linear' : name;
}

/** Records y = f(x) into a new tensor. */
export function recordActivation(
  rec: Recorder,
  name: ActivationName,
  slope: number,
  x: Tensor,
  extent: Extent,
): Tensor {
  const { positions, channels } = extent;
  const y = rec.perRow(positions * channels);
  if (name === 'softmax') rec.op('softmax', { positions, classes: channels }, { x, y });
  else rec.op('activate', { elements: positions * channels, activation: name, slope }, { x, y });
  return y;
}

/** Records the gradient of x from that of y = f(x), in place of it. */
export function recordActivationBackward(
  rec: Recorder,
  name: ActivationName | undefined,
  slope: number,
  y: Tensor,
  outputGradient: Tensor,
  extent: Extent,
): Tensor {
  const { positions, channels } = extent;
  if (name === undefined || name === 'linear') return outputGradient;
  const operands = { y, dy: outputGradient, dx: outputGradient };
  if (name === 'softmax') rec.op('softmax_backward', { positions, classes: channels }, operands);
  else rec.op('activate_backward', { elements: positions * channels, activation: name, slope }, operands);
  return outputGradient;
}
