import { type Static, Type } from 'typebox';
import { elementCount, formatShape } from '../../shape.ts';
import { type LayerDefinition, LayerError, ShapeError } from '../layer.ts';
import { layerSchema } from './common.ts';

const size = Type.Union([Type.Integer({ minimum: 1, maximum: 2 ** 24 }), Type.Literal(-1)]);
const schema = layerSchema('reshape', {
  shape: Type.Array(size, { minItems: 1, maxItems: 4, description: 'One size may be −1: what is left for it.' }),
});

/** The same numbers in another shape. Rows lie in memory as they are needed, so nothing is recorded. */
export const reshape: LayerDefinition<Static<typeof schema>> = {
  type: 'reshape',
  schema,
  defaults: {},
  formula: '(…) → shape, in the same order',

  outputShape({ shape }, [input]) {
    const elements = elementCount(input!);
    const known = elementCount(shape.filter((s) => s !== -1));
    const open = shape.filter((s) => s === -1).length;
    if (open > 1) throw new LayerError('only one size can be −1', { key: 'shape', received: shape });
    if (open === 1 ? elements % known !== 0 : elements !== known) {
      const what = `${elements} numbers, but its shape ${formatShape(shape)} has ${open ? 'a multiple of ' : ''}${known}: let the sizes multiply to ${elements}, or leave one to be worked out by −1`;
      throw new ShapeError(what, { key: 'shape', expected: `${elements} elements`, received: shape });
    }
    return shape.map((s) => (s === -1 ? elements / known : s));
  },

  parameters: () => [],
  flops: () => 0,
  forward: (_context, [x]) => x!,
  backward: (_context, { outputGradient }) => [outputGradient],
};
