import { describe, expect, test } from 'vitest';
import { type LossName, lossNames } from '../../src/nn/losses.ts';
import { Network } from '../../src/nn/network.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { uniform } from '../helpers/networks.ts';

const classes = 3;
const inputs = Array.from({ length: 7 }, (_, r) => Array.from(uniform(4, 20 + r)));
const targets = Int32Array.of(0, 1, 2, 1, 0, 2, 2);
const fresh = () => new Network({ input: [4], layers: [{ type: 'dense', units: classes }] }, { seed: 3 });
const step: TrainingRequest = {
  epochs: 1,
  batchSize: 'full',
  shuffle: false,
  optimizer: { type: 'sgd', learningRate: 0.5 },
};
const values = (network: Network) => network.weights().flatMap((tensor) => [...tensor.values]);

/** What a step with these weights must do: the mean over the rows of each row's own step, times its weight. */
async function rowByRow(loss: LossName, weights: number[]): Promise<{ loss: number; moved: number[] }> {
  const moved = values(fresh()).map(() => 0);
  let total = 0;
  for (const [r, weight] of weights.entries()) {
    const network = fresh();
    const { metrics } = await network.fit(
      { inputs: [inputs[r]!], targets: targets.slice(r, r + 1) },
      { ...step, loss: { type: loss } },
    );
    const before = values(fresh());
    for (const [i, after] of values(network).entries()) moved[i]! += (weight * (after - before[i]!)) / weights.length;
    total += weight * metrics.loss!;
  }
  return { loss: total / weights.length, moved };
}

describe('the loss is the sum of weight times loss over the number of rows, for every loss', () => {
  const sampleWeights = [1, 0, 2.5, 0.25, 3, 1, 0.5];
  test.each(lossNames.filter((name) => name !== 'binaryCrossEntropy' && name !== 'perceptron'))('%s', async (loss) => {
    const network = fresh();
    const { metrics } = await network.fit({ inputs, targets, sampleWeights }, { ...step, loss: { type: loss } });
    const expected = await rowByRow(loss, sampleWeights);
    expect(metrics.loss).toBeCloseTo(expected.loss, 5);
    const before = values(fresh());
    for (const [i, after] of values(network).entries()) expect(after - before[i]!).toBeCloseTo(expected.moved[i]!, 5);
  });

  test('binaryCrossEntropy', async () => {
    const single = () => new Network({ input: [4], layers: [{ type: 'dense', units: 1 }] }, { seed: 3 });
    const labels = Int32Array.of(0, 1, 1, 0, 1, 0, 0);
    const loss = async (rows: number[], weights?: number[]) => {
      const data = { inputs: rows.map((r) => inputs[r]!), targets: labels.filter((_, r) => rows.includes(r)) };
      return (await single().fit({ ...data, sampleWeights: weights }, step)).metrics.loss!;
    };
    const all = [0, 1, 2, 3, 4, 5, 6];
    let sum = 0;
    for (const r of all) sum += sampleWeights[r]! * (await loss([r]));
    expect(await loss(all, sampleWeights)).toBeCloseTo(sum / 7, 5);
  });
});

describe('class weights', () => {
  test('are weights of their rows, named by index; times the rows’ own', async () => {
    const byClass = fresh();
    await byClass.fit({ inputs, targets }, { ...step, epochs: 5, classWeights: { 0: 2, 2: 0.5 } });
    const byRow = fresh();
    const sampleWeights = [...targets].map((c) => [2, 1, 0.5][c]!);
    await byRow.fit({ inputs, targets, sampleWeights }, { ...step, epochs: 5 });
    expect(values(byClass)).toEqual(values(byRow));
    const both = fresh();
    await both.fit({ inputs, targets, sampleWeights }, { ...step, epochs: 5, classWeights: { 1: 4 } });
    const product = fresh();
    const products = sampleWeights.map((w, r) => (targets[r] === 1 ? 4 * w : w));
    await product.fit({ inputs, targets, sampleWeights: products }, { ...step, epochs: 5 });
    expect(values(both)).toEqual(values(product));
  });

  test('follow their rows through shuffling and batches', async () => {
    // Weight 0 for the classes 0 and 1: what is learnt comes from class 2 alone, so its rows by themselves show the direction.
    const network = fresh();
    await network.fit(
      { inputs, targets },
      { ...step, epochs: 200, batchSize: 2, shuffle: true, classWeights: { 0: 0, 1: 0 } },
    );
    const outputs = network.predict(inputs) as number[][];
    for (const row of outputs) expect(row[2]).toBeGreaterThan(Math.max(row[0]!, row[1]!));
  });

  test('do not touch the loss of a validation', async () => {
    const network = fresh();
    const data = { inputs, targets, validation: { inputs, targets } };
    const { metrics } = await network.fit(data, { ...step, classWeights: { 0: 5, 1: 5, 2: 5 } });
    expect(metrics.validationLoss).toBe((await network.evaluate(inputs, targets, 'softmaxCrossEntropy')).loss);
  });

  test('and sample weights that do not fit are refused', async () => {
    await expect(fresh().fit({ inputs, targets }, { classWeights: { 3: 1 } })).rejects.toMatchObject({
      faults: [{ pointer: '/training/classWeights/3' }],
    });
    const weigh = (sampleWeights: number[]) => fresh().fit({ inputs, targets, sampleWeights });
    await expect(weigh([1, 2])).rejects.toThrow('7 rows need 7 sample weights, got 2');
    await expect(weigh([1, 1, -1, 1, 1, 1, 1])).rejects.toThrow(/sampleWeights\[2\].*got -1/);
    await expect(weigh([1, 1, 1, 1, NaN, 1, 1])).rejects.toThrow(/sampleWeights\[4\].*got NaN/);
  });
});
