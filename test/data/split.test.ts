import { expect, test } from 'vitest';
import { splitIndices, splitRows } from '../../src/data/split.ts';

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const sizes = [1, 2, 3, 7, 10, 99, 1000, 5003];
const fractions = [0, 0.05, 0.1, 0.25, 1 / 3, 0.5, 0.9];
/** Classes of very different sizes, in no order. */
const labelsOf = (count: number) => range(count).map((i) => [0, 1, 1, 3, 1, 3, 1][(i * 7919) % 7]!);
const countOf = (rows: Uint32Array, labels: number[], label: number) =>
  rows.filter((row) => labels[row] === label).length;

test('kept and taken are sorted, disjoint, and together everything', () => {
  for (const count of sizes) {
    for (const fraction of fractions) {
      for (const labels of [undefined, labelsOf(count)]) {
        const { kept, taken } = splitIndices({ count, labels, fraction, seed: 3 });
        expect(taken.length).toBe(Math.round(count * fraction));
        expect([...kept]).toEqual([...kept].sort((a, b) => a - b));
        expect([...taken]).toEqual([...taken].sort((a, b) => a - b));
        expect([...kept, ...taken].sort((a, b) => a - b)).toEqual(range(count));
      }
    }
  }
});

test('each class gives its share, to within one sample', () => {
  for (const count of sizes) {
    const labels = labelsOf(count);
    for (const fraction of fractions) {
      const { taken } = splitIndices({ count, labels, fraction, seed: 5 });
      for (const label of [0, 1, 3]) {
        const size = labels.filter((l) => l === label).length;
        const share = (size * taken.length) / count;
        expect(Math.abs(countOf(taken, labels, label) - share)).toBeLessThan(1);
      }
    }
  }
});

test('the same options give the same samples, another seed, purpose or stream others', () => {
  const options = { count: 1000, fraction: 0.3, seed: 1 };
  const taken = (changes: object) => splitIndices({ ...options, ...changes }).taken.join();
  expect(taken({})).toBe(taken({}));
  const all = [taken({}), taken({ seed: 2 }), taken({ purpose: 99 }), taken({ stream: 1 })];
  expect(new Set(all).size).toBe(4);
});

test('every sample is taken about equally often over many seeds', () => {
  const times = new Array<number>(20).fill(0);
  for (let seed = 0; seed < 2000; seed++) {
    for (const row of splitIndices({ count: 20, fraction: 0.25, seed }).taken) times[row]! += 1;
  }
  // Binomial(2000, 1/4): mean 500, standard deviation 19.4; five of them either way.
  for (const n of times) expect(Math.abs(n - 500)).toBeLessThan(97);
});

test('validation and test are disjoint parts of the right sizes, stratified unless told otherwise', () => {
  for (const count of sizes) {
    const labels = labelsOf(count);
    for (const [validation, test] of [
      [0, 0],
      [0.1, 0],
      [0, 0.2],
      [0.1, 0.2],
      [0.4, 0.5],
    ] as const) {
      const splits = splitRows(count, labels, { validation, test, seed: 9 });
      expect([...splits.train, ...splits.validation, ...splits.test].sort((a, b) => a - b)).toEqual(range(count));
      expect(Math.abs(splits.validation.length - count * validation)).toBeLessThan(1);
      expect(Math.abs(splits.test.length - count * test)).toBeLessThan(1);
      for (const label of [0, 1, 3]) {
        const size = labels.filter((l) => l === label).length;
        for (const part of [splits.validation, splits.test]) {
          expect(Math.abs(countOf(part, labels, label) - (size * part.length) / count)).toBeLessThan(2);
        }
      }
    }
  }
  const sorted = range(1000).map((i) => Number(i >= 500));
  const stratified = splitRows(1000, sorted, { test: 0.1, seed: 2 });
  expect(countOf(stratified.test, sorted, 1)).toBe(50);
  const plain = range(40).map((seed) =>
    countOf(splitRows(1000, sorted, { test: 0.1, seed, stratify: false }).test, sorted, 1),
  );
  expect(new Set(plain).size).toBeGreaterThan(1);
});
