import { expect, test } from 'vitest';
import { RadixMedian, radixPasses } from '../../../src/data/tables/median.ts';

function median(values: number[]): number | undefined {
  const selection = new RadixMedian();
  for (let pass = 0; pass < radixPasses; pass++) for (const value of values) selection.add(pass, value);
  return selection.result();
}

/** By sorting. */
function naive(values: number[]): number {
  const sorted = values.map(Math.fround).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

test('is the middle of the values, or the mean of the two in the middle', () => {
  expect(median([])).toBeUndefined();
  expect(median([5.1])).toBe(5.1);
  expect(median([5.1, 5.2])).toBeCloseTo(5.15, 12);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([0, -0])).toBe(0);
  expect(median([-1e38, 1e38, 7])).toBe(7);
  expect(median(Array(1000).fill(-2.5))).toBe(-2.5);
});

test('agrees with sorting, whatever the scale and sign', () => {
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  for (let round = 0; round < 200; round++) {
    const scale = 10 ** Math.floor(random() * 60 - 30);
    const count = 1 + Math.floor(random() * 50);
    const values = Array.from(
      { length: count },
      () => Math.round((random() - 0.5) * 40) * scale * (round % 2 ? 1 : 0.731),
    );
    const expected = naive(values);
    expect(Math.abs(median(values)! - expected)).toBeLessThanOrEqual(Math.abs(expected) * 1e-6);
  }
});
