import { type Static, Type } from 'typebox';
import { elementCount, type Shape } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import { imageShape, layerSchema, pair, sizeSchema } from './common.ts';

const schema = layerSchema('upSampling2d', { size: Type.Optional(sizeSchema) });
type Config = Static<typeof schema>;

function sizes(config: Config, input: Shape) {
  const [height, width, channels] = imageShape(input);
  const [factor_height, factor_width] = pair(config.size ?? 2);
  return { height, width, channels, factor_height, factor_width };
}

/** Each pixel `size` times in both directions (nearest neighbour). */
export const upSampling2d: LayerDefinition<Config> = {
  type: 'upSampling2d',
  schema,
  defaults: { size: 2 },
  formula: 'y(i, j) = x(⌊i / size⌋, ⌊j / size⌋)',

  outputShape(config, [input]) {
    const g = sizes(config, input!);
    return [g.height * g.factor_height, g.width * g.factor_width, g.channels];
  },

  parameters: () => [],
  flops: () => 0,

  forward({ rec, config, inputShapes: [input], outputShape }, [x]) {
    const y = rec.perRow(elementCount(outputShape));
    rec.op('upsample2d', sizes(config, input!), { x, y });
    return y;
  },

  backward({ rec, config, inputShapes: [input] }, { outputGradient: dy, needs }) {
    if (!needs[0]) return [null];
    const dx = rec.perRow(elementCount(input!));
    rec.op('upsample2d_backward', sizes(config, input!), { dy, dx });
    return [dx];
  },
};
