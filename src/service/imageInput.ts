import { decodeImage, hasLightGround, type ImageFormat, type ImageShape } from '../data/images/decode.ts';
import { HebbError } from '../errors.ts';
import { formatShape, type Shape } from '../shape.ts';
import type { PredictOptions } from './types.ts';

const formats: readonly ImageFormat[] = ['png', 'jpeg', 'webp'];

/**
 * The first of a model's shapes that an image can have: (height, width, channels) with 1, 3 or 4 channels, or (height, width).
 * @throws HebbError('invalid-image') where there is none
 */
export function imageShape(name: string, ...shapes: Shape[]): ImageShape {
  for (const shape of shapes) {
    const [height, width, channels = 1] = shape;
    const fits = shape.length === 2 || shape.length === 3;
    if (fits && (channels === 1 || channels === 3 || channels === 4)) {
      return { height: height!, width: width!, channels };
    }
  }
  throw new HebbError(
    'invalid-image',
    `the model "${name}" takes no images: its input is ${formatShape(shapes[0]!)}; send its numbers as "instances"`,
  );
}

/**
 * Reads an encoded image (PNG, JPEG, WebP), turned as its EXIF data say, in the size and channels of a model.
 * Transparent parts become white unless the model takes an alpha channel; what `contain` leaves free is black.
 * With invert "auto" an image with a light ground is inverted, so that its ground is dark as that of MNIST's digits; with
 * center "mass" it is shifted so that its centre of mass (of brightness) comes to the middle.
 *
 * @returns (height, width, channels): 0 to 255 for uint8, 0 to 1 for float32
 * @throws HebbError('invalid-image') for what is no whole image of these formats, or too large
 */
export async function readImage(
  image: Buffer,
  shape: ImageShape,
  inputType: 'uint8' | 'float32',
  { fit, invert, center }: Pick<PredictOptions, 'fit' | 'invert' | 'center'> = {},
): Promise<Float32Array> {
  try {
    const inverted = invert === 'auto' ? await hasLightGround(image, formats) : invert;
    const decoded = await decodeImage(image, shape, { fit, invert: inverted, formats });
    const pixels = center === 'mass' ? centredByMass(decoded.pixels, shape) : decoded.pixels;
    const scale = inputType === 'uint8' ? 1 : 1 / 255;
    const values = new Float32Array(pixels.length);
    for (let i = 0; i < values.length; i++) values[i] = pixels[i]! * scale;
    return values;
  } catch (error) {
    throw new HebbError('invalid-image', `the image cannot be read: ${(error as Error).message}`, undefined, {
      cause: error,
    });
  }
}

/**
 * The image shifted by whole pixels so that its centre of mass lies in the middle; what comes in from outside is black, what
 * goes out is lost.
 * @param pixels (height, width, channels)
 */
export function centredByMass(pixels: Uint8Array, { height, width, channels }: ImageShape): Uint8Array {
  let mass = 0;
  let [x, y] = [0, 0];
  // An alpha channel has no brightness.
  const colours = Math.min(channels, 3);
  for (let i = 0; i < height * width; i++) {
    let brightness = 0;
    for (let c = 0; c < colours; c++) brightness += pixels[i * channels + c]!;
    mass += brightness;
    x += brightness * (i % width);
    y += brightness * Math.floor(i / width);
  }
  if (mass === 0) return pixels;
  const dx = Math.round((width - 1) / 2 - x / mass);
  const dy = Math.round((height - 1) / 2 - y / mass);
  const shifted = new Uint8Array(pixels.length);
  for (let row = Math.max(0, dy); row < Math.min(height, height + dy); row++) {
    const from = ((row - dy) * width + Math.max(0, -dx)) * channels;
    const length = (width - Math.abs(dx)) * channels;
    if (length > 0) shifted.set(pixels.subarray(from, from + length), (row * width + Math.max(0, dx)) * channels);
  }
  return shifted;
}
