import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { layerSchema } from './common.ts';

const schema = layerSchema('dropout', { rate: Type.Number({ minimum: 0, maximum: 0.9999 }) });

/**
 * In training sets each element to zero with probability `rate` and divides the others by 1 − rate; in prediction does
 * nothing. Srivastava et al., "Dropout", JMLR 15, 2014 (the inverted form).
 */
export const dropout: LayerDefinition<Static<typeof schema>> = {
  type: 'dropout',
  schema,
  defaults: {},
  outputShape: (_config, input) => [...input],
  parameters: () => [],
  flops: (_config, input) => elementCount(input),

  forward({ rec, config, index, inputShape, training }, x) {
    if (!training || config.rate === 0) return x;
    const y = rec.perRow(elementCount(inputShape));
    rec.op('dropout', { elements: elementCount(inputShape), rate: config.rate, layer: index }, { x, y });
    return y;
  },

  // The mask is a function of seed, epoch, step, layer and position, so it is made again instead of being kept.
  backward({ rec, config, index, inputShape }, { outputGradient, needsInputGradient }) {
    if (!needsInputGradient) return null;
    if (config.rate === 0) return outputGradient;
    const dx = rec.perRow(elementCount(inputShape));
    rec.op(
      'dropout',
      { elements: elementCount(inputShape), rate: config.rate, layer: index },
      { x: outputGradient, y: dx },
    );
    return dx;
  },
};
