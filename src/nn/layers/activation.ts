import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import { activationSchema } from '../activations.ts';
import { type LayerDefinition, LayerError } from '../layer.ts';
import { layerSchema } from './common.ts';

const schema = layerSchema('activation', {
  activation: activationSchema,
  slope: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'Of leakyRelu [0.01].' })),
  alpha: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100, description: 'Of elu [1].' })),
});

/** An activation as a layer of its own: the network applies every layer's, and this one does nothing else. */
export const activation: LayerDefinition<Static<typeof schema>> = {
  type: 'activation',
  schema,
  defaults: {},
  formula: 'activation(x)',

  outputShape(config, [input]) {
    for (const [key, owner] of [
      ['slope', 'leakyRelu'],
      ['alpha', 'elu'],
    ] as const) {
      if (config[key] === undefined || config.activation === owner) continue;
      const message = `only ${owner} takes ${key === 'slope' ? 'a slope' : 'an alpha'}, not ${config.activation}`;
      throw new LayerError(message, { key, received: config[key] });
    }
    return [...input!];
  },

  parameters: () => [],
  flops: (config, [input]) => (config.activation === 'linear' ? 0 : elementCount(input!)),
  forward: (_context, [x]) => x!,
  backward: (_context, { outputGradient }) => [outputGradient],
};
