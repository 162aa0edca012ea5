import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { type LossName, lossNames } from '../../src/nn/losses.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { uniform, weightsOf } from '../helpers/networks.ts';
import { differences, loss as referenceLoss } from '../helpers/reference.ts';

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
    meanAbsoluteError: { units: 3, activations: ['linear', 'sigmoid'], targets: (r) => [r / 5, -0.5, 1] },
    huber: { units: 3, activations: ['linear'], targets: (r) => [r / 5, -2.5, 3] },
    hinge: { units: 3, activations: ['linear', 'tanh'], targets: (r) => [1, -1, r % 2 ? 1 : -1] },
    // Its gradient is a rule, not a derivative: see the optimisers' tests.
    perceptron: { units: 1, activations: [], targets: () => [0] },
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
