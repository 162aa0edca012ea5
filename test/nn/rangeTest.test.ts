import { describe, expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { data, small } from '../helpers/networks.ts';

const weights = (network: Network) => network.weights().map(({ values }) => Float32Array.from(values));
const auto: TrainingRequest = { epochs: 2, batchSize: 16, seed: 7, optimizer: { type: 'adam', learningRate: 'auto' } };

describe('learningRate "auto"', () => {
  test('tries a hundred rates from 1e-6 to 10, evenly on a logarithmic scale, or as many as it takes to diverge', async () => {
    const { rangeTest } = await new Network(small, { seed: 7 }).fit(data, auto);
    const { curve, learningRate } = rangeTest!;
    expect(curve.length).toBeGreaterThan(20);
    for (const [i, point] of curve.entries()) expect(point.learningRate / (1e-6 * 1e7 ** (i / 99))).toBeCloseTo(1, 12);
    expect(curve.map((point) => point.learningRate * 0.1)).toContainEqual(expect.closeTo(learningRate, 12));
    // As it goes through the epochs of the job: the first loss is that of the first batch.
    const { rows } = await new Network(small, { seed: 7 }).fit(data, { ...auto, logEverySteps: 1, optimizer: { type: 'adam', learningRate: 1e-6 } }); // biome-ignore format: a call
    expect(curve[0]!.loss).toBe(rows[0]!.values.loss);
  });

  test('leaves no trace, and is the same for any number of threads', async () => {
    const found = [];
    for (const threads of [1, 3]) {
      const network = new Network(small, { seed: 7, threads });
      const { rangeTest } = await network.fit(data, auto);
      found.push({ rangeTest, weights: weights(network) });
    }
    expect(found[1]).toEqual(found[0]);
    const { learningRate } = found[0]!.rangeTest!;
    const given = new Network(small, { seed: 7 });
    const outcome = await given.fit(data, { ...auto, optimizer: { type: 'adam', learningRate } });
    expect(outcome.rangeTest).toBeNull();
    expect(weights(given)).toEqual(found[0]!.weights);
  });

  test('finds, for a parabola, a rate below that at which it diverges', async () => {
    // The loss of w is c · w²: gradient 2cw, so that rates above 1 / c diverge.
    for (const c of [0.5, 10, 400]) {
      const network = new Network({
        input: [1],
        layers: [{ type: 'dense', units: 1, bias: false, weights: { weight: [[1]] } }],
      });
      const { rangeTest, metrics } = await network.fit(
        { inputs: [[Math.sqrt(c)]], targets: [[0]] },
        { epochs: 100, optimizer: { type: 'sgd', learningRate: 'auto' }, loss: { type: 'meanSquaredError' } },
      );
      expect(rangeTest!.learningRate * c).toBeLessThan(1);
      expect(rangeTest!.learningRate * c).toBeGreaterThan(0.01);
      expect(metrics.loss! / c).toBeLessThan(1e-2);
    }
  });

  test('goes on with a schedule from there, and can be cancelled', async () => {
    const { rows, rangeTest } = await new Network(small, { seed: 7 }).fit(data, { ...auto, schedule: { type: 'exponential', factor: 0.5 } }); // biome-ignore format: a call
    const rate = rangeTest!.learningRate;
    expect(rows.map(({ values }) => values.learningRate)).toEqual([rate, rate / 2]);
    const network = new Network(small, { seed: 7 });
    const before = weights(network);
    const outcome = await network.fit(data, auto, { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ cancelled: true, step: 0, rangeTest: null });
    expect(weights(network)).toEqual(before);
  });
});

describe('steps in place of epochs', () => {
  const settings: TrainingRequest = { batchSize: 16, seed: 7, optimizer: { type: 'adam', learningRate: 0.01 } };

  test('end in the middle of an epoch, with a row of what ran of it', async () => {
    // 70 rows in batches of 16: five steps an epoch, the last of six rows.
    const fractions: number[] = [];
    const { rows, step, metrics } = await new Network(small, { seed: 7 }).fit(
      data,
      { ...settings, steps: 12, logEverySteps: 1 },
      {
        onProgress: ({ fraction, steps, epochs }) =>
          fractions.push(fraction) && expect([steps, epochs]).toEqual([12, 3]),
      },
    );
    const epochs = rows.filter(({ kind }) => kind === 'epoch');
    expect(epochs.map((row) => [row.epoch, row.step])).toEqual([[1, 5], [2, 10], [3, 12]]); // biome-ignore format: pairs
    expect(step).toBe(12);
    expect(fractions.at(-1)).toBe(1);
    const last = rows.filter(({ kind, step: at }) => kind === 'step' && at > 10).map(({ values }) => values.loss!);
    expect(metrics.loss).toBeCloseTo((last[0]! + last[1]!) / 2, 12);
  });

  test('of whole epochs give the same weights as the epochs', async () => {
    const [a, b] = [new Network(small, { seed: 7 }), new Network(small, { seed: 7 })];
    await a.fit(data, { ...settings, steps: 10 });
    await b.fit(data, { ...settings, epochs: 2 });
    expect(weights(a)).toEqual(weights(b));
  });
});
