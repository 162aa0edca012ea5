import sharp from 'sharp';
import { HebbError } from '../errors.ts';
import { formatShape, type Shape } from '../shape.ts';
import type { PredictOptions } from './types.ts';

// One thread for each image: the others are for training and for the next request.
sharp.concurrency(1);

/** An image of more pixels is refused before it is decoded. */
const maxPixels = 100e6;
const formats = ['png', 'jpeg', 'webp'];

/** What an image has to become. */
export interface ImageShape {
  height: number;
  width: number;
  channels: 1 | 3 | 4;
}

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
  { height, width, channels }: ImageShape,
  inputType: 'uint8' | 'float32',
  { fit = 'contain', invert = false }: Pick<PredictOptions, 'fit' | 'invert'> = {},
): Promise<Float32Array> {
  try {
    const input = sharp(image, { limitInputPixels: maxPixels, failOn: 'error' });
    const { format } = await input.metadata();
    if (!formats.includes(format)) throw new Error(`expected ${formats.join(', ')}, got ${format}`);
    let pipeline = input.autoOrient();
    pipeline = channels === 4 ? pipeline.ensureAlpha() : pipeline.flatten({ background: 'white' });
    // Inversion comes after resizing in sharp, so that the background is inverted with the image.
    pipeline = pipeline.resize(width, height, { fit, background: invert ? 'white' : 'black' });
    if (invert) pipeline = pipeline.negate({ alpha: false });
    pipeline = pipeline.toColourspace(channels === 1 ? 'b-w' : 'srgb');
    if (channels !== 4) pipeline = pipeline.removeAlpha();
    const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) throw new Error(`expected ${channels} channels, got ${info.channels}`);
    const scale = inputType === 'uint8' ? 1 : 1 / 255;
    return Float32Array.from(data, (value) => value * scale);
  } catch (error) {
    throw new HebbError('invalid-image', `the image cannot be read: ${(error as Error).message}`, undefined, {
      cause: error,
    });
  }
}
