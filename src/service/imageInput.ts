import { decodeImage, type ImageFormat, type ImageShape } from '../data/images/decode.ts';
import { HebbError } from '../errors.ts';
import { formatShape, type Shape } from '../shape.ts';
import type { PredictOptions } from './types.ts';

const formats: readonly ImageFormat[] = ['png', 'jpeg', 'webp'];

/**
 * The first of the shapes that an image can have: (height, width, channels) with 1, 3 or 4 channels, or (height, width).
 * @throws HebbError('invalid-image') where there is none
 */
export function imageShape(...shapes: Shape[]): ImageShape {
  for (const shape of shapes) {
    const [height, width, channels = 1] = shape;
    const fits = shape.length === 2 || shape.length === 3;
    if (fits && (channels === 1 || channels === 3 || channels === 4)) {
      return { height: height!, width: width!, channels };
    }
  }
  throw new HebbError(
    'invalid-image',
    `the model takes no images: its input is ${formatShape(shapes[0]!)}; send its numbers as "instances"`,
  );
}

/**
 * Reads an encoded image (PNG, JPEG, WebP), turned as its EXIF data say, in the size and channels of a model.
 * Transparent parts become white unless the model takes an alpha channel; what `contain` leaves free is black.
 *
 * @returns (height, width, channels): 0 to 255 for uint8, 0 to 1 for float32
 * @throws HebbError('invalid-image') for what is no whole image of these formats, or too large
 */
export async function readImage(
  image: Buffer,
  shape: ImageShape,
  inputType: 'uint8' | 'float32',
  { fit, invert }: Pick<PredictOptions, 'fit' | 'invert'> = {},
): Promise<Float32Array> {
  try {
    const { pixels } = await decodeImage(image, shape, { fit, invert, formats });
    const scale = inputType === 'uint8' ? 1 : 1 / 255;
    return Float32Array.from(pixels, (value) => value * scale);
  } catch (error) {
    throw new HebbError('invalid-image', `the image cannot be read: ${(error as Error).message}`, undefined, {
      cause: error,
    });
  }
}
