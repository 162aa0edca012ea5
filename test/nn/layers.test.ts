// The generic layer test: whatever is in the list of layers is checked for outputs against naive loops, gradients against
// finite differences (both in double), reproducibility, and save and load, on every instruction set that this CPU has.
import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { layers } from '../../src/nn/layers/index.ts';
import { Network } from '../../src/nn/network.ts';
import type { LayerConfig } from '../../src/nn/networkConfig.ts';
import { elementCount } from '../../src/shape.ts';
import { uniform, weightsOf } from '../helpers/networks.ts';
import { differences, forward, loss as referenceLoss } from '../helpers/reference.ts';

/** Odd configurations of each layer, with the input they get. A layer without an entry fails the first test below. */
const cases: Record<string, { input: number[]; layer: LayerConfig }[]> = {
  dense: [
    { input: [5], layer: { type: 'dense', units: 3 } },
    { input: [1], layer: { type: 'dense', units: 1, bias: false } },
    { input: [37], layer: { type: 'dense', units: 41, activation: 'tanh' } },
    { input: [19], layer: { type: 'dense', units: 17, activation: 'sigmoid' } },
    { input: [7], layer: { type: 'dense', units: 6, activation: 'softmax' } },
    { input: [8], layer: { type: 'dense', units: 9, activation: 'leakyRelu' } },
  ],
  conv2d: [
    { input: [5, 6, 1], layer: { type: 'conv2d', filters: 1, kernel: 3 } },
    { input: [7, 5, 3], layer: { type: 'conv2d', filters: 5, kernel: [2, 3], activation: 'tanh' } },
    { input: [7, 8, 2], layer: { type: 'conv2d', filters: 3, kernel: 3, padding: 'same', activation: 'sigmoid' } },
    { input: [8, 7, 2], layer: { type: 'conv2d', filters: 4, kernel: 3, stride: 2, padding: 'same' } },
    { input: [9, 9, 1], layer: { type: 'conv2d', filters: 2, kernel: 4, stride: [3, 2], padding: 1, bias: false } },
    { input: [4, 4, 18], layer: { type: 'conv2d', filters: 19, kernel: 1 } },
    { input: [3, 3, 2], layer: { type: 'conv2d', filters: 17, kernel: 5, padding: 4, activation: 'leakyRelu' } },
    { input: [3, 3, 2], layer: { type: 'conv2d', filters: 3, kernel: 2, stride: 3 } },
    { input: [3, 4, 2], layer: { type: 'conv2d', filters: 3, kernel: 2, activation: 'softmax' } },
    { input: [7, 8, 2], layer: { type: 'conv2d', filters: 3, kernel: [3, 2], dilation: [2, 3] } },
    { input: [6, 6, 3], layer: { type: 'conv2d', filters: 4, kernel: 3, dilation: 2, padding: 'same', stride: 2 } },
    {
      input: [5, 5, 6],
      layer: { type: 'conv2d', filters: 4, kernel: 3, groups: 2, padding: 'same', activation: 'relu' },
    },
    { input: [6, 5, 9], layer: { type: 'conv2d', filters: 6, kernel: 2, groups: 3, stride: 2, dilation: [1, 2] } },
    {
      input: [5, 4, 19],
      layer: { type: 'conv2d', filters: 19, kernel: 3, groups: 19, padding: 1, activation: 'tanh' },
    },
    { input: [7, 7, 3], layer: { type: 'conv2d', filters: 3, kernel: [2, 3], groups: 3, stride: [2, 3], dilation: 2 } },
    { input: [4, 5, 3], layer: { type: 'conv2d', filters: 6, kernel: 2, groups: 3, bias: false } },
    { input: [3, 3, 4], layer: { type: 'conv2d', filters: 4, kernel: 1, groups: 4 } },
  ],
  maxPool2d: [
    { input: [4, 4, 1], layer: { type: 'maxPool2d' } },
    { input: [7, 5, 3], layer: { type: 'maxPool2d', size: [2, 3], stride: 1 } },
    { input: [7, 7, 17], layer: { type: 'maxPool2d', size: 3, stride: 2, padding: 'same' } },
    { input: [5, 5, 2], layer: { type: 'maxPool2d', size: 2, stride: 3, padding: 1 } },
  ],
  flatten: [{ input: [3, 2, 2], layer: { type: 'flatten' } }],
  activation: [
    { input: [9], layer: { type: 'activation', activation: 'relu' } },
    { input: [3, 3, 5], layer: { type: 'activation', activation: 'leakyRelu', slope: 0.2 } },
    { input: [33], layer: { type: 'activation', activation: 'sigmoid' } },
    { input: [33], layer: { type: 'activation', activation: 'tanh' } },
    { input: [2, 7], layer: { type: 'activation', activation: 'softmax' } },
    { input: [4], layer: { type: 'activation', activation: 'linear' } },
  ],
  dropout: [{ input: [6, 3], layer: { type: 'dropout', rate: 0 } }],
};

const numbers = (n: number, seed: number) => Array.from(uniform(n, seed));

function expectClose(actual: ArrayLike<number>, expected: number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  const worst = Math.max(...expected.map((e, i) => Math.abs(e - actual[i]!))) / scale;
  expect(worst).toBeLessThan(tolerance);
}

test('every layer in the list has cases here', () => {
  expect(Object.keys(cases).sort()).toEqual([...layers.keys()].sort());
});

test('groups that do not divide channels or filters are refused with what would fit', () => {
  const network = (filters: number, groups: number) => () =>
    new Network({ input: [4, 4, 6], layers: [{ type: 'conv2d', filters, kernel: 3, groups }] });
  expect(network(8, 4)).toThrow(/4 groups do not divide the 6 channels that come in/);
  expect(network(4, 3)).toThrow(/3 groups do not divide its 4 filters/);
});

test.each(isas)('of equal maxima the first alone gets the gradient, on %s', async (isa) => {
  const network = new Network({ input: [2, 2, 1], layers: [{ type: 'maxPool2d' }] }, { isa });
  const { inputs } = await network.gradients([[1, 1, 1, 1]], [[0]]);
  expect(Array.from(inputs)).toEqual([2, 0, 0, 0]);
});

for (const isa of isas) {
  for (const [type, list] of Object.entries(cases)) {
    describe(`${type} on ${isa}`, () => {
      for (const { input, layer } of list) {
        const elements = elementCount(input);
        const config = { input, layers: [{ ...layer, name: 'tested' }] };
        const rows = 5;
        const inputs = Array.from({ length: rows }, (_, r) => numbers(elements, 100 + r));

        test(`${JSON.stringify(layer)} on (${input}): outputs`, () => {
          const network = new Network(config, { isa, seed: 3, initializer: { type: 'uniform', min: -0.7, max: 0.7 } });
          const expected = inputs.flatMap((row) => forward(config, weightsOf(network), row).at(-1)!);
          expectClose(network.predict(Float32Array.from(inputs.flat())), expected, 2e-6);
          // One row alone gives the same bits as among others.
          const alone = network.predict(Float32Array.from(inputs[2]!));
          const size = expected.length / rows;
          expect(network.predict(Float32Array.from(inputs.flat())).slice(2 * size, 3 * size)).toEqual(alone);
        });

        test(`${JSON.stringify(layer)} on (${input}): gradients`, async () => {
          const network = new Network(config, { isa, seed: 4, initializer: { type: 'uniform', min: -0.7, max: 0.7 } });
          const outputs = elementCount(network.outputShape);
          const targets = inputs.map((_, r) => numbers(outputs, 200 + r));
          const weights = weightsOf(network);
          const f = () => referenceLoss('meanSquaredError', config, weights, inputs, targets);
          const {
            loss,
            parameters,
            inputs: inputGradients,
          } = await network.gradients(Float32Array.from(inputs.flat()), Float32Array.from(targets.flat()));
          expect(loss).toBeCloseTo(f(), 5);
          for (const [name, values] of Object.entries(weights))
            expectClose(parameters[name]!, differences(values, f), 1e-4);
          expectClose(
            inputGradients,
            inputs.flatMap((row) => differences(row, f)),
            1e-4,
          );
        });
      }
    });
  }
}
