import type { Fault } from '../errors.ts';
import { elementCount, formatShape } from '../shape.ts';
import type { ActivationName } from './activations.ts';
import type { DataDescription } from './complete.ts';
import { type LossName, lossOf } from './losses.ts';
import { finalLayer } from './networkConfig.ts';
import type { ResolvedNetwork } from './resolve.ts';
import type { Warning } from './warnings.ts';

/** What is wrong between the network's output, the loss and the targets; nothing: null. */
export function outputFault(network: ResolvedNetwork, loss: LossName, data: DataDescription): Fault | null {
  const { outputShape, layers } = network;
  const last = layers.length - 1;
  const wrongOutput = (expected: string, hint: string): Fault => ({
    pointer: `/network/layers/${last}`,
    message: `the network's output is ${formatShape(outputShape)} (layer '${layers[last]!.name}'), but ${expected}: ${hint}`,
    expected: data.classes?.length ?? data.targetShape,
    received: outputShape,
  });
  const outputs = elementCount(outputShape);
  if (loss === 'softmaxCrossEntropy' && (outputShape.length !== 1 || outputs < 2)) {
    return wrongOutput(
      'softmaxCrossEntropy takes a row of at least two outputs',
      'end with a dense layer, or use meanSquaredError',
    );
  }
  if (data.task === 'classification') {
    const classes = data.classes!.length;
    const single = outputs === 1 && classes === 2 && loss !== 'softmaxCrossEntropy';
    if (loss === 'binaryCrossEntropy' && !single) {
      if (classes === 2)
        return wrongOutput('binaryCrossEntropy takes one output', 'end with {"type": "dense", "units": 1}');
      const message = `binaryCrossEntropy tells two classes apart, the dataset has ${classes}: use softmaxCrossEntropy`;
      return { pointer: '/training/loss/type', message, expected: 'softmaxCrossEntropy', received: loss };
    }
    if (single || (outputs === classes && outputShape.length === 1)) return null;
    return wrongOutput(
      `the dataset has ${classes} classes`,
      outputShape.length === 1
        ? `end with {"type": "dense", "units": ${classes}}`
        : `end with {"type": "flatten"} and {"type": "dense", "units": ${classes}}`,
    );
  }
  if (formatShape(outputShape) === formatShape(data.targetShape)) return null;
  const [units] = data.targetShape;
  return wrongOutput(
    `a target of the dataset is ${formatShape(data.targetShape)}`,
    data.targetShape.length === 1 ? `end with {"type": "dense", "units": ${units}}` : 'the shapes must be the same',
  );
}

/** Activations whose outputs never are negative: behind them hinge cannot be zero for a target of −1. */
const neverNegative: readonly ActivationName[] = ['relu', 'sigmoid', 'hardSigmoid', 'softmax', 'softplus', 'step'];

/** Losses that work badly with what the last activation makes of the outputs. */
export function activationWarning(network: ResolvedNetwork, loss: LossName): Warning | null {
  const layer = network.layers[finalLayer(network.layers.map(({ config }) => config))]!;
  const activation = layer.config.activation ?? 'linear';
  const warn = (why: string, instead: string): Warning => ({
    code: 'activation-before-loss',
    message: `layer '${layer.name}' ends in ${activation}, but ${why}: ${instead}`,
  });
  const paired = lossOf(loss).pairedActivation;
  if (paired !== null && activation !== 'linear' && activation !== paired) {
    return warn(`${loss} takes its inputs for logits, and applies ${paired} to them`, `use linear or ${paired}`);
  }
  if (loss === 'hinge' && neverNegative.includes(activation)) {
    return warn('hinge wants outputs of −1 and less for what a sample is not', 'use linear or tanh');
  }
  return null;
}
