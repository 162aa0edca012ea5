import { Type } from 'typebox';

/** Element-wise activations that every layer with an `activation` key takes, and softmax over the last dimension. */
export const activationNames = ['linear', 'relu', 'leakyRelu', 'sigmoid', 'tanh', 'softmax', 'step'] as const;
export type ActivationName = (typeof activationNames)[number];

export const activationSchema = Type.Enum([...activationNames], {
  description: 'Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere.',
});

/** Slope of leakyRelu for negative inputs where none is given (as in PyTorch). */
export const defaultSlope = 0.01;
