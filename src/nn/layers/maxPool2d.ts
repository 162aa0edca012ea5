import { type Static, Type } from 'typebox';
import { elementCount, type Shape } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { imageShape, layerSchema, paddingSchema, pair, sizeSchema, windowGeometry } from './common.ts';

const schema = layerSchema('maxPool2d', {
  size: Type.Optional(sizeSchema),
  stride: Type.Optional(sizeSchema),
  padding: Type.Optional(paddingSchema),
});

function geometry(config: Static<typeof schema>, input: Shape) {
  const [height, width, channels] = imageShape('maxPool2d', input);
  const size = pair(config.size ?? 2);
  const stride = pair(config.stride ?? size);
  const windows = windowGeometry([height, width], {
    key: 'size',
    size,
    stride,
    padding: config.padding ?? 'valid',
  });
  return {
    ...windows,
    channels,
    size_height: size[0],
    size_width: size[1],
  };
}

/** The largest value of each window; padding never wins. The stride is the size where it is not given. */
export const maxPool2d: LayerDefinition<Static<typeof schema>> = {
  type: 'maxPool2d',
  schema,
  defaults: { size: 2, padding: 'valid' },

  outputShape(config, input) {
    const g = geometry(config, input);
    return [g.output_height, g.output_width, g.channels];
  },

  parameters: () => [],

  flops(config, _input, output) {
    const [height, width] = pair(config.size ?? 2);
    return height * width * elementCount(output);
  },

  forward({ rec, config, inputShape, outputShape }, x) {
    const y = rec.perRow(elementCount(outputShape));
    rec.op('max_pool2d', geometry(config, inputShape), { x, y });
    return y;
  },

  backward({ rec, config, inputShape }, { input, output, outputGradient, needsInputGradient }) {
    if (!needsInputGradient) return null;
    const dx = rec.perRow(elementCount(inputShape));
    rec.op('max_pool2d_backward', geometry(config, inputShape), { x: input, y: output, dy: outputGradient, dx });
    return dx;
  },
};
