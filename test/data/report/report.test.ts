import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readReport } from '../../../src/data/report/readReport.ts';
import { reportDataset, writeReport } from '../../../src/data/report/report.ts';
import type { DatasetReport } from '../../../src/data/report/types.ts';
import { columnValues } from '../../../src/data/report/values.ts';
import { datasetSpec, type Source } from '../../../src/data/source.ts';
import { idx, save, store, temporaryFolder } from '../../helpers/data.ts';

const root = await temporaryFolder();

async function reported(source: Source): Promise<DatasetReport> {
  const { info, folder } = await store(source, root);
  return reportDataset(folder, info);
}

const inline = (inputs: unknown[], targets: unknown[], more: object = {}) =>
  reported(datasetSpec({ inputs, targets, ...more }));

async function images(pixels: number[][], labels: number[], shape: number[]) {
  const files = {
    images: await save(root, idx(8, [pixels.length, ...shape], pixels.flat())),
    labels: await save(root, idx(8, [labels.length], labels)),
  };
  return reported({ kind: 'idx', files });
}

const codes = (report: DatasetReport) => report.warnings.map(({ code }) => code);

describe('values', () => {
  test('range, moments, different values and bars, held against plain sums', async () => {
    const rows = Array.from({ length: 300 }, (_, i) => [Math.sin(i) * 5 + 1000, (i * 7) % 5, 3]);
    const { inputs } = await inline(
      rows,
      rows.map((_, i) => (i % 2 ? 'a' : 'b')),
      { features: ['wave', 'whole', 'same'] },
    );
    expect(inputs).toMatchObject({ kind: 'feature', count: 3 });
    for (const [column, item] of inputs.items.entries()) {
      const values = rows.map((row) => Math.fround(row[column]!));
      const mean = values.reduce((a, b) => a + b) / values.length;
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      expect(item.mean).toBeCloseTo(mean, 9);
      expect(item.standardDeviation).toBeCloseTo(deviation, 9);
      expect([item.min, item.max].map(Math.fround)).toEqual([Math.min(...values), Math.max(...values)]);
      expect(String(item.min).length).toBeLessThan(11);
      expect(item.distinct).toBe(new Set(values).size);
      const { from, to, counts } = item.histogram;
      const width = (to - from) / counts.length;
      const expected = counts.map((_, bar) => {
        const last = bar === counts.length - 1;
        const [low, high] = [from + bar * width, from + (bar + 1) * width];
        return values.filter((value) => value >= low && (last ? value <= high : value < high)).length;
      });
      expect(counts).toEqual(expected);
      expect(counts.reduce((a, b) => a + b)).toBe(300);
    }
    expect(inputs.items.map(({ name }) => name)).toEqual(['wave', 'whole', 'same']);
    // Whole numbers of a small range have a bar each; one value has one.
    expect(inputs.items[1]!.histogram).toEqual({ from: -0.5, to: 4.5, counts: [60, 60, 60, 60, 60] });
    expect(inputs.items[2]!.histogram).toEqual({ from: 2.5, to: 3.5, counts: [300] });
  });

  test('channels of images, from the training split alone', async () => {
    const { info, folder } = await store(
      {
        kind: 'idx',
        files: {
          images: await save(root, idx(8, [2, 1, 2, 3], [1, 2, 3, 5, 6, 7, 1, 2, 3, 9, 9, 9])),
          labels: await save(root, idx(8, [2], [0, 1])),
          testImages: await save(root, idx(8, [1, 1, 2, 3], Array(6).fill(255))),
          testLabels: await save(root, idx(8, [1], [0])),
        },
      },
      root,
    );
    const { inputs, classes } = await reportDataset(folder, info);
    expect(inputs.kind).toBe('channel');
    expect(inputs.items.map(({ name, min, max, mean }) => [name, min, max, mean])).toEqual([
      ['red', 1, 9, 4],
      ['green', 2, 9, 4.75],
      ['blue', 3, 9, 5.5],
    ]);
    expect(classes).toEqual([
      { class: '0', samples: { train: 1, validation: 0, test: 1 } },
      { class: '1', samples: { train: 1, validation: 0, test: 0 } },
    ]);
  });

  test('targets of a regression are described like inputs', async () => {
    const { targets, classes } = await inline(
      [[1], [2], [3]],
      [
        [1, 10],
        [2, 20],
        [3, 60],
      ],
    );
    expect(classes).toBeNull();
    expect(targets!.map(({ name, mean }) => [name, mean])).toEqual([
      ['target 0', 2],
      ['target 1', 30],
    ]);
  });

  test('very many different values are not counted to the end, and take no more memory', () => {
    const columns = columnValues('float32', 2);
    const rows = new Float32Array(2 * 100_000);
    for (let i = 0; i < 100_000; i++) rows.set([i / 3, i % 1000], 2 * i);
    columns.add(rows);
    columns.addAgain(rows);
    expect(columns.report(['a', 'b']).map(({ distinct }) => distinct)).toEqual([null, 1000]);
  });
});

describe('duplicates', () => {
  test('within and across splits, and with other targets', async () => {
    const pixels = [
      [1, 1],
      [2, 2],
      [1, 1],
      [1, 1],
      [3, 3],
    ];
    const files = {
      images: await save(root, idx(8, [5, 1, 2], pixels.flat())),
      labels: await save(root, idx(8, [5], [0, 1, 0, 1, 1])),
      testImages: await save(root, idx(8, [3, 1, 2], [2, 2, 4, 4, 4, 4])),
      testLabels: await save(root, idx(8, [3], [0, 1, 1])),
    };
    const { duplicates, warnings } = await reported({ kind: 'idx', files });
    expect(duplicates).toEqual({
      checked: 8,
      splits: {
        train: { repeated: 2, inEarlierSplits: 0, contradicting: 1 },
        validation: { repeated: 0, inEarlierSplits: 0, contradicting: 0 },
        test: { repeated: 1, inEarlierSplits: 1, contradicting: 1 },
      },
      examples: [
        { split: 'train', index: 2, of: { split: 'train', index: 0 } },
        { split: 'train', index: 3, of: { split: 'train', index: 0 } },
        { split: 'test', index: 0, of: { split: 'train', index: 1 } },
        { split: 'test', index: 2, of: { split: 'test', index: 1 } },
      ],
    });
    expect(warnings.map(({ message }) => message)).toContain(
      '1 of 3 samples of test (33.3 %) stand in train or validation, too: its metrics will flatter.',
    );
  });

  test('none among 50,000 samples that differ in one bit', async () => {
    const inputs = Array.from({ length: 50_000 }, (_, i) => [i & 0xff, i >> 8, 0, 1]);
    const { duplicates } = await inline(
      inputs,
      inputs.map((_, i) => i % 2 === 0),
    );
    expect(duplicates.splits.train).toEqual({ repeated: 0, inEarlierSplits: 0, contradicting: 0 });
    const twice = await inline(
      [...inputs, ...inputs],
      [...inputs, ...inputs].map((_, i) => i % 2 === 0),
    );
    expect(twice.duplicates.splits.train).toEqual({ repeated: 50_000, inEarlierSplits: 0, contradicting: 0 });
    expect(codes(twice)).toContain('duplicate-samples');
  });
});

describe('warnings', () => {
  const noise = (i: number) => Math.sin(i * 12.9898) * 43758.5453 - Math.floor(Math.sin(i * 12.9898) * 43758.5453);
  const rows = Array.from({ length: 200 }, (_, i) => i);

  test('nothing is said of data that are in order', async () => {
    for (const builtin of ['iris', 'wine', 'digits'] as const)
      expect(codes(await reported(datasetSpec({ builtin })))).toEqual([]);
    expect(codes(await reported(datasetSpec({ synthetic: { kind: 'xor' } })))).toEqual([]);
    expect(codes(await reported(datasetSpec({ synthetic: { kind: 'moons', samples: 300, noise: 0.1 } })))).toEqual([]);
    expect(codes(await reported(datasetSpec({ synthetic: { kind: 'line', samples: 300 } })))).toEqual([]);
  });

  test('identifiers, and columns that decide the target', async () => {
    const labels = rows.map((i) => (noise(i) > 0.5 ? 'yes' : 'no'));
    const table = rows.map((i) => [noise(i + 1000), i * 3 + 7, labels[i] === 'yes' ? 4 : 2, noise(i) * 10]);
    const report = await inline(table, labels, { features: ['a', 'number', 'code', 'score'] });
    expect(codes(report)).toEqual(['identifier-column', 'probable-leak']);
    expect(report.warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^Input number: /),
      expect.stringMatching(/^Input code, score alone/),
    ]);
    // A code for each of several groups decides, too, although its order does not.
    const groups = rows.map((i) => i % 8);
    const coded = await inline(
      rows.map((i) => [noise(i), groups[i]]),
      groups.map((group) => (group % 2 ? 'odd' : 'even')),
    );
    expect(coded.warnings.map(({ message }) => message)).toEqual([expect.stringMatching(/^Input 1 alone/)]);
    const prices = rows.map((i) => noise(i));
    const taxed = await inline(
      rows.map((i) => [noise(i + 500), prices[i]! * 1.19]),
      prices,
    );
    expect(codes(taxed)).toEqual(['probable-leak']);
  });

  test('classes: one alone, few samples, out of balance, names that are nearly the same', async () => {
    const inputs = rows.map((i) => [noise(i), noise(i + 300)]);
    expect(
      codes(
        await inline(
          inputs,
          rows.map(() => 'a'),
        ),
      ),
    ).toEqual(['one-class']);
    const few = await inline(
      inputs,
      rows.map((i) => (i < 2 ? 'rare' : i % 2 ? 'Cat' : 'cat ')),
    );
    expect(few.warnings.map(({ message }) => message)).toEqual([
      'Fewer than 3 samples to train on of class rare.',
      expect.stringMatching(/^The class "Cat" has 99 samples to train on, "rare" has 2/),
      'Classes whose names differ only in capitals, blanks, "_" or "-": "Cat" and "cat ". Are they the same?',
    ]);
  });

  test('contradicting targets', async () => {
    const inputs = rows.map((i) => [i % 20, 0.5]);
    expect(
      codes(
        await inline(
          inputs,
          rows.map((i) => (noise(i) > 0.5 ? 'a' : 'b')),
        ),
      ),
    ).toEqual(['duplicate-samples', 'contradicting-targets']);
  });

  test('images of one colour', async () => {
    const blank = Array(48).fill(7);
    const drawn = Array.from({ length: 48 }, (_, i) => i);
    const grey = await images([drawn, blank], [0, 1], [6, 8]);
    expect(grey.blank).toEqual({
      samples: { train: 1, validation: 0, test: 0 },
      examples: [{ split: 'train', index: 1 }],
    });
    expect(codes(grey)).toContain('blank-images');
    // Of three channels: 1, 2, 3, 1, 2, 3 … is one colour.
    const coloured = await images([drawn, drawn.map((i) => i % 3)], [0, 1], [4, 4, 3]);
    expect(coloured.blank!.examples).toEqual([{ split: 'train', index: 1 }]);
  });

  test('cells that were empty are told where the dataset has columns', async () => {
    const { info, folder } = await store(datasetSpec({ builtin: 'iris' }), root);
    const columns = [{ name: 'petal', missing: 3 }, { name: 'sepal', missing: 0 }, { name: 'species' }];
    expect((await reportDataset(folder, { ...info, columns })).missing).toEqual([{ column: 'petal', rows: 3 }]);
  });
});

test('a report is kept beside its dataset, and made where it is missing or damaged', async () => {
  const { info, folder } = await store(datasetSpec({ builtin: 'iris' }), root);
  const [first, second] = await Promise.all([readReport(folder, info), readReport(folder, info)]);
  expect(first).toEqual(await reportDataset(folder, info));
  expect(second).toEqual(first);
  const path = join(folder, 'report.json');
  const text = await readFile(path, 'utf8');
  await save(root, Buffer.from(text));
  const { writeFile } = await import('node:fs/promises');
  await writeFile(path, text.slice(0, 100));
  expect(await readReport(folder, info)).toEqual(first);
  expect(await writeReport(folder, info)).toEqual(first);
});
