import { type Static, type TProperties, Type } from 'typebox';
import { elementCount, type Shape } from '../../shape.ts';
import { activationSchema } from '../activations.ts';
import { type InitializerConfig, initializerSchema } from '../initializers.ts';
import { type Constraint, LayerError, type ParameterSpec, type Regularizer, ShapeError } from '../layer.ts';

/** Tensors are named LAYER.weight, so a layer's name has no dot. */
const layerName = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]*$', maxLength: 64 });

const source = Type.String({ minLength: 1, maxLength: 64 });

/** Keys of every layer. */
export const layerKeys = {
  name: Type.Optional(layerName),
  from: Type.Optional(
    Type.Union([source, Type.Array(source, { minItems: 1, maxItems: 100 })], {
      description:
        'Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before].',
    }),
  ),
};

/** Schema of a layer: `type`, `name`, `from` and its own keys, and no other. */
export function layerSchema<Name extends string, Keys extends TProperties>(type: Name, keys: Keys) {
  return Type.Object({ type: Type.Literal(type), ...layerKeys, ...keys }, { additionalProperties: false });
}

const factor = Type.Optional(Type.Number({ minimum: 0, maximum: 1e6 }));
const givenValues = Type.Optional(Type.Array(Type.Unknown()));

/** Schema of the values that a layer's parameters start from. */
export function weightsSchema<Name extends string>(...names: Name[]) {
  const keys = Object.fromEntries(names.map((name) => [name, givenValues])) as Record<Name, typeof givenValues>;
  return Type.Optional(
    Type.Object(keys, {
      additionalProperties: false,
      description: 'Start from these values, nested as the tensors’ shapes.',
    }),
  );
}

/** Keys of the layers with a weight. */
export const weightKeys = {
  activation: Type.Optional(activationSchema),
  initializer: Type.Optional(initializerSchema),
  regularizer: Type.Optional(
    Type.Object(
      { l1: factor, l2: factor },
      { additionalProperties: false, description: 'Adds l1 · Σ|w| + l2 · Σw² of the weight to the loss.' },
    ),
  ),
  constraint: Type.Optional(
    Type.Object(
      { type: Type.Literal('maxNorm'), value: Type.Number({ exclusiveMinimum: 0, maximum: 1e6 }) },
      {
        additionalProperties: false,
        description: 'After each step the weights of a unit are scaled to a norm of at most `value`.',
      },
    ),
  ),
};

/** … and with a bias. */
export const biasKeys = {
  bias: Type.Optional(Type.Boolean({ description: '[true]' })),
  biasInitializer: Type.Optional(initializerSchema),
};

interface Weighted {
  initializer?: InitializerConfig;
  regularizer?: Regularizer;
  constraint?: Constraint;
}

/** A layer's weight as its configuration asks for it. */
export function weightSpec(
  config: Weighted,
  shape: Shape,
  fans: { fanIn: number; fanOut: number },
  name = 'weight',
): ParameterSpec {
  const { initializer, regularizer, constraint } = config;
  return { name, shape, ...fans, initializer, regularizer, constraint };
}

/** A layer's bias of so many elements, as a list: empty where the configuration leaves it out. */
export function biasSpec(
  config: { bias?: boolean; biasInitializer?: InitializerConfig },
  units: number,
  fans: { fanIn: number; fanOut: number },
): ParameterSpec[] {
  if (config.bias === false) return [];
  return [{ name: 'bias', shape: [units], ...fans, initializer: config.biasInitializer ?? 'zeros' }];
}

export const sideSchema = Type.Integer({ minimum: 1, maximum: 4096 });
/** A number for both dimensions, or [vertical, horizontal]. */
export const sizeSchema = Type.Union([sideSchema, Type.Array(sideSchema, { minItems: 2, maxItems: 2 })]);
export type Size = Static<typeof sizeSchema>;

export const paddingSchema = Type.Union([Type.Enum(['valid', 'same']), Type.Integer({ minimum: 0, maximum: 4095 })], {
  description: '"valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side.',
});
export type Padding = Static<typeof paddingSchema>;

export const filtersSchema = Type.Integer({ minimum: 1, maximum: 65_536 });
export const groupsSchema = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 65_536, description: 'Each filter sees the channels of its own group.' }),
);
export const multiplierSchema = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 1024, description: 'Filters of each channel [1].' }),
);

const frameSide = Type.Integer({ minimum: 0, maximum: 4096 });
/** Widths of a frame around an image. */
export const sidesSchema = Type.Union(
  [frameSide, Type.Array(frameSide, { minItems: 2, maxItems: 2 }), Type.Array(frameSide, { minItems: 4, maxItems: 4 })],
  { description: 'On each side, or [vertical, horizontal], or [top, bottom, left, right] [1].' },
);

export function sidesOf(frame: Static<typeof sidesSchema>) {
  const sides = typeof frame === 'number' ? [frame, frame] : frame;
  const [top, bottom, left, right] = sides.length === 4 ? sides : [sides[0]!, sides[0]!, sides[1]!, sides[1]!];
  return { top: top!, bottom: bottom!, left: left!, right: right! };
}

export function pair(size: Size | number[]): [number, number] {
  return typeof size === 'number' ? [size, size] : [size[0]!, size[1]!];
}

/** @throws LayerError where the input is not an image (height, width, channels) */
export function imageShape(input: Shape): [number, number, number] {
  if (input.length === 3) return input as [number, number, number];
  const [a, b] = input;
  const fix =
    input.length === 2
      ? `add {"type": "reshape", "shape": [${a}, ${b}, 1]} before it`
      : input.length === 1
        ? 'add a reshape to three sizes before it, or leave out what made a row of the image'
        : 'bring it to three sizes by a reshape before it';
  throw new ShapeError(`it takes images (height, width, channels): ${fix}`, {
    expected: '(height, width, channels)',
    received: input,
  });
}

/** @throws LayerError where the input is not a sequence (length, channels) */
export function sequenceShape(type: string, input: Shape): [number, number] {
  if (input.length === 2) return input as [number, number];
  const fix =
    input.length === 1
      ? `add {"type": "reshape", "shape": [${input[0]}, 1]} before it`
      : input.length === 3
        ? `use ${type.replace('1d', '2d')} for images`
        : 'bring it to two sizes by a reshape before it';
  throw new ShapeError(`it takes sequences (length, channels): ${fix}`, {
    expected: '(length, channels)',
    received: input,
  });
}

/** A window that is moved over an image. */
export interface Window {
  /** The layer's key that gives its size. */
  key: 'kernel' | 'size';
  size: [number, number];
  stride: [number, number];
  padding: Padding;
  /** Pixels between the neighbouring elements of the window [1]. */
  dilation?: [number, number];
  /** The image is a sequence, of one column: there is no second dimension to pad or to speak of. */
  sequence?: boolean;
}

/**
 * Output size and padding of a window moved by `stride`. "same" pads as TensorFlow does: the odd zero comes
 * after the image. PyTorch has "same" for a stride of 1 alone, and there it is the same.
 * @returns the parameters that the ops of windows share, by their names in native/ops.def
 * @throws LayerError where the window does not fit
 */
export function windowGeometry(image: [number, number], window: Window) {
  const { key, dilation = [1, 1], sequence = false } = window;
  const output: number[] = [];
  const padBefore: number[] = [];
  for (const d of [0, 1] as const) {
    const [input, stride] = [image[d], window.stride[d]];
    const size = (window.size[d] - 1) * dilation[d] + 1;
    const padding = sequence && d === 1 ? 'valid' : window.padding;
    if (padding === 'same') {
      const count = Math.ceil(input / stride);
      output.push(count);
      padBefore.push(Math.floor(Math.max((count - 1) * stride + size - input, 0) / 2));
      continue;
    }
    const pad = padding === 'valid' ? 0 : padding;
    if (pad >= size) {
      throw new LayerError(`its padding ${pad} must be smaller than its ${key} ${size}`, {
        key: 'padding',
        expected: `0 to ${size - 1}`,
        received: pad,
      });
    }
    if (input + 2 * pad < size) {
      const sizes = (along: number[]) => (sequence ? `${along[0]}` : along.join('×'));
      const reach = window.size.map((side, k) => (side - 1) * dilation[k]! + 1);
      const spread = dilation.some((side) => side > 1) ? `, ${sizes(reach)} with its dilation` : '';
      const framed = pad ? ` and its padding ${pad}` : '';
      throw new ShapeError(
        `its ${key} is ${sizes(window.size)}${spread}${framed}: use padding 'same' or a smaller ${key}`,
        {
          tooSmall: true,
          key,
          expected: `at most ${sizes(image.map((side) => side + 2 * pad))}`,
          received: window.size,
        },
      );
    }
    output.push(Math.floor((input + 2 * pad - size) / stride) + 1);
    padBefore.push(pad);
  }
  return {
    height: image[0],
    width: image[1],
    output_height: output[0]!,
    output_width: output[1]!,
    stride_height: window.stride[0],
    stride_width: window.stride[1],
    pad_top: padBefore[0]!,
    pad_left: padBefore[1]!,
  };
}

/** (positions, channels) of a shape whose last dimension is the channels. */
export function extentOf(shape: Shape): { positions: number; channels: number } {
  const channels = shape.at(-1) ?? 1;
  return { positions: elementCount(shape) / channels, channels };
}

/** What has one number a channel feeds one output and is fed by one input. */
export const normFans = { fanIn: 1, fanOut: 1 };
