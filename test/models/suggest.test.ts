import { expect, test } from 'vitest';
import { farthestFirst, Highest, uncertainty } from '../../src/models/suggest.ts';
import { uniform } from '../helpers/networks.ts';

test('how unsure probabilities are, by hand', () => {
  const p = [0.5, 0.3, 0.2];
  expect(uncertainty('entropy', p)).toBeCloseTo(-(0.5 * Math.log(0.5) + 0.3 * Math.log(0.3) + 0.2 * Math.log(0.2)), 12);
  expect(uncertainty('margin', p)).toBeCloseTo(0.8, 12);
  expect(uncertainty('margin', [0.3, 0.5, 0.2])).toBeCloseTo(0.8, 12);
  expect(uncertainty('leastConfidence', p)).toBeCloseTo(0.5, 12);
  expect(uncertainty('entropy', [1, 0])).toBe(0);
  expect(uncertainty('entropy', [0.5, 0.5])).toBeCloseTo(Math.log(2), 12);
  expect([uncertainty('margin', [0, 1]), uncertainty('leastConfidence', [0, 1])]).toEqual([0, 0]);
});

test('the highest of many are kept, of equals the first', () => {
  const scores = Array.from(uniform(1000, 5), (v) => Math.round(20 * v));
  const highest = new Highest(30);
  for (const [index, score] of scores.entries()) highest.add({ index, score, class: 0, probability: 0 });
  const expected = scores
    .map((score, index) => ({ score, index }))
    .sort((a, b) => b.score - a.score || a.index - b.index);
  expect(highest.candidates().map(({ index }) => index)).toEqual(expected.slice(0, 30).map(({ index }) => index));
});

test('each is the farthest from all that were taken before', async () => {
  const rows = 60;
  const features = uniform(rows * 3, 9);
  const taken = await farthestFirst(features, rows, 8);
  const distance = (a: number, b: number) =>
    [0, 1, 2].reduce((sum, i) => sum + (features[3 * a + i]! - features[3 * b + i]!) ** 2, 0);
  expect(taken[0]).toBe(0);
  for (let k = 1; k < taken.length; k++) {
    const nearest = (row: number) => Math.min(...taken.slice(0, k).map((other) => distance(row, other)));
    const all = Array.from({ length: rows }, (_, row) => nearest(row));
    expect(nearest(taken[k]!)).toBe(Math.max(...all));
  }
  // Copies come last, in their order; there are no more than there are.
  expect(await farthestFirst(Float32Array.of(0, 0, 0, 5), 4, 9)).toEqual([0, 3, 1, 2]);
  await expect(farthestFirst(features, rows, 8, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
});
