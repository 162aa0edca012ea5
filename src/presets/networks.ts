// The course's networks of several layers.
import { purpose, randomBits } from '../native.ts';
import type { LayerConfig } from '../nn/networkConfig.ts';
import { fullBatch, type Preset, perSample, standardNormal, uniformHalf } from './preset.ts';

const sigmoid = (units: number): LayerConfig => ({ type: 'dense', units, activation: 'sigmoid', ...standardNormal });
const tanh = (units: number): LayerConfig => ({ type: 'dense', units, activation: 'tanh', ...uniformHalf });
const tanhConv = (filters: number): LayerConfig => ({
  type: 'conv2d',
  filters,
  kernel: 3,
  activation: 'tanh',
  ...uniformHalf,
});

/** From 784 inputs U(−0.5, 0.5) would drive every tanh to ±1, where it does not learn: glorotUniform, as is the default. */
const tanhFromMany = (units: number): LayerConfig => ({ type: 'dense', units, activation: 'tanh' });

/** The first thousand images of MNIST. */
const thousandDigits = { builtin: 'mnist', limit: { train: 1000 } } as const;
const squared = { loss: { type: 'meanSquaredError' } } as const;

/** A fixed image of uniform numbers in 0 to 1, in hundredths. */
function randomImage(shape: [number, number, number], seed: number): number[][][] {
  const [height, width, channels] = shape;
  const bits = randomBits({ seed, purpose: purpose.synthetic }, 0, height * width * channels);
  let at = 0;
  return Array.from({ length: height }, () =>
    Array.from({ length: width }, () =>
      Array.from({ length: channels }, () => Math.round((100 * bits[at++]!) / 2 ** 32) / 100),
    ),
  );
}

export const networks: Preset[] = [
  {
    name: 'weight-height',
    title: 'Four people’s weight and height tell their sex: two hidden neurons',
    course: 'C7',
    job: {
      dataset: {
        inputs: [
          [-2, -1],
          [25, 6],
          [17, 4],
          [-15, -6],
        ],
        targets: ['female', 'male', 'male', 'female'],
        classes: ['male', 'female'],
        features: ['weight', 'height'],
      },
      network: { layers: [{ ...sigmoid(2), name: 'hidden' }, sigmoid(1)] },
      training: { ...perSample(0.1), ...squared, epochs: 1000, seed: 1 },
    },
  },
  {
    name: 'circles-deep',
    title: 'Three hidden layers of 32 sigmoids tell two circles apart',
    course: 'C9',
    job: {
      dataset: { synthetic: { kind: 'circles', samples: 100, factor: 0.3, noise: 0.1, seed: 1 } },
      network: { layers: [sigmoid(32), sigmoid(32), sigmoid(32), sigmoid(1)] },
      training: { ...fullBatch(0.1), epochs: 1000, seed: 1, loss: { type: 'binaryCrossEntropy' }, logEverySteps: 10 },
    },
  },
  {
    name: 'softmax-digits',
    title: 'A network of 25, 15 and 10 neurons reads digits of 8×8 pixels',
    course: 'C14',
    job: {
      dataset: { builtin: 'digits', split: { test: 0.2, seed: 1 } },
      network: {
        layers: [
          { type: 'flatten' },
          { type: 'dense', units: 25, activation: 'relu' },
          { type: 'dense', units: 15, activation: 'relu' },
          { type: 'dense', units: 10, activation: 'softmax' },
        ],
      },
      training: {
        epochs: 100,
        seed: 1,
        loss: { type: 'softmaxCrossEntropy' },
        normalization: { type: 'scale', factor: 1 / 16 },
      },
    },
  },
  {
    name: 'mnist-quadratic',
    title: 'A digit reader of 30 hidden sigmoids, with the quadratic cost',
    course: 'C15',
    job: {
      dataset: { builtin: 'mnist' },
      network: { layers: [{ type: 'flatten' }, sigmoid(30), sigmoid(10)] },
      training: {
        epochs: 30,
        batchSize: 10,
        seed: 1,
        loss: { type: 'halfSquaredError' },
        optimizer: { type: 'sgd', learningRate: 3 },
      },
    },
  },
  {
    name: 'xor-tanh',
    title: 'XOR with three hidden tanh neurons',
    course: 'C16',
    job: {
      dataset: { synthetic: { kind: 'xor' } },
      network: { layers: [tanh(3), tanh(1)] },
      // About four seeds in ten end in a local minimum at 0.279; this one does not.
      training: { ...perSample(0.1), ...squared, epochs: 1000, seed: 9 },
    },
  },
  {
    name: 'mnist-tanh',
    title: 'A digit reader of tanh layers, one image after the other',
    course: 'C17',
    job: {
      dataset: thousandDigits,
      network: { layers: [{ type: 'flatten' }, tanhFromMany(100), tanhFromMany(50), tanhFromMany(10)] },
      training: { ...perSample(0.1), ...squared, epochs: 35, seed: 1 },
    },
  },
  {
    name: 'image-to-image',
    title: 'Three tanh convolutions learn to turn one random image into another',
    course: 'C18',
    job: {
      dataset: { inputs: [randomImage([10, 10, 1], 1)], targets: [randomImage([4, 4, 2], 2)] },
      network: { layers: [tanhConv(1), tanhConv(1), tanhConv(2)] },
      training: { ...perSample(0.3), ...squared, epochs: 1000, seed: 1 },
    },
  },
  {
    name: 'conv-tanh',
    title: 'A tanh convolution and two dense layers read digits, one image after the other',
    course: 'C19',
    job: {
      dataset: thousandDigits,
      network: {
        layers: [
          { type: 'conv2d', filters: 1, kernel: 3, activation: 'tanh' },
          { type: 'flatten' },
          tanhFromMany(100),
          tanhFromMany(10),
        ],
      },
      training: { ...perSample(0.1), ...squared, epochs: 100, seed: 1 },
    },
  },
];
