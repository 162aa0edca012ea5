import { type Static, Type } from 'typebox';
import { elementCount, type Shape } from '../../shape.ts';
import { type LayerDefinition, LayerError } from '../layer.ts';
import {
  biasKeys,
  biasSpec,
  filtersSchema,
  imageShape,
  layerSchema,
  paddingSchema,
  pair,
  sizeSchema,
  weightKeys,
  weightSpec,
  weightsSchema,
} from './common.ts';
import { checkSize, recordConvolution } from './convolution.ts';

// A filter's weights are no column of w here, so there is no constraint on their norm.
const { constraint: _, ...ownWeightKeys } = weightKeys;
const schema = layerSchema('conv2dTranspose', {
  filters: filtersSchema,
  kernel: sizeSchema,
  stride: Type.Optional(sizeSchema),
  padding: Type.Optional(paddingSchema),
  ...ownWeightKeys,
  ...biasKeys,
  weights: weightsSchema('weight', 'bias'),
});
type Config = Static<typeof schema>;

/** Sizes of the convolution whose input gradient this layer is: that one's image is our output. */
function sizes(config: Config, [input]: Shape[]) {
  const [height, width, channels] = imageShape(input!);
  const kernel = pair(config.kernel);
  const stride = pair(config.stride ?? 1);
  const { padding = 'valid' } = config;
  const along = [height, width].map((size, d) => {
    const full = (size - 1) * stride[d]! + kernel[d]!;
    if (padding === 'same') {
      const output = size * stride[d]!;
      return { output, before: Math.floor(Math.max(full - output, 0) / 2) };
    }
    const before = padding === 'valid' ? 0 : padding;
    const output = full - 2 * before;
    if (before >= kernel[d]! || output < 1) {
      const message = `padding ${before} leaves nothing of the output ${full}: use a smaller one`;
      throw new LayerError(message, { key: 'padding', received: before });
    }
    return { output, before };
  });
  const g = {
    height: along[0]!.output,
    width: along[1]!.output,
    channels: config.filters,
    filters: channels,
    output_height: height,
    output_width: width,
    kernel_height: kernel[0],
    kernel_width: kernel[1],
    stride_height: stride[0],
    stride_width: stride[1],
    pad_top: along[0]!.before,
    pad_left: along[1]!.before,
    dilation_height: 1,
    dilation_width: 1,
    groups: 1,
  };
  checkSize(g);
  return g;
}

/**
 * The gradient of a convolution with regard to its input, as a layer: every input pixel spreads the kernel over the output.
 * w (kernel, kernel, filters, channels), as in Keras. "valid" gives (input − 1) · stride + kernel, a number p takes p from each
 * side of that, both as in PyTorch; "same" gives input · stride as in Keras: what is too much goes in halves from both sides,
 * an odd one from the end, and what lacks is added there (PyTorch's output_padding with a padding cuts the start more).
 * Zeiler et al.: "Deconvolutional networks", CVPR 2010.
 */
export const conv2dTranspose: LayerDefinition<Config> = {
  type: 'conv2dTranspose',
  schema,
  defaults: { stride: 1, padding: 'valid', activation: 'linear', bias: true },
  formula: 'y(i·stride + k − pad, …, f) = activation(b(f) + Σ w(k, l, f, c) · x(i, j, c))',
  source: 'Zeiler et al., CVPR 2010',

  outputShape(config, inputs) {
    const g = sizes(config, inputs);
    return [g.height, g.width, g.channels];
  },

  parameters(config, [input]) {
    const [height, width] = pair(config.kernel);
    const fans = { fanIn: height * width * input![2]!, fanOut: height * width * config.filters };
    const shape = [height, width, config.filters, input![2]!];
    return [weightSpec(config, shape, fans), ...biasSpec(config, config.filters, fans)];
  },

  flops(config, [input]) {
    const [height, width] = pair(config.kernel);
    return 2 * height * width * config.filters * elementCount(input!);
  },

  forward({ rec, config, inputShapes, outputShape, parameters }, [x]) {
    const y = rec.perRow(elementCount(outputShape));
    rec.op('conv2d_backward_input', sizes(config, inputShapes), { dy: x, w: parameters.weight, dx: y });
    if (!parameters.bias) return y;
    const positions = outputShape[0]! * outputShape[1]!;
    rec.op('add_bias', { positions, channels: config.filters }, { x: y, b: parameters.bias, y });
    return y;
  },

  backward(
    { rec, config, inputShapes, outputShape, parameters, gradients },
    { inputs: [x], outputGradient: dy, needs },
  ) {
    const g = sizes(config, inputShapes);
    if (gradients.weight) rec.op('conv2d_backward_weight', g, { x: dy, dy: x, dw: gradients.weight });
    const positions = outputShape[0]! * outputShape[1]!;
    if (gradients.bias) rec.op('bias_gradient', { positions, units: config.filters }, { dy, db: gradients.bias });
    return [needs[0] ? recordConvolution(rec, g, 'linear', { x: dy, w: parameters.weight! }) : null];
  },
};
