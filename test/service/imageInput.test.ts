import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { imageShape, readImage } from '../../src/service/imageInput.ts';

const raw = (pixels: number[], width: number, channels: 1 | 3 | 4) =>
  sharp(Buffer.from(pixels), { raw: { width, height: pixels.length / width / channels, channels } });
const square = { height: 2, width: 2, channels: 1 } as const;
const read = async (...args: Parameters<typeof readImage>) => [...(await readImage(...args))];

describe('an image', () => {
  test('comes in the units of the dataset', async () => {
    const png = await raw([0, 51, 102, 255], 2, 1).png().toBuffer();
    expect(await read(png, square, 'uint8')).toEqual([0, 51, 102, 255]);
    expect(await read(png, square, 'float32')).toEqual([0, 0.2, 0.4, 1].map((value) => Math.fround(value)));
  });

  test('in colour becomes grey, and a grey one gets three channels', async () => {
    const colour = await raw([200, 200, 200, 10, 10, 10], 2, 3).png().toBuffer();
    expect(await read(colour, { height: 1, width: 2, channels: 1 }, 'uint8')).toEqual([200, 10]);
    const grey = await raw([7, 8], 2, 1).png().toBuffer();
    expect(await read(grey, { height: 1, width: 2, channels: 3 }, 'uint8')).toEqual([7, 7, 7, 8, 8, 8]);
    expect(await read(grey, { height: 1, width: 2, channels: 4 }, 'uint8')).toEqual([7, 7, 7, 255, 8, 8, 8, 255]);
  });

  test('with 16 bits a channel keeps its brightness', async () => {
    const deep = sharp(Uint16Array.of(0, 32_768, 65_535), { raw: { width: 3, height: 1, channels: 1 } });
    const png = await deep.toColourspace('grey16').png().toBuffer();
    expect((await sharp(png).metadata()).depth).toBe('ushort');
    expect(await read(png, { height: 1, width: 3, channels: 1 }, 'uint8')).toEqual([0, 128, 255]);
  });

  test('is transparent on white', async () => {
    const png = await raw([0, 0, 0, 0, 0, 0, 0, 255], 2, 4).png().toBuffer();
    expect(await read(png, { height: 1, width: 2, channels: 1 }, 'uint8')).toEqual([255, 0]);
  });

  test('is fitted in with black around it, inverted or not', async () => {
    const wide = await raw([255, 255], 2, 1).png().toBuffer();
    const tall = { height: 4, width: 2, channels: 1 } as const;
    expect(await read(wide, tall, 'uint8')).toEqual([0, 0, 255, 255, 0, 0, 0, 0]);
    expect(await read(wide, tall, 'uint8', { fit: 'cover' })).toEqual(Array(8).fill(255));
    expect(await read(wide, tall, 'uint8', { fit: 'fill' })).toEqual(Array(8).fill(255));
    const black = await raw([0, 0], 2, 1).png().toBuffer();
    expect(await read(black, tall, 'uint8', { invert: true })).toEqual([0, 0, 255, 255, 0, 0, 0, 0]);
    const colour = { height: 4, width: 2, channels: 3 } as const;
    const inverted = await read(black, colour, 'uint8', { invert: true });
    expect(inverted.slice(0, 9)).toEqual([0, 0, 0, 0, 0, 0, 255, 255, 255]);
  });

  test('is turned as its EXIF data say', async () => {
    const jpeg = await raw([250, 250, 250, 0, 0, 0], 2, 3)
      .resize(16, 8, { fit: 'fill', kernel: 'nearest' })
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toBuffer();
    const [top, bottom] = await read(jpeg, { height: 2, width: 1, channels: 1 }, 'uint8');
    expect(top).toBeGreaterThan(200);
    expect(bottom).toBeLessThan(50);
  });

  test('may be WebP, but nothing that is no photograph', async () => {
    const webp = await raw([9, 9, 9, 9], 2, 1).webp({ lossless: true }).toBuffer();
    expect(await read(webp, square, 'uint8')).toEqual([9, 9, 9, 9]);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2"/>');
    await expect(readImage(svg, square, 'uint8')).rejects.toThrow(/expected PNG, JPEG, WebP; got text/);
  });

  test('that is cut off, empty or far too large is refused', async () => {
    const noise = Array.from({ length: 64 * 64 }, (_, i) => (i * 7919) % 251);
    const png = await raw(noise, 64, 1).png().toBuffer();
    for (const image of [png.subarray(0, png.length / 2), Buffer.alloc(0), Buffer.from('text')]) {
      await expect(readImage(image, square, 'uint8')).rejects.toMatchObject({ code: 'invalid-image' });
    }
    const large = await sharp({ create: { width: 10_001, height: 10_000, channels: 3, background: 'white' } })
      .png({ compressionLevel: 1 })
      .toBuffer();
    await expect(readImage(large, square, 'uint8')).rejects.toThrow(/at most 100 million pixels/);
  });
});

describe('ink on paper', () => {
  /** A dark stroke on light paper, 8 × 8, from (x, y) on, 2 × 3 pixels. */
  const paper = (x: number, y: number, [ground, ink] = [240, 10]) =>
    Array.from({ length: 64 }, (_, i) => {
      const [column, row] = [i % 8, Math.floor(i / 8)];
      return column >= x && column < x + 2 && row >= y && row < y + 3 ? ink! : ground!;
    });
  const shape = { height: 8, width: 8, channels: 1 } as const;

  test('is inverted by itself, chalk on a board is not', async () => {
    const light = await raw(paper(3, 2), 8, 1).png().toBuffer();
    const dark = await raw(paper(3, 2, [10, 240]), 8, 1)
      .png()
      .toBuffer();
    const seen = await read(light, shape, 'uint8', { invert: 'auto' });
    expect(seen).toEqual(paper(3, 2).map((value) => 255 - value));
    expect(await read(dark, shape, 'uint8', { invert: 'auto' })).toEqual(paper(3, 2, [10, 240]));
    // What contain leaves free has the colour of the ground.
    const tall = await raw(paper(3, 2).slice(0, 32), 4, 1).png().toBuffer();
    const contained = await read(tall, { height: 8, width: 8, channels: 1 }, 'uint8', { invert: 'auto' });
    expect(Math.max(...contained.slice(0, 2), ...contained.slice(6, 8))).toBeLessThan(20);
  });

  test('that is transparent around the stroke counts as white paper', async () => {
    const pixels = paper(3, 2, [0, 255]).flatMap((alpha) => [0, 0, 0, alpha]);
    const drawing = await raw(pixels, 8, 4).png().toBuffer();
    const seen = await read(drawing, shape, 'uint8', { invert: 'auto' });
    expect(seen).toEqual(paper(3, 2, [0, 255]));
  });

  test('comes to the middle by its mass', async () => {
    for (const [x, y] of [
      [0, 0],
      [6, 5],
      [3, 2],
    ] as const) {
      const drawing = await raw(paper(x, y, [0, 200]), 8, 1)
        .png()
        .toBuffer();
      // The stroke's middle is at (0.5, 1), that of the picture at (3.5, 3.5); half pixels go up.
      expect(await read(drawing, shape, 'uint8', { center: 'mass' })).toEqual(paper(3, 3, [0, 200]));
    }
    const black = Array(64).fill(0);
    expect(await read(await raw(black, 8, 1).png().toBuffer(), shape, 'uint8', { center: 'mass' })).toEqual(black);
  });
});

test('the shape of images is that of the data, or else that in which the network views them', () => {
  expect(imageShape('digits', [28, 28, 1], [784])).toEqual({ height: 28, width: 28, channels: 1 });
  expect(imageShape('digits', [784], [28, 28, 1])).toEqual({ height: 28, width: 28, channels: 1 });
  expect(imageShape('digits', [8, 8], [64])).toEqual({ height: 8, width: 8, channels: 1 });
  expect(() => imageShape('digits', [4], [4])).toThrow(/"digits" takes no images.*\(4\)/);
});
