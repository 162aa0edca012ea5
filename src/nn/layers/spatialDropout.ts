import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { extentOf, layerSchema } from './common.ts';

const schema = layerSchema('spatialDropout', { rate: Type.Number({ minimum: 0, maximum: 0.9999 }) });

/** Dropout of whole channels. Tompson et al., CVPR 2015. */
export const spatialDropout: LayerDefinition<Static<typeof schema>> = {
  type: 'spatialDropout',
  schema,
  defaults: {},
  formula: 'dropout that keeps or drops a channel at all positions',
  source: 'Tompson et al., CVPR 2015',
  outputShape: (_config, [input]) => [...input!],
  parameters: () => [],
  flops: (_config, [input]) => elementCount(input!),

  forward({ rec, config: { rate }, index, outputShape, training }, [x]) {
    if (!training || rate === 0) return x!;
    const y = rec.perRow(elementCount(outputShape));
    rec.op('spatial_dropout', { ...extentOf(outputShape), rate, layer: index }, { x, y });
    return y;
  },

  backward({ rec, config: { rate }, index, outputShape, training }, { outputGradient, needs }) {
    if (!needs[0]) return [null];
    if (!training || rate === 0) return [outputGradient];
    const dx = rec.perRow(elementCount(outputShape));
    rec.op('spatial_dropout', { ...extentOf(outputShape), rate, layer: index }, { x: outputGradient, y: dx });
    return [dx];
  },
};
