import sharp from 'sharp';

// One thread for each image: the others are for training and for the next request. What was decoded is not needed twice.
sharp.concurrency(1);
sharp.cache(false);

/** An image of more pixels is refused before it is decoded. */
export const maxPixels = 100e6;

export type Channels = 1 | 3 | 4;
export type Fit = 'contain' | 'cover' | 'fill';
/** By their first bytes; names are those of sharp, where heif means AVIF. */
export type ImageFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'tiff' | 'heif';
export const uploadFormats: readonly ImageFormat[] = ['png', 'jpeg', 'webp', 'gif', 'tiff', 'heif'];

/** What an image has to become. */
export interface ImageShape {
  height: number;
  width: number;
  channels: Channels;
}

/**
 * The format that the first bytes tell; undefined for any other. No decoder sees a file of a format that is not wanted:
 * some of those that sharp knows (SVG) are programs rather than pictures.
 */
export function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(16, bytes.length)).toString('latin1');
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp';
  if (text.startsWith('GIF8')) return 'gif';
  if (text.startsWith('II*\0') || text.startsWith('MM\0*')) return 'tiff';
  if (/^ftypavi[fs]$/.test(text.slice(4, 12))) return 'heif';
  return undefined;
}

function open(bytes: Buffer, formats: readonly ImageFormat[]) {
  const format = formatOf(bytes);
  if (bytes.length === 0) throw new Error('it is empty');
  if (!format) throw new Error(`expected ${formats.map(shown).join(', ')}; got ${beginning(bytes)}`);
  if (!formats.includes(format)) throw new Error(`expected ${formats.map(shown).join(', ')}; got ${shown(format)}`);
  return sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error' });
}

const shown = (format: ImageFormat) => (format === 'heif' ? 'AVIF' : format === 'webp' ? 'WebP' : format.toUpperCase());

/** The first bytes of what is no image, in a form that can be read. */
function beginning(bytes: Buffer): string {
  const text = bytes.subarray(0, 12).toString('latin1');
  return /^[\x20-\x7e\t\r\n]+$/.test(text)
    ? `text that begins with ${JSON.stringify(text)}`
    : `bytes that begin with 0x${bytes.subarray(0, 4).toString('hex')}`;
}

/**
 * Size of an encoded image as it is seen, that is turned as its EXIF data say; reads its header alone.
 * @throws Error for what is no image of these formats, or has too many pixels
 */
export async function imageSize(bytes: Buffer, formats = uploadFormats): Promise<{ height: number; width: number }> {
  const input = open(bytes, formats);
  const { autoOrient } = await told(() => input.metadata());
  const { height, width } = autoOrient;
  if (height * width > maxPixels) throw new Error(tooManyPixels(`it has ${width} × ${height}`));
  return { height, width };
}

export interface DecodeOptions {
  fit?: Fit;
  /** Turns the brightness around, and with it what `contain` leaves free. */
  invert?: boolean;
  formats?: readonly ImageFormat[];
}

/**
 * Reads an encoded image, turned as its EXIF data say, in one size. Transparent parts become white unless there are 4
 * channels; what `contain` leaves free is black. Of an animation or a file of pages the first picture is taken.
 *
 * @returns (height, width, channels), uint8; with channels "auto" 1 where red, green and blue are the same in every pixel, else 3
 * @throws Error for what is no whole image of these formats, or has too many pixels
 */
export async function decodeImage(
  bytes: Buffer,
  { height, width, channels }: { height: number; width: number; channels: Channels | 'auto' },
  { fit = 'contain', invert = false, formats = uploadFormats }: DecodeOptions = {},
): Promise<{ pixels: Uint8Array; channels: Channels }> {
  if (!invert && isPlainPng(bytes, { height, width, channels })) {
    const plain = open(bytes, formats).toColourspace(channels === 1 ? 'b-w' : 'srgb');
    const { data, info } = await told(() => plain.raw().toBuffer({ resolveWithObject: true }));
    if (info.channels === channels && data.length === height * width * channels) return { pixels: data, channels };
  }
  const oriented = open(bytes, formats).autoOrient();
  let pipeline = channels === 4 ? oriented.ensureAlpha() : oriented.flatten({ background: 'white' });
  // Inversion comes after resizing in sharp, so that the background is inverted with the image.
  pipeline = pipeline.resize(width, height, { fit, background: invert ? 'white' : 'black' });
  if (invert) pipeline = pipeline.negate({ alpha: false });
  pipeline = pipeline.toColourspace(channels === 1 ? 'b-w' : 'srgb');
  if (channels !== 4) pipeline = pipeline.removeAlpha();
  const { data, info } = await told(() => pipeline.raw().toBuffer({ resolveWithObject: true }));
  const expected = channels === 'auto' ? 3 : channels;
  if (info.channels !== expected || data.length !== height * width * expected) {
    throw new Error(`expected ${expected} channels, got ${info.channels}`);
  }
  const grey = channels === 'auto' ? greyOf(data) : undefined;
  return grey ? { pixels: grey, channels: 1 } : { pixels: data, channels: expected };
}

/**
 * Whether a PNG has this very size and these channels in bytes, and nothing that turns it or makes a colour transparent: then its
 * pixels are what is wanted.
 * Format: https://www.w3.org/TR/png-3/#11IHDR
 */
function isPlainPng(bytes: Buffer, { height, width, channels }: { height: number; width: number; channels: unknown }) {
  if (formatOf(bytes) !== 'png' || bytes.length < 33) return false;
  const greyOrColour = channels === 1 ? 0 : channels === 3 ? 2 : -1;
  return (
    bytes.readUInt32BE(16) === width &&
    bytes.readUInt32BE(20) === height &&
    bytes[24] === 8 &&
    bytes[25] === greyOrColour &&
    !bytes.includes('eXIf') &&
    !bytes.includes('tRNS')
  );
}

/** Pixels of a side of the small picture that tells the ground. */
const groundSize = 16;

/**
 * Whether the edge of an image is lighter than grey, as paper with something dark on it is: by the median of the edge of a small
 * picture of it. Transparent parts count as white.
 * @throws Error for what is no whole image of these formats, or has too many pixels
 */
export async function hasLightGround(bytes: Buffer, formats = uploadFormats): Promise<boolean> {
  const shape = { height: groundSize, width: groundSize, channels: 1 } as const;
  const { pixels } = await decodeImage(bytes, shape, { fit: 'fill', formats });
  const edge = pixels.filter((_, i) => {
    const [x, y] = [i % groundSize, Math.floor(i / groundSize)];
    return x === 0 || y === 0 || x === groundSize - 1 || y === groundSize - 1;
  });
  return edge.sort()[edge.length >> 1]! > 127;
}

/** One byte a pixel, where the three of each are the same. */
function greyOf(pixels: Uint8Array): Uint8Array | undefined {
  const grey = new Uint8Array(pixels.length / 3);
  for (let i = 0, at = 0; i < grey.length; i++, at += 3) {
    const value = pixels[at]!;
    if (pixels[at + 1] !== value || pixels[at + 2] !== value) return undefined;
    grey[i] = value;
  }
  return grey;
}

/** The decoder's errors in one line, and its limit in our words. */
async function told<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    const message = (error as Error).message.split('\n')[0]!;
    throw new Error(/pixel limit/.test(message) ? tooManyPixels('it has more') : `it is damaged (${message})`, {
      cause: error,
    });
  }
}

function tooManyPixels(got: string): string {
  return `at most ${maxPixels / 1e6} million pixels are taken, ${got}`;
}
