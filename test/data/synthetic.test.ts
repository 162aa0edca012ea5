import { describe, expect, test } from 'vitest';
import { readSource } from '../../src/data/readers/index.ts';
import { datasetSpec } from '../../src/data/source.ts';
import { readRows } from '../../src/data/store.ts';
import { limits, store, temporaryFolder, thrown } from '../helpers/data.ts';

const folder = await temporaryFolder();

async function make(synthetic: object, options: object = {}) {
  const { info, folder: dataset } = await store(datasetSpec({ synthetic, ...options }), folder);
  const samples = await readRows(dataset, info, 'train', 0, 100_000);
  return { info, rows: samples.map(({ input, target }) => [...(input as number[]), Number(target)]) };
}

describe('gates', () => {
  test.each([
    ['xor', [0, 1, 1, 0]],
    ['and', [0, 0, 0, 1]],
    ['or', [0, 1, 1, 1]],
    ['nand', [1, 1, 1, 0]],
  ])('%s is its truth table in order', async (kind, outputs) => {
    const { info, rows } = await make({ kind });
    expect(rows).toEqual([
      [0, 0, outputs[0]],
      [0, 1, outputs[1]],
      [1, 0, outputs[2]],
      [1, 1, outputs[3]],
    ]);
    expect(info).toMatchObject({ task: 'classification', classes: ['0', '1'], inputShape: [2], targetShape: [] });
  });

  test('with samples the corners go round, and noise is normal with the deviation asked for', async () => {
    const { rows } = await make({ kind: 'xor', samples: 20_000, noise: 0.2, seed: 4 });
    const errors = rows.flatMap(([a, b], i) => [a! - ((i >> 1) & 1), b! - (i & 1)]);
    expect(rows.every((row, i) => row[2] === [0, 1, 1, 0][i % 4])).toBe(true);
    const mean = errors.reduce((sum, e) => sum + e, 0) / errors.length;
    const deviation = Math.sqrt(errors.reduce((sum, e) => sum + (e - mean) ** 2, 0) / errors.length);
    // Standard errors: 0.001 and 0.0007.
    expect(Math.abs(mean)).toBeLessThan(0.005);
    expect(Math.abs(deviation - 0.2)).toBeLessThan(0.004);
    const within = errors.filter((e) => Math.abs(e) < 0.2).length / errors.length;
    expect(Math.abs(within - 0.6827)).toBeLessThan(0.012);
  });

  test('fewer samples than corners keep both classes', async () => {
    const { info } = await make({ kind: 'and', samples: 3 });
    expect(info.classes).toEqual(['0', '1']);
    expect(info.warnings.map(({ code }) => code)).toEqual(['empty-class']);
  });
});

test('blobs: clouds of one deviation around centres within the spread', async () => {
  const { info, rows } = await make({ kind: 'blobs', samples: 6000, classes: 4, features: 3, noise: 0.5, spread: 5 });
  expect(info).toMatchObject({ inputShape: [3], classes: ['0', '1', '2', '3'] });
  expect(info.statistics.classCounts).toEqual([1500, 1500, 1500, 1500]);
  const centres = new Set<number>();
  for (const label of [0, 1, 2, 3]) {
    for (const feature of [0, 1, 2]) {
      const values = rows.filter((row) => row[3] === label).map((row) => row[feature]!);
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
      const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
      expect(Math.abs(deviation - 0.5)).toBeLessThan(0.05);
      expect(Math.abs(mean)).toBeLessThan(5.1);
      centres.add(Math.round(mean * 10));
    }
  }
  expect(centres.size).toBeGreaterThan(8);
});

test('circles: two radii, all the way round', async () => {
  const { rows } = await make({ kind: 'circles', samples: 400, factor: 0.3 });
  const quadrants = new Set<string>();
  for (const [x, y, label] of rows) {
    expect(Math.hypot(x!, y!)).toBeCloseTo(label === 0 ? 1 : 0.3, 6);
    quadrants.add(`${label} ${Math.sign(x!)} ${Math.sign(y!)}`);
  }
  expect(quadrants.size).toBe(8);
});

test('line: a regression; the others can be one too', async () => {
  const { info, rows } = await make({ kind: 'line', samples: 50, slope: -3, intercept: 0.5 });
  expect(info).toMatchObject({ task: 'regression', targetShape: [1], classes: null, inputShape: [1] });
  for (const [x, y] of rows) {
    expect(Math.abs(x!)).toBeLessThanOrEqual(1);
    expect(y).toBeCloseTo(-3 * x! + 0.5, 6);
  }
  expect((await make({ kind: 'xor' }, { task: 'regression' })).info).toMatchObject({
    task: 'regression',
    targetShape: [1],
  });
  await thrown('invalid-data', () => make({ kind: 'line' }, { task: 'classification' }));
  await thrown('invalid-data', () => make({ kind: 'line' }, { classes: ['a'] }));
  await thrown('invalid-data', () => make({ kind: 'xor' }, { classes: ['a'] }));
  expect((await make({ kind: 'xor' }, { classes: ['no', 'yes'] })).info.classes).toEqual(['no', 'yes']);
});

test('the same settings give the same data for ever, another seed other data', async () => {
  const sha256 = async (seed: number) => (await make({ kind: 'blobs', samples: 30, seed })).info.sha256;
  expect(await sha256(1)).toBe('9162f05b7bdbe8938fb114005c525c75bd2db813c2b765e98a9a81dc774aa09d');
  expect(await sha256(2)).not.toBe(await sha256(1));
  expect((await make({ kind: 'xor' })).info.sha256).toBe(
    '2dba6bc0cec8b5aa51780a565b18fc0db9355666256621bcc2847118315dee4e',
  );
});

test('noise does not move the points that it is added to', async () => {
  const { rows: exact } = await make({ kind: 'circles', samples: 50, noise: 0 });
  const { rows: near } = await make({ kind: 'circles', samples: 50, noise: 1e-4 });
  expect(near).not.toEqual(exact);
  for (const [i, row] of exact.entries())
    expect(Math.hypot(row[0]! - near[i]![0]!, row[1]! - near[i]![1]!)).toBeLessThan(1e-3);
});

test('more than the limit is refused before it is made', async () => {
  const source = datasetSpec({ synthetic: { kind: 'blobs', samples: 1_000_000, features: 10_000 } });
  await thrown('too-large', () => readSource(source, limits));
  await thrown('too-large', () => readSource(datasetSpec({ synthetic: { kind: 'xor' } }), { maxBytes: 31 }));
});

test('moons: two half circles that reach into each other', async () => {
  const { info, rows } = await make({ kind: 'moons', samples: 400, seed: 2 });
  expect(info).toMatchObject({ classes: ['0', '1'], statistics: { classCounts: [200, 200] } });
  for (const [x, y, label] of rows as [number, number, number][]) {
    const [dx, dy] = label === 0 ? [x, y] : [x - 1, y - 0.5];
    expect(Math.hypot(dx, dy)).toBeCloseTo(1, 6);
    expect(label === 0 ? dy : -dy).toBeGreaterThanOrEqual(0);
  }
});

test('spiral: on each arm the angle grows with the radius', async () => {
  const { info, rows } = await make({ kind: 'spiral', samples: 300, classes: 3, turns: 2, seed: 5 });
  expect(info.statistics.classCounts).toEqual([100, 100, 100]);
  for (const [x, y, label] of rows as [number, number, number][]) {
    const radius = Math.hypot(x, y);
    expect(radius).toBeLessThanOrEqual(1);
    const turned = Math.atan2(y, x) / (2 * Math.PI) - label / 3 - 2 * radius;
    expect(Math.abs(turned - Math.round(turned)) * radius).toBeLessThan(1e-6);
  }
  expect(Math.max(...rows.map(([x, y]) => Math.hypot(x!, y!)))).toBeGreaterThan(0.95);
});

test('checkerboard: the class changes from field to field', async () => {
  const { rows } = await make({ kind: 'checkerboard', samples: 500, fields: 3, seed: 1 });
  for (const [x, y, label] of rows as [number, number, number][]) {
    const field = (value: number) => Math.floor(((value + 1) / 2) * 3);
    expect(label).toBe((field(x) + field(y)) % 2);
  }
  expect(new Set(rows.map((row) => row[2]))).toEqual(new Set([0, 1]));
});
