// The passes through a network's layers: wiring, activations, and the gradients where ways join and part.
import { elementCount } from '../shape.ts';
import { type ActivationName, isFusable, recordActivation, recordActivationBackward, slopeOf } from './activations.ts';
import type { LayerContext } from './layer.ts';
import { parameterTensor, type Recorder, type Tensor } from './recorder.ts';
import type { ResolvedLayer } from './resolve.ts';

/** A layer's part in a program. */
export interface Recorded {
  layer: ResolvedLayer;
  context: LayerContext;
  inputs: Tensor[];
  /** What the layer's forward returned, and that with the activation. */
  inner: Tensor;
  output: Tensor;
}

export interface ForwardOptions {
  training: boolean;
  gradients?: Tensor;
  /** Names of the layers that do not learn. */
  frozen?: ReadonlySet<string>;
}

const activationOf = ({ config }: ResolvedLayer): ActivationName => config.activation ?? 'linear';
const activationSlope = ({ config }: ResolvedLayer): number =>
  slopeOf(config.activation ?? 'linear', (config.slope ?? config.alpha) as number | undefined);

/** Records the forward pass of all layers, first to last. */
export function recordForward(
  rec: Recorder,
  layers: ResolvedLayer[],
  input: Tensor,
  options: ForwardOptions,
): Recorded[] {
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
 * @param copied the layers that are copied [all]
 * @returns the gradient of the network's input, where that was asked for
 */
export function recordBackward(
  rec: Recorder,
  recorded: Recorded[],
  gradient: Tensor,
  { needsInputGradient, straightThrough }: { needsInputGradient: boolean; straightThrough: boolean },
  copies?: (Tensor | null)[],
  copied?: ReadonlySet<number>,
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
    if (copies && (copied?.has(i) ?? true)) copies[i] = rec.keep(recordCopy(rec, dy, elementCount(layer.outputShape)));
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
