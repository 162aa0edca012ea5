import { type Static, Type } from 'typebox';
import { elementCount, type Shape } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { imageShape, layerSchema, sidesOf, sidesSchema } from './common.ts';

const schema = layerSchema('zeroPadding2d', { padding: Type.Optional(sidesSchema) });
type Config = Static<typeof schema>;

function sizes({ padding = 1 }: Config, input: Shape) {
  const [height, width, channels] = imageShape(input);
  return { height, width, channels, ...sidesOf(padding) };
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
