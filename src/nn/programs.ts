import { elementCount } from '../shape.ts';
import { type ActivationName, isFusable, recordActivation, recordActivationBackward, slopeOf } from './activations.ts';
import type { LayerContext } from './layer.ts';
import { type LossConfig, type LossName, lossOf, recordLoss } from './losses.ts';
import { finalLayer } from './networkConfig.ts';
import { type Range, recordUpdate } from './optimizers.ts';
import { parameterTensor, Recorder, type Tensor } from './recorder.ts';
import type { PlacedParameter, ResolvedLayer, ResolvedNetwork } from './resolve.ts';
import type { GradientClip, NormalizationConfig, OptimizerConfig } from './trainingConfig.ts';

/** How targets come: class indices turned into rows of zeros and a one (or one 0/1 column), or rows of numbers. */
export type TargetKind = 'classes' | 'values';

/** x·scale + offset, applied to raw inputs. */
export function affineOf(normalization: NormalizationConfig): { scale: number; offset: number } {
  return normalization.type === 'scale' ? { scale: normalization.factor, offset: 0 } : { scale: 1, offset: 0 };
}

/** The layers with the final activation left out where the loss works from the logits before it. */
export function layersToLogits(layers: ResolvedLayer[], loss: LossName): ResolvedLayer[] {
  const paired = lossOf(loss).pairedActivation;
  const final = finalLayer(layers.map((layer) => layer.config));
  if (paired === null || layers[final]!.config.activation !== paired) return layers;
  return layers.map((layer, i) =>
    i === final ? { ...layer, config: { ...layer.config, activation: 'linear' } } : layer,
  );
}

/** A layer's part in a program. */
interface Recorded {
  layer: ResolvedLayer;
  context: LayerContext;
  inputs: Tensor[];
  /** What the layer's forward returned, and that with the activation. */
  inner: Tensor;
  output: Tensor;
}

interface ForwardOptions {
  training: boolean;
  gradients?: Tensor;
  /** Names of the layers that do not learn. */
  frozen?: ReadonlySet<string>;
}

const activationOf = ({ config }: ResolvedLayer): ActivationName => config.activation ?? 'linear';
const activationSlope = ({ config }: ResolvedLayer): number =>
  slopeOf(config.activation ?? 'linear', (config.slope ?? config.alpha) as number | undefined);

function recordForward(rec: Recorder, layers: ResolvedLayer[], input: Tensor, options: ForwardOptions): Recorded[] {
  const recorded: Recorded[] = [];
  for (const [index, layer] of layers.entries()) {
    const { definition, config, inputShapes, outputShape } = layer;
    const frozen = options.frozen?.has(layer.name) ?? false;
    const parameters: Record<string, Tensor> = {};
    const gradients: Record<string, Tensor> = {};
    for (const { name, offset, count, trainable } of layer.parameters) {
      parameters[name] = parameterTensor(offset, count);
      if (options.gradients && trainable && !frozen) gradients[name] = rec.part(options.gradients, offset, count);
    }
    const wanted = activationOf(layer);
    const activation = definition.fuses && isFusable(wanted) ? wanted : 'linear';
    const context: LayerContext = {
      rec,
      config,
      index,
      inputShapes,
      outputShape,
      parameters,
      gradients,
      training: options.training,
      frozen,
      activation,
      saved: {},
    };
    const inputs = layer.inputs.map((source) => (source < 0 ? input : recorded[source]!.output));
    const inner = definition.forward(context, inputs);
    const output =
      activation === wanted ? inner : recordActivation(rec, wanted, activationSlope(layer), inner, outputShape);
    recorded.push({ layer, context, inputs, inner, output });
  }
  return recorded;
}

/**
 * Records the backward pass of all layers, last to first. Where several layers take from one, their gradients are added.
 * @param gradient of the last layer's output; overwritten
 * @param straightThrough steps count as linear, as Rosenblatt's rule has it
 * @param copies gets, by layer, a kept copy of the gradient of its output, where one is given
 * @returns the gradient of the network's input, where that was asked for
 */
function recordBackward(
  rec: Recorder,
  recorded: Recorded[],
  gradient: Tensor,
  { needsInputGradient, straightThrough }: { needsInputGradient: boolean; straightThrough: boolean },
  copies?: (Tensor | null)[],
): Tensor | null {
  // Whether anything at or before a layer wants its gradient.
  const wants: boolean[] = [];
  for (const { layer, context } of recorded) {
    const before = layer.inputs.some((source) => (source < 0 ? needsInputGradient : wants[source]!));
    wants.push(before || Object.keys(context.gradients).length > 0);
  }
  /** Gradients of the outputs that are still to be taken through their layers, by layer; −1: of the input. */
  const pending = new Map<number, Tensor>([[recorded.length - 1, gradient]]);
  for (let i = recorded.length - 1; i >= 0; i--) {
    const dy = pending.get(i);
    if (!dy || !wants[i]) continue;
    pending.delete(i);
    const { layer, context, inputs, inner, output } = recorded[i]!;
    if (copies) copies[i] = rec.keep(recordCopy(rec, dy, elementCount(layer.outputShape)));
    const activation = activationOf(layer);
    const skipped = straightThrough && activation === 'step';
    const fused = context.activation === activation;
    const outputGradient = skipped
      ? dy
      : recordActivationBackward(
          rec,
          activation,
          activationSlope(layer),
          { x: fused ? undefined : inner, y: output, dy },
          layer.outputShape,
        );
    const needs = layer.inputs.map((source) => (source < 0 ? needsInputGradient : wants[source]!));
    const results = layer.definition.backward(context, { inputs, output: inner, outputGradient, needs });
    // A layer may hand one gradient on to several: each is overwritten on its way, so each gets its own, and all do before any is.
    const own = results.map((result, k) => {
      if (!result || !needs[k] || results.indexOf(result) === k) return result;
      return recordCopy(rec, result, elementCount(layer.inputShapes[k]!));
    });
    for (const [k, source] of layer.inputs.entries()) {
      const result = own[k];
      if (!result || !needs[k]) continue;
      const before = pending.get(source);
      if (before) rec.op('add', { elements: elementCount(layer.inputShapes[k]!) }, { a: before, b: result, y: before });
      else pending.set(source, result);
    }
  }
  return pending.get(-1) ?? null;
}

function recordCopy(rec: Recorder, x: Tensor, elements: number): Tensor {
  const y = rec.perRow(elements);
  rec.op('affine', { elements, scale: 1, offset: 0 }, { x, y });
  return y;
}

export interface PredictProgram {
  rec: Recorder;
  input: Tensor;
  output: Tensor;
  /** Output of each layer; kept only where asked for. */
  outputs: Tensor[];
}

/** Raw inputs → outputs of the last layer. */
export function recordPredict(
  network: ResolvedNetwork,
  rows: number,
  normalization: NormalizationConfig,
  keepLayers = false,
): PredictProgram {
  const rec = new Recorder(rows);
  const elements = elementCount(network.inputShape);
  const input = rec.keep(rec.perRow(elements));
  const { scale, offset } = affineOf(normalization);
  let x = input;
  if (scale !== 1 || offset !== 0) {
    x = rec.perRow(elements);
    rec.op('affine', { elements, scale, offset }, { x: input, y: x });
  }
  const outputs = recordForward(rec, network.layers, x, { training: false }).map((layer) => layer.output);
  const output = outputs.at(-1)!;
  rec.keep(output);
  if (keepLayers) for (const tensor of outputs) rec.keep(tensor);
  return { rec, input, output, outputs };
}

export interface LearnSettings {
  rows: number;
  loss: LossConfig;
  targets: TargetKind;
  /** Each row has a weight of its own, from slot 2 of the sources. */
  weighted?: boolean;
  normalization: NormalizationConfig;
}

/** Numbers that a training or evaluation step returns: the loss (mean over rows), and how many rows were right. */
export const stepValues = { loss: 0, correct: 1, count: 2 } as const;

function recordToLoss(rec: Recorder, network: ResolvedNetwork, settings: LearnSettings, options: ForwardOptions) {
  const inputElements = elementCount(network.inputShape);
  const outputElements = elementCount(network.outputShape);
  const { loss } = settings;
  const { threshold, classTargets } = lossOf(loss.type);
  const x = rec.perRow(inputElements);
  const targets = rec.perRow(outputElements);
  let t = targets;
  rec.op('gather', { slot: 0, elements: inputElements, ...affineOf(settings.normalization) }, { y: x });
  if (settings.targets === 'classes') rec.op('gather_classes', { slot: 1, classes: outputElements }, { y: t });
  else rec.op('gather', { slot: 1, elements: outputElements, scale: 1, offset: 0 }, { y: t });
  let weights: Tensor | undefined;
  if (settings.weighted) {
    weights = rec.perRow(1);
    rec.op('gather', { slot: 2, elements: 1, scale: 1, offset: 0 }, { y: weights });
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
