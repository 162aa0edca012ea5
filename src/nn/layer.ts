import type { TObject } from 'typebox';
import type { Shape } from '../shape.ts';
import type { ActivationName } from './activations.ts';
import type { InitializerConfig } from './initializers.ts';
import type { LayerConfig } from './networkConfig.ts';
import type { Recorder, Tensor } from './recorder.ts';

/** Penalties that a weight adds to the loss: l1 · Σ|w| + l2 · Σw². */
export interface Regularizer {
  l1?: number;
  l2?: number;
}

/** What is done to a weight after each update: units (the last dimension) whose norm is above `value` are scaled down. */
export interface Constraint {
  type: 'maxNorm';
  value: number;
}

/** An array of a layer, as the layer's configuration and input shape ask for it. */
export interface ParameterSpec {
  /** The part after the dot in `LAYER.weight`. */
  name: string;
  shape: Shape;
  /** Elements that feed one output, and that one input feeds: what glorot and he initialisation scale by. */
  fanIn: number;
  fanOut: number;
  /** How it starts; left out: as the job or the network says. */
  initializer?: InitializerConfig;
  /** False for what training measures rather than learns (the moving statistics of batchNorm) [true]. */
  trainable?: boolean;
  regularizer?: Regularizer;
  constraint?: Constraint;
  /** Given values are refused below this. */
  minimum?: number;
}

/** What a layer gets to record its ops with. Shapes are without the batch dimension. */
export interface LayerContext<Config = LayerConfig> {
  rec: Recorder;
  config: Config;
  /** Position in the network; keys the layer's random numbers. */
  index: number;
  /** One for each input. */
  inputShapes: Shape[];
  outputShape: Shape;
  /** Parameter values by name. */
  parameters: Record<string, Tensor>;
  /** Where the gradient of each parameter goes; absent where it is not wanted: in prediction, and of what does not learn. */
  gradients: Record<string, Tensor>;
  /** Whether the step learns: dropout drops, batchNorm measures the batch. */
  training: boolean;
  /** The layer is held as it is, while others learn. */
  frozen: boolean;
  /** What the layer's op is to apply to its result; the network does it where the layer does not declare `fuses`. */
  activation: ActivationName;
  /** What forward leaves to backward. */
  saved: Record<string, Tensor>;
}

/** One kind of layer: everything that Hebb knows of it. A new one is a file with one of these and a line in layers/index.ts. */
export interface LayerDefinition<Config = LayerConfig> {
  type: string;
  /** The layer's configuration in a network's JSON; descriptions of keys go to the catalogue. */
  schema: TObject;
  /** What completes a configuration. */
  defaults: Partial<Config>;
  /** For the catalogue: what it computes, in a formula or a sentence, and where that is from. */
  formula: string;
  source?: string;
  /** Takes two inputs or more [exactly one]. */
  merges?: boolean;
  /** Its output does not follow its input smoothly, so nothing before it could learn: such layers are refused there. */
  endsGradient?: boolean;
  /** Its op applies an activation by itself, of those that can be a part of an op. */
  fuses?: boolean;
  /**
   * Shape of the output.
   * @throws LayerError with what came and what would fit, where the inputs do not.
   */
  outputShape(config: Config, inputs: Shape[]): Shape;
  parameters(config: Config, inputs: Shape[]): ParameterSpec[];
  /** Multiplications and additions of one forward pass for one sample. */
  flops(config: Config, inputs: Shape[], output: Shape): number;
  /** Records the forward pass and returns the output, (rows, ...outputShape), before an activation that it does not fuse. */
  forward(context: LayerContext<Config>, inputs: Tensor[]): Tensor;
  /**
   * Records the backward pass: parameter gradients, and the gradient of each input where it is needed.
   * @param tensors output as forward returned it; outputGradient (rows, ...outputShape), already without the activation:
   * may be overwritten and returned
   * @returns one for each input; null where it is not needed
   */
  backward(
    context: LayerContext<Config>,
    tensors: { inputs: Tensor[]; output: Tensor; outputGradient: Tensor; needs: boolean[] },
  ): (Tensor | null)[];
  /** Records what a layer changes by itself after a step of training, as moving statistics. */
  update?(context: LayerContext<Config>): void;
}

/** A layer is wrong; the network adds its name and place: "conv2d 'c' after dense 'd': <message>". */
export class LayerError extends Error {
  readonly expected: unknown;
  readonly received: unknown;
  /** Key of the layer's configuration that is at fault, if one is. */
  readonly key: string | undefined;

  constructor(message: string, details: { expected?: unknown; received?: unknown; key?: string } = {}) {
    super(message);
    this.expected = details.expected;
    this.received = details.received;
    this.key = details.key;
  }
}

/**
 * The shape of what comes in does not suit a layer. The network tells it as well: "conv2d 'c' after maxPool2d 'p' gets
 * (2, 2, 16), <message>", so the message is a clause that says what the layer takes and, behind a colon, what to change.
 */
export class ShapeError extends LayerError {
  /** The image is too small: a pooling before it, if there is one, could go. */
  readonly tooSmall: boolean;

  constructor(message: string, details: ConstructorParameters<typeof LayerError>[1] & { tooSmall?: boolean } = {}) {
    super(message, details);
    this.tooSmall = details.tooSmall ?? false;
  }
}
