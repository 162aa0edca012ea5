import { describe, expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { data, small } from '../helpers/networks.ts';

const tensors = (network: Network) =>
  Object.fromEntries(network.weights().map(({ name, values }) => [name, Array.from(values)]));

test('frozen layers keep their weights, and the others learn', async () => {
  const network = new Network(small, { seed: 7 });
  const before = tensors(network);
  await network.fit(data, { epochs: 2, frozen: ['conv2d_0', 'dense_6'] });
  for (const [name, values] of Object.entries(tensors(network))) {
    const isFrozen = name.startsWith('conv2d_0.') || name.startsWith('dense_6.');
    if (isFrozen) expect(values, name).toEqual(before[name]);
    else expect(values, name).not.toEqual(before[name]);
  }
});

describe('gradients are clipped', () => {
  /** How far a step of rate 1 moves all weights: minus the gradient. */
  async function stepWith(gradientClip?: TrainingRequest['gradientClip']): Promise<number[]> {
    const network = new Network(small, { seed: 7 });
    const before = Object.values(tensors(network)).flat();
    const optimizer = { type: 'sgd', learningRate: 1, momentum: 0 } as const;
    await network.fit(data, { epochs: 1, batchSize: 'full', seed: 1, optimizer, gradientClip });
    return Object.values(tensors(network))
      .flat()
      .map((after, i) => before[i]! - after);
  }
  const norm = (values: number[]) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

  test('by the norm of all of them', async () => {
    const whole = await stepWith();
    const length = norm(whole);
    const clipped = await stepWith({ norm: length / 3 });
    expect(norm(clipped) / length).toBeCloseTo(1 / 3, 5);
    for (const [i, value] of clipped.entries()) expect(value).toBeCloseTo(whole[i]! / 3, 6);
    expect(await stepWith({ norm: length * 2 })).toEqual(whole);
  });

  test('each by its value', async () => {
    const whole = await stepWith();
    const limit = Math.max(...whole.map(Math.abs)) / 4;
    const clipped = await stepWith({ value: limit });
    for (const [i, value] of clipped.entries()) {
      expect(value).toBeCloseTo(Math.max(-limit, Math.min(limit, whole[i]!)), 6);
    }
  });
});

describe('the perceptron', () => {
  const network: NetworkConfig = {
    input: [2],
    layers: [{ type: 'dense', units: 1, activation: 'step', weights: { weight: [[0], [0]], bias: [0] } }],
  };
  const inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]; // biome-ignore format: rows
  const targets = Int32Array.of(0, 0, 0, 1);

  test('learns by Rosenblatt’s rule, sample by sample; its loss is the share of errors', async () => {
    const w = [0, 0];
    let b = 0;
    const errors: number[] = [];
    for (let epoch = 0; epoch < 8; epoch++) {
      let wrong = 0;
      for (const [r, x] of inputs.entries()) {
        const y = Number(w[0]! * x[0]! + w[1]! * x[1]! + b > 0);
        const error = targets[r]! - y;
        wrong += Math.abs(error);
        for (const i of [0, 1]) w[i]! += 0.5 * error * x[i]!;
        b += 0.5 * error;
      }
      errors.push(wrong / 4);
    }
    const trained = new Network(network);
    const { rows } = await trained.fit(
      { inputs, targets },
      { epochs: 8, shuffle: false, optimizer: { type: 'perceptron', learningRate: 0.5 } },
    );
    expect(rows.map(({ values }) => values.loss)).toEqual(errors);
    expect(errors.at(-1)).toBe(0);
    expect(tensors(trained)).toEqual({ 'dense_0.weight': w, 'dense_0.bias': [b] });
    expect(trained.predict(inputs)).toEqual([[0], [0], [0], [1]]);
  });
});
