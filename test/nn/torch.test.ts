// Against PyTorch: the numbers in test/fixtures/torch, which scripts/torch-fixtures.py writes in double precision.
// Reached, of the largest magnitude in a tensor: 3e-7 for outputs and losses, 5e-7 for gradients of a layer, 3e-6 for those
// through a network and for weights after 20 steps.
import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { activationNames } from '../../src/nn/activations.ts';
import { layers } from '../../src/nn/layers/index.ts';
import { type LossConfig, type LossName, lossNames } from '../../src/nn/losses.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { optimizerNames, optimizers } from '../../src/nn/optimizers.ts';
import type { GradientClip, OptimizerConfig } from '../../src/nn/trainingConfig.ts';
import { elementCount } from '../../src/shape.ts';
import { type Samples, stepper } from '../helpers/steps.ts';
import { expectClose, fixtures } from '../helpers/torch.ts';

type Tensors = Record<string, number[]>;

function expectTensors(actual: Record<string, Float32Array>, expected: Tensors, what: string, tolerance: number): void {
  expect(Object.keys(actual).sort(), what).toEqual(Object.keys(expected).sort());
  for (const [name, values] of Object.entries(expected))
    expectClose(actual[name]!, values, `${what} ${name}`, tolerance);
}

function networkOf(config: NetworkConfig, weights: Tensors, isa: string): Network {
  const network = new Network(config, { isa });
  const own = network.weights();
  expect(own.map(({ name }) => name).sort()).toEqual(Object.keys(weights).sort());
  for (const { name, values } of own) {
    expect(values.length, name).toBe(weights[name]!.length);
    values.set(weights[name]!);
  }
  return network;
}

const weightsOf = (network: Network) => Object.fromEntries(network.weights().map(({ name, values }) => [name, values]));

interface LayerCase extends Samples {
  network: NetworkConfig;
  weights: Tensors;
  /** In training; `predictions` where they are others. */
  outputs: number[];
  predictions?: number[];
  loss: number;
  gradients: Tensors;
  inputGradient?: number[];
  frozen?: string[];
  /** What is dropped together; then the numbers are those of what was kept. */
  dropped?: 'elements' | 'channels';
  /** Nothing can be said of the outputs in training. */
  random?: boolean;
  /** Steps on one batch after another with the weights held: what the moving statistics are then. */
  steps?: { inputs: number[]; batch: number; weights: Tensors };
}

const meanSquaredError: LossConfig = { type: 'meanSquaredError' };
const layerFixtures = fixtures<LayerCase>('layers');

describe('every layer', () => {
  test('has a fixture', () => {
    expect(layerFixtures.map(([name]) => name)).toEqual([...layers.keys()].sort());
  });

  test('and so has every activation, by itself and in a dense layer', () => {
    for (const type of ['activation', 'dense']) {
      const found = layerFixtures.find(([name]) => name === type)![1].map((c) => c.network.layers[0]!.activation);
      expect(new Set(found)).toEqual(new Set([...activationNames, ...(type === 'dense' ? [undefined] : [])]));
    }
  });

  for (const [name, cases] of layerFixtures) {
    for (const [i, fixture] of cases.entries()) {
      const title = `${name} ${i}: ${JSON.stringify(fixture.network.layers.at(-1))} on (${fixture.network.input})`;
      test.each(isas)(`${title}, %s`, async (isa) => {
        const network = networkOf(fixture.network, fixture.weights, isa);
        const predictions = network.predict(Float32Array.from(fixture.inputs));
        expectClose(predictions, fixture.predictions ?? fixture.outputs, 'predictions', 1e-6);
        const program = stepper(network, fixture, { loss: meanSquaredError, frozen: fixture.frozen });
        const loss = await program.step();
        if (fixture.dropped) {
          expectDropped(fixture, program.outputs(), program.inputGradient());
        } else if (fixture.random) {
          expectPassedOn(fixture, program.outputs(), program.inputGradient());
        } else {
          expectClose(program.outputs(), fixture.outputs, 'outputs', 1e-6);
          expectClose([loss], [fixture.loss], 'loss', 1e-6);
          expectTensors(program.gradients(), fixture.gradients, 'gradient', 2e-6);
          if (fixture.inputGradient)
            expectClose(program.inputGradient(), fixture.inputGradient, 'input gradient', 2e-6);
        }
        program.dispose();
        if (fixture.steps) await expectMoved(network, fixture.steps);
      });
    }
  }

  /** Elements or channels that are all zero, or all as PyTorch has what it keeps; some of each. */
  function expectDropped(fixture: LayerCase, outputs: Float32Array, inputGradient: Float32Array): void {
    const channels = fixture.network.input!.at(-1)!;
    const elements = outputs.length / fixture.rows;
    /** What an element is dropped or kept together with. */
    const group = (i: number) =>
      fixture.dropped === 'elements' ? i : Math.floor(i / elements) * channels + (i % channels);
    const kept = new Map<number, boolean>();
    for (const [i, y] of outputs.entries()) kept.set(group(i), (kept.get(group(i)) ?? false) || y !== 0);
    const or0 = (values: number[]) => values.map((v, i) => (kept.get(group(i)) ? v : 0));
    expectClose(outputs, or0(fixture.outputs), 'kept outputs', 1e-6);
    // Where an element is dropped, no gradient comes through.
    expectClose(inputGradient, or0(fixture.inputGradient!), 'kept gradient', 1e-6);
    expect(new Set(kept.values())).toEqual(new Set([true, false]));
  }

  /** Noise is added, and the gradient of the outputs is that of the inputs. */
  function expectPassedOn({ inputs, targets }: LayerCase, outputs: Float32Array, inputGradient: Float32Array): void {
    expect(outputs.every((y, i) => y !== Math.fround(inputs[i]!))).toBe(true);
    const expected = Array.from(outputs, (y, i) => (2 * (y - targets![i]!)) / outputs.length);
    expectClose(inputGradient, expected, 'input gradient', 1e-6);
  }

  async function expectMoved(network: Network, { inputs, batch, weights }: NonNullable<LayerCase['steps']>) {
    const rows = inputs.length / elementCount(network.inputShape);
    const targets = inputs.map(() => 0);
    const optimizer: OptimizerConfig = { type: 'sgd', learningRate: 0, momentum: 0, nesterov: false };
    const program = stepper(network, { rows, inputs, targets }, { loss: meanSquaredError, batch, optimizer });
    for (let step = 0; step < rows / batch; step++) await program.step();
    program.dispose();
    const after = weightsOf(network);
    for (const [name, values] of Object.entries(weights))
      expectClose(after[name]!, values, `${name} after the steps`, 1e-6);
  }
});

interface LossCase extends Samples {
  network: NetworkConfig;
  loss: LossConfig;
  value: number;
  inputGradient?: number[];
}
const lossFixtures = fixtures<LossCase>('losses');

describe('every loss', () => {
  test('has a fixture', () => {
    expect(lossFixtures.map(([name]) => name)).toEqual([...lossNames].sort());
  });

  for (const [name, cases] of lossFixtures) {
    for (const [i, fixture] of cases.entries()) {
      const { activation } = fixture.network.layers[0]!;
      const kind = `${fixture.classes ? 'classes' : 'values'}${fixture.rowWeights ? ', rows weighted' : ''}`;
      test.each(isas)(
        `${JSON.stringify(fixture.loss)} behind ${activation}, ${kind} (${name} ${i}), %s`,
        async (isa) => {
          const program = stepper(new Network(fixture.network, { isa }), fixture, { loss: fixture.loss });
          expectClose([await program.step()], [fixture.value], 'value', 1e-6);
          if (fixture.inputGradient)
            expectClose(program.inputGradient(), fixture.inputGradient, 'input gradient', 1e-6);
          program.dispose();
        },
      );
    }
  }
});

interface OptimizerCase extends Samples {
  network: NetworkConfig;
  /** What it leaves out is as PyTorch has it by default. */
  optimizer: Pick<OptimizerConfig, 'type'>;
  gradientClip?: GradientClip;
  loss: LossName;
  batch: number;
  start: Tensors;
  /** Weights by the number of steps. */
  after: Record<string, Tensors>;
}
const optimizerFixtures = fixtures<OptimizerCase>('optimizers');

describe('every optimiser', () => {
  test('has a fixture', () => {
    expect(optimizerFixtures.map(([name]) => name)).toEqual([...optimizerNames].sort());
  });

  for (const [name, cases] of optimizerFixtures) {
    for (const [i, fixture] of cases.entries()) {
      const { optimizer: given, gradientClip, network: config } = fixture;
      const { regularizer, constraint } = config.layers[0]!;
      const more = JSON.stringify({ gradientClip, regularizer, constraint });
      test.each(isas)(`${JSON.stringify(given)} ${more} (${name} ${i}), %s`, async (isa) => {
        const network = networkOf(config, fixture.start, isa);
        const optimizer = { ...optimizers[given.type].defaults, ...given } as OptimizerConfig;
        const { loss, batch } = fixture;
        const program = stepper(network, fixture, { loss: { type: loss }, batch, optimizer, gradientClip });
        const most = Math.max(...Object.keys(fixture.after).map(Number));
        for (let step = 1; step <= most; step++) {
          await program.step();
          const expected = fixture.after[step];
          if (expected) expectTensors(weightsOf(network), expected, `after ${step} steps`, 1e-5);
        }
        program.dispose();
      });
    }
  }
});

interface NetworkCase extends LayerCase {
  classes: number[];
  predictions: number[];
  inputGradient: number[];
  /** Losses of the steps of a training on all rows, and predictions after it; what else stands there is a setting. */
  runs: { optimizer: OptimizerConfig; sampleWeights?: number[]; losses: number[]; predictions: number[] }[];
}

describe('networks', () => {
  for (const [name, [fixture]] of fixtures<NetworkCase>('networks')) {
    test.each(isas)(`${name}, %s`, async (isa) => {
      const { inputs, classes, weights, predictions, outputs, loss, gradients, inputGradient, runs } = fixture!;
      const of = () => networkOf(fixture!.network, weights, isa);
      const network = of();
      const type = 'softmaxCrossEntropy';
      expectClose(network.predict(Float32Array.from(inputs)), predictions, 'predictions', 1e-6);
      const program = stepper(network, fixture!, { loss: { type } });
      expectClose([await program.step()], [loss], 'loss', 1e-6);
      expectClose(program.outputs(), outputs, 'outputs', 1e-6);
      expectTensors(program.gradients(), gradients, 'gradient', 1e-5);
      expectClose(program.inputGradient(), inputGradient, 'input gradient', 1e-5);
      program.dispose();
      for (const { losses, predictions: after, sampleWeights, ...training } of runs) {
        const trained = of();
        const { rows } = await trained.fit(
          { inputs: Float32Array.from(inputs), targets: Int32Array.from(classes), sampleWeights },
          { epochs: losses.length, batchSize: 'full', shuffle: false, loss: { type }, ...training },
        );
        const found = rows.map((row) => row.values.loss!);
        expectClose(found, losses, `losses by ${training.optimizer.type}`, 1e-5);
        expectClose(
          trained.predict(Float32Array.from(inputs)),
          after,
          `predictions after ${training.optimizer.type}`,
          1e-5,
        );
      }
    });
  }
});
