import type { TObject } from 'typebox';
import type { Shape } from '../shape.ts';
import type { LayerConfig } from './networkConfig.ts';
import type { Recorder, Tensor } from './recorder.ts';

/** A trainable array of a layer, as the layer's configuration and input shape ask for it. */
export interface ParameterSpec {
  /** The part after the dot in `LAYER.weight`. */
  name: 'weight' | 'bias';
  shape: Shape;
  /** Elements that feed one output, and that one input feeds: what glorot and he initialisation scale by. */
  fanIn: number;
  fanOut: number;
}

/** What a layer gets to record its ops with. Shapes are without the batch dimension. */
export interface LayerContext<Config> {
  rec: Recorder;
  config: Config;
  /** Position in the network; keys the layer's random numbers. */
  index: number;
  inputShape: Shape;
  outputShape: Shape;
  /** Parameter values by name. */
  parameters: Record<string, Tensor>;
  /** Where the gradient of each parameter goes; absent in a program that only predicts. */
  gradients: Record<string, Tensor>;
  training: boolean;
}

/** One kind of layer: everything that Hebb knows of it. A new one is a file with one of these and a line in layers/index.ts. */
export interface LayerDefinition<Config = LayerConfig> {
  type: string;
  /** The layer's configuration in a network's JSON. */
  schema: TObject;
  /** What completes a configuration. */
  defaults: Partial<Config>;
  /**
   * Shape of the output.
   * @throws LayerError with what came and what would fit, where the input does not.
   */
  outputShape(config: Config, input: Shape): Shape;
  parameters(config: Config, input: Shape): ParameterSpec[];
  /** Multiplications and additions of one forward pass for one sample. */
  flops(config: Config, input: Shape, output: Shape): number;
  /** Records the forward pass and returns the output, (rows, ...outputShape). */
  forward(context: LayerContext<Config>, input: Tensor): Tensor;
  /**
   * Records the backward pass: parameter gradients, and the gradient of the input where it is needed.
   * @param outputGradient (rows, ...outputShape); may be overwritten
   */
  backward(
    context: LayerContext<Config>,
    tensors: { input: Tensor; output: Tensor; outputGradient: Tensor; needsInputGradient: boolean },
  ): Tensor | null;
}

/** A layer does not fit its input; the network adds the layer's name and place. */
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
