// What a model is beside its weights: what goes out with every export and comes back with an import.
import type { Task } from '../data/dataset.ts';
import type { Column } from '../data/tables/columns.ts';
import { finalLayer, type NetworkConfig } from '../nn/networkConfig.ts';
import { affineOf } from '../nn/programs.ts';
import type { LossName, NormalizationConfig } from '../nn/trainingConfig.ts';
import type { Shape } from '../shape.ts';

export interface ModelDescription {
  name: string;
  task: Task;
  loss: LossName | null;
  normalization: NormalizationConfig;
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
export function preprocessingOf(normalization: NormalizationConfig): Preprocessing | null {
  const affine = affineOf(normalization) as { scale: number | ArrayLike<number>; offset: number | ArrayLike<number> };
  const list = (value: number | ArrayLike<number>) =>
    (typeof value === 'number' ? [value] : Array.from(value)).map(Math.fround);
  const scale = list(affine.scale);
  const offset = list(affine.offset);
  return scale.every((a) => a === 1) && offset.every((b) => b === 0) ? null : { scale, offset };
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
