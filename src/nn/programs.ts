// The programs of a network: prediction, evaluation and a step of training, made of the passes through its layers.
import { elementCount } from '../shape.ts';
import type { ActivationName } from './activations.ts';
import { type Augmenting, recordInputs, recordMixup, recordNormalization } from './inputs.ts';
import { type LossConfig, type LossName, lossOf, recordLoss } from './losses.ts';
import { finalLayer } from './networkConfig.ts';
import type { Normalization } from './normalization.ts';
import { type Range, recordUpdate } from './optimizers.ts';
import { type ForwardOptions, recordBackward, recordForward } from './passes.ts';
import { parameterTensor, Recorder, type Tensor } from './recorder.ts';
import type { PlacedParameter, ResolvedLayer, ResolvedNetwork } from './resolve.ts';
import type { GradientClip, OptimizerConfig } from './trainingConfig.ts';

/** How targets come: class indices turned into rows of zeros and a one (or one 0/1 column), or rows of numbers. */
export type TargetKind = 'classes' | 'values';

/** The layers with the final activation left out where the loss works from the logits before it. */
export function layersToLogits(layers: ResolvedLayer[], loss: LossName): ResolvedLayer[] {
  const paired = lossOf(loss).pairedActivation;
  return paired === null ? layers : withoutFinalActivation(layers, [paired]);
}

/** The layers with the final activation left out where it is one of these. */
export function withoutFinalActivation(layers: ResolvedLayer[], left: readonly ActivationName[]): ResolvedLayer[] {
  const final = finalLayer(layers.map((layer) => layer.config));
  if (!left.includes(layers[final]!.config.activation ?? 'linear')) return layers;
  return layers.map((layer, i) =>
    i === final ? { ...layer, config: { ...layer.config, activation: 'linear' } } : layer,
  );
}

export interface PredictProgram {
  rec: Recorder;
  input: Tensor;
  output: Tensor;
  /** Output of each layer; those that were asked for are kept. */
  outputs: Tensor[];
}

/** Floats of the arena of a program that does not train, about. */
const arenaFloats = 4 * 2 ** 20;

/** Rows that a program which does not train takes at once: as many as its arena holds, at least one and at most `most`. */
export function rowsAtOnce(floatsPerRow: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(arenaFloats / floatsPerRow)));
}

/** Rows that a prediction's program takes at once. */
export const predictRows = ({ floatsPerSample }: ResolvedNetwork): number => rowsAtOnce(floatsPerSample, 64);

/**
 * Raw inputs → outputs of the last layer.
 * @param keep places of layers whose outputs are to stay in the arena
 */
export function recordPredict(
  network: ResolvedNetwork,
  rows: number,
  normalization: Normalization,
  keep: ReadonlySet<number> = new Set(),
): PredictProgram {
  const rec = new Recorder(rows);
  const elements = elementCount(network.inputShape);
  const input = rec.keep(rec.perRow(elements));
  const x = recordNormalization(rec, normalization, elements, input);
  const outputs = recordForward(rec, network.layers, x, { training: false }).map((layer) => layer.output);
  const output = outputs.at(-1)!;
  rec.keep(output);
  for (const index of keep) rec.keep(outputs[index]!);
  return { rec, input, output, outputs };
}

export interface LearnSettings {
  rows: number;
  loss: LossConfig;
  targets: TargetKind;
  /** Each row has a weight of its own, from slot 2 of the sources. */
  weighted?: boolean;
  normalization: Normalization;
}

/** Numbers that a training or evaluation step returns: the loss (mean over rows), and how many rows were right. */
export const stepValues = { loss: 0, correct: 1, count: 2 } as const;

function recordToLoss(
  rec: Recorder,
  network: ResolvedNetwork,
  settings: LearnSettings & { augmenting?: Augmenting },
  options: ForwardOptions,
) {
  const inputElements = elementCount(network.inputShape);
  const outputElements = elementCount(network.outputShape);
  const { loss, augmenting } = settings;
  const { threshold, classTargets } = lossOf(loss.type);
  const x = recordInputs(rec, inputElements, settings.normalization, augmenting);
  const gathered = rec.perRow(outputElements);
  if (settings.targets === 'classes') rec.op('gather_classes', { slot: 1, classes: outputElements }, { y: gathered });
  else rec.op('gather', { slot: 1, elements: outputElements, scale: 1, offset: 0 }, { y: gathered });
  const targets = recordMixup(rec, outputElements, gathered, augmenting);
  let t = targets;
  let weights: Tensor | undefined;
  if (settings.weighted) {
    weights = rec.perRow(1);
    rec.op('gather', { slot: 2, elements: 1, scale: 1, offset: 0 }, { y: weights });
    weights = recordMixup(rec, 1, weights, augmenting);
  }
  const layers = layersToLogits(network.layers, loss.type);
  const recorded = recordForward(rec, layers, x, options);
  const output = recorded.at(-1)!.output;
  if (settings.targets === 'classes') {
    rec.op('count_correct', { elements: outputElements, threshold, value: stepValues.correct }, { x: output, t });
    if (classTargets === '±1') {
      const signed = rec.perRow(outputElements);
      rec.op('affine', { elements: outputElements, scale: 2, offset: -1 }, { x: t, y: signed });
      t = signed;
    }
  }
  const gradient = recordLoss(rec, loss, outputElements, { x: output, t, weights });
  return { recorded, output, targets, gradient };
}

const regularized = (network: ResolvedNetwork): PlacedParameter[] =>
  network.layers
    .flatMap((layer) => layer.parameters)
    .filter(({ regularizer }) => (regularizer?.l1 ?? 0) > 0 || (regularizer?.l2 ?? 0) > 0);

/**
 * Adds the penalties of the weights to the loss, and their gradients where there are some.
 * @param learns gradients of what does not learn stay zero, as the norm of all gradients counts them in
 */
function recordPenalties(
  rec: Recorder,
  network: ResolvedNetwork,
  gradients?: Tensor,
  learns: (parameter: PlacedParameter) => boolean = () => true,
): void {
  for (const parameter of regularized(network)) {
    const { offset, count, regularizer } = parameter;
    const { l1 = 0, l2 = 0 } = regularizer!;
    const gradient = gradients && learns(parameter) ? rec.part(gradients, offset, count) : undefined;
    rec.op(
      'regularize',
      { elements: count, l1, l2, value: stepValues.loss },
      { w: parameterTensor(offset, count), gradient },
    );
  }
}

/**
 * Loss and right answers, without learning: as in prediction. Kept are the output, logits where the loss works from them, and
 * the targets, classes as zeros and ones: (rows, outputs) each.
 */
export function recordEvaluation(
  network: ResolvedNetwork,
  settings: LearnSettings,
): { rec: Recorder; output: Tensor; targets: Tensor } {
  const rec = new Recorder(settings.rows);
  const { output, targets } = recordToLoss(rec, network, settings, { training: false });
  recordPenalties(rec, network);
  return { rec, output: rec.keep(output), targets: rec.keep(targets) };
}

export interface TrainingProgram {
  rec: Recorder;
  /** Gradients of all parameters, laid out as the parameters are. */
  gradients: Tensor;
  /** Gradient of the normalised input, (rows, ...inputShape); where it was asked for. */
  inputGradient: Tensor | null;
  /** Output of each layer; kept only where asked for. */
  outputs: Tensor[];
  /** Gradient of each layer's output; null where none was needed, empty where the layers are not kept. */
  outputGradients: (Tensor | null)[];
}

export interface TrainingSettings extends LearnSettings {
  /** null: the gradients alone, and nothing changes. */
  optimizer: OptimizerConfig | null;
  frozen?: readonly string[];
  gradientClip?: GradientClip;
  /** What samples go through; nothing where it is left out. */
  augmenting?: Augmenting;
  needsInputGradient?: boolean;
  keepLayers?: boolean;
}

/** One step of training; without an optimiser the gradients alone. */
export function recordTraining(network: ResolvedNetwork, settings: TrainingSettings): TrainingProgram {
  const { optimizer, gradientClip, needsInputGradient = false } = settings;
  const frozen = new Set(settings.frozen);
  const rec = new Recorder(settings.rows);
  const gradients = rec.keep(rec.allocate(Math.max(network.parameterFloats, 1)));
  const { recorded, gradient } = recordToLoss(rec, network, settings, { training: true, gradients, frozen });
  const straightThrough = settings.loss.type === 'perceptron';
  const outputGradients: (Tensor | null)[] = settings.keepLayers ? recorded.map(() => null) : [];
  const inputGradient = recordBackward(
    rec,
    recorded,
    gradient,
    { needsInputGradient, straightThrough },
    settings.keepLayers ? outputGradients : undefined,
  );
  if (inputGradient) rec.keep(inputGradient);
  const outputs = recorded.map((layer) => layer.output);
  if (settings.keepLayers) for (const tensor of outputs) rec.keep(tensor);
  const held = new Set(network.layers.filter(({ name }) => frozen.has(name)).flatMap((layer) => layer.parameters));
  recordPenalties(rec, network, gradients, (parameter) => !held.has(parameter));
  const elements = network.parameterFloats;
  if (gradientClip && elements > 0) {
    const operands = { gradient: rec.part(gradients, 0, elements) };
    if ('norm' in gradientClip) rec.op('clip_norm', { elements, limit: gradientClip.norm }, operands);
    else rec.op('clip_value', { elements, limit: gradientClip.value }, operands);
  }
  if (optimizer) {
    const touched = new Set(regularized(network).map(({ offset }) => offset));
    recordUpdate(rec, optimizer, {
      floats: elements,
      gradient: gradients,
      ranges: updatedRanges(network, frozen),
      mayFuse: (offset) => !gradientClip && !touched.has(offset),
    });
    for (const { layer, context } of recorded) {
      if (context.frozen) continue;
      recordConstraints(rec, layer);
      layer.definition.update?.(context);
    }
  }
  return { rec, gradients, inputGradient, outputs, outputGradients };
}

/** What learns, in stretches that are as long as can be: gaps between tensors are nobody's and may be updated, too. */
function updatedRanges(network: ResolvedNetwork, frozen: ReadonlySet<string>): Range[] {
  const ranges: Range[] = [];
  let open: Range | null = null;
  for (const layer of network.layers) {
    for (const { offset, count, trainable } of layer.parameters) {
      if (!trainable || frozen.has(layer.name)) {
        open = null;
        continue;
      }
      if (!open) {
        open = { from: offset, to: offset };
        ranges.push(open);
      }
      open.to = offset + count;
    }
  }
  return ranges;
}

function recordConstraints(rec: Recorder, layer: ResolvedLayer): void {
  for (const { offset, count, shape, constraint } of layer.parameters) {
    if (!constraint) continue;
    const units = shape.at(-1)!;
    rec.op(
      'max_norm',
      { inputs: count / units, units, limit: constraint.value },
      { w: parameterTensor(offset, count) },
    );
  }
}
