import { type Static, Type } from 'typebox';
import { elementCount, type Shape } from '../../shape.ts';
import { type LayerDefinition, LayerError } from '../layer.ts';
import { imageShape, layerSchema, sidesOf, sidesSchema } from './common.ts';

const schema = layerSchema('cropping2d', { cropping: Type.Optional(sidesSchema) });
type Config = Static<typeof schema>;

/** Parameters of the ops, by their names in native/ops.def: height and width are those of what is left. */
function sizes({ cropping = 1 }: Config, input: Shape) {
  const [height, width, channels] = imageShape(input);
  const { top, bottom, left, right } = sidesOf(cropping);
  if (top + bottom >= height || left + right >= width) {
    throw new LayerError(`nothing is left of the image ${height}×${width}: crop less`, {
      key: 'cropping',
      expected: `fewer than ${height} rows and ${width} columns`,
      received: cropping,
    });
  }
  return { height: height - top - bottom, width: width - left - right, channels, top, bottom, left, right };
}

/** The image without a frame: what zeroPadding2d puts around it taken away. */
export const cropping2d: LayerDefinition<Config> = {
  type: 'cropping2d',
  schema,
  defaults: { cropping: 1 },
  formula: 'x without its frame',

  outputShape(config, [input]) {
    const g = sizes(config, input!);
    return [g.height, g.width, g.channels];
  },

  parameters: () => [],
  flops: () => 0,

  forward({ rec, config, inputShapes: [input], outputShape }, [x]) {
    const y = rec.perRow(elementCount(outputShape));
    rec.op('crop2d', sizes(config, input!), { x, y });
    return y;
  },

  backward({ rec, config, inputShapes: [input] }, { outputGradient, needs }) {
    if (!needs[0]) return [null];
    const dx = rec.perRow(elementCount(input!));
    rec.op('pad2d', sizes(config, input!), { x: outputGradient, y: dx });
    return [dx];
  },
};
