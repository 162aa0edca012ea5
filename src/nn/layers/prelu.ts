import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import { initializerSchema } from '../initializers.ts';
import type { LayerDefinition } from '../layer.ts';
import { extentOf, layerSchema, normFans, weightsSchema } from './common.ts';

const schema = layerSchema('prelu', {
  initializer: Type.Optional(initializerSchema),
  weights: weightsSchema('slope'),
});

/** leakyRelu that learns a slope for each channel, from 0.25 (as PyTorch with num_parameters = channels). */
export const prelu: LayerDefinition<Static<typeof schema>> = {
  type: 'prelu',
  schema,
  defaults: {},
  formula: 'x where x > 0, otherwise slope · x with a slope for each channel',
  source: 'He et al., ICCV 2015',
  outputShape: (_config, [input]) => [...input!],

  parameters({ initializer = { type: 'constant', value: 0.25 } }, [input]) {
    return [{ name: 'slope', shape: [extentOf(input!).channels], ...normFans, initializer }];
  },

  flops: (_config, [input]) => elementCount(input!),

  forward({ rec, outputShape, parameters }, [x]) {
    const y = rec.perRow(elementCount(outputShape));
    rec.op('prelu', extentOf(outputShape), { x, slope: parameters.slope, y });
    return y;
  },

  backward({ rec, outputShape, parameters, gradients }, { inputs: [x], outputGradient: dy, needs }) {
    const g = extentOf(outputShape);
    if (gradients.slope) rec.op('prelu_slope_gradient', g, { x, dy, dslope: gradients.slope });
    if (!needs[0]) return [null];
    rec.op('prelu_backward', g, { x, slope: parameters.slope, dy, dx: dy });
    return [dy];
  },
};
