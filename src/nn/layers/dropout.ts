import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { layerSchema } from './common.ts';

const schema = layerSchema('dropout', { rate: Type.Number({ minimum: 0, maximum: 0.9999 }) });

/**
 * In training sets each element to zero with probability `rate` and divides the others by 1 − rate; in prediction does
 * nothing.
 */
export const dropout: LayerDefinition<Static<typeof schema>> = {
  type: 'dropout',
  schema,
  defaults: {},
  formula: 'in training x / (1 − rate) where kept, otherwise 0; in prediction x',
  source: 'Srivastava et al., JMLR 15, 2014 (the inverted form)',
  outputShape: (_config, [input]) => [...input!],
  parameters: () => [],
  flops: (_config, [input]) => elementCount(input!),

  forward({ rec, config: { rate }, index, outputShape, training }, [x]) {
    if (!training || rate === 0) return x!;
    const elements = elementCount(outputShape);
    const y = rec.perRow(elements);
    rec.op('dropout', { elements, rate, layer: index }, { x, y });
    return y;
  },

  // The mask is a function of seed, epoch, step, layer and position, so it is made again instead of being kept.
  backward({ rec, config: { rate }, index, outputShape, training }, { outputGradient, needs }) {
    if (!needs[0]) return [null];
    if (!training || rate === 0) return [outputGradient];
    const elements = elementCount(outputShape);
    const dx = rec.perRow(elements);
    rec.op('dropout', { elements, rate, layer: index }, { x: outputGradient, y: dx });
    return [dx];
  },
};
