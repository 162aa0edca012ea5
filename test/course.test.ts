// The course's systems with the figures of the notes: each is the preset, run as a training process runs it. Where a figure is
// that of a run that takes minutes, a short one stands here; `npm run course` does the whole.
import { describe, expect, test } from 'vitest';
import { leastSquares } from '../scripts/course/expectations.ts';
import { readRows } from '../src/data/store.ts';
import { isas } from '../src/native.ts';
import { Network } from '../src/nn/network.ts';
import type { NetworkConfig } from '../src/nn/networkConfig.ts';
import { presetService } from '../src/service/presets.ts';
import { temporaryFolder } from './helpers/data.ts';
import { type PresetRequest, type PresetRun, runPreset } from './helpers/presets.ts';

const parent = await temporaryFolder();
const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];

const networkOf = (preset: string) => presetService.get(preset).job.network as NetworkConfig & { input: number[] };
const lossesOf = ({ rows }: PresetRun) => rows.map(({ values }) => values.loss!);
const flat = (values: unknown) => (values as number[][]).flat();

/** Values of a tensor by its name. */
function weightOf(network: Network, name: string): number[] {
  return Array.from(network.weights().find((tensor) => tensor.name === name)!.values);
}

/** Inputs and targets of a run's training split; classes as their indices. */
async function dataOf({ dataset, folder }: PresetRun) {
  const rows = await readRows(folder, dataset!, 'train', 0, dataset!.samples.train);
  const index = (target: unknown) => dataset!.classes!.indexOf(target as string);
  return {
    inputs: rows.map(({ input }) => input as number[]),
    targets: rows.map(({ target }) => (dataset!.classes ? index(target) : target) as number & number[]),
  };
}

function expectFalling(losses: number[]): void {
  for (let i = 1; i < losses.length; i++) expect(losses[i], `step ${i + 1}`).toBeLessThan(losses[i - 1]!);
}

for (const isa of isas) {
  const run = (request: PresetRequest | string) =>
    runPreset(typeof request === 'string' ? { preset: request } : request, { isa, parent });
  const make = (preset: string, options = {}) => new Network(networkOf(preset), { isa, ...options });

  describe(`the course on ${isa}`, () => {
    test('C1: a threshold neuron with weights (−2, −2) and bias 3 is NAND', async () => {
      const { network } = await run('nand-neuron');
      expect(weightOf(network, 'dense_0.weight')).toEqual([-2, -2]);
      expect(weightOf(network, 'dense_0.bias')).toEqual([3]);
      expect(network.predict([...corners].reverse())).toEqual([[0], [1], [1], [1]]);
    });

    describe('C2: Rosenblatt’s perceptron', () => {
      test.each([
        ['and', [0, 0, 0, 1]],
        ['or', [0, 1, 1, 1]],
        ['nand', [1, 1, 1, 0]],
      ])('learns %s, and then no weight changes any more', async (gate, table) => {
        const preset = `perceptron-${gate}`;
        const learnt = await run(preset);
        expect(flat(learnt.network.predict(corners))).toEqual(table);
        const losses = lossesOf(learnt);
        const first = losses.indexOf(0);
        expect(losses).toHaveLength(20);
        expect(losses.slice(first)).toEqual(new Array(20 - first).fill(0));
        for (const epochs of [first, first + 1, 20, 50]) {
          const { network } = await run({ preset, training: { epochs } });
          expect(Array.from(network.copyWeights())).toEqual(Array.from(learnt.network.copyWeights()));
        }
      });

      test.each([
        ['nand', [1, 1, 1, 0]],
        ['xor', [0, 1, 1, 0]],
      ])('takes the very steps of the rule on %s', async (gate, table) => {
        for (const epochs of [1, 2, 3, 4, 5, 20]) {
          const { network } = await run({ preset: `perceptron-${gate}`, training: { epochs } });
          const { weights, bias } = byRule(table, epochs);
          expect(weightOf(network, 'neuron.weight')).toEqual(weights);
          expect(weightOf(network, 'neuron.bias')).toEqual([bias]);
        }
      });

      test('never has all four of XOR right', async () => {
        for (const learningRate of [1, 0.1]) {
          const optimizer = { type: 'perceptron', learningRate } as const;
          const result = await run({ preset: 'perceptron-xor', training: { epochs: 200, optimizer } });
          expect(lossesOf(result)).toHaveLength(200);
          expect(Math.min(...lossesOf(result))).toBeGreaterThanOrEqual(0.25);
          expect(flat(result.network.predict(corners))).not.toEqual([0, 1, 1, 0]);
        }
      });
    });

    describe('C3: adders of NANDs', () => {
      test('the half adder: all four sums', async () => {
        const { network } = await run('half-adder');
        for (const [a, b] of corners as [number, number][]) {
          expect(network.predict([[a, b]])).toEqual([[a ^ b, a & b]]);
        }
      });

      test('the full adder: all eight sums', async () => {
        const { network } = await run('full-adder');
        for (let i = 0; i < 8; i++) {
          const bits = [i >> 2, (i >> 1) & 1, i & 1];
          const sum = bits[0]! + bits[1]! + bits[2]!;
          expect(network.predict([bits]), bits.join('')).toEqual([[sum % 2, Math.floor(sum / 2)]]);
        }
      });

      test('are made of five and of nine NAND neurons', () => {
        for (const [preset, count] of [
          ['half-adder', 5],
          ['full-adder', 9],
        ] as const) {
          const neurons = networkOf(preset).layers.filter(({ type }) => type === 'dense');
          expect(neurons).toHaveLength(count);
          for (const { activation, weights } of neurons) {
            expect(activation).toBe('step');
            expect((weights!.weight as number[][]).flat().filter((w) => w !== 0)).toEqual([-2, -2]);
            expect(weights!.bias).toEqual([3]);
          }
        }
      });
    });

    test('C4: a sigmoid neuron, by hand', async () => {
      const { network } = await run('sigmoid-neuron');
      expect(network.predict(Float32Array.of(2, 3))[0]).toBeCloseTo(0.9990889488055994, 6);
    });

    test('C5: a two-layer net, by hand', async () => {
      const { network } = await run('two-layer-by-hand');
      const { hidden } = await network.activations([[2, 3]]);
      expect(hidden![0]).toBeCloseTo(0.9525741268224334, 6);
      expect(hidden![1]).toBeCloseTo(0.9525741268224334, 6);
      expect(network.predict(Float32Array.of(2, 3))[0]).toBeCloseTo(0.7216325609518421, 6);
    });

    test('C6: one gradient, by hand, and the step of rate 1 that shows it', async () => {
      const network = make('gradient-by-hand');
      expect(Array.from(network.copyWeights()).filter((w) => w !== 0)).toEqual(new Array(6).fill(1));
      expect((await network.activations([[-2, -1]])).hidden![0]).toBeCloseTo(0.0474258732, 6);
      expect(network.predict(Float32Array.of(-2, -1))[0]).toBeCloseTo(0.5236951742, 6);
      const { parameters } = await network.gradients([[-2, -1]], [[1]]);
      expect(parameters['hidden.weight']![0]).toBeCloseTo(0.0214695353, 6);
      const stepped = await run('gradient-by-hand');
      for (const { name, values } of network.weights()) {
        for (const [i, after] of weightOf(stepped.network, name).entries()) {
          expect(values[i]! - after, name).toBeCloseTo(parameters[name]![i]!, 6);
        }
      }
    });

    test('C7: weight and height tell the sex (the preset’s seed; about two in three land there)', async () => {
      const { network } = await run('weight-height');
      const [alice, bob] = flat(network.predict([[-7, -3], [20, 2]])) as [number, number]; // biome-ignore format: one thought
      expect(alice).toBeGreaterThan(0.94);
      expect(alice).toBeLessThan(0.97);
      expect(bob).toBeGreaterThan(0.03);
      expect(bob).toBeLessThan(0.05);
    });

    test('C8: a logistic neuron: the loss falls at every step and the gradient is Xᵀ(A − y)/m', async () => {
      const result = await run('logistic-neuron');
      const { inputs, targets } = await dataOf(result);
      const labels = Int32Array.from(targets);
      const m = labels.length;
      expect(m).toBe(100);
      const start = new Network(result.plan.network, { isa, seed: 1 });
      const outputs = flat(start.predict(inputs));
      const mean = (value: (row: number) => number) => inputs.reduce((sum, _, row) => sum + value(row), 0) / m;
      const { loss, parameters } = await start.gradients(inputs, labels, { loss: 'binaryCrossEntropy' });
      const [first, second] = parameters['neuron.weight']!;
      expect(first).toBeCloseTo(
        mean((row) => inputs[row]![0]! * (outputs[row]! - labels[row]!)),
        6,
      );
      expect(second).toBeCloseTo(
        mean((row) => inputs[row]![1]! * (outputs[row]! - labels[row]!)),
        6,
      );
      expect(parameters['neuron.bias']![0]).toBeCloseTo(
        mean((row) => outputs[row]! - labels[row]!),
        6,
      );
      // The first step of the run starts from there.
      const losses = lossesOf(result);
      expect(losses[0]).toBeCloseTo(loss, 6);
      expect(losses).toHaveLength(100);
      expectFalling(losses);
      // Threshold 0.5.
      const right = flat(result.network.predict(inputs)).filter((a, row) => +(a > 0.5) === labels[row]).length;
      const { accuracy } = await result.network.evaluate(flatRows(inputs), labels, 'binaryCrossEntropy');
      expect(accuracy).toBe(right / m);
      expect(accuracy).toBeGreaterThanOrEqual(0.97);
    });

    test('C9: three hidden layers tell the circles apart', async () => {
      const result = await run('circles-deep');
      expect(result.metrics.accuracy).toBeGreaterThanOrEqual(0.95);
      expect(result.rows[0]!.values.accuracy).toBeLessThan(0.8);
      expect(result.plan.training.logEverySteps).toBe(10);
    });

    test('C10: linear regression comes within 1 % of least squares', async () => {
      const result = await run('linear-regression');
      const { inputs, targets } = await dataOf(result);
      const [slope, intercept] = leastSquares(inputs.map((input, i) => [input[0]!, (targets[i] as number[])[0]!]));
      expect(Math.abs(weightOf(result.network, 'line.weight')[0]! / slope - 1)).toBeLessThan(0.01);
      expect(Math.abs(weightOf(result.network, 'line.bias')[0]! / intercept - 1)).toBeLessThan(0.01);
      // Noise took them off the line that was drawn.
      expect(Math.abs(slope / 2 - 1)).toBeGreaterThan(0.001);
    });

    describe('C11: a formal neuron by least squares', () => {
      test('puts out (1 − eᶻ) / (1 + eᶻ)', () => {
        const network = new Network({ input: [2], layers: networkOf('formal-neuron').layers }, { isa, seed: 3 });
        const [a, b] = weightOf(network, 'neuron.weight') as [number, number];
        for (const [x, y] of [
          [0.3, -1.2],
          [2, 1],
          [-4, 5],
        ] as const) {
          const power = Math.exp(a * x + b * y);
          expect((network.predict([[x, y]]) as number[][])[0]![0]).toBeCloseTo((1 - power) / (1 + power), 6);
        }
      });

      test.each([
        ['formal-neuron', (z: number) => -Math.tanh(z / 2), (z: number) => -0.5 * (1 - Math.tanh(z / 2) ** 2)],
        ['formal-neuron-linear', (z: number) => z, () => 1],
      ])('%s: gradients as the chain rule has them, and as differences show', async (preset, f, slope) => {
        const { dataset, network: config } = presetService.get(preset).job;
        const { inputs, targets } = dataset as { inputs: number[][]; targets: number[][] };
        const network = new Network({ input: [2], layers: config.layers }, { isa, seed: 3 });
        const { loss, parameters } = await network.gradients(inputs, targets);
        const start = [...weightOf(network, 'neuron.weight'), 0.0];
        const z = (w: number[], row: number) => w[0]! * inputs[row]![0]! + w[1]! * inputs[row]![1]! + w[2]!;
        const lossAt = (w: number[]) =>
          inputs.reduce((sum, _, row) => sum + (f(z(w, row)) - targets[row]![0]!) ** 2, 0) / 4;
        expect(loss).toBeCloseTo(lossAt(start), 6);
        const gradient = [...parameters['neuron.weight']!, ...parameters['neuron.bias']!];
        for (const k of [0, 1, 2]) {
          const byRule = inputs.reduce((sum, input, row) => {
            const error = f(z(start, row)) - targets[row]![0]!;
            return sum + (2 * error * slope(z(start, row)) * (input[k] ?? 1)) / 4;
          }, 0);
          const moved = (by: number) => lossAt(start.map((w, i) => (i === k ? w + by : w)));
          expect(gradient[k]).toBeCloseTo(byRule, 6);
          expect(gradient[k]).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 6);
        }
      });

      test('learns AND: signs by the formal one, the least squares by the linear one', async () => {
        const formal = flat((await run('formal-neuron')).network.predict(corners));
        expect(formal.map(Math.sign)).toEqual([-1, -1, -1, 1]);
        const linear = flat((await run('formal-neuron-linear')).network.predict(corners));
        for (const [i, y] of [-1.5, -0.5, -0.5, 0.5].entries()) expect(linear[i]).toBeCloseTo(y, 3);
      });
    });

    test('C12: a neuron without bias', async () => {
      const result = await run('neuron-without-bias');
      const { inputs, targets } = await dataOf(result);
      const labels = Int32Array.from(targets);
      // w = c · (1, −1) gives z = 1, 2, −3, −2 times c, and a loss that goes to 0 as c grows.
      const lossAt = (c: number) => {
        const layer = { type: 'dense', units: 1, bias: false, weights: { weight: [[c], [-c]] } };
        const network = new Network({ input: [2], layers: [layer] }, { isa });
        expect(flat(network.predict(inputs))).toEqual([1, 2, -3, -2].map((z) => c * z));
        return network.evaluate(flatRows(inputs), labels, 'binaryCrossEntropy');
      };
      const losses: number[] = [];
      for (const c of [0.5, 1, 2, 4, 8, 16]) losses.push((await lossAt(c)).loss!);
      expectFalling(losses);
      expect(losses.at(-1)).toBeLessThan(1e-6);
      // Training separates all four, and goes on towards the largest margin: (3, −2), not (1, −1).
      expectFalling(lossesOf(result));
      expect(flat(result.network.predict(inputs)).map((a) => +(a > 0.5))).toEqual([1, 1, 0, 0]);
      const directions: number[] = [];
      for (const epochs of [50, 500, 5000]) {
        const { network } = await run({ preset: 'neuron-without-bias', training: { epochs } });
        const [a, b] = weightOf(network, 'neuron.weight') as [number, number];
        directions.push(a / -b);
      }
      expect(directions[0]).toBeGreaterThan(1.2);
      expect(directions[1]).toBeGreaterThan(directions[0]!);
      expect(directions[2]).toBeGreaterThan(directions[1]!);
      expect(directions[2]).toBeGreaterThan(1.43);
      expect(directions[2]).toBeLessThan(1.5);
    });

    describe('C13: softmax regression', () => {
      test('one-hot and integer labels give the same loss, gradient and weights', async () => {
        const preset = 'softmax-regression-one-hot';
        const oneHot = presetService.get(preset).job.dataset!;
        const integers = (oneHot.targets as number[][]).map((row) => row.indexOf(1));
        const asRows = await run(preset);
        const dataset = { ...oneHot, targets: integers, task: 'classification' as const };
        const asIndices = await run({ preset, dataset });
        expect(asIndices.dataset).toMatchObject({ task: 'classification', classes: ['0', '1', '2'] });
        expect(lossesOf(asIndices)).toEqual(lossesOf(asRows));
        expect(Array.from(asIndices.network.copyWeights())).toEqual(Array.from(asRows.network.copyWeights()));
        const named = (asRows.network.predict(oneHot.inputs as number[][]) as number[][]).map((row) =>
          row.indexOf(Math.max(...row)),
        );
        expect(named).toEqual(integers);
      });

      test('names the species of the irises', async () => {
        const { metrics } = await run('softmax-regression');
        expect(metrics.accuracy).toBeGreaterThanOrEqual(0.96);
      });

      test.each(['softmax', 'linear'] as const)(
        'logits of ±1e4 give a finite loss and gradient (%s)',
        async (activation) => {
          const weight = [[1e4, -1e4, 0]];
          const network = new Network(
            { input: [1], layers: [{ type: 'dense', name: 'd', units: 3, activation, weights: { weight } }] },
            { isa },
          );
          const { loss, parameters } = await network.gradients([[1], [1]], Int32Array.of(0, 1), {
            loss: 'softmaxCrossEntropy',
          });
          // The first row costs nothing, the second the distance of the logits.
          expect(loss).toBeCloseTo(1e4, 3);
          expect(Array.from(parameters['d.weight']!)).toEqual([0.5, -0.5, 0]);
        },
      );
    });

    test('C14: softmax in the net and logits train to the same loss', async () => {
      const { layers } = networkOf('softmax-digits');
      const logits = layers.map((layer) =>
        layer.activation === 'softmax' ? { ...layer, activation: 'linear' as const } : layer,
      );
      const training = { epochs: 10 };
      const paired = await run({ preset: 'softmax-digits', training });
      const plain = await run({ preset: 'softmax-digits', network: { layers: logits }, training });
      expect(paired.plan.resolved.layers.map(({ outputShape }) => outputShape.at(-1))).toEqual([64, 25, 15, 10]);
      expect(lossesOf(plain)).toEqual(lossesOf(paired));
      expect(plain.test).toEqual(paired.test);
      expect(paired.test!.accuracy).toBeGreaterThan(0.85);
    });

    test('C16: XOR with three tanh units, one sample at a time', async () => {
      const { network, metrics } = await run('xor-tanh');
      expect(metrics.loss).toBeGreaterThan(1.5e-4);
      expect(metrics.loss).toBeLessThan(4e-4);
      expect(flat(network.predict(corners)).map((y) => Math.abs(Math.round(y)))).toEqual([0, 1, 1, 0]);
    });

    test('C16: other seeds end in the local minimum at 0.279', async () => {
      const { metrics } = await run({ preset: 'xor-tanh', training: { seed: 1 } });
      expect(metrics.loss).toBeCloseTo(0.279, 2);
    });

    test('C18: image to image: the loss falls by 10× or more', async () => {
      const result = await run('image-to-image');
      expect(result.plan.resolved.outputShape).toEqual([4, 4, 2]);
      const losses = lossesOf(result);
      expect(losses[0]! / losses.at(-1)!).toBeGreaterThan(10);
    });

    test('C20: a convolution, by hand: output, gradients and one step', async () => {
      const { dataset } = presetService.get('conv-by-hand').job;
      const input = Float32Array.from((dataset!.inputs as number[][][][]).flat(3));
      const target = Float32Array.from((dataset!.targets as number[][][][]).flat(3));
      expect(Array.from(input)).toEqual(c20.input);
      const network = make('conv-by-hand');
      expect(Array.from(network.predict(input))).toEqual([90, 112, 156, 178]);
      const { loss, parameters, inputs } = await network.gradients(input, target);
      expect(loss).toBe(0.25);
      expect(Array.from(parameters['conv.weight']!)).toEqual(interleave([2.5, 3, 4, 4.5], [2.75, 3.25, 4.25, 4.75]));
      expect(Array.from(parameters['conv.bias']!)).toEqual([0.5]);
      expect(Array.from(inputs)).toEqual(
        interleave([0, 0, 0, 0, 0.5, 1, 0, 1.5, 2], [0, 0, 0, 0, 0.75, 1.25, 0, 1.75, 2.25]),
      );
      const stepped = await run('conv-by-hand');
      expect(stepped.metrics.loss).toBe(0.25);
      const after = interleave([0.75, 1.7, 2.6, 3.55], [1.225, 2.175, 3.075, 4.025]);
      const weight = weightOf(stepped.network, 'conv.weight');
      for (const [i, value] of after.entries()) expect(weight[i]).toBeCloseTo(value, 6);
      expect(weightOf(stepped.network, 'conv.bias')[0]).toBeCloseTo(3.95, 6);
    });
  });
}

// Digit readers: a part of the data, some of the epochs, on the best instruction set.
describe('the course’s digit readers, in short', () => {
  const training = { epochs: 3 };

  test('C15: 784-30-10 with the quadratic cost', async () => {
    const dataset = { builtin: 'mnist', limit: { train: 6000, test: 1000 } } as const;
    const result = await runPreset({ preset: 'mnist-quadratic', dataset, training }, { parent });
    expect(result.plan.training).toMatchObject({ batchSize: 10, loss: { type: 'halfSquaredError' } });
    expect(result.plan.resolved.layers.map(({ outputShape }) => outputShape.at(-1))).toEqual([784, 30, 10]);
    expectFalling(lossesOf(result));
    expect(result.test!.accuracy).toBeGreaterThan(0.8);
  });

  test.each([
    ['C17', 'mnist-tanh', [784, 100, 50, 10]],
    ['C19', 'conv-tanh', [1, 676, 100, 10]],
  ])('%s: %s trains on a thousand images and predicts three others', async (_mark, preset, sizes) => {
    const dataset = { builtin: 'mnist', limit: { train: 1000, test: 3 } } as const;
    expect(presetService.get(preset).job.dataset).toEqual({ builtin: 'mnist', limit: { train: 1000 } });
    const result = await runPreset({ preset, dataset, training }, { parent });
    expect(result.plan.resolved.layers.map(({ outputShape }) => outputShape.at(-1))).toEqual(sizes);
    expectFalling(lossesOf(result));
    expect(result.metrics.accuracy).toBeGreaterThan(0.6);
    const images = await readRows(result.folder, result.dataset!, 'test', 0, 3);
    const outputs = result.network.predict(images.map(({ input }) => input as number[][][])) as number[][];
    expect(outputs.map((row) => row.length)).toEqual([10, 10, 10]);
    // 7, 2, 1: two of three at the least, this early.
    const right = outputs.filter((row, i) => String(row.indexOf(Math.max(...row))) === images[i]!.target);
    expect(right.length).toBeGreaterThanOrEqual(2);
  });
});

/** Rosenblatt's rule on a truth table, from zero, in plain arithmetic. */
function byRule(table: number[], epochs: number): { weights: number[]; bias: number } {
  const weights = [0, 0];
  let bias = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const [i, [a, b]] of corners.entries()) {
      const error = table[i]! - +(weights[0]! * a! + weights[1]! * b! + bias > 0);
      weights[0]! += error * a!;
      weights[1]! += error * b!;
      bias += error;
    }
  }
  return { weights, bias };
}

function flatRows(rows: number[][]): Float32Array {
  return Float32Array.from(rows.flat());
}

function interleave(channel0: number[], channel1: number[]): number[] {
  return channel0.flatMap((value, i) => [value, channel1[i]!]);
}

const c20 = { input: interleave([1, 2, 3, 4, 5, 6, 7, 8, 9], [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]) };
