import { lossOf } from '../nn/losses.ts';
import { toNested } from '../nn/nested.ts';
import { finalLayer } from '../nn/networkConfig.ts';
import type { Model, Prediction } from './types.ts';

const defaultTop = 5;

type Described = Pick<Model, 'task' | 'loss' | 'network' | 'outputShape' | 'classes'>;

/**
 * What one row of a model's outputs says.
 * @param output values of the last layer, flat
 * @param top classes to list; with one output both are listed
 */
export function toPrediction(model: Described, output: Float32Array, top = defaultTop): Prediction {
  const nested = toNested(output, model.outputShape);
  if (model.task === 'regression') return { output: nested };
  if (output.length === 1) return { ...twoClasses(model, output[0]!), output: nested };
  const probabilities = probabilitiesOf(model, output);
  // The outputs and their probabilities have the same order.
  const listed = largest(output, top).map((index) => ({
    class: className(model, index),
    probability: probabilities ? probabilities[index]! : null,
  }));
  return { class: listed[0]!.class, probability: listed[0]!.probability, top: listed, output: nested };
}

/** What one output is worth to a reader: the probability of the second class where it is one, else the output itself. */
export function readerOf(model: Described): (output: number) => number {
  const isLogit = model.task === 'classification' && model.loss === 'binaryCrossEntropy' && !endsIn(model, 'sigmoid');
  return isLogit ? sigmoid : (output) => output;
}

/** One output that tells two classes apart. */
function twoClasses(model: Described, output: number): Omit<Prediction, 'output'> {
  const probability = model.loss === 'binaryCrossEntropy' ? readerOf(model)(output) : null;
  const listed = [1, 0].map((index) => ({
    class: className(model, index),
    probability: probability === null ? null : index === 1 ? probability : 1 - probability,
  }));
  const { threshold } = lossOf(model.loss ?? 'meanSquaredError');
  if (probability === null ? output <= threshold : probability <= 0.5) listed.reverse();
  return { class: listed[0]!.class, probability: listed[0]!.probability, top: listed };
}

/** Whether a model's outputs are probabilities, or become such. */
export function hasProbabilities({ task, loss }: Described): boolean {
  return task === 'classification' && (loss === 'softmaxCrossEntropy' || loss === 'binaryCrossEntropy');
}

/**
 * Probabilities of the classes in index order, of both classes where one output tells them apart.
 * @param output values of the last layer of one row, flat; the model is one that has probabilities
 */
export function classProbabilities(model: Described, output: Float32Array): ArrayLike<number> {
  if (output.length > 1) return probabilitiesOf(model, output)!;
  const probability = readerOf(model)(output[0]!);
  return [1 - probability, probability];
}

/** null where the loss is no cross-entropy: then the outputs are no probabilities. */
function probabilitiesOf(model: Described, output: Float32Array): ArrayLike<number> | null {
  if (model.loss === 'softmaxCrossEntropy') return endsIn(model, 'softmax') ? output : softmax(output);
  if (model.loss === 'binaryCrossEntropy') return endsIn(model, 'sigmoid') ? output : Array.from(output, sigmoid);
  return null;
}

/** Whether the network ends in this activation, so that its output is a probability already. */
function endsIn(model: Described, activation: string): boolean {
  const { layers } = model.network;
  return layers[finalLayer(layers)]?.activation === activation;
}

export function className(model: Pick<Described, 'classes'>, index: number): string {
  return model.classes?.[index] ?? String(index);
}

/** Indices of the largest values, the largest first, of equal ones the first. */
function largest(values: Float32Array, count: number): number[] {
  if (values.length > 4 * count) {
    // A sorted few, into which each that is larger than the last of them is put.
    const found: number[] = [];
    for (let i = 0; i < values.length; i++) {
      if (found.length === count && values[i]! <= values[found[count - 1]!]!) continue;
      let at = found.length;
      while (at > 0 && values[found[at - 1]!]! < values[i]!) at--;
      found.splice(at, 0, i);
      if (found.length > count) found.pop();
    }
    return found;
  }
  const order = Array.from(values, (_, i) => i);
  return order.sort((a, b) => values[b]! - values[a]! || a - b).slice(0, count);
}

function softmax(logits: Float32Array): Float64Array {
  let most = logits[0]!;
  for (let i = 1; i < logits.length; i++) most = Math.max(most, logits[i]!);
  const shares = new Float64Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    shares[i] = Math.exp(logits[i]! - most);
    sum += shares[i]!;
  }
  for (let i = 0; i < shares.length; i++) shares[i]! /= sum;
  return shares;
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
