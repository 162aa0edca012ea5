// What layers do in training alone: moving statistics, noise, dropping channels, penalties, constraints, and standing still.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { LayerConfig, NetworkConfig } from '../../src/nn/networkConfig.ts';
import { toSplit } from '../../src/nn/samples.ts';
import { train } from '../../src/nn/trainer.ts';
import type { TrainingConfig } from '../../src/nn/trainingConfig.ts';
import { data, uniform, weightsOf } from '../helpers/networks.ts';
import { differences, loss as referenceLoss } from '../helpers/reference.ts';

const rowsOf = (rows: number, elements: number, seed: number) =>
  Array.from({ length: rows }, (_, r) => Array.from(uniform(elements, seed + r)));
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
function variance(values: ArrayLike<number>): number {
  const middle = mean(values);
  return mean(Array.from(values, (v) => (v - middle) ** 2));
}

/** Trains with complete settings, of which these are the base. */
async function trained(network: Network, inputs: number[][], targets: number[][], settings: Partial<TrainingConfig>) {
  const base: TrainingConfig = {
    epochs: 1,
    batchSize: 'full',
    shuffle: false,
    seed: 0,
    loss: { type: 'meanSquaredError' },
    optimizer: { type: 'sgd', learningRate: 0.1, momentum: 0, nesterov: false },
    initializer: 'glorotUniform',
    normalization: { type: 'none' },
  };
  const source = {
    targets: 'values' as const,
    train: toSplit({ inputs: Float32Array.from(inputs.flat()), targets: Float32Array.from(targets.flat()) }, network),
  };
  for await (const _ of train(network, source, { ...base, ...settings }));
  return weightsOf(network);
}

describe('same bits', () => {
  const config: NetworkConfig = {
    input: [24, 20, 3],
    layers: [
      { type: 'conv2d', name: 'stem', filters: 16, kernel: 3, padding: 'same' },
      { type: 'batchNorm', name: 'norm', activation: 'relu' },
      { type: 'gaussianNoise', stddev: 0.1 },
      { type: 'conv2d', name: 'branch', filters: 16, kernel: 3, padding: 'same', activation: 'gelu' },
      { type: 'add', name: 'sum', from: ['norm', 'branch'] },
      { type: 'spatialDropout', rate: 0.2 },
      { type: 'averagePool2d', name: 'means', size: 3, stride: 2, padding: 'same' },
      { type: 'maxPool2d', name: 'maxima', size: 3, stride: 2, padding: 'same', from: 'sum' },
      { type: 'concatenate', from: ['means', 'maxima'] },
      { type: 'prelu' },
      { type: 'layerNorm' },
      { type: 'upSampling2d' },
      { type: 'separableConv2d', filters: 8, kernel: 3, stride: 2, activation: 'silu' },
      { type: 'globalAveragePool2d' },
      { type: 'dense', units: 3 },
    ],
  };
  const inputs = uniform(24 * 1440, 5);
  const targets = data.targets.slice(0, 24);

  test.each(isas)(
    'norms, pooling, merges and noise end in the same weights on any number of threads, on %s',
    async (isa) => {
      const hashes = new Set<string>();
      for (const threads of [1, 2, 3, 8]) {
        const network = new Network(config, { isa, seed: 3, threads });
        await network.fit({ inputs, targets }, { epochs: 2, batchSize: 10, seed: 3 });
        hashes.add(createHash('sha256').update(network.toSafetensors()).digest('hex'));
      }
      expect(hashes.size).toBe(1);
    },
  );
});

describe('batchNorm', () => {
  const config = (layer: Partial<LayerConfig> = {}): NetworkConfig => ({
    input: [2, 3],
    layers: [{ type: 'batchNorm', name: 'norm', ...layer }, { type: 'flatten' }, { type: 'dense', units: 1 }],
  });
  const inputs = rowsOf(10, 6, 40).map((row) => row.map((v, i) => 2 * v + i));
  const targets = inputs.map(() => [0.5]);

  test.each([0.1, 0.25])('its moving statistics follow the batches, momentum %s', async (momentum) => {
    const given = { mean: [1, -2, 3], variance: [0.5, 2, 4] };
    const network = new Network(config({ ...(momentum !== 0.1 && { momentum }), weights: given }));
    await trained(network, inputs, targets, { epochs: 2, batchSize: 4 });
    const expected = structuredClone(given);
    for (let epoch = 0; epoch < 2; epoch++) {
      for (const [from, to] of [
        [0, 4],
        [4, 8],
        [8, 10],
      ] as const) {
        // biome-ignore format: pairs
        for (let c = 0; c < 3; c++) {
          const values = inputs.slice(from, to).flatMap((row) => row.filter((_, i) => i % 3 === c));
          const unbiased = (variance(values) * values.length) / (values.length - 1);
          expected.mean[c] = (1 - momentum) * expected.mean[c]! + momentum * mean(values);
          expected.variance[c] = (1 - momentum) * expected.variance[c]! + momentum * unbiased;
        }
      }
    }
    const weights = weightsOf(network);
    for (const name of ['mean', 'variance'] as const) {
      for (const [c, value] of expected[name].entries()) expect(weights[`norm.${name}`]![c]).toBeCloseTo(value, 5);
    }
  });

  test('gradients alone, evaluations and predictions change nothing', async () => {
    const network = new Network(config());
    const before = weightsOf(network);
    await network.gradients(inputs, targets);
    await network.evaluate(inputs, targets, 'meanSquaredError');
    network.predict(inputs);
    expect(weightsOf(network)).toEqual(before);
  });

  test('predicts by the statistics that it was given', () => {
    const weights = { gamma: [2, 1, 1], beta: [0.5, 0, 0], mean: [3, 0, 0], variance: [4, 1, 1] };
    const network = new Network({ input: [3], layers: [{ type: 'batchNorm', epsilon: 1e-9, weights }] });
    expect(network.predict([[7, 2, -1]])).toEqual([[4.5, 2, -1]]);
  });

  test('a negative variance is refused, with its place', () => {
    const build = () => new Network(config({ weights: { variance: [1, -1e-3, 1] } }));
    expect(build).toThrow(/batchNorm 'norm': \[1\] must be at least 0, got -0.001/);
  });
});

describe('frozen layers', () => {
  const config: NetworkConfig = {
    input: [4],
    layers: [
      { type: 'dense', name: 'first', units: 5, activation: 'tanh', regularizer: { l2: 0.1 } },
      { type: 'batchNorm', name: 'norm', weights: { mean: [0.1, 0.2, 0, -0.1, 0.3], variance: [0.5, 1, 2, 0.7, 0.9] } },
      { type: 'dense', name: 'last', units: 2 },
    ],
  };
  const inputs = rowsOf(7, 4, 60);
  const targets = rowsOf(7, 2, 80);

  test('keep their weights and statistics while the others learn, with and without a limit of the norm', async () => {
    for (const gradientClip of [undefined, { norm: 0.01 }]) {
      const network = new Network(config, { seed: 2 });
      const before = weightsOf(network);
      const settings = { epochs: 3, batchSize: 2, frozen: ['first', 'norm'], gradientClip };
      const after = await trained(network, inputs, targets, settings);
      for (const name of Object.keys(before)) {
        if (name.startsWith('last')) expect(after[name]).not.toEqual(before[name]);
        else expect(after[name]).toEqual(before[name]);
      }
    }
  });

  test('the penalty of a frozen layer does not count in the norm of the gradients', async () => {
    // Far below the limit: with and without it the steps are the same, however many there are.
    const steps = { epochs: 40, frozen: ['first', 'norm'] };
    const free = await trained(new Network(config, { seed: 2 }), inputs, targets, steps);
    const limited = await trained(new Network(config, { seed: 2 }), inputs, targets, {
      ...steps,
      gradientClip: { norm: 5 },
    });
    expect(limited).toEqual(free);
  });

  test('a frozen batchNorm normalises by its moving statistics, and what is before it learns through them', async () => {
    const plain = structuredClone(config);
    delete plain.layers[0]!.regularizer;
    const network = new Network(plain, { seed: 2 });
    const before = weightsOf(network);
    const f = () => referenceLoss('meanSquaredError', plain, before, inputs, targets, false);
    const gradients = Object.fromEntries(
      Object.entries(before).map(([name, values]) => [name, differences(values, f)]),
    );
    const after = await trained(network, inputs, targets, { frozen: ['norm'] });
    for (const [name, values] of Object.entries(before)) {
      for (const [i, value] of values.entries()) {
        const step = name.startsWith('norm') ? 0 : 0.1 * gradients[name]![i]!;
        expect(after[name]![i]).toBeCloseTo(value - step, 6);
      }
    }
  });
});

describe('noise', () => {
  const n = 20_000;
  const zeros = new Float32Array(n);
  /** The noise itself: ½ Σ y² has the gradient y. */
  const noise = async (isa: string, seed: number, stddev = 0.5, rows = 1) => {
    const network = new Network({ input: [n / rows], layers: [{ type: 'gaussianNoise', stddev }] }, { isa });
    expect(network.predict(zeros)).toEqual(zeros);
    const { inputs } = await network.gradients(zeros, zeros, { loss: 'halfSquaredError', seed });
    return inputs.map((v) => v * rows);
  };

  test.each(isas)('gaussianNoise has its mean, deviation and shape, on %s', async (isa) => {
    const values = await noise(isa, 4);
    const deviation = Math.sqrt(variance(values));
    // Five standard errors.
    expect(Math.abs(mean(values))).toBeLessThan((5 * 0.5) / Math.sqrt(n));
    expect(Math.abs(deviation / 0.5 - 1)).toBeLessThan(5 / Math.sqrt(2 * n));
    for (const [deviations, share] of [
      [1, 0.6827],
      [2, 0.9545],
      [3, 0.9973],
    ] as const) {
      // biome-ignore format: pairs
      const within = values.filter((v) => Math.abs(v) < deviations * 0.5).length / n;
      expect(Math.abs(within - share)).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / n));
    }
    for (const lag of [1, 2, 3, 4]) {
      const products = values.slice(lag).map((v, i) => v * values[i]!);
      expect(Math.abs(mean(products))).toBeLessThan((5 * 0.25) / Math.sqrt(n));
    }
  });

  test('is the same for the same seed, on every instruction set and however the rows lie, and another for another', async () => {
    const values = await noise('scalar', 4);
    for (const isa of isas) expect(await noise(isa, 4)).toEqual(values);
    const rows = await noise('scalar', 4, 0.5, 4);
    for (const [i, v] of rows.entries()) expect(v).toBeCloseTo(values[i]!, 6);
    expect(await noise('scalar', 5)).not.toEqual(values);
  });

  test('two layers of noise have noise of their own', async () => {
    const layer = { type: 'gaussianNoise', stddev: 0.5 };
    const both = new Network({ input: [n], layers: [layer, layer] });
    const { inputs } = await both.gradients(zeros, zeros, { loss: 'halfSquaredError', seed: 4 });
    expect(Math.abs(variance(inputs) / 0.5 - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
  });

  test.each(isas)('spatialDropout keeps or drops whole channels, in training alone, on %s', async (isa) => {
    const [rows, positions, channels, rate] = [400, 6, 5, 0.3];
    const network = new Network({ input: [2, 3, channels], layers: [{ type: 'spatialDropout', rate }] }, { isa });
    const ones = new Float32Array(rows * positions * channels).fill(1);
    const nothing = new Float32Array(ones.length);
    expect(network.predict(ones)).toEqual(ones);
    const gradients = (seed: number) => network.gradients(ones, nothing, { loss: 'halfSquaredError', seed });
    const { inputs } = await gradients(4);
    // y = 1 / (1 − rate) where kept, and so is dy/dx.
    const kept = 1 / (1 - rate) ** 2 / rows;
    let dropped = 0;
    for (let i = 0; i < inputs.length; i++) {
      const first = i - (i % (positions * channels)) + (i % channels);
      expect(inputs[i]).toBe(inputs[first]);
      if (inputs[i] === 0) dropped++;
      else expect(inputs[i]! / kept).toBeCloseTo(1, 5);
    }
    const share = dropped / inputs.length;
    expect(Math.abs(share - rate)).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / (rows * channels)));
    expect((await gradients(4)).inputs).toEqual(inputs);
    expect((await gradients(5)).inputs).not.toEqual(inputs);
  });
});

describe('penalties and constraints', () => {
  const layersOf = (regularizer: LayerConfig['regularizer']): Record<string, NetworkConfig> => ({
    dense: { input: [4], layers: [{ type: 'dense', name: 'tested', units: 3, regularizer }] },
    conv2d: { input: [3, 3, 2], layers: [{ type: 'conv2d', name: 'tested', filters: 2, kernel: 2, regularizer }] },
    separableConv2d: {
      input: [3, 3, 2],
      layers: [{ type: 'separableConv2d', name: 'tested', filters: 2, kernel: 2, regularizer }],
    },
    embedding: { input: [4], layers: [{ type: 'embedding', name: 'tested', vocabulary: 3, units: 2, regularizer }] },
  });

  test.each([{ l1: 0.03 }, { l2: 0.07 }, { l1: 0.02, l2: 0.05 }])(
    '%o counts in the loss and its gradient, not for the bias',
    async (regularizer) => {
      for (const config of Object.values(layersOf(regularizer))) {
        const network = new Network(config, { initializer: { type: 'uniform', min: -1, max: 1 }, seed: 9 });
        const plain: NetworkConfig = { ...config, layers: config.layers.map(({ regularizer: _, ...layer }) => layer) };
        const bare = new Network(plain, { initializer: { type: 'uniform', min: -1, max: 1 }, seed: 9 });
        const inputs = rowsOf(
          5,
          network.inputShape.reduce((a, b) => a * b),
          20,
        );
        const targets = rowsOf(
          5,
          network.outputShape.reduce((a, b) => a * b),
          30,
        );
        const actual = await network.gradients(Float32Array.from(inputs.flat()), Float32Array.from(targets.flat()));
        const without = await bare.gradients(Float32Array.from(inputs.flat()), Float32Array.from(targets.flat()));
        const { l1 = 0, l2 = 0 } = regularizer;
        let penalty = 0;
        for (const [name, values] of Object.entries(weightsOf(network))) {
          const counts = !name.endsWith('.bias');
          for (const [i, w] of values.entries()) {
            if (counts) penalty += l1 * Math.abs(w) + l2 * w * w;
            const slope = counts ? l1 * Math.sign(w) + 2 * l2 * w : 0;
            expect(actual.parameters[name]![i]).toBeCloseTo(without.parameters[name]![i]! + slope, 5);
          }
        }
        expect(penalty).toBeGreaterThan(0.05);
        expect(actual.loss).toBeCloseTo(without.loss + penalty, 5);
        const evaluated = await network.evaluate(
          Float32Array.from(inputs.flat()),
          Float32Array.from(targets.flat()),
          'meanSquaredError',
        );
        expect(evaluated.loss).toBeCloseTo(without.loss + penalty, 5);
      }
    },
  );

  test.each([
    { input: [4], layer: { type: 'dense', units: 6 } },
    { input: [3, 3, 2], layer: { type: 'conv2d', filters: 5, kernel: 2 } },
    { input: [5, 2], layer: { type: 'conv1d', filters: 5, kernel: 3 } },
  ])(
    'maxNorm: after a step no unit’s weights have a larger norm, and smaller ones are left alone: $layer.type',
    async ({ input, layer }) => {
      const settings = {
        epochs: 1,
        optimizer: { type: 'sgd', learningRate: 0.3, momentum: 0, nesterov: false },
      } as const;
      const build = (constraint?: object) =>
        new Network(
          { input, layers: [{ ...layer, name: 'tested', ...(constraint && { constraint }) } as LayerConfig] },
          { initializer: { type: 'uniform', min: -1, max: 1 }, seed: 4 },
        );
      const free = build();
      const inputs = rowsOf(
        6,
        input.reduce((a, b) => a * b),
        20,
      );
      const targets = rowsOf(
        6,
        free.outputShape.reduce((a, b) => a * b),
        30,
      );
      const before = await trained(free, inputs, targets, settings);
      const units = free.outputShape.at(-1)!;
      const norm = (w: number[], unit: number) => Math.hypot(...w.filter((_, i) => i % units === unit));
      const norms = Array.from({ length: units }, (_, u) => norm(before['tested.weight']!, u)).sort((a, b) => a - b);
      const limit = norms[Math.floor(units / 2)]! * 0.999;
      const after = await trained(build({ type: 'maxNorm', value: limit }), inputs, targets, settings);
      let limited = 0;
      for (let u = 0; u < units; u++) {
        const [old, now] = [norm(before['tested.weight']!, u), norm(after['tested.weight']!, u)];
        if (old > limit) limited++;
        expect(now).toBeCloseTo(Math.min(old, limit), 5);
        for (const [i, w] of after['tested.weight']!.entries()) {
          if (i % units === u) expect(w).toBeCloseTo(before['tested.weight']![i]! * (now / old), 5);
        }
      }
      expect(limited).toBe(units - Math.floor(units / 2));
      expect(after['tested.bias']).toEqual(before['tested.bias']);
    },
  );
});
