import { describe, expect, test } from 'vitest';
import { isas, Memory } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { recordTraining } from '../../src/nn/programs.ts';
import { parameterTensor } from '../../src/nn/recorder.ts';
import type { OptimizerConfig, TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { uniform } from '../helpers/networks.ts';

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

describe('sgd updates dense weights where their gradient arises', () => {
  const sgd: OptimizerConfig = { type: 'sgd', learningRate: 0.1, momentum: 0, nesterov: false };

  /** Weights after an epoch of 23 rows, in batches; the update fused, or recorded apart from the gradient. */
  async function train(config: NetworkConfig, isa: string, batch: number, fused: boolean): Promise<Float32Array> {
    const network = new Network(config, { isa, seed: 5, threads: 2 });
    network.prepareTraining(sgd);
    const { rec, gradients } = recordTraining(network.resolved, {
      rows: batch,
      loss: { type: 'meanSquaredError' },
      targets: 'values',
      normalization: { type: 'none' },
      optimizer: fused ? sgd : null,
    });
    const floats = network.resolved.parameterFloats;
    if (!fused) {
      rec.op(
        'sgd',
        { elements: floats, momentum: 0, nesterov: 0 },
        { w: parameterTensor(0, floats), gradient: gradients },
      );
    }
    expect(rec.print().includes('dense_sgd')).toBe(fused);
    const program = rec.finish(network.memory, network.settings);
    const rows = 23;
    const source = (elements: number, seed: number) => {
      const memory = new Memory(rows * elements);
      memory.floats.set(uniform(rows * elements, seed));
      return { memory, offset: 0, type: 'float32' as const, rows, elements };
    };
    await program.train({
      sources: [source(61, 1), source(network.outputShape[0]!, 2)],
      order: Uint32Array.from({ length: rows }, (_, i) => i),
      batch,
      firstStep: 0,
      learningRates: Float64Array.of(0.1),
      seed: 0,
      epoch: 0,
      globalStep: 0,
      budgetMs: 1e9,
      values: 1,
    });
    return network.memory.floats.slice(0, floats);
  }

  for (const isa of isas) {
    test.each([1, 3, 10, 23])(`with the bits of gradient and update apart, ${isa}, batches of %i`, async (batch) => {
      for (const units of [1, 7, 30, 33, 100, 513]) {
        const config: NetworkConfig = {
          input: [61],
          layers: [
            { type: 'dense', units, activation: 'tanh' },
            { type: 'dense', units: 5 },
          ],
        };
        expect(await train(config, isa, batch, true)).toEqual(await train(config, isa, batch, false));
      }
    });
  }
});
