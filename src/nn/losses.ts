import type { ActivationName } from './activations.ts';
import type { Recorder, Tensor } from './recorder.ts';
import type { LossName } from './trainingConfig.ts';

export interface LossDefinition {
  /** A final activation that forms a pair with this loss: in training the loss works from the logits before it. */
  pairedActivation: ActivationName | null;
  /** Threshold on a single output above which it means the second class; on the logit where there is a paired activation. */
  threshold: number;
  /** Records the loss of output x against targets t, (rows, elements), as value 0, and its gradient dx. */
  record(rec: Recorder, elements: number, tensors: { x: Tensor; t: Tensor; dx: Tensor }): void;
}

/** Losses by name; each is the mean over rows. */
export const losses: Readonly<Record<LossName, LossDefinition>> = {
  // −Σ t·log softmax(x), from logits: Σt·(log Σ e^(x − max) + max) − Σ t·x
  softmaxCrossEntropy: {
    pairedActivation: 'softmax',
    threshold: 0,
    record: (rec, classes, tensors) => rec.op('softmax_cross_entropy', { classes, value: 0 }, tensors),
  },
  // max(x, 0) − x·t + log(1 + e^−|x|), mean over outputs, from logits
  binaryCrossEntropy: {
    pairedActivation: 'sigmoid',
    threshold: 0,
    record: (rec, elements, tensors) => rec.op('binary_cross_entropy', { elements, value: 0 }, tensors),
  },
  // (x − t)², mean over outputs
  meanSquaredError: {
    pairedActivation: null,
    threshold: 0.5,
    record: (rec, elements, tensors) =>
      rec.op('squared_error', { elements, value_scale: 1 / elements, value: 0 }, tensors),
  },
  // ½ Σ (x − t)²
  halfSquaredError: {
    pairedActivation: null,
    threshold: 0.5,
    record: (rec, elements, tensors) => rec.op('squared_error', { elements, value_scale: 0.5, value: 0 }, tensors),
  },
};
