import { type Static, Type } from 'typebox';
import type { Shape } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import {
  biasKeys,
  biasSpec,
  filtersSchema,
  layerSchema,
  multiplierSchema,
  paddingSchema,
  pair,
  sizeSchema,
  weightKeys,
  weightSpec,
  weightsSchema,
} from './common.ts';
import {
  convolutionFlops,
  depthwiseConvolution,
  imageConvolution,
  recordConvolution,
  recordConvolutionBackward,
} from './convolution.ts';

const schema = layerSchema('separableConv2d', {
  filters: filtersSchema,
  kernel: sizeSchema,
  multiplier: multiplierSchema,
  stride: Type.Optional(sizeSchema),
  padding: Type.Optional(paddingSchema),
  dilation: Type.Optional(sizeSchema),
  ...weightKeys,
  ...biasKeys,
  weights: weightsSchema('depthwise', 'pointwise', 'bias'),
});
type Config = Static<typeof schema>;

/** Its two convolutions: channel by channel, then 1 × 1. */
function sizes(config: Config, [input]: Shape[]) {
  const depthwise = depthwiseConvolution(config, input!);
  const between = [depthwise.output_height, depthwise.output_width, depthwise.filters];
  const pointwise = imageConvolution({ filters: config.filters, kernel: 1 }, between);
  return { depthwise, pointwise };
}

/**
 * A depthwise convolution, then one of 1 × 1 over all its channels, with no activation between them and one bias, at the end,
 * as in Keras; PyTorch has two layers for it. Chollet: "Xception", CVPR 2017.
 */
export const separableConv2d: LayerDefinition<Config> = {
  type: 'separableConv2d',
  schema,
  defaults: { multiplier: 1, stride: 1, padding: 'valid', dilation: 1, activation: 'linear', bias: true },
  formula: 'activation(conv2d of 1×1 (depthwiseConv2d(x)) + b)',
  source: 'Chollet, CVPR 2017',
  fuses: true,

  outputShape(config, inputs) {
    const { pointwise: g } = sizes(config, inputs);
    return [g.output_height, g.output_width, g.filters];
  },

  parameters(config, [input]) {
    const [height, width] = pair(config.kernel);
    const multiplier = config.multiplier ?? 1;
    const between = input![2]! * multiplier;
    const depthwise = { fanIn: height * width, fanOut: height * width * multiplier };
    const pointwise = { fanIn: between, fanOut: config.filters };
    return [
      weightSpec(config, [height, width, 1, between], depthwise, 'depthwise'),
      weightSpec(config, [1, 1, between, config.filters], pointwise, 'pointwise'),
      ...biasSpec(config, config.filters, pointwise),
    ];
  },

  flops(config, inputs) {
    const { depthwise, pointwise } = sizes(config, inputs);
    return convolutionFlops(depthwise) + convolutionFlops(pointwise);
  },

  forward({ rec, config, inputShapes, parameters, activation, saved }, [x]) {
    const { depthwise, pointwise } = sizes(config, inputShapes);
    const between = recordConvolution(rec, depthwise, 'linear', { x: x!, w: parameters.depthwise! });
    saved.between = between;
    return recordConvolution(rec, pointwise, activation, { x: between, w: parameters.pointwise!, b: parameters.bias });
  },

  backward({ rec, config, inputShapes, parameters, gradients, saved }, { inputs: [x], outputGradient: dy, needs }) {
    const { depthwise, pointwise } = sizes(config, inputShapes);
    const last = { x: saved.between!, w: parameters.pointwise!, dy, dw: gradients.pointwise, db: gradients.bias };
    const learns = gradients.depthwise !== undefined;
    const between = recordConvolutionBackward(rec, pointwise, last, learns || needs[0]!);
    if (!between) return [null];
    const first = { x: x!, w: parameters.depthwise!, dy: between, dw: gradients.depthwise };
    return [recordConvolutionBackward(rec, depthwise, first, needs[0]!)];
  },
};
