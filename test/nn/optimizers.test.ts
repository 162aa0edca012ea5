import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';

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
