import { expect, test } from 'vitest';
import { datasetSpec } from '../../src/data/source.ts';
import { accumulate } from '../../src/data/statistics.ts';
import { openSplit, readRows } from '../../src/data/store.ts';
import { store, temporaryFolder, thrown } from '../helpers/data.ts';

const folder = await temporaryFolder();
const write = (request: object) => store(datasetSpec(request), folder);
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

test('splits hold each sample once, in the order of the source, with its own target', async () => {
  const inputs = range(1000).map((i) => [i, -i]);
  const targets = range(1000).map((i) => `class ${i % 10}`);
  const { info, folder: dataset } = await write({ inputs, targets, split: { validation: 0.2, test: 0.1, seed: 7 } });
  expect(info.samples).toEqual({ train: 700, validation: 200, test: 100 });
  expect(info.statistics.classCounts).toEqual(new Array(10).fill(70));
  const seen: number[] = [];
  for (const split of ['train', 'validation', 'test'] as const) {
    const samples = await readRows(dataset, info, split, 0, 1000);
    expect(openSplit(dataset, split).rows).toBe(samples.length);
    const rows = samples.map(({ input }) => (input as number[])[0]!);
    expect(rows).toEqual([...rows].sort((a, b) => a - b));
    expect(samples.map(({ target }) => target)).toEqual(rows.map((row) => `class ${row % 10}`));
    seen.push(...rows);
  }
  expect(seen.sort((a, b) => a - b)).toEqual(range(1000));
});

test('limit keeps the first samples of a split', async () => {
  const request = { inputs: range(100), targets: range(100), split: { test: 0.5, seed: 1 } };
  const all = await write(request);
  const limited = await write({ ...request, limit: { train: 10, test: 60 } });
  expect(limited.info.samples).toEqual({ train: 10, validation: 0, test: 50 });
  expect(limited.info.warnings).toEqual([
    { code: 'small-split', message: 'test: 60 samples were asked for, there are 50.' },
  ]);
  expect(await readRows(limited.folder, limited.info, 'train', 0, 100)).toEqual(
    await readRows(all.folder, all.info, 'train', 0, 10),
  );
});

test('statistics are those of the training split alone', async () => {
  const { info, folder: dataset } = await write({
    inputs: range(200).map((i) => [Math.fround(Math.sin(i)), 1e6 + i]),
    targets: range(200),
    split: { test: 0.25, seed: 3 },
  });
  const values = (await readRows(dataset, info, 'train', 0, 200)).flatMap(({ input }) => input as number[]);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  expect(values).toHaveLength(300);
  expect(info.statistics.mean).toBeCloseTo(mean, 6);
  expect(info.statistics.standardDeviation / Math.sqrt(variance)).toBeCloseTo(1, 12);
  expect([info.statistics.min, info.statistics.max]).toEqual([Math.min(...values), Math.max(...values)]);
});

test('moments far from zero keep their digits', () => {
  const moments = accumulate('float32');
  for (const value of [16_000_001, 16_000_002, 16_000_003]) {
    moments.add(new Uint8Array(Float32Array.of(value).buffer));
  }
  expect(moments.result()).toEqual({
    min: 16_000_001,
    max: 16_000_003,
    mean: 16_000_002,
    standardDeviation: Math.sqrt(2 / 3),
  });
});

test('warnings: constant inputs, empty classes, splits of nothing', async () => {
  const codes = async (request: object) => (await write(request)).info.warnings.map(({ code }) => code);
  const { info } = await write({
    inputs: [
      [1, 5, 0],
      [1, 6, 0],
    ],
    targets: ['a', 'b'],
    classes: ['a', 'b', 'c'],
    features: ['x', 'y', 'z'],
    split: { validation: 0.1 },
  });
  expect(info.warnings).toEqual([
    { code: 'small-split', message: 'validation: 0.1 of 2 samples is none.' },
    { code: 'empty-class', message: 'No sample to train on of class c.' },
    { code: 'constant-inputs', message: 'Input x, z never changes in the training split.' },
  ]);
  expect(info.features).toEqual(['x', 'y', 'z']);
  expect(await codes({ inputs: [[[1, 2]], [[1, 3]]], targets: [1, 2] })).toEqual([]);
  expect(await codes({ inputs: [[[1, 2]], [[1, 2]]], targets: [1, 2] })).toEqual(['constant-inputs']);
  expect(await codes({ inputs: [[1, 2]], targets: [1] })).toEqual([]);
});

test('what does not fit the data is refused', async () => {
  const request = {
    inputs: [
      [1, 2],
      [3, 4],
    ],
    targets: [1, 2],
  };
  expect((await thrown('invalid-data', () => write({ ...request, features: ['x'] }))).message).toContain('2 names');
  const image = { inputs: [[[1, 2]]], targets: [1] };
  await thrown('invalid-data', () => write({ ...image, features: ['x', 'y'] }));
  expect((await thrown('invalid-data', () => write({ ...image, split: { test: 0.9 } }))).message).toContain(
    'nothing is left to train on',
  );
});
