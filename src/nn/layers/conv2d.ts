import { type Static, Type } from 'typebox';
import type { Shape } from '../../shape.ts';
import { defaultSlope, fusedActivation, recordActivation, recordActivationBackward } from '../activations.ts';
import { type LayerDefinition, LayerError } from '../layer.ts';
import {
  extentOf,
  imageShape,
  layerSchema,
  paddingSchema,
  pair,
  sizeSchema,
  weightKeys,
  windowGeometry,
} from './common.ts';

const schema = layerSchema('conv2d', {
  filters: Type.Integer({ minimum: 1, maximum: 65_536 }),
  kernel: sizeSchema,
  stride: Type.Optional(sizeSchema),
  padding: Type.Optional(paddingSchema),
  dilation: Type.Optional(sizeSchema),
  groups: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 65_536, description: 'Each filter sees the channels of its own group.' }),
  ),
  ...weightKeys,
});
type Conv2d = Static<typeof schema>;

function geometry(config: Conv2d, input: Shape) {
  const [height, width, channels] = imageShape('conv2d', input);
  const kernel = pair(config.kernel);
  const dilation = pair(config.dilation ?? 1);
  const groups = config.groups ?? 1;
  if (channels % groups !== 0 || config.filters % groups !== 0) {
    const of = channels % groups !== 0 ? `the ${channels} channels that come in` : `its ${config.filters} filters`;
    throw new LayerError(`${groups} groups do not divide ${of}: use a number of groups that does`, {
      key: 'groups',
      expected: `a divisor of ${channels} and ${config.filters}`,
      received: groups,
    });
  }
  const windows = windowGeometry([height, width], {
    key: 'kernel',
    size: [(kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1],
    stride: pair(config.stride ?? 1),
    padding: config.padding ?? 'valid',
  });
  return {
    ...windows,
    channels,
    filters: config.filters,
    kernel_height: kernel[0],
    kernel_width: kernel[1],
    dilation_height: dilation[0],
    dilation_width: dilation[1],
    groups,
  };
}

/**
 * Offsets into a padded image are 32-bit numbers, and a kernel's elements have a table of their own: the limits that
 * native/ops.def checks, told with the layer's name.
 */
function checkSize(g: ReturnType<typeof geometry>): void {
  const kernel = g.kernel_height * g.kernel_width * Math.max(g.channels, g.filters);
  if (kernel >= 2 ** 24) {
    throw new LayerError(
      `its kernel has ${kernel} elements: it must have fewer than 2²⁴ (height × width × channels or filters)`,
      {
        key: 'kernel',
        received: kernel,
      },
    );
  }
  const height = g.height + 2 * g.kernel_height * g.dilation_height;
  const width = g.width + 2 * g.kernel_width * g.dilation_width;
  if (height >= 32_768 || width >= 32_768 || height * width * Math.max(g.channels, g.filters) >= 2 ** 31) {
    throw new LayerError(
      `the image ${g.height}×${g.width}×${Math.max(g.channels, g.filters)} with its border is too large to convolve`,
      {
        received: [g.height, g.width, g.channels],
      },
    );
  }
}

/**
 * Cross-correlation with zeros outside of the image; x (rows, height, width, channels), w (kernel, kernel, channels / groups,
 * filters). The kernel's elements lie `dilation` pixels apart; channels and filters fall into `groups` that do not mix: as
 * many groups as channels and filters make it depthwise.
 */
export const conv2d: LayerDefinition<Static<typeof schema>> = {
  type: 'conv2d',
  schema,
  defaults: { stride: 1, padding: 'valid', dilation: 1, groups: 1, activation: 'linear', bias: true },

  outputShape(config, input) {
    const g = geometry(config, input);
    checkSize(g);
    return [g.output_height, g.output_width, g.filters];
  },

  parameters(config, input) {
    const [height, width] = pair(config.kernel);
    const channels = input[2]! / (config.groups ?? 1);
    const fans = { fanIn: height * width * channels, fanOut: height * width * config.filters };
    return [
      { name: 'weight' as const, shape: [height, width, channels, config.filters], ...fans },
      ...(config.bias === false ? [] : [{ name: 'bias' as const, shape: [config.filters], ...fans }]),
    ];
  },

  flops(config, input, output) {
    const [height, width] = pair(config.kernel);
    return (2 * height * width * input[2]! * output[0]! * output[1]! * output[2]!) / (config.groups ?? 1);
  },

  forward({ rec, config, inputShape, outputShape, parameters }, x) {
    const extent = extentOf(outputShape);
    const y = rec.perRow(extent.positions * extent.channels);
    rec.op(
      'conv2d',
      { ...geometry(config, inputShape), activation: fusedActivation(config.activation), slope: defaultSlope },
      { x, w: parameters.weight, b: parameters.bias, y },
    );
    return config.activation === 'softmax' ? recordActivation(rec, 'softmax', 0, y, extent) : y;
  },

  backward(
    { rec, config, inputShape, outputShape, parameters, gradients },
    { input, output, outputGradient, needsInputGradient },
  ) {
    const g = geometry(config, inputShape);
    const extent = extentOf(outputShape);
    const dy = recordActivationBackward(rec, config.activation, defaultSlope, output, outputGradient, extent);
    rec.op('conv2d_backward_weight', g, { x: input, dy, dw: gradients.weight });
    if (gradients.bias) {
      rec.op('bias_gradient', { positions: extent.positions, units: extent.channels }, { dy, db: gradients.bias });
    }
    if (!needsInputGradient) return null;
    const dx = rec.perRow(g.height * g.width * g.channels);
    rec.op('conv2d_backward_input', g, { dy, w: parameters.weight, dx });
    return dx;
  },
};
