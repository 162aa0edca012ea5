// Systems whose weights are given: what they put out can be worked out by hand.
import type { LayerConfig } from '../nn/networkConfig.ts';
import { givenDense, type Preset, perSample } from './preset.ts';

const untrained = { epochs: 0 };
const ones = { type: 'constant', value: 1 } as const;

/** A NAND of two wires of a concatenation: −2 from each of these, 0 from all others. */
function nand(name: string, from: string | string[], wires: [boolean, ...boolean[]]): LayerConfig[] {
  const weight = wires.map((wired) => [wired ? -2 : 0]);
  if (typeof from === 'string') return [givenDense(weight, [3], 'step', { name, from })];
  const joined = `${name}-in`;
  return [{ type: 'concatenate', name: joined, from }, givenDense(weight, [3], 'step', { name, from: joined })];
}

/** Five NANDs: sum and carry of two bits. */
const halfAdder: LayerConfig[] = [
  ...nand('n1', 'input', [true, true]),
  ...nand('n2', ['input', 'n1'], [true, false, true]),
  ...nand('n3', ['input', 'n1'], [false, true, true]),
  ...nand('sum', ['n2', 'n3'], [true, true]),
  ...nand('carry', ['n1', 'n1'], [true, true]),
  { type: 'concatenate', name: 'out', from: ['sum', 'carry'] },
];

/** Nine NANDs: sum and carry of two bits and a carry that comes in. */
const fullAdder: LayerConfig[] = [
  ...nand('n1', 'input', [true, true, false]),
  ...nand('n2', ['input', 'n1'], [true, false, false, true]),
  ...nand('n3', ['input', 'n1'], [false, true, false, true]),
  ...nand('n4', ['n2', 'n3'], [true, true]),
  ...nand('n5', ['input', 'n4'], [false, false, true, true]),
  ...nand('n6', ['n4', 'n5'], [true, true]),
  ...nand('n7', ['input', 'n5'], [false, false, true, true]),
  ...nand('sum', ['n6', 'n7'], [true, true]),
  ...nand('carry', ['n1', 'n5'], [true, true]),
  { type: 'concatenate', name: 'out', from: ['sum', 'carry'] },
];

/** All inputs of so many bits, and [sum, carry] of each. */
function sums(bits: number) {
  const inputs = Array.from({ length: 2 ** bits }, (_, i) =>
    Array.from({ length: bits }, (_, bit) => (i >> (bits - 1 - bit)) & 1),
  );
  const targets = inputs.map((row) => {
    const sum = row.reduce((a, b) => a + b);
    return [sum & 1, sum >> 1];
  });
  return { inputs, targets };
}

/** (rows, columns) of two channels, channels last. */
function twoChannels(first: number[][], second: number[][]): number[][][] {
  return first.map((row, i) => row.map((value, j) => [value, second[i]![j]!]));
}

const convolution = {
  input: twoChannels(
    [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ],
    [
      [1.5, 2.5, 3.5],
      [4.5, 5.5, 6.5],
      [7.5, 8.5, 9.5],
    ],
  ),
  target: [
    [[90], [112]],
    [[156], [177]],
  ],
  /** [height][width][channels][filters] */
  weight: twoChannels(
    [
      [1, 2],
      [3, 4],
    ],
    [
      [1.5, 2.5],
      [3.5, 4.5],
    ],
  ).map((row) => row.map((channels) => channels.map((value) => [value]))),
};

export const byHand: Preset[] = [
  {
    name: 'nand-neuron',
    title: 'A threshold neuron is a NAND gate',
    course: 'C1',
    job: {
      dataset: { synthetic: { kind: 'nand' } },
      network: { input: [2], layers: [givenDense([[-2], [-2]], [3], 'step')] },
      training: { ...untrained, loss: { type: 'meanSquaredError' } },
    },
  },
  {
    name: 'half-adder',
    title: 'Five NAND neurons add two bits: sum and carry',
    course: 'C3',
    job: { dataset: sums(2), network: { input: [2], layers: halfAdder }, training: untrained },
  },
  {
    name: 'full-adder',
    title: 'Nine NAND neurons add two bits and a carry: sum and carry',
    course: 'C3',
    job: { dataset: sums(3), network: { input: [3], layers: fullAdder }, training: untrained },
  },
  {
    name: 'sigmoid-neuron',
    title: 'A sigmoid neuron by hand: σ(0 · 2 + 1 · 3 + 4) = 0.99909',
    course: 'C4',
    job: { network: { input: [2], layers: [givenDense([[0], [1]], [4], 'sigmoid')] }, training: untrained },
  },
  {
    name: 'two-layer-by-hand',
    title: 'Two layers by hand: every weight (0, 1), every bias 0, (2, 3) gives 0.72163',
    course: 'C5',
    job: {
      network: {
        input: [2],
        layers: [
          givenDense(
            [
              [0, 0],
              [1, 1],
            ],
            [0, 0],
            'sigmoid',
            { name: 'hidden' },
          ),
          givenDense([[0], [1]], [0], 'sigmoid', { name: 'out' }),
        ],
      },
      training: untrained,
    },
  },
  {
    name: 'gradient-by-hand',
    title: 'A gradient by hand: one step of rate 1 takes it from every weight 1',
    course: 'C6',
    job: {
      dataset: { inputs: [[-2, -1]], targets: [[1]] },
      network: {
        input: [2],
        layers: [
          { type: 'dense', name: 'hidden', units: 2, activation: 'sigmoid', initializer: ones },
          { type: 'dense', name: 'out', units: 1, activation: 'sigmoid', initializer: ones },
        ],
      },
      training: { ...perSample(1), epochs: 1, loss: { type: 'meanSquaredError' } },
    },
  },
  {
    name: 'conv-by-hand',
    title: 'A convolution of two channels by hand: output, error and one step of rate 0.1',
    course: 'C20',
    job: {
      dataset: { inputs: [convolution.input], targets: [convolution.target] },
      network: {
        input: [3, 3, 2],
        layers: [
          { type: 'conv2d', name: 'conv', filters: 1, kernel: 2, weights: { weight: convolution.weight, bias: [4] } },
        ],
      },
      training: { ...perSample(0.1), epochs: 1, loss: { type: 'meanSquaredError' } },
    },
  },
];
