import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import { activationSchema } from '../activations.ts';
import type { LayerContext, LayerDefinition } from '../layer.ts';
import { extentOf, layerSchema, normFans, weightsSchema } from './common.ts';

const schema = layerSchema('batchNorm', {
  epsilon: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: '[1e-5]' })),
  momentum: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description: 'Share of the newest batch in the moving statistics [0.1].',
    }),
  ),
  scale: Type.Optional(Type.Boolean({ description: 'Whether it learns gamma [true].' })),
  center: Type.Optional(Type.Boolean({ description: 'Whether it learns beta [true].' })),
  activation: Type.Optional(activationSchema),
  weights: weightsSchema('gamma', 'beta', 'mean', 'variance'),
});
type Config = Static<typeof schema>;

function sizes({ config, outputShape }: LayerContext<Config>) {
  return { ...extentOf(outputShape), epsilon: config.epsilon ?? 1e-5 };
}

/** Whether this pass measures its batch; otherwise the moving statistics hold, as in prediction and where it is frozen. */
const measures = ({ training, frozen }: LayerContext<Config>) => training && !frozen;

/**
 * Normalises each channel over batch and positions, in prediction (and frozen) by moving statistics. Ioffe, Szegedy, ICML
 * 2015. As in PyTorch: epsilon 1e-5, moving = 0.9 · moving + 0.1 · batch, the moving variance unbiased; Keras has 1e-3, 0.99 and
 * the biased variance.
 */
export const batchNorm: LayerDefinition<Config> = {
  type: 'batchNorm',
  schema,
  defaults: { epsilon: 1e-5, momentum: 0.1, scale: true, center: true, activation: 'linear' },
  formula: '(x − mean) / √(variance + epsilon) · gamma + beta, by channel',
  source: 'Ioffe, Szegedy, ICML 2015; details as in PyTorch',
  outputShape: (_config, [input]) => [...input!],

  parameters(config, [input]) {
    const { channels } = extentOf(input!);
    const one = (name: string, value: number, trainable: boolean) => ({
      name,
      shape: [channels],
      ...normFans,
      initializer: { type: 'constant' as const, value },
      trainable,
    });
    return [
      ...(config.scale === false ? [] : [one('gamma', 1, true)]),
      ...(config.center === false ? [] : [one('beta', 0, true)]),
      one('mean', 0, false),
      { ...one('variance', 1, false), minimum: 0 },
    ];
  },

  flops: (_config, [input]) => 4 * elementCount(input!),

  forward(context, [x]) {
    const { rec, outputShape, parameters, saved } = context;
    const g = sizes(context);
    let { mean, variance } = parameters;
    if (measures(context)) {
      mean = saved.mean = rec.allocate(g.channels);
      variance = saved.variance = rec.allocate(g.channels);
      rec.op('channel_moments', { positions: g.positions, channels: g.channels }, { x, mean, variance });
    }
    const y = rec.perRow(elementCount(outputShape));
    rec.op('batch_norm', g, { x, mean, variance, gamma: parameters.gamma, beta: parameters.beta, y });
    return y;
  },

  backward(context, { inputs: [x], outputGradient: dy, needs }) {
    const { rec, outputShape, parameters, gradients, saved } = context;
    const g = sizes(context);
    const { gamma } = parameters;
    if (!measures(context)) {
      if (!needs[0]) return [null];
      const dx = rec.perRow(elementCount(outputShape));
      rec.op('batch_norm', g, { x: dy, variance: parameters.variance, gamma, y: dx });
      return [dx];
    }
    const dx = rec.perRow(elementCount(outputShape));
    const dgamma = gradients.gamma ?? rec.allocate(g.channels);
    const dbeta = gradients.beta ?? rec.allocate(g.channels);
    const { mean, variance } = saved;
    rec.op('batch_norm_backward', g, { x, mean, variance, gamma, dy, dx, dgamma, dbeta });
    return [needs[0] ? dx : null];
  },

  update(context) {
    if (!measures(context)) return;
    const { rec, config, parameters, saved } = context;
    const { positions, channels } = sizes(context);
    rec.op(
      'update_moments',
      { positions, channels, momentum: config.momentum ?? 0.1 },
      { batch_mean: saved.mean, batch_variance: saved.variance, mean: parameters.mean, variance: parameters.variance },
    );
  },
};
