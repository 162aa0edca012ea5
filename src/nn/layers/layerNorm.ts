import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import { activationSchema } from '../activations.ts';
import type { LayerContext, LayerDefinition } from '../layer.ts';
import { extentOf, layerSchema, normFans, weightsSchema } from './common.ts';

const schema = layerSchema('layerNorm', {
  epsilon: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: '[1e-5]' })),
  scale: Type.Optional(Type.Boolean({ description: 'Whether it learns gamma [true].' })),
  center: Type.Optional(Type.Boolean({ description: 'Whether it learns beta [true].' })),
  activation: Type.Optional(activationSchema),
  weights: weightsSchema('gamma', 'beta'),
});
type Config = Static<typeof schema>;

function sizes({ config, outputShape }: LayerContext<Config>) {
  return { ...extentOf(outputShape), epsilon: config.epsilon ?? 1e-5 };
}

/** Normalises over the last dimension, each position of each row by itself; epsilon as in PyTorch (Keras: 1e-3). */
export const layerNorm: LayerDefinition<Config> = {
  type: 'layerNorm',
  schema,
  defaults: { epsilon: 1e-5, scale: true, center: true, activation: 'linear' },
  formula: '(x − mean) / √(variance + epsilon) · gamma + beta, over the last dimension',
  source: 'Ba, Kiros, Hinton, 2016; details as in PyTorch',
  outputShape: (_config, [input]) => [...input!],

  parameters(config, [input]) {
    const { channels } = extentOf(input!);
    const one = (name: string, value: number) => ({
      name,
      shape: [channels],
      ...normFans,
      initializer: { type: 'constant' as const, value },
    });
    return [...(config.scale === false ? [] : [one('gamma', 1)]), ...(config.center === false ? [] : [one('beta', 0)])];
  },

  flops: (_config, [input]) => 8 * elementCount(input!),

  forward(context, [x]) {
    const { rec, outputShape, parameters } = context;
    const y = rec.perRow(elementCount(outputShape));
    rec.op('layer_norm', sizes(context), { x, gamma: parameters.gamma, beta: parameters.beta, y });
    return y;
  },

  backward(context, { inputs: [x], outputGradient: dy, needs }) {
    const { rec, outputShape, parameters, gradients } = context;
    const g = sizes(context);
    const dx = rec.perRow(elementCount(outputShape));
    const dgamma = gradients.gamma ?? rec.allocate(g.channels);
    const dbeta = gradients.beta ?? rec.allocate(g.channels);
    rec.op('layer_norm_backward', g, { x, gamma: parameters.gamma, dy, dx, dgamma, dbeta });
    return [needs[0] ? dx : null];
  },
};
