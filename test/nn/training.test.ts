import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { shuffledOrder } from '../../src/nn/order.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { data, small, uniform } from '../helpers/networks.ts';

const hashOf = (network: Network) => createHash('sha256').update(network.toSafetensors()).digest('hex');
const settings: TrainingRequest = {
  epochs: 3,
  batchSize: 16,
  seed: 7,
  optimizer: { type: 'adam', learningRate: 0.01 },
};

/** Convolutions of 3 × 3 with many channels, strides, a kernel of 1 × 1 and few filters: each has a form of its own. */
const wide: NetworkConfig = {
  input: [13, 12, 1],
  layers: [
    { type: 'conv2d', filters: 6, kernel: 5, padding: 'same', activation: 'relu' },
    { type: 'conv2d', filters: 32, kernel: 1, activation: 'tanh' },
    { type: 'conv2d', filters: 40, kernel: 3, padding: 'same', activation: 'relu' },
    { type: 'conv2d', filters: 33, kernel: 3, activation: 'leakyRelu' },
    { type: 'conv2d', filters: 9, kernel: 3, stride: 2, activation: 'relu' },
    { type: 'flatten' },
    { type: 'dense', units: 3 },
  ],
};
const wideData = { inputs: uniform(40 * 156, 4), targets: data.targets.slice(0, 40) };

describe('same bits', () => {
  /** Changes only when the arithmetic changes: then kKernelVersion in native/addon.cc must grow, too. */
  const golden: Record<string, string> = {
    avx512: '2dbca1b51ec058456d5ca0647b87968f871b9e7470198686b9db407e5ae4739d',
    avx2: 'a2aaffb16d06880f92a5d0d05b50c39883cc1a88bc9bf13a7c2a069b1c365a37',
    scalar: '24cafa1de6cfa45a13c41701330b7354ee5b0d22755c982548d50cde740afb41',
  };

  const goldenWide: Record<string, string> = {
    avx512: 'f49f113da11f598dc0475b4df2ac76bb6cc67d05e4c91a9325a49deea38571d3',
    avx2: 'f29dadd8703148c38d5e058343a571b7497b0a44344338dfa4527ee96bfbdc1d',
    scalar: '9696775b1ebdd27cf3064d8d6f1ec725d090069f73671bdf3fcd6c878c2fd61c',
  };

  for (const isa of isas) {
    test(`a training on ${isa} ends in the known weights, on any number of threads`, async () => {
      for (const threads of [1, 2, 3, 8]) {
        const network = new Network(small, { isa, seed: 7, threads });
        await network.fit(data, settings);
        expect(hashOf(network)).toBe(golden[isa]);
      }
    });

    test(`so does a training of convolutions on ${isa}`, async () => {
      for (const threads of [1, 2, 3, 8]) {
        const network = new Network(wide, { isa, seed: 7, threads });
        await network.fit(wideData, { ...settings, optimizer: { type: 'sgd', learningRate: 0.01 } });
        expect(hashOf(network)).toBe(goldenWide[isa]);
      }
    });
  }

  test('large layers, which many threads share, give the same bits on one', async () => {
    const config: NetworkConfig = {
      input: [16, 16, 8],
      layers: [
        { type: 'conv2d', filters: 24, kernel: 3, padding: 'same', activation: 'relu' },
        { type: 'conv2d', filters: 16, kernel: 3, stride: 2, activation: 'relu' },
        { type: 'flatten' },
        { type: 'dense', units: 300, activation: 'relu' },
        { type: 'dense', units: 3 },
      ],
    };
    const inputs = uniform(64 * 2048, 3);
    const targets = data.targets.slice(0, 64);
    const hashes = new Set<string>();
    for (const threads of [1, 2, 5]) {
      const network = new Network(config, { threads });
      await network.fit({ inputs, targets }, { ...settings, epochs: 1, batchSize: 32 });
      hashes.add(hashOf(network));
    }
    expect(hashes.size).toBe(1);
  });

  test('another seed gives other weights', async () => {
    const network = new Network(small, { isa: 'scalar', seed: 8 });
    await network.fit(data, { ...settings, seed: 8 });
    expect(hashOf(network)).not.toBe(golden.scalar);
  });

  test.each([
    ['a small network', small, data],
    ['one of convolutions', wide, wideData],
  ])('the loss curves of the instruction sets agree, %s', async (_name, config, samples) => {
    const curves = [];
    for (const isa of isas) {
      const network = new Network(config, { isa, seed: 7 });
      const { rows } = await network.fit(samples, settings);
      curves.push(rows.map((row) => row.values.loss!));
    }
    for (const [i, loss] of curves.flat().entries()) {
      expect(Math.abs(loss / curves[0]![i % curves[0]!.length]! - 1)).toBeLessThan(1e-4);
    }
  });
});

describe('fit', () => {
  test('rows fall on step numbers, progress grows to the end, and a shuffled epoch takes every row once', async () => {
    const network = new Network(small, { seed: 7 });
    const fractions: number[] = [];
    const { rows } = await network.fit(
      data,
      { ...settings, logEverySteps: 2 },
      { onProgress: (p) => fractions.push(p.fraction) },
    );
    expect(rows.filter((r) => r.kind === 'epoch').map((r) => [r.epoch, r.step])).toEqual([[1, 5], [2, 10], [3, 15]]); // biome-ignore format: pairs
    expect(rows.filter((r) => r.kind === 'step').map((r) => r.step)).toEqual([2, 4, 6, 8, 10, 12, 14]);
    expect(fractions.at(-1)).toBe(1);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    const order = shuffledOrder(
      Uint32Array.from({ length: 100 }, (_, i) => i),
      1,
      0,
    );
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(order).not.toEqual(
      shuffledOrder(
        Uint32Array.from({ length: 100 }, (_, i) => i),
        1,
        1,
      ),
    );
  });

  test('the loss of an epoch is the mean over rows, the last batch being smaller', async () => {
    const network = new Network({ input: [1], layers: [{ type: 'dense', units: 1, weights: { weight: [[1]] } }] });
    const { rows } = await network.fit(
      { inputs: [[1], [2], [3]], targets: [[0], [0], [0]] },
      {
        epochs: 1,
        batchSize: 2,
        shuffle: false,
        loss: { type: 'meanSquaredError' },
        optimizer: { type: 'sgd', learningRate: 1e-9 },
      },
    );
    expect(rows[0]!.values.loss).toBeCloseTo((1 + 4 + 9) / 3, 5);
  });

  test('validation is evaluated without dropout, and the best epoch is known', async () => {
    const network = new Network(small, { seed: 7 });
    const { metrics, best } = await network.fit({ ...data, validation: data }, settings);
    const { loss, accuracy } = await network.evaluate(data.inputs, data.targets, 'softmaxCrossEntropy');
    expect(metrics.validationLoss).toBe(loss);
    expect(metrics.validationAccuracy).toBe(accuracy);
    expect(best!.validationLoss).toBeLessThanOrEqual(metrics.validationLoss!);
  });

  test('a rate that diverges ends with epoch and step', async () => {
    const network = new Network({ input: [2], layers: [{ type: 'dense', units: 1 }] });
    const run = network.fit(
      { inputs: [[100, 50], [-80, 30]], targets: [[1], [2]] }, // biome-ignore format: rows
      { epochs: 200, optimizer: { type: 'sgd', learningRate: 10 }, loss: { type: 'meanSquaredError' } },
    );
    await expect(run).rejects.toMatchObject({
      code: 'diverged',
      message: expect.stringMatching(/in epoch \d+, step \d+/),
    });
  });

  test('an aborted training keeps the weights of its best epoch', async () => {
    const network = new Network(small, { seed: 7 });
    const controller = new AbortController();
    const { cancelled, best } = await network.fit(data, { ...settings, epochs: 100_000 }, {
      signal: controller.signal,
      onProgress: (progress) => progress.epoch >= 3 && controller.abort(),
    }); // biome-ignore format: three arguments
    expect(cancelled).toBe(true);
    const again = new Network(small, { seed: 7 });
    await again.fit(data, { ...settings, epochs: best!.epoch });
    expect(hashOf(network)).toBe(hashOf(again));
  });

  test('weights that overflow while the loss is still finite end the training', async () => {
    const network = new Network({ input: [1], layers: [{ type: 'dense', units: 1 }] });
    const run = network.fit(
      { inputs: [[1e30], [-1e30]], targets: [[1], [2]] },
      { epochs: 1, optimizer: { type: 'sgd', learningRate: 1 }, loss: { type: 'meanSquaredError' } },
    );
    await expect(run).rejects.toMatchObject({
      code: 'diverged',
      message: expect.stringMatching(/dense_0.weight became/),
    });
  });

  test('a second fit of a network is refused while one is under way; a class index out of range always', async () => {
    const network = new Network({ input: [2], layers: [{ type: 'dense', units: 3 }] });
    const first = network.fit({ inputs: [[0, 1]], targets: Int32Array.of(1) }, { epochs: 3 });
    await expect(network.fit({ inputs: [[0, 1]], targets: Int32Array.of(1) })).rejects.toThrow(/under way/);
    await first;
    await expect(network.fit({ inputs: [[0, 1]], targets: Int32Array.of(3) })).rejects.toThrow(/from 0 to 2, got 3/);
    await expect(network.gradients([[0, 1]], Int32Array.of(-1))).rejects.toThrow(/from 0 to 2, got -1/);
  });

  test('a change of the normalisation counts from the next prediction on', () => {
    const network = new Network({ input: [1], layers: [{ type: 'dense', units: 1, weights: { weight: [[1]] } }] });
    expect(network.predict([[4]])).toEqual([[4]]);
    network.normalization = { type: 'scale', factor: 0.5 };
    expect(network.predict([[4]])).toEqual([[2]]);
  });

  test('an aborted training whose loss grew goes back to the epoch before, weights and metrics alike', async () => {
    const network = new Network({
      input: [1],
      layers: [{ type: 'dense', units: 1, bias: false, weights: { weight: [[1]] } }],
    });
    const controller = new AbortController();
    // Gradient 2w, rate 1.1: w becomes −1.2 w in every epoch, and the loss grows.
    const { metrics, best } = await network.fit(
      { inputs: [[1]], targets: [[0]] },
      {
        epochs: 100_000,
        batchSize: 1,
        loss: { type: 'meanSquaredError' },
        optimizer: { type: 'sgd', learningRate: 1.1 },
      },
      { signal: controller.signal, onProgress: ({ epoch }) => epoch === 3 && controller.abort() },
    );
    expect(best).toEqual({ epoch: 1, loss: 1 });
    expect(metrics).toEqual({ loss: 1 });
    expect(network.weights()[0]!.values[0]).toBeCloseTo(-1.2, 6);
  });

  test('settings and data that do not fit are refused', async () => {
    const network = new Network({ input: [2], layers: [{ type: 'dense', units: 3 }] });
    const attempt = (inputs: never, targets: never, training: object = {}) =>
      network.fit({ inputs, targets }, training);
    await expect(attempt([[1, 2]] as never, Int32Array.of(0) as never, { epoch: 3 })).rejects.toThrow(
      /unknown key "epoch" \(did you mean "epochs"/,
    );
    await expect(attempt([[1, 2, 3]] as never, Int32Array.of(0) as never)).rejects.toThrow(/rows of \(2\)/);
    await expect(attempt([[1, 2]] as never, Int32Array.of(0, 1) as never)).rejects.toThrow(
      /1 rows need 1 target numbers, got 2/,
    );
    await expect(attempt([[1, '2']] as never, Int32Array.of(0) as never)).rejects.toThrow(
      /inputs\[0\]\[1\] must be a number/,
    );
  });
});

describe('dropout', () => {
  test('keeps about 1 − rate of the elements, scaled, and the gradient has the same mask', async () => {
    const n = 10_000;
    const network = new Network({ input: [n], layers: [{ type: 'dropout', rate: 0.3 }] });
    const inputs = new Float32Array(n).fill(1);
    // Loss ½Σ(y − t)²/n·… with t = 0: the gradient of an element is y·dy/dx, so zero exactly where it was dropped.
    const { loss, inputs: gradient } = await network.gradients(inputs, new Float32Array(n), {
      loss: 'halfSquaredError',
      seed: 3,
    });
    const kept = gradient.filter((g) => g !== 0);
    expect(kept.length / n).toBeGreaterThan(0.68);
    expect(kept.length / n).toBeLessThan(0.72);
    expect(new Set(kept).size).toBe(1);
    expect(kept[0]).toBeCloseTo(1 / 0.7 ** 2, 5);
    expect(loss).toBeCloseTo((kept.length * 0.5) / 0.7 ** 2, 1);
    expect(network.predict(inputs)).toEqual(inputs);
    const other = await network.gradients(inputs, new Float32Array(n), { loss: 'halfSquaredError', seed: 4 });
    expect(other.inputs).not.toEqual(gradient);
  });
});
