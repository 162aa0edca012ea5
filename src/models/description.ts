// What a model is beside its weights: what goes out with every export and comes back with an import.
import type { Task } from '../data/dataset.ts';
import type { Column } from '../data/tables/columns.ts';
import { finalLayer, type NetworkConfig } from '../nn/networkConfig.ts';
import { affineOf, type Normalization } from '../nn/normalization.ts';
import type { LossName } from '../nn/trainingConfig.ts';
import { elementCount, type Shape } from '../shape.ts';

export interface ModelDescription {
  name: string;
  task: Task;
  loss: LossName | null;
  normalization: Normalization;
  /** Of a sample of the dataset; the network may view it in another shape. */
  inputShape: Shape;
  inputType: 'uint8' | 'float32';
  outputShape: Shape;
  classes: string[] | null;
  columns: Column[] | null;
  network: NetworkConfig & { input: number[] };
  step: number;
  weightsHash: string;
}

const keys = [
  'name',
  'task',
  'loss',
  'normalization',
  'inputShape',
  'inputType',
  'outputShape',
  'classes',
  'columns',
  'network',
  'step',
  'weightsHash',
] as const satisfies (keyof ModelDescription)[];

/** What of a model its exports tell. */
export function describe(model: ModelDescription): ModelDescription {
  return Object.fromEntries(keys.map((key) => [key, model[key]])) as unknown as ModelDescription;
}

/** What is done to raw inputs: x · scale + offset, each one number, one a channel (the last dimension), or one an element. */
export interface Preprocessing {
  scale: number[];
  offset: number[];
}

/** null where inputs are taken as they are. */
export function preprocessingOf({
  normalization,
  inputShape,
}: Pick<ModelDescription, 'normalization' | 'inputShape'>): Preprocessing | null {
  const { scale, offset } = affineOf(normalization);
  if (scale.every((a) => a === 1) && offset.every((b) => b === 0)) return null;
  // Where the dataset's rows are plain, the channels are those of the network's view of them.
  const isPlain = scale.length === 1 || scale.length === inputShape.at(-1);
  const elements = isPlain ? scale.length : elementCount(inputShape);
  const each = (numbers: readonly number[]) =>
    Array.from({ length: elements }, (_, e) => Math.fround(numbers[e % numbers.length]!));
  return { scale: each(scale), offset: each(offset) };
}

/** How outputs become probabilities; `output`: they are some already; null: the loss is no cross-entropy. */
export type ProbabilityRule = 'softmax' | 'sigmoid' | 'output' | null;

export function probabilityRule({
  task,
  loss,
  network,
}: Pick<ModelDescription, 'task' | 'loss' | 'network'>): ProbabilityRule {
  if (task !== 'classification') return null;
  const rule = loss === 'softmaxCrossEntropy' ? 'softmax' : loss === 'binaryCrossEntropy' ? 'sigmoid' : null;
  const { layers } = network;
  return rule !== null && layers[finalLayer(layers)]?.activation === rule ? 'output' : rule;
}
