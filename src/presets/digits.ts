// Digit readers beyond the course, on all of MNIST. Two cores train each of them in a couple of minutes.
import type { LayerConfig } from '../nn/networkConfig.ts';
import type { TrainingRequest } from '../nn/trainingConfig.ts';
import type { Preset } from './preset.ts';

const conv = (filters: number): LayerConfig => ({
  type: 'conv2d',
  filters,
  kernel: 3,
  padding: 'same',
  activation: 'relu',
  initializer: 'heNormal',
});
const pool: LayerConfig = { type: 'maxPool2d', size: 2 };
const relu = (units: number): LayerConfig => ({ type: 'dense', units, activation: 'relu', initializer: 'heNormal' });

/** Convolution, normalisation and relu; a bias would be taken away again by the normalisation. */
function normed(name: string, filters: number, options: Partial<LayerConfig> = {}): LayerConfig[] {
  const { activation = 'relu', ...rest } = options;
  const shape = { filters, kernel: 3, padding: 'same' };
  return [
    { type: 'conv2d', ...shape, bias: false, initializer: 'heNormal', ...rest },
    { type: 'batchNorm', name, activation },
  ];
}

/** Two convolutions beside a way around them, as in He et al., CVPR 2016, figure 2; where it halves the image, the way around is a 1×1 convolution. */
function residual(name: string, from: string, filters: number, halves: boolean): LayerConfig[] {
  const stride = halves ? 2 : 1;
  const around = `${name}-around`;
  return [
    ...normed(`${name}-1`, filters, { from, stride }),
    ...normed(`${name}-2`, filters, { activation: 'linear' }),
    ...(halves ? normed(around, filters, { from, stride, kernel: 1, activation: 'linear' }) : []),
    { type: 'add', from: [`${name}-2`, halves ? around : from] },
    { type: 'activation', name, activation: 'relu' },
  ];
}

function reader(name: string, title: string, layers: LayerConfig[], training: TrainingRequest): Preset {
  const job = {
    dataset: { builtin: 'mnist' } as const,
    network: { layers: [...layers, { type: 'dense', units: 10 }] },
    training: { batchSize: 64, seed: 1, loss: { type: 'softmaxCrossEntropy' } as const, ...training },
  };
  return { name, title, course: null, job };
}

const adam = (learningRate: number): TrainingRequest['optimizer'] => ({ type: 'adam', learningRate });

export const digits: Preset[] = [
  reader('mlp', 'A digit reader of two dense layers', [{ type: 'flatten' }, relu(128), relu(64)], {
    epochs: 10,
    optimizer: adam(0.001),
  }),
  reader(
    'lenet5',
    'LeNet-5 with relu and max pooling',
    [
      { type: 'conv2d', filters: 6, kernel: 5, padding: 'same', activation: 'relu', initializer: 'heNormal' },
      pool,
      { type: 'conv2d', filters: 16, kernel: 5, activation: 'relu', initializer: 'heNormal' },
      pool,
      { type: 'flatten' },
      relu(120),
      relu(84),
    ],
    { epochs: 10, optimizer: adam(0.001) },
  ),
  reader(
    'cnnSmall',
    'Two convolutions, pooling and a dense layer',
    [conv(16), pool, conv(32), pool, { type: 'flatten' }, relu(128), { type: 'dropout', rate: 0.5 }],
    { epochs: 8, optimizer: adam(0.001) },
  ),
  reader(
    'vggSmall',
    'Blocks of two 3×3 convolutions and pooling, as in VGG',
    [
      conv(16),
      conv(16),
      pool,
      conv(32),
      conv(32),
      pool,
      { type: 'flatten' },
      relu(128),
      { type: 'dropout', rate: 0.5 },
    ],
    { epochs: 5, optimizer: adam(0.001) },
  ),
  reader(
    'resnetSmall',
    'Residual blocks with batch normalisation, as in ResNet',
    [
      ...normed('stem', 16),
      { ...pool, name: 'pool' },
      ...residual('block1', 'pool', 16, false),
      ...residual('block2', 'block1', 32, true),
      ...residual('block3', 'block2', 32, false),
      { type: 'globalAveragePool2d' },
    ],
    { epochs: 7, optimizer: adam(0.002) },
  ),
];
