import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isas, purpose, randomBits } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { shuffledOrder } from '../../src/nn/trainer.ts';
import { type LossName, lossNames, type TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/nn/weights.ts';
import { differences, loss as referenceLoss, type Weights } from '../helpers/reference.ts';

const uniform = (n: number, seed: number) =>
  Float32Array.from(randomBits({ seed, purpose: purpose.synthetic }, 0, n), (bits) => bits / 2 ** 31 - 1);

function weightsOf(network: Network): Weights {
  return Object.fromEntries(network.weights().map(({ name, values }) => [name, Array.from(values)]));
}
const hashOf = (network: Network) => createHash('sha256').update(network.toSafetensors()).digest('hex');

/** A small conv net with everything in it. */
const small: NetworkConfig = {
  input: [8, 8, 2],
  layers: [
    { type: 'conv2d', filters: 5, kernel: 3, padding: 'same', activation: 'relu' },
    { type: 'maxPool2d' },
    { type: 'conv2d', filters: 7, kernel: 2, activation: 'tanh' },
    { type: 'flatten' },
    { type: 'dropout', rate: 0.25 },
    { type: 'dense', units: 11, activation: 'sigmoid' },
    { type: 'dense', units: 3 },
  ],
};
const data = {
  inputs: uniform(70 * 128, 1),
  targets: Int32Array.from(randomBits({ seed: 2, purpose: purpose.synthetic }, 0, 70), (b) => b % 3),
};
const settings: TrainingRequest = {
  epochs: 3,
  batchSize: 16,
  seed: 7,
  optimizer: { type: 'adam', learningRate: 0.01 },
};

describe('losses', () => {
  const forms: Record<LossName, { units: number; activations: string[]; targets: (r: number) => number[] }> = {
    softmaxCrossEntropy: {
      units: 4,
      activations: ['linear', 'softmax'],
      targets: (r) => [0, 1, 2, 3].map((c) => Number(c === r % 4)),
    },
    binaryCrossEntropy: { units: 2, activations: ['linear', 'sigmoid'], targets: (r) => [r % 2, Number(r > 2)] },
    meanSquaredError: { units: 3, activations: ['linear', 'softmax', 'sigmoid'], targets: (r) => [r / 5, -0.5, 1] },
    halfSquaredError: { units: 3, activations: ['linear', 'tanh'], targets: (r) => [r / 5, -0.5, 1] },
  };
  for (const isa of isas) {
    for (const kind of lossNames) {
      for (const activation of forms[kind].activations) {
        test(`${kind} behind ${activation} on ${isa}: value and gradient agree with double precision`, async () => {
          const config = {
            input: [6],
            layers: [{ type: 'dense', units: forms[kind].units, activation }],
          } as NetworkConfig;
          const network = new Network(config, { isa, seed: 5 });
          const inputs = Array.from({ length: 5 }, (_, r) => Array.from(uniform(6, 50 + r)));
          const targets = inputs.map((_, r) => forms[kind].targets(r));
          const weights = weightsOf(network);
          const f = () => referenceLoss(kind, config, weights, inputs, targets);
          const { loss, parameters } = await network.gradients(inputs, targets, { loss: kind });
          expect(loss).toBeCloseTo(f(), 5);
          for (const [name, values] of Object.entries(weights)) {
            for (const [i, expected] of differences(values, f).entries())
              expect(parameters[name]![i]).toBeCloseTo(expected, 4);
          }
        });
      }
    }
  }

  test('logits of ±1e4 give a finite loss and gradient', async () => {
    const network = new Network({
      input: [1],
      layers: [{ type: 'dense', units: 3, weights: { weight: [[1e4, -1e4, 0]] } }],
    });
    const { loss, parameters } = await network.gradients([[1]], Int32Array.of(1), { loss: 'softmaxCrossEntropy' });
    expect(loss).toBe(2e4);
    expect(Array.from(parameters['dense_0.weight']!)).toEqual([1, -1, 0]);
    const single = new Network({ input: [1], layers: [{ type: 'dense', units: 1, weights: { weight: [[1e4]] } }] });
    const binary = await single.gradients([[1]], [[0]], { loss: 'binaryCrossEntropy' });
    expect(binary.loss).toBe(1e4);
    expect(binary.parameters['dense_0.weight']![0]).toBe(1);
  });

  test('a final activation is recognised as the loss’s pair through a flatten', async () => {
    const layers = (activation: string) => [{ type: 'dense', units: 3, activation }, { type: 'flatten' }];
    const inputs = [Array.from(uniform(4, 1))];
    const options = { loss: 'softmaxCrossEntropy' } as const;
    const of = (activation: string) =>
      new Network({ input: [4], layers: layers(activation) } as NetworkConfig).gradients(
        inputs,
        Int32Array.of(2),
        options,
      );
    expect(await of('softmax')).toEqual(await of('linear'));
  });

  test('class indices and one-hot rows give the same loss, and so do softmax in the net and logits', async () => {
    const config = (activation: string): NetworkConfig =>
      ({ input: [4], layers: [{ type: 'dense', units: 3, activation }] }) as NetworkConfig;
    const inputs = [Array.from(uniform(4, 1)), Array.from(uniform(4, 2))];
    const loss = 'softmaxCrossEntropy';
    const a = await new Network(config('linear')).gradients(inputs, Int32Array.of(2, 0), { loss });
    const b = await new Network(config('linear')).gradients(inputs, [[0, 0, 1], [1, 0, 0]], { loss }); // biome-ignore format: rows
    const c = await new Network(config('softmax')).gradients(inputs, Int32Array.of(2, 0), { loss });
    expect(b).toEqual(a);
    expect(c).toEqual(a);
  });
});

describe('optimisers follow PyTorch’s definitions, step by step in double precision', () => {
  const config: NetworkConfig = {
    input: [2],
    layers: [{ type: 'dense', units: 1, bias: false, weights: { weight: [[0.5], [-0.3]] } }],
  };
  const x = [0.8, -0.4];
  const target = 1;
  /** w·x − t, squared: gradient 2(w·x − t)x. */
  const gradient = (w: number[]) => x.map((v) => 2 * (w[0]! * x[0]! + w[1]! * x[1]! - target) * v);
  const rules: [string, TrainingRequest['optimizer'], (steps: number) => number[]][] = [
    ['sgd', { type: 'sgd', learningRate: 0.1 }, (steps) => {
      const w = [0.5, -0.3];
      for (let s = 0; s < steps; s++) gradient(w).forEach((g, i) => { w[i]! -= 0.1 * g; });
      return w;
    }],
    ['sgd with momentum', { type: 'sgd', learningRate: 0.1, momentum: 0.9 }, (steps) => {
      const w = [0.5, -0.3];
      const v = [0, 0];
      for (let s = 0; s < steps; s++) gradient(w).forEach((g, i) => { v[i] = 0.9 * v[i]! + g; w[i]! -= 0.1 * v[i]!; });
      return w;
    }],
    ['adam', { type: 'adam', learningRate: 0.05, beta1: 0.8, beta2: 0.99 }, (steps) => {
      const w = [0.5, -0.3];
      const m = [0, 0];
      const v = [0, 0];
      for (let s = 1; s <= steps; s++) {
        gradient(w).forEach((g, i) => {
          m[i] = 0.8 * m[i]! + 0.2 * g;
          v[i] = 0.99 * v[i]! + 0.01 * g * g;
          w[i]! -= (0.05 / (1 - 0.8 ** s)) * m[i]! / (Math.sqrt(v[i]!) / Math.sqrt(1 - 0.99 ** s) + 1e-8);
        });
      }
      return w;
    }],
  ]; // biome-ignore format: a rule a block
  for (const isa of isas) {
    test.each(rules)(`%s on ${isa}`, async (_name, optimizer, rule) => {
      const network = new Network(config, { isa });
      await network.fit(
        { inputs: [x], targets: [[target]] },
        { epochs: 20, batchSize: 1, loss: { type: 'meanSquaredError' }, optimizer },
      );
      const expected = rule(20);
      for (const [i, w] of network.weights()[0]!.values.entries()) expect(w).toBeCloseTo(expected[i]!, 5);
    });
  }
});

describe('same bits', () => {
  /** Changes only when the arithmetic changes: then kKernelVersion in native/addon.cc must grow, too. */
  const golden: Record<string, string> = {
    avx2: 'eb739dee36201b3a58ff140b5d5443013c730dca3d74eb914a16259bef975eca',
    scalar: 'e0dcb08230b3b0350c71977abf082c5e741319cdf712f6779c7fa87a776ff8b7',
  };

  for (const isa of isas) {
    test(`a training on ${isa} ends in the known weights, on any number of threads`, async () => {
      for (const threads of [1, 2, 3, 8]) {
        const network = new Network(small, { isa, seed: 7, threads });
        await network.fit(data, settings);
        expect(hashOf(network)).toBe(golden[isa]);
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

  test('the loss curves of the instruction sets agree', async () => {
    const curves = [];
    for (const isa of isas) {
      const network = new Network(small, { isa, seed: 7 });
      const { rows } = await network.fit(data, settings);
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

describe('weights', () => {
  test('save and load give the same network', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hebb-'));
    try {
      const network = new Network(small, { seed: 3, normalization: { type: 'scale', factor: 0.5 } });
      await network.save(join(folder, 'model'));
      const loaded = await Network.load(join(folder, 'model'));
      expect(loaded.predict(data.inputs)).toEqual(network.predict(data.inputs));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a safetensors file round-trips, and a damaged one is refused', () => {
    const tensors = [
      { name: 'a.weight', shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) },
      { name: 'a.bias', shape: [2], values: Float32Array.of(-0, Number.NaN) },
    ];
    const file = encodeSafetensors(tensors);
    expect(decodeSafetensors(file)).toEqual(tensors);
    for (let length = 0; length < file.length; length += 7) {
      expect(() => decodeSafetensors(file.subarray(0, length))).toThrow(/not a safetensors file/);
    }
    const text = Buffer.from(file).toString('latin1');
    const changed = (from: string, to: string) => Buffer.from(text.replace(from, to), 'latin1');
    expect(() => decodeSafetensors(changed('[16,24]', '[12,20]'))).toThrow(/overlap/);
    expect(() => decodeSafetensors(changed('[2,2]', '[2,9]'))).toThrow(/lies at/);
    expect(() => decodeSafetensors(changed('F32', 'F16'))).toThrow(/expected F32/);
  });

  test('weights of another network are refused and change nothing', () => {
    const network = new Network({ input: [2], layers: [{ type: 'dense', units: 1 }] });
    const before = network.copyWeights();
    const wrong = new Network({ input: [3], layers: [{ type: 'dense', units: 1 }] });
    expect(() => network.setWeights(wrong.weights())).toThrow(/dense_0.weight must be \(2, 1\), got \(3, 1\)/);
    expect(() => network.setWeights([])).toThrow(/lack the tensor dense_0.weight/);
    expect(network.copyWeights()).toEqual(before);
  });
});
