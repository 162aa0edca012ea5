import { describe, expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import { DivergedError } from '../../src/nn/trainer.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { data, small } from '../helpers/networks.ts';

/** One weight that starts at 1, on the loss w²: each step multiplies it by 1 − 2 · rate. */
const single = () =>
  new Network({ input: [1], layers: [{ type: 'dense', units: 1, bias: false, weights: { weight: [[1]] } }] });
const one = { inputs: [[1]], targets: [[0]] };
const weightOf = (network: Network) => network.weights()[0]!.values[0]!;
const growing: TrainingRequest = {
  batchSize: 1,
  loss: { type: 'meanSquaredError' },
  optimizer: { type: 'sgd', learningRate: 1.1 },
};
const weights = (network: Network) => network.weights().map(({ values }) => Float32Array.from(values));

describe('early stopping', () => {
  test('waits for `patience` epochs without an improvement; the next one ends the training', async () => {
    for (const patience of [0, 1, 4]) {
      const { rows, stopped, best } = await single().fit(one, { ...growing, epochs: 50, earlyStopping: { patience } });
      expect(stopped).toBe(true);
      expect(rows).toHaveLength(patience + 2);
      expect(best).toEqual({ epoch: 1, loss: 1 });
    }
  });

  test('leaves the weights of the best epoch, and metrics and step are theirs', async () => {
    const network = single();
    const { metrics, step, best } = await network.fit(one, { ...growing, epochs: 50, earlyStopping: { patience: 3 } });
    expect(weightOf(network)).toBeCloseTo(-1.2, 6);
    expect({ metrics, step, best }).toEqual({ metrics: { loss: 1 }, step: 1, best: { epoch: 1, loss: 1 } });
  });

  test('does so in a training that runs to its end, too; not where it is not asked to', async () => {
    const restored = single();
    const to = { ...growing, epochs: 4 };
    const a = await restored.fit(one, { ...to, earlyStopping: { patience: 10 } });
    expect(a).toMatchObject({ stopped: false, step: 1, metrics: { loss: 1 } });
    expect(weightOf(restored)).toBeCloseTo(-1.2, 6);
    const kept = single();
    const b = await kept.fit(one, { ...to, earlyStopping: { patience: 10, restoreBest: false } });
    expect(b).toMatchObject({ stopped: false, step: 4, best: { epoch: 1 } });
    expect(weightOf(kept)).toBeCloseTo(1.2 ** 4, 5);
    const plain = single();
    expect((await plain.fit(one, to)).step).toBe(4);
    expect(weightOf(plain)).toBe(weightOf(kept));
  });

  test('minDelta is what an improvement must exceed', async () => {
    // The loss falls by 1 − 0.8² = 36 % in every epoch: 1, 0.41, 0.168, 0.069, 0.028.
    const falling: TrainingRequest = { ...growing, epochs: 40, optimizer: { type: 'sgd', learningRate: 0.18 } };
    const stops = async (minDelta: number) =>
      (await single().fit(one, { ...falling, earlyStopping: { patience: 0, minDelta } })).rows.length;
    expect(await stops(0.5)).toBe(3);
    expect(await stops(0.2)).toBe(4);
    expect(await stops(0.05)).toBe(5);
  });

  test('goes up where the metric does', async () => {
    const network = new Network(small, { seed: 7 });
    const earlyStopping = { metric: 'accuracy', patience: 2 };
    const settings: TrainingRequest = {
      epochs: 60,
      batchSize: 16,
      seed: 7,
      optimizer: { type: 'adam', learningRate: 0.01 },
    };
    const { rows, best, step, metrics } = await network.fit(data, { ...settings, earlyStopping });
    const accuracies = rows.map(({ values }) => values.accuracy!);
    const highest = Math.max(...accuracies);
    expect(best).toMatchObject({ epoch: accuracies.indexOf(highest) + 1, accuracy: highest });
    expect(best!.epoch).toBeGreaterThan(1);
    expect(step).toBe(best!.epoch * 5);
    expect(metrics.accuracy).toBe(highest);
    // The weights are those of a training that ends there.
    const again = new Network(small, { seed: 7 });
    await again.fit(data, { ...settings, epochs: best!.epoch });
    expect(weights(network)).toEqual(weights(again));
  });

  test('a metric that the job will not have is refused with those that it will', async () => {
    const refused = (earlyStopping: object, more: object = {}) =>
      new Network(small).fit(data, { earlyStopping, ...more }).catch((error) => error);
    expect(await refused({ metric: 'validationLoss' })).toMatchObject({
      code: 'invalid-training',
      faults: [
        { pointer: '/training/earlyStopping/metric', expected: ['loss', 'accuracy'], received: 'validationLoss' },
      ],
    });
    expect((await refused({ metric: 'acuracy' })).message).toMatch(/did you mean "accuracy"/);
    const plateau = await refused({}, { schedule: { type: 'onPlateau', metric: 'f1' } });
    expect(plateau.faults).toMatchObject([{ pointer: '/training/schedule/metric' }]);
  });
});

describe('a training that diverges', () => {
  test('leaves the weights of the last epoch that ended, and says which', async () => {
    const network = single();
    // Grows 200-fold in every step: the square overflows in double after many, in float after few.
    const fit = network.fit(one, { ...growing, epochs: 1000, optimizer: { type: 'sgd', learningRate: 100 } });
    const error = await fit.catch((e) => e);
    expect(error).toBeInstanceOf(DivergedError);
    expect(error).toMatchObject({ code: 'diverged', message: expect.stringMatching(/in epoch \d+, step \d+/) });
    const { step, best, metrics } = error.outcome;
    expect(step).toBeGreaterThan(3);
    expect(best).toEqual({ epoch: 1, loss: 1 });
    expect(metrics.loss).toBeGreaterThan(1);
    const again = single();
    await again.fit(one, { ...growing, epochs: step, optimizer: { type: 'sgd', learningRate: 100 } });
    expect(weightOf(network)).toBe(weightOf(again));
    expect(Number.isFinite(weightOf(network))).toBe(true);
  });

  test('in its first epoch leaves the weights that it started from', async () => {
    const network = single();
    const samples = { inputs: [[1], [1e30], [1]], targets: [[0], [0], [0]] };
    const error = await network.fit(samples, { ...growing, shuffle: false, epochs: 3 }).catch((e) => e);
    expect(error.outcome).toMatchObject({ step: 0, metrics: {}, best: null });
    expect(weightOf(network)).toBe(1);
  });

  test('on its validation split counts as diverged, and leaves the epoch before', async () => {
    const network = single();
    const validation = { inputs: [[1e38]], targets: [[0]] };
    const error = await network.fit({ ...one, validation }, { ...growing, epochs: 100 }).catch((e) => e);
    expect(error).toBeInstanceOf(DivergedError);
    expect(Number.isFinite(error.outcome.metrics.validationLoss ?? 0)).toBe(true);
    expect(weightOf(network)).toBeCloseTo((-1.2) ** error.outcome.step, 3);
  });
});
