import { elementCount } from '../shape.ts';
import type { LayerContext } from './layer.ts';
import { losses } from './losses.ts';
import { finalLayer } from './networkConfig.ts';
import { recordUpdate } from './optimizers.ts';
import { parameterTensor, Recorder, type Tensor } from './recorder.ts';
import type { ResolvedLayer, ResolvedNetwork } from './resolve.ts';
import type { LossName, NormalizationConfig, OptimizerConfig } from './trainingConfig.ts';

/** How targets come: class indices turned into rows of zeros and a one (or one 0/1 column), or rows of numbers. */
export type TargetKind = 'classes' | 'values';

/** x·scale + offset, applied to raw inputs. */
export function affineOf(normalization: NormalizationConfig): { scale: number; offset: number } {
  return normalization.type === 'scale' ? { scale: normalization.factor, offset: 0 } : { scale: 1, offset: 0 };
}

/** The layers with the final activation left out where the loss works from the logits before it. */
export function layersToLogits(layers: ResolvedLayer[], loss: LossName): ResolvedLayer[] {
  const paired = losses[loss].pairedActivation;
  const final = finalLayer(layers.map((layer) => layer.config));
  if (paired === null || layers[final]!.config.activation !== paired) return layers;
  return layers.map((layer, i) =>
    i === final ? { ...layer, config: { ...layer.config, activation: 'linear' } } : layer,
  );
}

interface Recording {
  contexts: LayerContext<ResolvedLayer['config']>[];
  inputs: Tensor[];
  outputs: Tensor[];
}

function recordForward(
  rec: Recorder,
  layers: ResolvedLayer[],
  input: Tensor,
  options: { training: boolean; gradients?: Tensor },
): Recording {
  const recording: Recording = { contexts: [], inputs: [], outputs: [] };
  let x = input;
  for (const [index, layer] of layers.entries()) {
    const parameters: Record<string, Tensor> = {};
    const gradients: Record<string, Tensor> = {};
    for (const { name, offset, count } of layer.parameters) {
      parameters[name] = parameterTensor(offset, count);
      if (options.gradients) gradients[name] = rec.part(options.gradients, offset, count);
    }
    const { config, inputShape, outputShape } = layer;
    const context = { rec, config, index, inputShape, outputShape, parameters, gradients, training: options.training };
    const y = layer.definition.forward(context, x);
    recording.contexts.push(context);
    recording.inputs.push(x);
    recording.outputs.push(y);
    x = y;
  }
  return recording;
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
  const { outputs } = recordForward(rec, network.layers, x, { training: false });
  const output = outputs.at(-1)!;
  rec.keep(output);
  if (keepLayers) for (const tensor of outputs) rec.keep(tensor);
  return { rec, input, output, outputs };
}

export interface LearnSettings {
  rows: number;
  loss: LossName;
  targets: TargetKind;
  normalization: NormalizationConfig;
}

/** Numbers that a training or evaluation step returns: the loss (mean over rows), and how many rows were right. */
export const stepValues = { loss: 0, correct: 1, count: 2 } as const;

function recordToLoss(
  rec: Recorder,
  network: ResolvedNetwork,
  settings: LearnSettings,
  training: boolean,
  gradients?: Tensor,
) {
  const inputElements = elementCount(network.inputShape);
  const outputElements = elementCount(network.outputShape);
  const x = rec.perRow(inputElements);
  const t = rec.perRow(outputElements);
  rec.op('gather', { slot: 0, elements: inputElements, ...affineOf(settings.normalization) }, { y: x });
  if (settings.targets === 'classes') rec.op('gather_classes', { slot: 1, classes: outputElements }, { y: t });
  else rec.op('gather', { slot: 1, elements: outputElements, scale: 1, offset: 0 }, { y: t });
  const layers = layersToLogits(network.layers, settings.loss);
  const recording = recordForward(rec, layers, x, { training, gradients });
  const output = recording.outputs.at(-1)!;
  const { record, threshold } = losses[settings.loss];
  const gradient = rec.perRow(outputElements);
  record(rec, outputElements, { x: output, t, dx: gradient });
  if (settings.targets === 'classes') {
    rec.op('count_correct', { elements: outputElements, threshold, value: stepValues.correct }, { x: output, t });
  }
  return { layers, recording, gradient };
}

/** Loss and right answers, without learning: dropout off. */
export function recordEvaluation(network: ResolvedNetwork, settings: LearnSettings): Recorder {
  const rec = new Recorder(settings.rows);
  recordToLoss(rec, network, settings, false);
  return rec;
}

export interface TrainingProgram {
  rec: Recorder;
  /** Gradients of all parameters, laid out as the parameters are. */
  gradients: Tensor;
  /** Gradient of the normalised input, (rows, ...inputShape); where it was asked for. */
  inputGradient: Tensor | null;
}

/** One step of training; without an optimiser the gradients alone. */
export function recordTraining(
  network: ResolvedNetwork,
  settings: LearnSettings & { optimizer: OptimizerConfig | null; needsInputGradient?: boolean },
): TrainingProgram {
  const rec = new Recorder(settings.rows);
  const gradients = rec.keep(rec.allocate(Math.max(network.parameterFloats, 1)));
  const { layers, recording, gradient } = recordToLoss(rec, network, settings, true, gradients);
  const firstWithParameters = layers.findIndex((layer) => layer.parameters.length > 0);
  let dy: Tensor | null = gradient;
  for (let i = layers.length - 1; i >= 0 && dy; i--) {
    dy = layers[i]!.definition.backward(recording.contexts[i]!, {
      input: recording.inputs[i]!,
      output: recording.outputs[i]!,
      outputGradient: dy,
      needsInputGradient: settings.needsInputGradient === true || i > firstWithParameters,
    });
  }
  if (settings.needsInputGradient && dy) rec.keep(dy);
  if (settings.optimizer && network.parameterFloats > 0) {
    recordUpdate(rec, settings.optimizer, network.parameterFloats, gradients);
  }
  return { rec, gradients, inputGradient: settings.needsInputGradient ? dy : null };
}
