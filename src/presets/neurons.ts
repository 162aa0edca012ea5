// Single neurons that learn.
import type { LayerConfig } from '../nn/networkConfig.ts';
import { fullBatch, type Preset, type PresetJob, standardNormal } from './preset.ts';

/** Rosenblatt's perceptron on a truth table. */
function perceptron(kind: 'and' | 'or' | 'nand' | 'xor', title: string): Preset {
  return {
    name: `perceptron-${kind}`,
    title,
    course: 'C2',
    job: {
      dataset: { synthetic: { kind } },
      network: { layers: [{ type: 'dense', name: 'neuron', units: 1, activation: 'step', initializer: 'zeros' }] },
      training: { epochs: 20, batchSize: 1, shuffle: false, optimizer: { type: 'perceptron', learningRate: 1 } },
    },
  };
}

/** AND with targets ±1, as a formal neuron takes it. */
const formalData = {
  inputs: [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ],
  targets: [[-1], [-1], [-1], [1]],
};

function formalNeuron(name: string, title: string, activation: LayerConfig[]): Preset {
  return {
    name,
    title,
    course: 'C11',
    job: {
      dataset: formalData,
      network: { layers: [{ type: 'dense', name: 'neuron', units: 1 }, ...activation] },
      training: { ...fullBatch(0.5), epochs: 500, seed: 1, loss: { type: 'meanSquaredError' } },
    },
  };
}

/** Twelve of the flowers of iris, four of each species. */
const flowers = {
  inputs: [
    [5.1, 3.5, 1.4, 0.2],
    [4.9, 3.0, 1.4, 0.2],
    [4.7, 3.2, 1.3, 0.2],
    [4.6, 3.1, 1.5, 0.2],
    [7.0, 3.2, 4.7, 1.4],
    [6.4, 3.2, 4.5, 1.5],
    [6.9, 3.1, 4.9, 1.5],
    [5.5, 2.3, 4.0, 1.3],
    [6.3, 3.3, 6.0, 2.5],
    [5.8, 2.7, 5.1, 1.9],
    [7.1, 3.0, 5.9, 2.1],
    [6.3, 2.9, 5.6, 1.8],
  ],
  features: ['sepal length (cm)', 'sepal width (cm)', 'petal length (cm)', 'petal width (cm)'],
};

function softmaxRegression(name: string, title: string, dataset: PresetJob['dataset']): Preset {
  return {
    name,
    title,
    course: 'C13',
    job: {
      dataset,
      network: { layers: [{ type: 'dense', name: 'neurons', units: 3, activation: 'softmax' }] },
      training: { ...fullBatch(0.1), epochs: 1000, seed: 1, loss: { type: 'softmaxCrossEntropy' } },
    },
  };
}

export const neurons: Preset[] = [
  perceptron('and', 'Rosenblatt’s perceptron learns AND'),
  perceptron('or', 'Rosenblatt’s perceptron learns OR'),
  perceptron('nand', 'Rosenblatt’s perceptron learns NAND'),
  perceptron('xor', 'Rosenblatt’s perceptron cannot learn XOR'),
  {
    name: 'logistic-neuron',
    title: 'A logistic neuron tells two clouds of points apart',
    course: 'C8',
    job: {
      dataset: { synthetic: { kind: 'blobs', samples: 100, classes: 2, spread: 4, seed: 8 } },
      network: {
        layers: [{ type: 'dense', name: 'neuron', units: 1, activation: 'sigmoid', ...standardNormal }],
      },
      training: { ...fullBatch(0.1), epochs: 100, seed: 1, loss: { type: 'binaryCrossEntropy' } },
    },
  },
  {
    name: 'linear-regression',
    title: 'A linear neuron finds slope and intercept of a noisy line',
    course: 'C10',
    job: {
      dataset: { synthetic: { kind: 'line', samples: 100, slope: 2, intercept: 1, noise: 0.2, seed: 1 } },
      network: { layers: [{ type: 'dense', name: 'line', units: 1 }] },
      training: { ...fullBatch(0.1), epochs: 300, loss: { type: 'meanSquaredError' } },
    },
  },
  formalNeuron('formal-neuron', 'A formal neuron, (1 − eᶻ) / (1 + eᶻ), by least squares', [
    // −tanh(z / 2)
    { type: 'rescaling', scale: 0.5 },
    { type: 'activation', activation: 'tanh' },
    { type: 'rescaling', scale: -1 },
  ]),
  formalNeuron('formal-neuron-linear', 'A linear neuron by least squares', []),
  {
    name: 'neuron-without-bias',
    title: 'A sigmoid neuron without a bias separates four points, and goes on towards the largest margin',
    course: 'C12',
    job: {
      dataset: {
        inputs: [
          [2, 1],
          [0, -2],
          [-2, 1],
          [0, 2],
        ],
        targets: [1, 1, 0, 0],
        task: 'classification',
      },
      network: { layers: [{ type: 'dense', name: 'neuron', units: 1, bias: false, activation: 'sigmoid' }] },
      // Just below the rate at which the loss would begin to swing.
      training: { ...fullBatch(3), epochs: 5000, seed: 1, loss: { type: 'binaryCrossEntropy' } },
    },
  },
  softmaxRegression('softmax-regression', 'Softmax regression names the species of 150 irises', { builtin: 'iris' }),
  softmaxRegression('softmax-regression-one-hot', 'Softmax regression with one-hot targets, twelve irises', {
    ...flowers,
    targets: [0, 1, 2].flatMap((species) => Array.from({ length: 4 }, () => [0, 1, 2].map((i) => +(i === species)))),
  }),
];
