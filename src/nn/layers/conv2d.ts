import { type Static, Type } from 'typebox';
import type { Shape } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import {
  biasKeys,
  biasSpec,
  filtersSchema,
  groupsSchema,
  layerSchema,
  paddingSchema,
  pair,
  sizeSchema,
  weightKeys,
  weightSpec,
  weightsSchema,
} from './common.ts';
import { convolutionPasses, imageConvolution } from './convolution.ts';

const schema = layerSchema('conv2d', {
  filters: filtersSchema,
  kernel: sizeSchema,
  stride: Type.Optional(sizeSchema),
  padding: Type.Optional(paddingSchema),
  dilation: Type.Optional(sizeSchema),
  groups: groupsSchema,
  ...weightKeys,
  ...biasKeys,
  weights: weightsSchema('weight', 'bias'),
});
type Config = Static<typeof schema>;

const sizes = (config: Config, [input]: Shape[]) => imageConvolution(config, input!);

/**
 * Cross-correlation with zeros outside of the image; x (rows, height, width, channels), w (kernel, kernel, channels / groups,
 * filters). The kernel's elements lie `dilation` pixels apart; channels and filters fall into `groups` that do not mix: as
 * many groups as channels and filters make it depthwise.
 */
export const conv2d: LayerDefinition<Config> = {
  type: 'conv2d',
  schema,
  defaults: { stride: 1, padding: 'valid', dilation: 1, groups: 1, activation: 'linear', bias: true },
  formula: 'y(i, j, f) = activation(b(f) + Σ w(k, l, c, f) · x(i·stride + k·dilation − pad, …, c))',
  ...convolutionPasses(sizes),

  outputShape(config, inputs) {
    const g = sizes(config, inputs);
    return [g.output_height, g.output_width, g.filters];
  },

  parameters(config, [input]) {
    const [height, width] = pair(config.kernel);
    const channels = input![2]! / (config.groups ?? 1);
    const fans = { fanIn: height * width * channels, fanOut: height * width * config.filters };
    const shape = [height, width, channels, config.filters];
    return [weightSpec(config, shape, fans), ...biasSpec(config, config.filters, fans)];
  },
};
