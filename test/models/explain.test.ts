// Explanations against plain loops in double precision that share nothing with them.
import { expect, test } from 'vitest';
import {
  gradCam,
  inputGradients,
  integratedGradients,
  lastSpatialLayer,
  occlusion,
  patchCount,
  resized,
  type Score,
  spread,
  squareParts,
  squaresOf,
} from '../../src/models/explain.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { uniform, weightsOf, withOddWeights } from '../helpers/networks.ts';
import { differences, forward, forwardAll } from '../helpers/reference.ts';

// No relu before the pooling: where several are 0, finite differences stand at a corner.
const config: NetworkConfig = {
  input: [7, 6, 2],
  layers: [
    { type: 'conv2d', filters: 5, kernel: 3, padding: 'same', activation: 'tanh', name: 'conv' },
    { type: 'batchNorm', name: 'norm' },
    { type: 'maxPool2d', name: 'pool' },
    { type: 'flatten', name: 'flat' },
    { type: 'dense', units: 6, activation: 'tanh', name: 'hidden' },
    { type: 'dense', units: 3, activation: 'softmax', name: 'out' },
  ],
};
const logits: NetworkConfig = {
  ...config,
  layers: [...config.layers.slice(0, -1), { type: 'dense', units: 3, name: 'out' }],
};
const rows = [0, 1, 2, 3].map((r) => Array.from(uniform(84, 10 + r), (v) => 50 * (v + 1)));
const inputs = Float32Array.from(rows.flat());
const factor = 1 / 100;
const scores: Score[] = [2, 0, 1, 1].map((output, r) => ({ output, sign: r === 3 ? -1 : 1 }));

function setUp() {
  const network = withOddWeights(new Network(config, { normalization: { type: 'scale', factor } }));
  const weights = weightsOf(network);
  const scoreOf = (row: number[], { output, sign }: Score) =>
    sign * forward(logits, weights, [row.map((v) => v * factor)])[0]![output]!;
  return { network, weights, scoreOf, settings: { scores, logits: true } };
}

function expectClose(actual: ArrayLike<number>, expected: number[], tolerance = 1e-4): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expect(scale).toBeGreaterThan(0);
  for (const [i, e] of expected.entries()) expect(Math.abs(actual[i]! - e) / scale).toBeLessThan(tolerance);
}

test('input gradients are finite differences of the logit, by raw units', async () => {
  const { network, scoreOf, settings } = setUp();
  const found = await inputGradients(network, inputs, settings);
  const expected = rows.map((row, r) => differences(row, () => scoreOf(row, scores[r]!), 1e-3));
  expectClose(found.values, expected.flat());
  expectClose(
    found.scores,
    rows.map((row, r) => scoreOf(row, scores[r]!)),
    1e-5,
  );
  const timesInput = await inputGradients(network, inputs, settings, true);
  expectClose(
    timesInput.values,
    expected.flatMap((row, r) => row.map((d, i) => d * rows[r]![i]!)),
  );
});

test('Grad-CAM is the sum of maps, weighted by the means of their gradients', async () => {
  const { network, weights, settings } = setUp();
  for (const name of ['conv', 'norm', 'pool']) {
    const layer = network.resolved.layers.findIndex((l) => l.name === name);
    const [height, width, maps] = network.resolved.layers[layer]!.outputShape as [number, number, number];
    const found = await gradCam(network, inputs, settings, layer);
    const after: NetworkConfig = { input: [height, width, maps], layers: logits.layers.slice(layer + 1) };
    const expected = rows.flatMap((row, r) => {
      const a = forwardAll(logits, weights, [row.map((v) => v * factor)]).get(name)!.rows[0]!;
      const { output, sign } = scores[r]!;
      const da = differences(a, () => sign * forward(after, weights, [a])[0]![output]!);
      const map: number[] = [];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          let sum = 0;
          for (let k = 0; k < maps; k++) {
            let alpha = 0;
            for (let i = 0; i < height; i++) {
              for (let j = 0; j < width; j++) alpha += da[(i * width + j) * maps + k]!;
            }
            sum += (alpha / (height * width)) * a[(y * width + x) * maps + k]!;
          }
          map.push(Math.max(0, sum));
        }
      }
      return map;
    });
    expectClose(found.values, expected);
  }
  expect(lastSpatialLayer(network.resolved.layers)).toBe(2);
});

test('occlusion is the drop of the score, patch by patch', async () => {
  const { network, scoreOf, settings } = setUp();
  const size = { height: 7, width: 6, channels: 2 };
  const cover = uniform(84, 3).map((v) => 10 * v);
  for (const [patch, stride] of [
    [3, 2],
    [2, 3],
    [9, 1],
  ] as const) {
    const squares = squaresOf(size, patch, stride);
    const parts = squareParts(size, squares);
    const found = await occlusion(network, inputs, settings, { parts, cover });
    const drops: number[] = [];
    const maps: number[] = [];
    for (const [r, row] of rows.entries()) {
      const sums = Array(42).fill(0);
      const counts = Array(42).fill(0);
      const starts = (length: number) => {
        const last = Math.max(0, length - patch);
        return [...new Set([...Array.from({ length: 10 }, (_, i) => Math.min(i * stride, last))])];
      };
      for (const top of starts(7)) {
        for (const left of starts(6)) {
          const inside = (i: number) => {
            const [y, x] = [Math.floor(i / 12), Math.floor((i % 12) / 2)];
            return y >= top && y < top + patch && x >= left && x < left + patch;
          };
          const drop =
            scoreOf(row, scores[r]!) -
            scoreOf(
              row.map((v, i) => (inside(i) ? cover[i]! : v)),
              scores[r]!,
            );
          drops.push(drop);
          for (let p = 0; p < 42; p++) {
            if (!inside(2 * p)) continue;
            sums[p] += drop;
            counts[p]++;
          }
        }
      }
      maps.push(...sums.map((sum, p) => (counts[p] > 0 ? sum / counts[p] : 0)));
    }
    expect(parts.count).toBe(patchCount(size, patch, stride));
    expectClose(found.values, drops);
    const perRow = parts.count;
    expectClose(
      Float32Array.from(
        rows.flatMap((_, r) => [...spread(found.values.subarray(r * perRow, (r + 1) * perRow), squares, size)]),
      ),
      maps,
    );
  }
});

test('integrated gradients are the integral, and add up to the difference of the scores', async () => {
  const { network, scoreOf, settings } = setUp();
  const baseline = Float32Array.from(uniform(84, 77), (v) => 50 * (v + 1));
  const found = await integratedGradients(network, inputs, settings, baseline);
  const base = Array.from(baseline);
  for (const [r, row] of rows.entries()) {
    const score = scores[r]!;
    const values = found.values.subarray(r * 84, (r + 1) * 84);
    const sum = values.reduce((a, b) => a + b, 0);
    const difference = scoreOf(row, score) - scoreOf(base, score);
    const size = values.reduce((a, b) => a + Math.abs(b), 0);
    expect(Math.abs(sum - difference)).toBeLessThan(1e-3 * size);
    expect(found.scores[r]! - found.baselineScores[r]!).toBeCloseTo(difference, 4);
  }
  // The integral by the trapezoid rule on finite differences, for the first row.
  const [row] = rows as [number[]];
  const steps = 30;
  const integral = Array(84).fill(0);
  for (let s = 0; s <= steps; s++) {
    const point = row.map((v, i) => base[i]! + (s / steps) * (v - base[i]!));
    const gradient = differences(point, () => scoreOf(point, scores[0]!), 1e-3);
    for (const [i, d] of gradient.entries())
      integral[i] += (d * (row[i]! - base[i]!)) / (s % steps === 0 ? 2 * steps : steps);
  }
  expectClose(found.values.subarray(0, 84), integral, 0.05);
});

test('a linear network: contributions are weight times difference, exactly', async () => {
  const network = new Network({ input: [3], layers: [{ type: 'dense', units: 2 }] });
  network.weights()[0]!.values.set([1, 2, -3, 4, 0.5, -6]);
  const settings = { scores: [{ output: 1, sign: 1 as const }], logits: true };
  const found = await integratedGradients(network, Float32Array.of(1, 2, 3), settings, Float32Array.of(0, 1, 1));
  expect(Array.from(found.values)).toEqual([2 * 1, 4 * 1, -6 * 2]);
});

test('maps are enlarged by two linear interpolations', async () => {
  const small = Float32Array.of(0, 4, 8, 12);
  const square = (side: number) => ({ height: side, width: side });
  expect(Array.from(await resized(small, square(2), square(2)))).toEqual([0, 4, 8, 12]);
  expect(Array.from((await resized(small, square(2), square(4))).subarray(0, 8))).toEqual([0, 1, 3, 4, 2, 3, 5, 6]);
  expect(Array.from(await resized(Float32Array.of(5), square(1), square(3)))).toEqual(Array(9).fill(5));
});

test('what was cancelled ends', async () => {
  const { network, settings } = setUp();
  const signal = AbortSignal.abort(new Error('gone'));
  await expect(inputGradients(network, inputs, { ...settings, signal })).rejects.toThrow('gone');
});
