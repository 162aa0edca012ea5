import { type Static, type TProperties, Type } from 'typebox';
import { elementCount, formatShape, type Shape } from '../../shape.ts';
import { activationSchema } from '../activations.ts';
import { initializerSchema } from '../initializers.ts';
import { LayerError } from '../layer.ts';

/** Tensors are named LAYER.weight, so a layer's name has no dot. */
const layerName = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]*$', maxLength: 64 });

/** Schema of a layer: `type`, `name` and its own keys, and no other. */
export function layerSchema<Name extends string, Keys extends TProperties>(type: Name, keys: Keys) {
  return Type.Object(
    { type: Type.Literal(type), name: Type.Optional(layerName), ...keys },
    { additionalProperties: false },
  );
}

/** Keys of the layers with weights. */
export const weightKeys = {
  activation: Type.Optional(activationSchema),
  bias: Type.Optional(Type.Boolean()),
  initializer: Type.Optional(initializerSchema),
  biasInitializer: Type.Optional(initializerSchema),
  weights: Type.Optional(
    Type.Object(
      {
        weight: Type.Optional(Type.Array(Type.Unknown())),
        bias: Type.Optional(Type.Array(Type.Unknown())),
      },
      { additionalProperties: false, description: 'Start from these values, nested as the tensors’ shapes.' },
    ),
  ),
};

const side = Type.Integer({ minimum: 1, maximum: 4096 });
/** A number for both dimensions, or [vertical, horizontal]. */
export const sizeSchema = Type.Union([side, Type.Array(side, { minItems: 2, maxItems: 2 })]);
export type Size = Static<typeof sizeSchema>;

export const paddingSchema = Type.Union([Type.Enum(['valid', 'same']), Type.Integer({ minimum: 0, maximum: 4095 })], {
  description: '"valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side.',
});
export type Padding = Static<typeof paddingSchema>;

export function pair(size: Size | number[]): [number, number] {
  return typeof size === 'number' ? [size, size] : [size[0]!, size[1]!];
}

/** @throws LayerError where the input is not an image (height, width, channels) */
export function imageShape(type: string, input: Shape): [number, number, number] {
  if (input.length === 3) return input as [number, number, number];
  throw new LayerError(
    `${type} takes images (height, width, channels), got ${formatShape(input)}${input.length === 2 ? `: give the network's input as [${input.join(', ')}, 1]` : ''}`,
    { expected: '(height, width, channels)', received: input },
  );
}

/**
 * Output size and padding of a window of `kernel` moved by `stride`. "same" pads as TensorFlow does: the odd zero comes
 * after the image.
 * @returns the parameters that the ops of windows share, by their names in native/ops.def
 * @throws LayerError where the window does not fit
 */
export function windowGeometry(
  image: [number, number],
  window: { key: 'kernel' | 'size'; size: [number, number]; stride: [number, number]; padding: Padding },
) {
  const output: number[] = [];
  const padBefore: number[] = [];
  for (const d of [0, 1] as const) {
    const [input, size, stride] = [image[d], window.size[d], window.stride[d]];
    if (window.padding === 'same') {
      const count = Math.ceil(input / stride);
      output.push(count);
      padBefore.push(Math.floor(Math.max((count - 1) * stride + size - input, 0) / 2));
      continue;
    }
    const pad = window.padding === 'valid' ? 0 : window.padding;
    if (pad >= size) {
      throw new LayerError(`padding ${pad} must be smaller than ${window.key} ${size}`, {
        key: 'padding',
        expected: `0 to ${size - 1}`,
        received: pad,
      });
    }
    if (input + 2 * pad < size) {
      throw new LayerError(
        `its ${window.key} ${window.size.join('×')} is larger than the image ${image.join('×')}${pad ? ` with padding ${pad}` : ''}: use padding "same", a smaller ${window.key}, or remove a pooling before it`,
        { key: window.key, expected: `at most ${image.map((s) => s + 2 * pad).join('×')}`, received: window.size },
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
