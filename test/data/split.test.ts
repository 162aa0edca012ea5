import { expect, test } from 'vitest';
import { type SplitKeys, splitIndices, splitRows } from '../../src/data/split.ts';

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

/** Numbers from 0 to below 1, the same in every run (Park and Miller's generator). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** What every way to split must keep: nothing lost, nothing twice, the order of the rows, the same for the same options. */
function checked(...options: Parameters<typeof splitRows>) {
  const splits = splitRows(...options);
  expect([...splits.train, ...splits.validation, ...splits.test].sort((a, b) => a - b)).toEqual(range(options[0]));
  for (const rows of Object.values(splits)) expect([...rows]).toEqual([...rows].sort((a, b) => a - b));
  expect(splitRows(...options)).toEqual(splits);
  return splits;
}

test('whatever is split at random keeps its promises', () => {
  const random = randomNumbers(11);
  const below = (most: number) => Math.floor(random() * most);
  for (let run = 0; run < 300; run++) {
    const count = 1 + below(400);
    const labels = Int32Array.from({ length: count }, () => below(1 + below(6)));
    const test = random() * 0.6;
    const validation = random() * (0.95 - test);
    const splits = checked(count, labels, { validation, test, seed: below(2 ** 32) });
    expect(Math.abs(splits.test.length - count * test)).toBeLessThan(1);
    expect(Math.abs(splits.validation.length - count * validation)).toBeLessThan(1);
    for (const label of new Set(labels)) {
      const size = labels.filter((l) => l === label).length;
      const inTest = splits.test.filter((row) => labels[row] === label).length;
      expect(Math.abs(inTest - (size * splits.test.length) / count)).toBeLessThan(1);
    }
  }
});

test('whatever is split by time or by groups keeps them whole', () => {
  const random = randomNumbers(12);
  const below = (most: number) => Math.floor(random() * most);
  for (let run = 0; run < 400; run++) {
    const count = 3 + below(200);
    const different = 3 + below(count);
    const by = run % 2 === 0 ? 'time' : 'group';
    // Each number once at least; groups are numbered from 0.
    const places = range(count).map((i) => (i < Math.min(count, different) ? i : below(Math.min(count, different))));
    const values = by === 'time' ? Float64Array.from(places, (t) => t * 1.5 - 7) : Int32Array.from(places);
    for (let i = count - 1; i > 0; i--) {
      const j = below(i + 1);
      [values[i], values[j]] = [values[j]!, values[i]!];
    }
    const shares = { validation: run % 3 === 0 ? 0 : 0.05 + random() * 0.4, test: 0.05 + random() * 0.4 };
    const keys = { by, values } as SplitKeys;
    const seed = below(1000);
    const splits = checked(count, undefined, { ...shares, ...(by === 'group' && { seed }) }, keys);
    const of = (rows: Uint32Array) => new Set([...rows].map((row) => values[row]!));
    const [train, validation, test] = [of(splits.train), of(splits.validation), of(splits.test)];
    expect(train.size + validation.size + test.size).toBe(new Set(values).size);
    expect(train.size * test.size).toBeGreaterThan(0);
    expect(validation.size > 0).toBe(shares.validation > 0);
    if (by === 'group') continue;
    const [least, most] = [(set: Set<number>) => Math.min(...set), (set: Set<number>) => Math.max(...set)];
    expect(most(train)).toBeLessThan(least(test));
    if (validation.size === 0) continue;
    expect(most(train)).toBeLessThan(least(validation));
    expect(most(validation)).toBeLessThan(least(test));
  }
});

test('by time, as many rows as are wanted where no two have the same', () => {
  const values = Float64Array.from({ length: 100 }, (_, i) => (i * 37) % 100);
  const splits = splitRows(100, undefined, { validation: 0.1, test: 0.25 }, { by: 'time', values });
  expect([...splits.test].map((row) => values[row]!).sort((a, b) => a - b)).toEqual(range(25).map((i) => 75 + i));
  expect([...splits.validation].map((row) => values[row]!).sort((a, b) => a - b)).toEqual(range(10).map((i) => 65 + i));
});
