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
  sequenceShape,
  sideSchema,
  weightKeys,
  weightSpec,
  weightsSchema,
} from './common.ts';
import { convolutionPasses, convolutionSizes } from './convolution.ts';

const schema = layerSchema('conv1d', {
  filters: filtersSchema,
  kernel: sideSchema,
  stride: Type.Optional(sideSchema),
  padding: Type.Optional(paddingSchema),
  dilation: Type.Optional(sideSchema),
  groups: groupsSchema,
  ...weightKeys,
  ...biasKeys,
  weights: weightsSchema('weight', 'bias'),
});
type Config = Static<typeof schema>;

/** A sequence is an image of one column: its height is the length. */
function sizes(config: Config, [input]: Shape[]) {
  const [length, channels] = sequenceShape('conv1d', input!);
  return convolutionSizes({
    image: [length, 1],
    channels,
    filters: config.filters,
    kernel: [config.kernel, 1],
    stride: [config.stride ?? 1, 1],
    dilation: [config.dilation ?? 1, 1],
    groups: config.groups ?? 1,
    padding: config.padding ?? 'valid',
    sequence: true,
  });
}

/** Cross-correlation along a sequence; x (rows, length, channels), w (kernel, channels / groups, filters). */
export const conv1d: LayerDefinition<Config> = {
  type: 'conv1d',
  schema,
  defaults: { stride: 1, padding: 'valid', dilation: 1, groups: 1, activation: 'linear', bias: true },
  formula: 'y(i, f) = activation(b(f) + Σ w(k, c, f) · x(i·stride + k·dilation − pad, c))',
  ...convolutionPasses(sizes),

  outputShape(config, inputs) {
    const g = sizes(config, inputs);
    return [g.output_height, g.filters];
  },

  parameters(config, [input]) {
    const channels = input![1]! / (config.groups ?? 1);
    const fans = { fanIn: config.kernel * channels, fanOut: config.kernel * config.filters };
    const shape = [config.kernel, channels, config.filters];
    return [weightSpec(config, shape, fans), ...biasSpec(config, config.filters, fans)];
  },
};
