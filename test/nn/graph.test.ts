// Networks as graphs: what they compute, and what is told of those that cannot be.
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../src/errors.ts';
import { HebbError } from '../../src/errors.ts';
import { purpose, randomBits } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import type { LayerConfig, NetworkConfig } from '../../src/nn/networkConfig.ts';
import { resolveNetwork } from '../../src/nn/resolve.ts';
import { elementCount } from '../../src/shape.ts';
import { uniform, weightsOf, withOddWeights } from '../helpers/networks.ts';
import { differences, forwardAll, loss as referenceLoss } from '../helpers/reference.ts';

/** Compares outputs of all layers, and all gradients, with the oracle's. */
async function expectAsOracle(config: NetworkConfig, rows = 3): Promise<void> {
  const network = withOddWeights(new Network(config));
  const numbers = (elements: number, seed: number) =>
    Array.from({ length: rows }, (_, r) => Array.from(uniform(elements, seed + r)));
  const inputs = numbers(elementCount(network.inputShape), 100);
  const targets = numbers(elementCount(network.outputShape), 200);
  const flat = Float32Array.from(inputs.flat());
  const weights = weightsOf(network);
  const close = (actual: ArrayLike<number>, expected: number[], what: string) => {
    const scale = Math.max(1e-3, ...expected.map(Math.abs));
    expect(actual.length).toBe(expected.length);
    for (const [i, value] of expected.entries()) {
      expect(Math.abs(actual[i]! - value) / scale, `${what}[${i}]`).toBeLessThan(1e-4);
    }
  };
  const expected = forwardAll(config, weights, inputs);
  for (const [name, values] of Object.entries(await network.activations(flat)))
    close(values, expected.get(name)!.rows.flat(), name);
  const f = () => referenceLoss('meanSquaredError', config, weights, inputs, targets);
  const actual = await network.gradients(flat, Float32Array.from(targets.flat()));
  expect(actual.loss).toBeCloseTo(f(), 4);
  for (const [name, values] of Object.entries(weights)) {
    if (actual.parameters[name]) close(actual.parameters[name], differences(values, f), name);
  }
  close(actual.inputs, inputs.flatMap((row) => differences(row, f)), 'input'); // biome-ignore format: one line
}

describe('a graph computes what its layers do', () => {
  const convolution = (name: string, from: string, more: object = {}): LayerConfig => ({
    type: 'conv2d',
    name,
    from,
    filters: 3,
    kernel: 3,
    padding: 'same',
    ...more,
  });

  test('residual blocks, one of them with a projection', async () => {
    await expectAsOracle({
      input: [6, 5, 3],
      layers: [
        convolution('a', 'input'),
        { type: 'batchNorm', name: 'norm', activation: 'relu' },
        convolution('b', 'norm'),
        { type: 'add', name: 'first', from: ['b', 'input'] },
        { type: 'activation', name: 'relu', activation: 'relu' },
        convolution('c', 'relu', { stride: 2, activation: 'tanh' }),
        convolution('projection', 'relu', { stride: 2, kernel: 1 }),
        { type: 'add', from: ['c', 'projection'] },
        { type: 'globalAveragePool2d' },
        { type: 'dense', units: 2 },
      ],
    });
  });

  test('branches of several depths from one layer, joined by their channels', async () => {
    await expectAsOracle({
      input: [4, 4, 2],
      layers: [
        convolution('stem', 'input', { activation: 'gelu' }),
        convolution('left', 'stem', { kernel: 1, activation: 'relu' }),
        { type: 'maxPool2d', name: 'right', size: 3, stride: 1, padding: 'same', from: 'stem' },
        { type: 'prelu', name: 'slopes', from: 'stem' },
        { type: 'concatenate', from: ['left', 'stem', 'right', 'slopes'] },
        { type: 'layerNorm' },
        { type: 'flatten' },
        { type: 'dense', units: 2 },
      ],
    });
  });

  test.each(['add', 'multiply', 'concatenate'])('one layer twice, and others between: %s', async (type) => {
    for (const from of [
      ['a', 'a'],
      ['a', 'b', 'a'],
      ['a', 'a', 'b'],
      ['b', 'a', 'a', 'b'],
      ['input', 'a', 'input', 'b'],
    ]) {
      // biome-ignore format: lists
      const names = new Set(from);
      await expectAsOracle({
        input: [4],
        layers: [
          { type: 'dense', name: 'a', units: 4, activation: 'tanh' },
          // Activations and slopes work on gradients in place.
          { type: 'prelu', name: 'b', from: 'a' },
          { type, name: 'merged', from },
          { type: 'activation', activation: 'silu' },
          ...(names.has('b') ? [] : [{ type: 'concatenate', from: ['activation_3', 'b'] }]),
          { type: 'dense', units: 3 },
        ],
      });
    }
  });

  test('any layers in any order', async () => {
    for (let seed = 0; seed < 30; seed++) await expectAsOracle(randomGraph(seed));
  });
});

/** Ten layers that keep their input's shape, each from some before it; a last one takes what nobody took. */
function randomGraph(seed: number): NetworkConfig {
  const bits = randomBits({ seed, purpose: purpose.synthetic }, 0, 200);
  let at = 0;
  const pick = <T>(list: readonly T[]): T => list[bits[at++]! % list.length]!;
  const names = ['input'];
  const layers: LayerConfig[] = [];
  const makers: (() => LayerConfig)[] = [
    () => ({ type: 'dense', units: 4, activation: pick(['linear', 'tanh', 'relu', 'gelu', 'softmax'] as const) }),
    () => ({ type: 'activation', activation: pick(['elu', 'silu', 'sigmoid', 'softplus', 'linear'] as const) }),
    () => ({ type: 'prelu' }),
    () => ({ type: 'layerNorm', epsilon: 0.1 }),
    () => ({ type: 'rescaling', scale: -1.5, offset: 0.25 }),
    () => ({ type: 'dropout', rate: 0 }),
    () => ({ type: 'flatten' }),
    () => ({ type: 'add', from: Array.from({ length: pick([2, 3, 4]) }, () => pick(names)) }),
    () => ({ type: 'multiply', from: Array.from({ length: pick([2, 3]) }, () => pick(names)) }),
  ];
  for (let i = 0; i < 10; i++) {
    const layer: LayerConfig = { ...pick(makers)(), name: `n${i}` };
    layers.push(layer.from ? layer : { ...layer, from: pick(names.slice(-4)) });
    names.push(layer.name!);
  }
  const taken = new Set(layers.flatMap(({ from }) => from!));
  const free = names.filter((name) => !taken.has(name));
  layers.push({ type: 'add', name: 'all', from: [...free, 'input'] });
  return { input: [4], layers };
}

/** What is wrong with a network, without the reading of it. */
function faultsOf(layers: LayerConfig[], input = [8, 8, 3]): Fault[] {
  try {
    resolveNetwork({ input, layers });
  } catch (error) {
    if (error instanceof HebbError && error.code === 'invalid-network') return error.faults!;
    throw error;
  }
  throw new Error('the network is fine');
}

const told = (faults: Fault[]) => faults.map(({ pointer, message }) => `${pointer}: ${message}`);

describe('what is wrong with a graph is told with its place', () => {
  const flat = [4];
  const dense = (more: object = {}): LayerConfig => ({ type: 'dense', units: 4, ...more });

  test('double names, given or by place, and the input’s', () => {
    expect(told(faultsOf([dense({ name: 'a' }), dense({ name: 'b' }), dense({ name: 'a' })], flat))).toEqual([
      "/layers/2/name: layer 2 is called 'a', and so is layer 0: use another name for one of them",
    ]);
    expect(told(faultsOf([dense({ name: 'dense_1' }), dense()], flat))).toEqual([
      "/layers/1/name: layer 1 is called 'dense_1', and so is layer 0: use another name for one of them",
    ]);
    expect(told(faultsOf([dense({ name: 'input' }), dense()], flat))).toEqual([
      "/layers/0/name: layer 0 is called 'input', which is the network's input: use another name",
    ]);
  });

  test('unknown names, with the one that was meant', () => {
    const [fault, ...more] = faultsOf([dense({ name: 'hidden' }), dense({ from: 'hiden' })], flat);
    expect(more).toEqual([]);
    expect(fault).toEqual({
      pointer: '/layers/1/from',
      message: "dense 'dense_1': no layer is called 'hiden' (did you mean \"hidden\"?)",
      expected: ['input', 'hidden', 'dense_1'],
      received: 'hiden',
    });
    expect(told(faultsOf([dense({ name: 'a' }), { type: 'add', from: ['a', 'Input'] }], flat))).toEqual([
      "/layers/1/from/1: add 'add_1': no layer is called 'Input' (did you mean \"input\"?)",
    ]);
  });

  test('cycles, with their way', () => {
    const cycle = [
      { type: 'add', name: 'a', from: ['input', 'c'] },
      dense({ name: 'b', from: 'a' }),
      dense({ name: 'c', from: 'b' }),
      dense({ name: 'd' }),
    ];
    expect(told(faultsOf(cycle, flat))).toEqual([
      "/layers/0/from/1: add 'a': it takes from itself: 'a' → 'b' → 'c' → 'a'",
    ]);
    expect(told(faultsOf([dense({ name: 'a', from: 'a' })], flat))).toEqual([
      "/layers/0/from: dense 'a': it takes from itself: 'a' → 'a'",
    ]);
  });

  test('a layer from below without a cycle', () => {
    const layers = [dense({ name: 'a', from: 'b' }), dense({ name: 'b', from: 'input' })];
    expect(told(faultsOf(layers, flat))).toEqual([
      "/layers/0/from: dense 'a': 'b' stands below; a layer takes from those above it, so move 'b' up",
    ]);
  });

  test('layers that nobody takes from', () => {
    const layers = [dense({ name: 'a' }), dense({ name: 'b' }), dense({ name: 'c', from: 'a' })];
    expect(told(faultsOf(layers, flat))).toEqual([
      "/layers/1: dense 'b': no layer takes its output. A network has one output, that of its last layer: name 'b' in the \"from\" of a layer below it, or remove it",
    ]);
  });

  test('too many inputs, and too few', () => {
    const layers = [dense({ name: 'a' }), dense({ name: 'b' }), dense({ name: 'c', from: ['a', 'b'] })];
    expect(told(faultsOf(layers, flat))).toEqual([
      '/layers/2/from: dense \'c\' after dense \'a\' and dense \'b\': it takes one input, got 2: join them by {"type": "add"} or {"type": "concatenate"} before it',
    ]);
    for (const type of ['add', 'multiply', 'concatenate']) {
      expect(told(faultsOf([dense({ name: 'a' }), { type }], flat))).toEqual([
        `/layers/1: ${type} '${type}_1' after dense 'a': it takes two inputs or more: name them in "from"`,
      ]);
      expect(faultsOf([dense({ name: 'a' }), { type, from: ['a'] }], flat)[0]!.pointer).toBe('/layers/1/from');
    }
    expect(told(faultsOf([dense({ from: [] })], flat))[0]).toMatch(
      /^\/layers\/0\/from: must be a string or an array, got \[\]/,
    );
  });

  test('an embedding behind layers that learn', () => {
    const embedding = { type: 'embedding', name: 'e', vocabulary: 5, units: 2 };
    const layers = [dense({ name: 'a' }), { type: 'rescaling' }, { ...embedding, from: 'rescaling_1' }];
    expect(told(faultsOf(layers, flat))).toEqual([
      "/layers/2/from: embedding 'e' after rescaling 'rescaling_1': it has no gradient for its input, so dense 'a' could not learn: let it take from the network's input",
    ]);
    resolveNetwork({ input: [2, 2], layers: [{ type: 'flatten' }, embedding] });
    // As many ways as there are atoms in the universe.
    const doubling = Array.from({ length: 300 }, (_, i) => ({ type: 'add', from: i ? [`add_${i - 1}`, `add_${i - 1}`] : ['input', 'input'] })); // biome-ignore format: one layer
    resolveNetwork({ input: [2], layers: [...doubling, embedding] });
  });

  test('inputs of an add or a concatenate that do not fit, with a way to make them', () => {
    const convolution = (name: string, more: object): LayerConfig => ({
      type: 'conv2d',
      name,
      from: 'input',
      filters: 4,
      kernel: 3,
      padding: 'same',
      ...more,
    });
    const join = (type: string, layers: LayerConfig[], input?: number[]) =>
      told(faultsOf([...layers, { type, name: 'm', from: layers.map(({ name }) => name!) }], input));
    expect(join('add', [convolution('a', {}), convolution('b', { filters: 6 })])).toEqual([
      '/layers/2/from: add \'m\' after conv2d \'a\' and conv2d \'b\' gets (8, 8, 4) and (8, 8, 6), it takes inputs of one shape: bring all to 4 channels by {"type": "conv2d", "filters": 4, "kernel": 1}',
    ]);
    expect(join('multiply', [dense({ name: 'a' }), dense({ name: 'b', units: 1 })], flat)).toEqual([
      '/layers/2/from: multiply \'m\' after dense \'a\' and dense \'b\' gets (4) and (1), it takes inputs of one shape: bring all to 4 by {"type": "dense", "units": 4}',
    ]);
    const strides = [convolution('a', {}), convolution('b', { stride: 2 })];
    for (const type of ['add', 'concatenate']) {
      expect(join(type, strides)[0]).toMatch(
        /after conv2d 'a' and conv2d 'b' gets \(8, 8, 4\) and \(4, 4, 4\), it takes .*: use the same strides, and padding 'same', on all ways to it$/,
      );
    }
    const ranks = [convolution('a', {}), { type: 'globalMaxPool2d', name: 'b', from: 'input' }];
    expect(join('concatenate', ranks)[0]).toMatch(/gets \(8, 8, 4\) and \(3\), .*"flatten"} to one of the ways$/);
  });
});

describe('shapes that do not fit name both layers and what to change', () => {
  test.each<[string, number[], LayerConfig[], string]>([
    [
      'a kernel larger than the image', [8, 8, 3], [
        { type: 'conv2d', name: 'c1', filters: 16, kernel: 3, padding: 'same' },
        { type: 'maxPool2d', name: 'p1', size: 4 },
        { type: 'conv2d', name: 'c2', filters: 8, kernel: 5 },
      ],
      "/layers/2/kernel: conv2d 'c2' after maxPool2d 'p1' gets (2, 2, 16), its kernel is 5×5: use padding 'same' or a smaller kernel, or remove maxPool2d 'p1'",
    ],
    ['… with dilation and padding', [5, 9, 3], [{ type: 'conv2d', name: 'c', filters: 8, kernel: [3, 2], dilation: 4, padding: 1 }],
      "/layers/0/kernel: conv2d 'c' after the input gets (5, 9, 3), its kernel is 3×2, 9×5 with its dilation and its padding 1: use padding 'same' or a smaller kernel"],
    ['… of a sequence', [5, 3], [{ type: 'conv1d', name: 'c', filters: 8, kernel: 7 }],
      "/layers/0/kernel: conv1d 'c' after the input gets (5, 3), its kernel is 7: use padding 'same' or a smaller kernel"],
    ['a pooling', [3, 3, 1], [{ type: 'averagePool2d', size: [2, 4] }],
      "/layers/0/size: averagePool2d 'averagePool2d_0' after the input gets (3, 3, 1), its size is 2×4: use padding 'same' or a smaller size"],
    ['cropping all rows', [3, 5, 1], [{ type: 'cropping2d', name: 'c', cropping: [1, 2, 0, 0] }],
      "/layers/0/cropping: cropping2d 'c' after the input: nothing is left of the image 3×5: crop less"],
    ['cropping all columns', [3, 5, 1], [{ type: 'cropping2d', name: 'c', cropping: [0, 0, 2, 3] }],
      "/layers/0/cropping: cropping2d 'c' after the input: nothing is left of the image 3×5: crop less"],
    ['an image for dense', [3, 3, 1], [{ type: 'dense', units: 2 }],
      "/layers/0: dense 'dense_0' after the input gets (3, 3, 1), it takes rows of numbers: add {\"type\": \"flatten\"} before it"],
    ['a row for conv2d', [3, 3, 1], [{ type: 'flatten', name: 'f' }, { type: 'conv2d', filters: 1, kernel: 1 }],
      "/layers/1: conv2d 'conv2d_1' after flatten 'f' gets (9), it takes images (height, width, channels): add a reshape to three sizes before it, or leave out what made a row of the image"],
    ['a sheet for conv2d', [3, 4], [{ type: 'conv2d', filters: 1, kernel: 1 }],
      "/layers/0: conv2d 'conv2d_0' after the input gets (3, 4), it takes images (height, width, channels): add {\"type\": \"reshape\", \"shape\": [3, 4, 1]} before it"],
    ['a row for conv1d', [6], [{ type: 'conv1d', filters: 1, kernel: 1 }],
      "/layers/0: conv1d 'conv1d_0' after the input gets (6), it takes sequences (length, channels): add {\"type\": \"reshape\", \"shape\": [6, 1]} before it"],
    ['an image for maxPool1d', [6, 6, 1], [{ type: 'maxPool1d' }],
      "/layers/0: maxPool1d 'maxPool1d_0' after the input gets (6, 6, 1), it takes sequences (length, channels): use maxPool2d for images"],
    ['a reshape to another count', [6], [{ type: 'reshape', shape: [4, -1] }],
      "/layers/0/shape: reshape 'reshape_0' after the input gets (6), 6 numbers, but its shape (4, -1) has a multiple of 4: let the sizes multiply to 6, or leave one to be worked out by −1"],
    ['a slope where none is', [6], [{ type: 'activation', activation: 'relu', slope: 0.1 }],
      "/layers/0/slope: activation 'activation_0' after the input: only leakyRelu takes a slope, not relu"],
  ])('%s', (_what, input, layers, expected) => {
    expect(told(faultsOf(layers, input))).toEqual([expected]);
  }); // biome-ignore format: a table

  test('several faults at once; what follows from one is not told', () => {
    const faults = faultsOf([
      { type: 'conv2d', name: 'a', filters: 4, kernel: 9 },
      { type: 'batchNorm', name: 'after-a' },
      { type: 'dense', name: 'b', units: 2, from: 'input' },
      { type: 'conv2d', name: 'c', filters: 4, kernel: 3, groups: 2, from: 'input' },
      { type: 'conv2d', name: 'd', filters: 1, kernel: 1, weights: { bias: [1, 2] }, from: 'input' },
      { type: 'add', name: 'sum', from: ['after-a', 'd'] },
      { type: 'concatenate', name: 'all', from: ['sum', 'b', 'c', 'e'] },
    ]);
    expect(faults.map(({ pointer }) => pointer)).toEqual([
      '/layers/6/from/3',
      '/layers/0/kernel',
      '/layers/2',
      '/layers/3/groups',
      '/layers/4/weights/bias',
    ]);
  });
});

test('more connections than can be planned at once are refused', () => {
  const many = Array.from({ length: 50 }, (_, i) => ({ type: 'dense', units: 2, name: `a${i}`, from: 'input' }));
  const from = many.map(({ name }) => name);
  const layers = [...many, ...Array.from({ length: 90 }, () => ({ type: 'add', from })), { type: 'flatten' }];
  expect(() => resolveNetwork({ input: [2], layers })).toThrow(/take from 4551 others in all: at most 4000/);
});
