// The generic layer test: whatever is in the list of layers is checked for outputs against naive loops and gradients against
// finite differences (both in double), on every instruction set that this CPU has.
import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { layers } from '../../src/nn/layers/index.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { elementCount } from '../../src/shape.ts';
import { uniform, weightsOf, withOddWeights } from '../helpers/networks.ts';
import { differences, forward, loss as referenceLoss } from '../helpers/reference.ts';
import { type LayerCase, layerCases } from './layerCases.ts';

const numbers = (n: number, seed: number) => Array.from(uniform(n, seed));

function expectClose(actual: ArrayLike<number>, expected: number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  const worst = Math.max(...expected.map((e, i) => Math.abs(e - actual[i]!))) / scale;
  expect(worst).toBeLessThan(tolerance);
}

/** A network around the layer with odd weights, and a batch for it. */
function setUp({ input, layer, before = [], indices }: LayerCase) {
  const config: NetworkConfig = { input, layers: [...before, { ...layer, name: 'tested' }] };
  const inputs = Array.from({ length: 5 }, (_, r) => {
    const row = numbers(elementCount(input), 100 + r);
    return indices ? row.map((value) => Math.floor(((value + 1) / 2) * indices)) : row;
  });
  const network = (isa: string) => withOddWeights(new Network(config, { isa }));
  const weights = weightsOf(network('scalar'));
  return { config, inputs, network, weights };
}

/** The oracle's loss and gradients. */
function gradientsOf({ config, inputs, network, weights }: ReturnType<typeof setUp>) {
  const targets = inputs.map((_, r) => numbers(elementCount(network('scalar').outputShape), 200 + r));
  const f = () => referenceLoss('meanSquaredError', config, weights, inputs, targets);
  // Where rows have nothing to do with each other, one alone tells how its loss changes.
  const together = config.layers.some((layer) => layer.type === 'batchNorm');
  const ofRow = (r: number) => () =>
    referenceLoss('meanSquaredError', config, weights, [inputs[r]!], [targets[r]!]) / inputs.length;
  // The moving statistics of batchNorm do not learn.
  const learning = Object.entries(weights).filter(([name]) => !/\.(mean|variance)$/.test(name));
  return {
    targets,
    loss: f(),
    parameters: Object.fromEntries(learning.map(([name, values]) => [name, differences(values, f)])),
    inputs: inputs.flatMap((row, r) => differences(row, together ? f : ofRow(r))),
  };
}

test('every layer in the list has cases here', () => {
  expect(Object.keys(layerCases).sort()).toEqual([...layers.keys()].sort());
});

for (const [type, list] of Object.entries(layerCases)) {
  describe(type, () => {
    for (const layerCase of list) {
      const title = `${JSON.stringify(layerCase.layer)} on (${layerCase.input})`;

      test(`${title}: outputs`, () => {
        const { config, inputs, network, weights } = setUp(layerCase);
        const expected = forward(config, weights, inputs);
        for (const isa of isas) {
          const made = network(isa);
          const outputs = made.predict(Float32Array.from(inputs.flat()));
          expectClose(outputs, expected.flat(), 2e-6);
          // One row alone gives the same bits as among others.
          const size = expected[0]!.length;
          expect(outputs.slice(2 * size, 3 * size)).toEqual(made.predict(Float32Array.from(inputs[2]!)));
        }
      });

      test(`${title}: gradients`, async () => {
        const all = setUp(layerCase);
        const expected = gradientsOf(all);
        for (const isa of isas) {
          const actual = await all
            .network(isa)
            .gradients(Float32Array.from(all.inputs.flat()), Float32Array.from(expected.targets.flat()));
          expect(actual.loss).toBeCloseTo(expected.loss, 5);
          expect(Object.keys(actual.parameters)).toEqual(Object.keys(expected.parameters));
          for (const [name, values] of Object.entries(expected.parameters)) {
            expectClose(actual.parameters[name]!, values, 1e-4);
          }
          expectClose(actual.inputs, expected.inputs, 1e-4);
        }
      });
    }
  });
}

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
