// Odd configurations of each layer, with the input they get. A layer without an entry fails the generic layer test.
import { activationNames } from '../../src/nn/activations.ts';
import type { LayerConfig } from '../../src/nn/networkConfig.ts';

export interface LayerCase {
  input: number[];
  layer: LayerConfig;
  /** Layers before it, for those that take several inputs. */
  before?: LayerConfig[];
  /** The inputs are indices below this. */
  indices?: number;
}

const dense = (name: string, units: number): LayerConfig => ({
  type: 'dense',
  name,
  units,
  from: 'input',
  activation: 'tanh',
});
/** An image of 4 × 5 with so many channels. */
const image = (name: string, filters: number): LayerConfig => ({
  type: 'conv2d',
  name,
  filters,
  kernel: 3,
  padding: 'same',
  from: 'input',
});

export const layerCases: Record<string, LayerCase[]> = {
  dense: [
    { input: [5], layer: { type: 'dense', units: 3 } },
    { input: [1], layer: { type: 'dense', units: 1, bias: false } },
    { input: [37], layer: { type: 'dense', units: 41, activation: 'tanh' } },
    { input: [19], layer: { type: 'dense', units: 17, activation: 'sigmoid' } },
    { input: [7], layer: { type: 'dense', units: 6, activation: 'softmax' } },
    { input: [8], layer: { type: 'dense', units: 9, activation: 'leakyRelu' } },
    { input: [9], layer: { type: 'dense', units: 19, activation: 'gelu' } },
    { input: [9], layer: { type: 'dense', units: 5, activation: 'softplus', bias: false } },
  ],
  conv1d: [
    { input: [9, 2], layer: { type: 'conv1d', filters: 3, kernel: 4 } },
    {
      input: [11, 3],
      layer: { type: 'conv1d', filters: 5, kernel: 3, stride: 2, padding: 'same', activation: 'relu' },
    },
    { input: [10, 1], layer: { type: 'conv1d', filters: 2, kernel: 5, padding: 4, bias: false } },
    { input: [12, 6], layer: { type: 'conv1d', filters: 4, kernel: 3, dilation: 3, groups: 2, activation: 'silu' } },
    { input: [1, 17], layer: { type: 'conv1d', filters: 18, kernel: 1 } },
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
    { input: [4, 3, 2], layer: { type: 'conv2d', filters: 3, kernel: 2, activation: 'elu' } },
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
  depthwiseConv2d: [
    { input: [5, 4, 3], layer: { type: 'depthwiseConv2d', kernel: 3 } },
    { input: [5, 5, 2], layer: { type: 'depthwiseConv2d', kernel: [2, 3], multiplier: 3, padding: 'same' } },
    { input: [7, 6, 17], layer: { type: 'depthwiseConv2d', kernel: 3, stride: 2, padding: 1, activation: 'relu' } },
    { input: [7, 7, 1], layer: { type: 'depthwiseConv2d', kernel: 2, multiplier: 5, dilation: [3, 2], bias: false } },
    { input: [4, 4, 3], layer: { type: 'depthwiseConv2d', kernel: 2, multiplier: 2, activation: 'selu' } },
  ],
  separableConv2d: [
    { input: [5, 4, 3], layer: { type: 'separableConv2d', filters: 4, kernel: 3 } },
    {
      input: [5, 6, 2],
      layer: { type: 'separableConv2d', filters: 5, kernel: [3, 2], multiplier: 3, padding: 'same' },
    },
    {
      input: [7, 7, 4],
      layer: { type: 'separableConv2d', filters: 3, kernel: 3, stride: 2, padding: 2, bias: false, activation: 'tanh' },
    },
    { input: [7, 5, 2], layer: { type: 'separableConv2d', filters: 1, kernel: 2, dilation: 3, activation: 'gelu' } },
  ],
  conv2dTranspose: [
    { input: [3, 4, 2], layer: { type: 'conv2dTranspose', filters: 3, kernel: 3 } },
    { input: [3, 2, 3], layer: { type: 'conv2dTranspose', filters: 2, kernel: 4, stride: 2, padding: 'same' } },
    { input: [3, 3, 1], layer: { type: 'conv2dTranspose', filters: 5, kernel: [2, 5], stride: [3, 2], padding: 1 } },
    // Strides beyond the kernel leave pixels that get the bias alone.
    { input: [2, 3, 2], layer: { type: 'conv2dTranspose', filters: 2, kernel: 2, stride: 3, padding: 'same' } },
    { input: [2, 3, 2], layer: { type: 'conv2dTranspose', filters: 3, kernel: 1, stride: 2, activation: 'silu' } },
    {
      input: [4, 4, 17],
      layer: { type: 'conv2dTranspose', filters: 3, kernel: 3, padding: 'same', bias: false, activation: 'relu' },
    },
  ],
  maxPool1d: [
    { input: [7, 3], layer: { type: 'maxPool1d' } },
    { input: [9, 2], layer: { type: 'maxPool1d', size: 3, stride: 2, padding: 'same' } },
    { input: [8, 1], layer: { type: 'maxPool1d', size: 4, stride: 1, padding: 2 } },
  ],
  maxPool2d: [
    { input: [4, 4, 1], layer: { type: 'maxPool2d' } },
    { input: [7, 5, 3], layer: { type: 'maxPool2d', size: [2, 3], stride: 1 } },
    { input: [7, 7, 17], layer: { type: 'maxPool2d', size: 3, stride: 2, padding: 'same' } },
    { input: [5, 5, 2], layer: { type: 'maxPool2d', size: 2, stride: 3, padding: 1 } },
  ],
  averagePool1d: [
    { input: [7, 3], layer: { type: 'averagePool1d' } },
    { input: [9, 2], layer: { type: 'averagePool1d', size: 4, stride: 3, padding: 'same' } },
    { input: [8, 1], layer: { type: 'averagePool1d', size: 3, stride: 1, padding: 2 } },
  ],
  averagePool2d: [
    { input: [4, 4, 1], layer: { type: 'averagePool2d' } },
    { input: [7, 5, 3], layer: { type: 'averagePool2d', size: [2, 3], stride: 1 } },
    { input: [7, 6, 17], layer: { type: 'averagePool2d', size: 3, stride: 2, padding: 'same' } },
    { input: [5, 5, 2], layer: { type: 'averagePool2d', size: [3, 2], stride: [3, 2], padding: 1 } },
  ],
  globalMaxPool2d: [
    { input: [5, 3, 4], layer: { type: 'globalMaxPool2d' } },
    { input: [1, 7, 19], layer: { type: 'globalMaxPool2d' } },
  ],
  globalAveragePool2d: [
    { input: [5, 3, 4], layer: { type: 'globalAveragePool2d' } },
    { input: [7, 1, 19], layer: { type: 'globalAveragePool2d' } },
  ],
  upSampling2d: [
    { input: [3, 2, 5], layer: { type: 'upSampling2d' } },
    { input: [2, 3, 1], layer: { type: 'upSampling2d', size: [1, 3] } },
    { input: [1, 1, 17], layer: { type: 'upSampling2d', size: [3, 2] } },
  ],
  cropping2d: [
    { input: [4, 5, 2], layer: { type: 'cropping2d' } },
    { input: [5, 6, 1], layer: { type: 'cropping2d', cropping: [0, 2] } },
    { input: [7, 6, 3], layer: { type: 'cropping2d', cropping: [1, 0, 3, 2] } },
  ],
  zeroPadding2d: [
    { input: [3, 2, 5], layer: { type: 'zeroPadding2d' } },
    { input: [2, 3, 1], layer: { type: 'zeroPadding2d', padding: [0, 2] } },
    { input: [2, 3, 3], layer: { type: 'zeroPadding2d', padding: [1, 0, 3, 2] } },
  ],
  flatten: [{ input: [3, 2, 2], layer: { type: 'flatten' } }],
  reshape: [
    { input: [12], layer: { type: 'reshape', shape: [3, 4] } },
    { input: [3, 2, 2], layer: { type: 'reshape', shape: [2, -1] } },
  ],
  batchNorm: [
    { input: [6], layer: { type: 'batchNorm' } },
    { input: [4, 3], layer: { type: 'batchNorm', epsilon: 0.1, scale: false, activation: 'tanh' } },
    { input: [3, 5, 2], layer: { type: 'batchNorm', epsilon: 0.001, center: false } },
    { input: [2, 2, 19], layer: { type: 'batchNorm', scale: false, center: false } },
    { input: [4, 3, 3], layer: { type: 'batchNorm', activation: 'relu' } },
  ],
  layerNorm: [
    { input: [6], layer: { type: 'layerNorm' } },
    { input: [4, 3], layer: { type: 'layerNorm', epsilon: 0.1, scale: false, activation: 'gelu' } },
    { input: [3, 5, 2], layer: { type: 'layerNorm', center: false } },
    { input: [2, 2, 19], layer: { type: 'layerNorm', scale: false, center: false } },
  ],
  dropout: [{ input: [6, 3], layer: { type: 'dropout', rate: 0 } }],
  spatialDropout: [{ input: [3, 2, 4], layer: { type: 'spatialDropout', rate: 0 } }],
  gaussianNoise: [{ input: [6, 3], layer: { type: 'gaussianNoise', stddev: 0 } }],
  activation: [
    ...activationNames.map((activation) => ({ input: [33], layer: { type: 'activation', activation } })),
    { input: [3, 3, 5], layer: { type: 'activation', activation: 'leakyRelu', slope: 0.2 } },
    { input: [3, 7], layer: { type: 'activation', activation: 'elu', alpha: 2.5 } },
    { input: [2, 7], layer: { type: 'activation', activation: 'softmax' } },
    { input: [3, 1, 5], layer: { type: 'activation', activation: 'softmax' } },
  ],
  prelu: [
    { input: [7], layer: { type: 'prelu' } },
    { input: [5, 3], layer: { type: 'prelu' } },
    { input: [3, 4, 17], layer: { type: 'prelu' } },
  ],
  add: [
    { input: [5], layer: { type: 'add', from: ['a', 'input'] }, before: [dense('a', 5)] },
    { input: [3], layer: { type: 'add', from: ['a', 'b', 'a'] }, before: [dense('a', 7), dense('b', 7)] },
    { input: [4, 5, 2], layer: { type: 'add', from: ['input', 'a', 'input', 'b'] }, before: [image('a', 2), image('b', 2)] }, // biome-ignore format: one case
    { input: [4], layer: { type: 'add', from: ['input', 'input'] } },
  ],
  multiply: [
    { input: [5], layer: { type: 'multiply', from: ['a', 'input'] }, before: [dense('a', 5)] },
    { input: [3], layer: { type: 'multiply', from: ['a', 'b', 'a'] }, before: [dense('a', 7), dense('b', 7)] },
    { input: [4, 5, 3], layer: { type: 'multiply', from: ['a', 'b'] }, before: [image('a', 1), image('b', 1)] },
    { input: [4], layer: { type: 'multiply', from: ['input', 'input', 'input'] } },
  ],
  concatenate: [
    { input: [5], layer: { type: 'concatenate', from: ['a', 'input'] }, before: [dense('a', 3)] },
    { input: [4, 5, 3], layer: { type: 'concatenate', from: ['input', 'b', 'a', 'b'] }, before: [image('a', 1), image('b', 2)] }, // biome-ignore format: one case
    { input: [3, 2], layer: { type: 'concatenate', from: ['input', 'input'] } },
  ],
  embedding: [
    { input: [6], layer: { type: 'embedding', vocabulary: 7, units: 3 }, indices: 7 },
    { input: [1], layer: { type: 'embedding', vocabulary: 3, units: 17 }, indices: 3 },
    // Indices beyond the vocabulary take its last row.
    { input: [9], layer: { type: 'embedding', vocabulary: 4, units: 1 }, indices: 9 },
  ],
  rescaling: [
    { input: [7], layer: { type: 'rescaling' } },
    { input: [3, 5], layer: { type: 'rescaling', scale: -2.5, offset: 0.75 } },
    { input: [2, 2, 2], layer: { type: 'rescaling', offset: 3 } },
  ],
};
