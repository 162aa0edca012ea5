import { type Static, Type } from 'typebox';
import type { Shape } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import {
  biasKeys,
  biasSpec,
  layerSchema,
  multiplierSchema,
  paddingSchema,
  pair,
  sizeSchema,
  weightKeys,
  weightSpec,
  weightsSchema,
} from './common.ts';
import { convolutionPasses, depthwiseConvolution } from './convolution.ts';

const schema = layerSchema('depthwiseConv2d', {
  kernel: sizeSchema,
  multiplier: multiplierSchema,
  stride: Type.Optional(sizeSchema),
  padding: Type.Optional(paddingSchema),
  dilation: Type.Optional(sizeSchema),
  ...weightKeys,
  ...biasKeys,
  weights: weightsSchema('weight', 'bias'),
});
type Config = Static<typeof schema>;

const sizes = (config: Config, [input]: Shape[]) => depthwiseConvolution(config, input!);

/** Each channel with filters of its own: w (kernel, kernel, 1, channels · multiplier), those of a channel side by side. */
export const depthwiseConv2d: LayerDefinition<Config> = {
  type: 'depthwiseConv2d',
  schema,
  defaults: { multiplier: 1, stride: 1, padding: 'valid', dilation: 1, activation: 'linear', bias: true },
  formula: 'conv2d with as many groups as channels',
  ...convolutionPasses(sizes),

  outputShape(config, inputs) {
    const g = sizes(config, inputs);
    return [g.output_height, g.output_width, g.filters];
  },

  parameters(config, [input]) {
    const [height, width] = pair(config.kernel);
    const filters = input![2]! * (config.multiplier ?? 1);
    const fans = { fanIn: height * width, fanOut: height * width * (config.multiplier ?? 1) };
    return [weightSpec(config, [height, width, 1, filters], fans), ...biasSpec(config, filters, fans)];
  },
};
