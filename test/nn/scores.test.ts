// Gradients of scores as in prediction, for every layer, against finite differences of the outputs in double.
import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { gradientObstacle, ScoreProgram } from '../../src/nn/scores.ts';
import { elementCount } from '../../src/shape.ts';
import { uniform, weightsOf, withOddWeights } from '../helpers/networks.ts';
import { differences, forward, forwardAll } from '../helpers/reference.ts';
import { layerCases } from './layerCases.ts';

function expectClose(actual: ArrayLike<number>, expected: number[], tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  const worst = Math.max(...expected.map((e, i) => Math.abs(e - actual[i]!))) / scale;
  expect(worst).toBeLessThan(tolerance);
}

for (const [type, list] of Object.entries(layerCases)) {
  describe(type, () => {
    for (const { input, layer, before = [], indices } of list) {
      test(`${JSON.stringify(layer)} on (${input}): gradients of scores by the input`, async () => {
        const config: NetworkConfig = { input, layers: [...before, { ...layer, name: 'tested' }] };
        const rows = [0, 1].map((r) => {
          const row = Array.from(uniform(elementCount(input), 100 + r));
          return indices ? row.map((value) => Math.floor(((value + 1) / 2) * indices)) : row;
        });
        for (const isa of isas) {
          const network = withOddWeights(new Network(config, { isa }));
          const weights = weightsOf(network);
          const outputs = elementCount(network.outputShape);
          const seeds = uniform(rows.length * outputs, 7);
          const program = new ScoreProgram(network, { rows: 3, logits: false, gradients: true });
          const { scores, inputGradients } = await program.run(Float32Array.from(rows.flat()), seeds);
          expectClose(scores, forward(config, weights, rows).flat(), 2e-6);
          const expected = rows.flatMap((row, r) =>
            differences(row, () => {
              const [y] = forward(config, weights, [row]);
              return y!.reduce((sum, value, i) => sum + value * seeds[r * outputs + i]!, 0);
            }),
          );
          expectClose(inputGradients!, indices ? expected.map(() => 0) : expected, 1e-4);
          program.dispose();
        }
      });
    }
  });
}

/** Dropout, noise and batchNorm in their midst: all of them as in prediction. */
const branched: NetworkConfig = {
  input: [6, 6, 2],
  layers: [
    { type: 'conv2d', filters: 4, kernel: 3, padding: 'same', name: 'first' },
    { type: 'batchNorm', activation: 'relu', name: 'norm' },
    { type: 'dropout', rate: 0.5 },
    { type: 'conv2d', filters: 4, kernel: 3, padding: 'same', activation: 'tanh', name: 'second' },
    { type: 'add', from: ['norm', 'second'], name: 'sum' },
    { type: 'spatialDropout', rate: 0.5 },
    { type: 'gaussianNoise', stddev: 1 },
    { type: 'maxPool2d' },
    { type: 'flatten' },
    { type: 'dense', units: 3, activation: 'softmax' },
  ],
};
const toLogits: NetworkConfig = {
  ...branched,
  layers: branched.layers.map((layer) => (layer.activation === 'softmax' ? { ...layer, activation: 'linear' } : layer)),
};

test.each(isas)(
  'logits before a softmax, raw units before the normalisation, and a layer in between, on %s',
  async (isa) => {
    const factor = 0.25;
    const network = withOddWeights(new Network(branched, { isa, normalization: { type: 'scale', factor } }));
    const weights = weightsOf(network);
    const layer = network.resolved.layers.findIndex(({ name }) => name === 'sum');
    const rows = [0, 1, 2].map((r) => Array.from(uniform(72, 40 + r), (value) => 4 * value));
    const program = new ScoreProgram(network, { rows: 2, logits: true, gradients: true, layer });
    const normalized = (row: number[]) => row.map((value) => value * factor);
    for (const [r, row] of rows.entries()) {
      const seeds = Float32Array.from([0, 1, 2], (c) => Number(c === r));
      const run = await program.run(Float32Array.from(row), seeds);
      const score = () => forward(toLogits, weights, [normalized(row)])[0]![r]!;
      expect(run.scores[r]).toBeCloseTo(score(), 5);
      expectClose(run.inputGradients!, differences(row, score), 1e-4);
      // From the layer on: the rest of the network on what the layer gives.
      const a = forwardAll(toLogits, weights, [normalized(row)]).get('sum')!.rows[0]!;
      expectClose(run.layerOutputs!, a, 1e-5);
      const after: NetworkConfig = { input: [6, 6, 4], layers: toLogits.layers.slice(layer + 1) };
      const named = { ...after, layers: after.layers.map((l, i) => ({ ...l, name: `${l.type}_${layer + 1 + i}` })) };
      expectClose(
        run.layerGradients!,
        differences(a, () => forward(named, weights, [a])[0]![r]!),
        1e-4,
      );
    }
    // Rows beside each other give what each gives alone.
    const both = await program.run(Float32Array.from([...rows[0]!, ...rows[1]!]), Float32Array.of(1, 0, 0, 0, 1, 0));
    const alone = await program.run(Float32Array.from(rows[1]!), Float32Array.of(0, 1, 0));
    expect(both.inputGradients!.slice(72)).toEqual(alone.inputGradients);
    program.dispose();
  },
);

test('layers through which nothing goes back are named', () => {
  const resolved = (...layers: NetworkConfig['layers']) => new Network({ input: [2], layers }).resolved;
  const step = resolved({ type: 'dense', units: 2, activation: 'step', name: 'gate' }, { type: 'dense', units: 1 });
  expect(gradientObstacle(step)).toMatch(/"step" of its layer "gate"/);
  expect(gradientObstacle(step, 0)).toBeNull();
  expect(gradientObstacle(resolved({ type: 'embedding', vocabulary: 3, units: 2, name: 'words' }))).toMatch(/"words"/);
  expect(gradientObstacle(resolved({ type: 'dense', units: 2, activation: 'relu' }))).toBeNull();
});
