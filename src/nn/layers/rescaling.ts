import { type Static, Type } from 'typebox';
import { elementCount } from '../../shape.ts';
import { largestNumber } from '../initializers.ts';
import type { LayerDefinition } from '../layer.ts';
import { layerSchema } from './common.ts';

const number = Type.Optional(Type.Number({ minimum: -largestNumber, maximum: largestNumber }));
const schema = layerSchema('rescaling', { scale: number, offset: number });

/** y = x · scale + offset. */
export const rescaling: LayerDefinition<Static<typeof schema>> = {
  type: 'rescaling',
  schema,
  defaults: { scale: 1, offset: 0 },
  formula: 'x · scale + offset',
  outputShape: (_config, [input]) => [...input!],
  parameters: () => [],
  flops: (_config, [input]) => 2 * elementCount(input!),

  forward({ rec, config: { scale = 1, offset = 0 }, outputShape }, [x]) {
    const elements = elementCount(outputShape);
    const y = rec.perRow(elements);
    rec.op('affine', { elements, scale, offset }, { x, y });
    return y;
  },

  backward({ rec, config: { scale = 1 }, outputShape }, { outputGradient, needs }) {
    if (!needs[0]) return [null];
    const elements = elementCount(outputShape);
    const dx = rec.perRow(elements);
    rec.op('affine', { elements, scale, offset: 0 }, { x: outputGradient, y: dx });
    return [dx];
  },
};
