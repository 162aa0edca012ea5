// A PNG that has the size and channels already takes a shorter way: its pixels have to be those of the long one.
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodeImage } from '../../../src/data/images/decode.ts';

const pixelsOf = (count: number) => Buffer.from(Array.from({ length: count }, (_, i) => (i * 53 + 11) % 256));
/** Grey as grey: sharp would write three channels. */
const encode = (pixels: Buffer, channels: 1 | 3) =>
  sharp(pixels, { raw: { width: 6, height: 6, channels } }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
const size = { height: 6, width: 6 };

describe('a PNG of the very size', () => {
  test.each([1, 3] as const)('of %i channels gives its own pixels, interlaced or not', async (channels) => {
    const pixels = pixelsOf(36 * channels);
    for (const progressive of [false, true]) {
      const png = await encode(pixels, channels).png({ progressive }).toBuffer();
      expect(png[25]).toBe(channels === 1 ? 0 : 2);
      const decoded = await decodeImage(png, { ...size, channels });
      expect(decoded.channels).toBe(channels);
      expect([...decoded.pixels]).toEqual([...pixels]);
    }
  });

  test('gets the other channels of the model', async () => {
    const grey = pixelsOf(36);
    const png = await encode(grey, 1).png().toBuffer();
    const coloured = await decodeImage(png, { ...size, channels: 3 });
    expect([...coloured.pixels]).toEqual([...grey].flatMap((value) => [value, value, value]));
    const { channels } = await decodeImage(await encode(pixelsOf(108), 3).png().toBuffer(), { ...size, channels: 1 });
    expect(channels).toBe(1);
  });

  test('is turned as its EXIF data say', async () => {
    const pixels = pixelsOf(36);
    const png = await encode(pixels, 1).withMetadata({ orientation: 3 }).png().toBuffer();
    const decoded = await decodeImage(png, { ...size, channels: 1 });
    expect([...decoded.pixels]).toEqual([...pixels].reverse());
  });

  test('with a colour that counts as transparent is laid on white', async () => {
    const plain = await encode(Buffer.from(Array.from({ length: 36 }, (_, i) => (i % 2) * 100)), 1)
      .png()
      .toBuffer();
    // A tRNS chunk before the pixels: grey 100 is transparent.
    const chunk = Buffer.from('0000000274524e530064', 'hex');
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(chunk.subarray(4)));
    const at = plain.indexOf('IDAT') - 4;
    const png = Buffer.concat([plain.subarray(0, at), chunk, crc, plain.subarray(at)]);
    const decoded = await decodeImage(png, { ...size, channels: 1 });
    expect([...decoded.pixels.subarray(0, 4)]).toEqual([0, 255, 0, 255]);
  });

  test('that is cut off is refused', async () => {
    const png = await encode(pixelsOf(36), 1).png({ compressionLevel: 0 }).toBuffer();
    await expect(decodeImage(png.subarray(0, png.length - 30), { ...size, channels: 1 })).rejects.toThrow(/damaged/);
  });
});

/** CRC-32 as PNG has it. */
function crc32(bytes: Buffer): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
