// The pooling layers: maxima and means of windows, of images and sequences, moved or over all of it.
import { type Static, Type } from 'typebox';
import { elementCount, type Shape } from '../../shape.ts';
import type { LayerDefinition } from '../layer.ts';
import {
  imageShape,
  layerSchema,
  paddingSchema,
  pair,
  sequenceShape,
  sideSchema,
  sizeSchema,
  windowGeometry,
} from './common.ts';

type Kind = 'max' | 'average';
/** Parameters of the pooling ops, by their names in native/ops.def. */
type Sizes = ReturnType<typeof windowGeometry> & { channels: number; size_height: number; size_width: number };

const formulas = {
  max: 'the largest value of each window; zeros around the image never win',
  average: 'the mean of each window, of the part within the image (zeros around it do not count)',
};

/** The definition of a pooling layer of a kind, given its windows. */
function pooling<Config>(
  kind: Kind,
  own: Pick<LayerDefinition<Config>, 'type' | 'schema' | 'defaults' | 'formula'>,
  sizes: (config: Config, input: Shape) => Sizes,
  shapeOf: (sizes: Sizes) => Shape,
): LayerDefinition<Config> {
  return {
    ...own,
    outputShape: (config, [input]) => shapeOf(sizes(config, input!)),
    parameters: () => [],
    flops(config, [input], output) {
      const g = sizes(config, input!);
      return g.size_height * g.size_width * elementCount(output);
    },
    forward({ rec, config, inputShapes: [input], outputShape }, [x]) {
      const y = rec.perRow(elementCount(outputShape));
      rec.op(`${kind}_pool2d`, sizes(config, input!), { x, y });
      return y;
    },
    backward({ rec, config, inputShapes: [input] }, { inputs: [x], output: y, outputGradient: dy, needs }) {
      if (!needs[0]) return [null];
      const dx = rec.perRow(elementCount(input!));
      const operands = kind === 'max' ? { x, y, dy, dx } : { dy, dx };
      rec.op(`${kind}_pool2d_backward`, sizes(config, input!), operands);
      return [dx];
    },
  };
}

function pool2d(type: string, kind: Kind) {
  const schema = layerSchema(type, {
    size: Type.Optional(sizeSchema),
    stride: Type.Optional(sizeSchema),
    padding: Type.Optional(paddingSchema),
  });
  const own = { type, schema, defaults: { size: 2, padding: 'valid' } as const, formula: formulas[kind] };
  return pooling<Static<typeof schema>>(
    kind,
    own,
    (config, input) => {
      const [height, width, channels] = imageShape(input);
      const size = pair(config.size ?? 2);
      const stride = pair(config.stride ?? size);
      const windows = windowGeometry([height, width], {
        key: 'size',
        size,
        stride,
        padding: config.padding ?? 'valid',
      });
      return { ...windows, channels, size_height: size[0], size_width: size[1] };
    },
    (g) => [g.output_height, g.output_width, g.channels],
  );
}

/** A sequence is an image of one column. */
function pool1d(type: string, kind: Kind) {
  const schema = layerSchema(type, {
    size: Type.Optional(sideSchema),
    stride: Type.Optional(sideSchema),
    padding: Type.Optional(paddingSchema),
  });
  const own = { type, schema, defaults: { size: 2, padding: 'valid' } as const, formula: formulas[kind] };
  return pooling<Static<typeof schema>>(
    kind,
    own,
    (config, input) => {
      const [length, channels] = sequenceShape(type, input);
      const { size = 2, padding = 'valid' } = config;
      const windows = windowGeometry([length, 1], {
        key: 'size',
        size: [size, 1],
        stride: [config.stride ?? size, 1],
        padding,
        sequence: true,
      });
      return { ...windows, channels, size_height: size, size_width: 1 };
    },
    (g) => [g.output_height, g.channels],
  );
}

function globalPool2d(type: string, kind: Kind) {
  const schema = layerSchema(type, {});
  const formula = `the ${kind === 'max' ? 'largest value' : 'mean'} of each channel over the whole image`;
  return pooling<Static<typeof schema>>(
    kind,
    { type, schema, defaults: {}, formula },
    (_config, input) => {
      const [height, width, channels] = imageShape(input);
      const size: [number, number] = [height, width];
      const windows = windowGeometry(size, { key: 'size', size, stride: [1, 1], padding: 'valid' });
      return { ...windows, channels, size_height: height, size_width: width };
    },
    (g) => [g.channels],
  );
}

/** The largest value of each window; padding never wins. The stride is the size where it is not given. */
export const maxPool2d = pool2d('maxPool2d', 'max');
/** The mean of each window, of the part within the image: as TensorFlow, and as PyTorch with count_include_pad=False. */
export const averagePool2d = pool2d('averagePool2d', 'average');
export const maxPool1d = pool1d('maxPool1d', 'max');
export const averagePool1d = pool1d('averagePool1d', 'average');
export const globalMaxPool2d = globalPool2d('globalMaxPool2d', 'max');
export const globalAveragePool2d = globalPool2d('globalAveragePool2d', 'average');
