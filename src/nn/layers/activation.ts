import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import { activationSchema, defaultSlope, recordActivation, recordActivationBackward } from '../activations.ts';
import { type LayerDefinition, LayerError } from '../layer.ts';
import { extentOf, layerSchema } from './common.ts';

const schema = layerSchema('activation', {
  activation: activationSchema,
  slope: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'Of leakyRelu [0.01].' })),
});

/** An activation as a layer of its own. */
export const activation: LayerDefinition<Static<typeof schema>> = {
  type: 'activation',
  schema,
  defaults: {},

  outputShape(config, input) {
    if (config.slope !== undefined && config.activation !== 'leakyRelu') {
      throw new LayerError(`only leakyRelu takes a slope, not ${config.activation}`, {
        key: 'slope',
        received: config.slope,
      });
    }
    return [...input];
  },

  parameters: () => [],
  flops: (config, input) => (config.activation === 'linear' ? 0 : elementCount(input)),

  forward({ rec, config, inputShape }, x) {
    if (config.activation === 'linear') return x;
    return recordActivation(rec, config.activation, config.slope ?? defaultSlope, x, extentOf(inputShape));
  },

  backward({ rec, config, inputShape }, { output, outputGradient, needsInputGradient }) {
    if (!needsInputGradient) return null;
    const slope = config.slope ?? defaultSlope;
    return recordActivationBackward(rec, config.activation, slope, output, outputGradient, extentOf(inputShape));
  },
};
