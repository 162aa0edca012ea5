// What is trained while things go wrong: jobs of some seconds that use what a checkpoint has to keep.

const digits = { builtin: 'digits', split: { test: 0.1, seed: 1 } };
const checkpoint = { everySeconds: 0.3 };

/** Jobs by name. */
export const drillJobs: Record<string, object> = {
  'adam, dropout, many epochs': {
    dataset: digits,
    network: {
      layers: [
        { type: 'flatten' },
        { type: 'dense', units: 32, activation: 'relu' },
        { type: 'dropout', rate: 0.2 },
        { type: 'dense', units: 10 },
      ],
    },
    training: { epochs: 250, batchSize: 32, seed: 3, validation: { fraction: 0.1 }, logEverySteps: 100, checkpoint },
  },
  'convolutions, momentum, a schedule': {
    dataset: digits,
    network: {
      layers: [
        { type: 'conv2d', filters: 8, kernel: 3, padding: 'same' },
        { type: 'batchNorm' },
        { type: 'activation', activation: 'relu' },
        { type: 'maxPool2d' },
        { type: 'flatten' },
        { type: 'dense', units: 10 },
      ],
    },
    training: {
      epochs: 60,
      batchSize: 16,
      seed: 4,
      optimizer: { type: 'sgd', learningRate: 0.05, momentum: 0.9 },
      schedule: { type: 'cosine', warmup: 2 },
      logEverySteps: 37,
      checkpoint: { everySteps: 350 },
    },
  },
  'a plateau, early stopping, a rate that is found': {
    dataset: { synthetic: { kind: 'spiral', samples: 600, noise: 0.1, seed: 2 }, split: { validation: 0.2, seed: 2 } },
    network: {
      layers: [
        { type: 'dense', units: 24, activation: 'tanh' },
        { type: 'gaussianNoise', stddev: 0.05 },
        { type: 'dense', units: 24, activation: 'tanh' },
        { type: 'dense', units: 2 },
      ],
    },
    training: {
      epochs: 900,
      batchSize: 8,
      seed: 5,
      optimizer: { type: 'adam', learningRate: 'auto' },
      schedule: { type: 'onPlateau', patience: 30, factor: 0.7 },
      gradientClip: { norm: 1 },
      earlyStopping: { patience: 800 },
      checkpoint,
    },
  },
};
