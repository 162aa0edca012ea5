import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { layerSchema } from './common.ts';

const schema = layerSchema('gaussianNoise', { stddev: Type.Number({ minimum: 0, maximum: 1e6 }) });

/** In training adds normal numbers of mean 0; in prediction does nothing. As in Keras; PyTorch has no such layer. */
export const gaussianNoise: LayerDefinition<Static<typeof schema>> = {
  type: 'gaussianNoise',
  schema,
  defaults: {},
  formula: 'in training x + N(0, stddev²); in prediction x',
  outputShape: (_config, [input]) => [...input!],
  parameters: () => [],
  flops: (_config, [input]) => elementCount(input!),

  forward({ rec, config: { stddev }, index, outputShape, training }, [x]) {
    if (!training || stddev === 0) return x!;
    const elements = elementCount(outputShape);
    const y = rec.perRow(elements);
    rec.op('gaussian_noise', { elements, stddev, layer: index }, { x, y });
    return y;
  },

  backward: (_context, { outputGradient }) => [outputGradient],
};
