import { type Static, Type } from 'typebox';
import { elementCount, type Shape } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { imageShape, layerSchema } from './common.ts';

const side = Type.Integer({ minimum: 0, maximum: 4096 });
const schema = layerSchema('zeroPadding2d', {
  padding: Type.Optional(
    Type.Union([side, Type.Array(side, { minItems: 2, maxItems: 2 }), Type.Array(side, { minItems: 4, maxItems: 4 })], {
      description: 'On each side, or [vertical, horizontal], or [top, bottom, left, right] [1].',
    }),
  ),
});
type Config = Static<typeof schema>;

function sizes({ padding = 1 }: Config, input: Shape) {
  const [height, width, channels] = imageShape(input);
  const sides = typeof padding === 'number' ? [padding, padding] : padding;
  const [top, bottom, left, right] = sides.length === 4 ? sides : [sides[0]!, sides[0]!, sides[1]!, sides[1]!];
  return { height, width, channels, top: top!, bottom: bottom!, left: left!, right: right! };
}

/** A frame of zeros around the image. */
export const zeroPadding2d: LayerDefinition<Config> = {
  type: 'zeroPadding2d',
  schema,
  defaults: { padding: 1 },
  formula: 'x in a frame of zeros',

  outputShape(config, [input]) {
    const g = sizes(config, input!);
    return [g.top + g.height + g.bottom, g.left + g.width + g.right, g.channels];
  },

  parameters: () => [],
  flops: () => 0,

  forward({ rec, config, inputShapes: [input], outputShape }, [x]) {
    const y = rec.perRow(elementCount(outputShape));
    rec.op('pad2d', sizes(config, input!), { x, y });
    return y;
  },

  backward({ rec, config, inputShapes: [input] }, { outputGradient, needs }) {
    if (!needs[0]) return [null];
    const dx = rec.perRow(elementCount(input!));
    rec.op('crop2d', sizes(config, input!), { x: outputGradient, y: dx });
    return [dx];
  },
};
