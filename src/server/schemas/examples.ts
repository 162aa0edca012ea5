/** What the document shows: one dataset, one job on it and the model that it became. */

const time = '2026-01-15T09:30:00.000Z';
const hash = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const datasetId = '019bc0de-0000-7000-8000-000000000001';
const jobId = '019bc0de-0000-7000-8000-000000000002';
const classes = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const metrics = { loss: 0.072, accuracy: 0.978, validationLoss: 0.081, validationAccuracy: 0.975 };

const network = {
  input: [28, 28, 1],
  layers: [
    { type: 'flatten', name: 'flatten_0' },
    { type: 'dense', name: 'dense_1', units: 30, activation: 'sigmoid' },
    { type: 'dense', name: 'dense_2', units: 10 },
  ],
};

const training = {
  epochs: 10,
  batchSize: 32,
  shuffle: true,
  seed: 1,
  loss: { type: 'softmaxCrossEntropy' },
  optimizer: { type: 'adam', learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  initializer: 'glorotUniform',
  normalization: { type: 'scale', factor: 1 / 255 },
  validation: { fraction: 0.1 },
};

export const dataset = {
  id: datasetId,
  name: 'mnist',
  createdAt: time,
  task: 'classification',
  inputShape: [28, 28, 1],
  inputType: 'uint8',
  targetShape: [],
  classes,
  features: null,
  columns: null,
  samples: { train: 60_000, validation: 0, test: 10_000 },
  statistics: { min: 0, max: 255, mean: 33.3, standardDeviation: 78.6, classCounts: classes.map(() => 6000) },
  warnings: [],
  bytes: 54_950_000,
  sha256: hash,
};

/** What a table's columns are kept as. */
export const columns = [
  { name: 'sepal length', type: 'numeric', missing: 2, fill: 5.84 },
  { name: 'colour', type: 'categorical', encoding: 'oneHot', categories: ['blue', 'white'], missing: 0, fill: null },
  { name: 'species', type: 'target' },
];

/** What an upload says of its file. */
export const tableMeta = {
  name: 'flowers',
  target: 'species',
  missing: 'median',
  columns: { colour: { type: 'categorical' }, notes: { type: 'ignored' } },
  split: { test: 0.2, seed: 1 },
};

/** An upload whose newest rows are the test. */
export const timeSplitMeta = { name: 'sales', target: ['units', 'turnover'], split: { time: 'day', test: 0.2 } };

export const datasetRequest = { name: 'xor', synthetic: { kind: 'xor' } };

export const builtinRequest = { name: 'a thousand digits', builtin: 'mnist', limit: { train: 1000 } };

export const samples = {
  items: [{ index: 0, input: [0, 1], target: '1' }],
  total: 4,
  next: 1,
};

export const addition = { inputs: [[0, 1]], targets: ['1'] };

const noDuplicates = { repeated: 0, inEarlierSplits: 0, contradicting: 0 };

export const datasetReport = {
  dataset: datasetId,
  name: 'mnist',
  sha256: hash,
  version: 1,
  inputs: {
    kind: 'channel',
    count: 1,
    items: [
      {
        name: 'grey',
        min: 0,
        max: 255,
        mean: 33.3,
        standardDeviation: 78.6,
        distinct: 256,
        histogram: { from: -0.5, to: 255.5, counts: [38_100_000, 900_000, 800_000, 7_240_000] },
      },
    ],
  },
  missing: [],
  targets: null,
  classes: classes.map((name) => ({ class: name, samples: { train: 6000, validation: 0, test: 1000 } })),
  duplicates: {
    checked: 70_000,
    splits: { train: noDuplicates, validation: noDuplicates, test: { ...noDuplicates, inEarlierSplits: 1 } },
    examples: [{ split: 'test', index: 7, of: { split: 'train', index: 12 } }],
  },
  blank: { samples: { train: 0, validation: 0, test: 0 }, examples: [] },
  warnings: [],
};

export const jobRequest = {
  name: 'digits',
  dataset: 'mnist',
  network: {
    layers: [{ type: 'flatten' }, { type: 'dense', units: 30, activation: 'sigmoid' }, { type: 'dense', units: 10 }],
  },
  training: { epochs: 10, seed: 1, validation: { fraction: 0.1 } },
};

export const job = {
  id: jobId,
  name: 'digits',
  state: 'completed',
  dataset: datasetId,
  network,
  training,
  initialWeights: null,
  priority: 0,
  createdAt: time,
  startedAt: time,
  finishedAt: time,
  progress: {
    epoch: 10,
    epochs: 10,
    step: 16_880,
    steps: 16_880,
    fraction: 1,
    samplesPerSecond: 210_000,
    etaSeconds: 0,
  },
  metrics,
  best: { epoch: 9, ...metrics },
  test: { loss: 0.079, accuracy: 0.976 },
  error: null,
  pause: null,
  restarts: 0,
  fork: null,
  isa: 'avx2',
  kernelVersion: '2',
  weightsHash: hash,
  model: jobId,
  rangeTest: null,
  learningRateChanges: [],
  warnings: [],
};

export const queuedJob = {
  ...job,
  state: 'queued',
  startedAt: null,
  finishedAt: null,
  progress: { epoch: 0, epochs: 10, step: 0, steps: 16_880, fraction: 0, samplesPerSecond: null, etaSeconds: null },
  metrics: {},
  best: null,
  test: null,
  isa: null,
  kernelVersion: null,
  weightsHash: null,
  model: null,
};

export const pausedJob = {
  ...queuedJob,
  state: 'paused',
  startedAt: time,
  progress: {
    epoch: 4,
    epochs: 10,
    step: 7300,
    steps: 16_880,
    fraction: 0.43,
    samplesPerSecond: null,
    etaSeconds: null,
  },
  metrics,
  best: { epoch: 4, ...metrics },
  pause: { code: 'asked', message: 'The job was paused by hand.' },
  isa: 'avx2',
  kernelVersion: '2',
};

export const patch = { training: { optimizer: { learningRate: 0.0005 } } };

export const changedJob = { ...pausedJob, learningRateChanges: [{ step: 7300, learningRate: 0.0005 }] };

export const checkpoints = {
  items: [
    { step: 16_880, epoch: 10, time, bytes: 286_900, metrics },
    { step: 13_504, epoch: 8, time, bytes: 286_900, metrics },
  ],
  next: null,
};

/** Two more epochs from the end of a job, at a lower rate. */
export const forkRequest = { step: 16_880, training: { epochs: 12, optimizer: { learningRate: 0.0001 } } };

export const forkedJob = {
  ...queuedJob,
  name: 'digits-fork',
  fork: { job: jobId, step: 16_880 },
  progress: {
    epoch: 10,
    epochs: 12,
    step: 16_880,
    steps: 20_256,
    fraction: 0.83,
    samplesPerSecond: null,
    etaSeconds: null,
  },
  learningRateChanges: [{ step: 16_880, learningRate: 0.0001 }],
};

export const preset = {
  name: 'nand-neuron',
  title: 'A threshold neuron is a NAND gate',
  course: 'C1',
  job: {
    dataset: { synthetic: { kind: 'nand' } },
    network: {
      input: [2],
      layers: [{ type: 'dense', units: 1, activation: 'step', weights: { weight: [[-2], [-2]], bias: [3] } }],
    },
    training: { epochs: 0 },
  },
};

/** A preset as a job, with a learning rate of one's own. */
export const presetRequest = { name: 'xor', preset: 'xor-tanh', training: { optimizer: { learningRate: 0.2 } } };

export const dryRun = {
  layers: [
    { name: 'flatten_0', type: 'flatten', inputShape: [28, 28, 1], outputShape: [784], parameters: 0, flops: 0 },
    { name: 'dense_1', type: 'dense', inputShape: [784], outputShape: [30], parameters: 23_550, flops: 47_070 },
    { name: 'dense_2', type: 'dense', inputShape: [30], outputShape: [10], parameters: 310, flops: 610 },
  ],
  parameters: 23_860,
  flopsPerSample: 47_680,
  memoryBytes: 1_250_000,
  secondsPerEpoch: 0.31,
  warnings: [],
  initialWeights: {
    model: jobId,
    loaded: ['dense_1.weight', 'dense_1.bias'],
    missing: ['dense_2.weight', 'dense_2.bias'],
    unused: ['output.weight', 'output.bias'],
  },
};

export const metricRows = { rows: [{ seq: 1, time, epoch: 1, step: 1688, ...metrics }], next: 1 };

const logEntry = { seq: 1, time, level: 'info', event: 'created', message: 'the job was created', data: null };

export const jobLog = { items: [logEntry], next: 1 };

export const jobLogLines = `${JSON.stringify(logEntry)}\n`;

const layerAfterEpoch = {
  name: 'dense_1',
  type: 'dense',
  gradientNorm: 0.0412,
  weightNorm: 5.31,
  updateRatio: 0.00121,
  activationMean: 0.482,
  activationDeviation: 0.291,
  deadUnits: null,
  saturated: 0.071,
  outputGradientNorm: 0.0163,
};

const diagnosticsRow = { epoch: 1, loss: 0.38, accuracy: 0.9, layers: [layerAfterEpoch] };

export const diagnostics = {
  rows: [diagnosticsRow],
  findings: [
    {
      code: 'saturated',
      layer: 'dense_1',
      message: "62 % of the outputs of dense 'dense_1' are at the flat ends of its activation: saturated",
    },
  ],
};

export const evaluation = {
  split: 'test',
  samples: 10_000,
  classes: [
    { class: '0', precision: 0.991, recall: 0.995, f1: 0.993, support: 980 },
    { class: '1', precision: 0.994, recall: 0.997, f1: 0.9955, support: 9020 },
  ],
  confusion: [
    [975, 5],
    [9, 9011],
  ],
  worst: [{ split: 'test', index: 1247, class: '0', predicted: '1', score: 0.0021 }],
};

export const events =
  `id: 1\nevent: state\ndata: {"state":"running"}\n\n` +
  `id: 2\nevent: epoch\ndata: {"epoch":1,"step":1688,"loss":0.41,"accuracy":0.89}\n\n` +
  `id: 3\nevent: diagnostics\ndata: ${JSON.stringify(diagnosticsRow)}\n\n`;

export const model = {
  id: jobId,
  name: 'digits',
  createdAt: time,
  job: jobId,
  dataset: datasetId,
  task: 'classification',
  network,
  loss: 'softmaxCrossEntropy',
  normalization: training.normalization,
  inputShape: [28, 28, 1],
  inputType: 'uint8',
  outputShape: [10],
  classes,
  columns: null,
  parameters: 23_860,
  metrics,
  test: job.test,
  step: 16_880,
  isa: 'avx2',
  weightsHash: hash,
  version: 1,
  notes: '',
  tags: [],
};

/** Part `meta` of an import. */
export const modelMeta = {
  name: 'shapes',
  classes: ['circle', 'square'],
  normalization: { type: 'scale', factor: 1 / 255 },
};
/** Part `network` of an import. */
export const modelNetwork = { input: [2], layers: [{ type: 'dense', units: 2, activation: 'softmax' }] };
export const importedModel = {
  ...model,
  id: '01941f29-7c00-7000-8000-000000000009',
  job: null,
  dataset: null,
  metrics: {},
  test: null,
  step: 0,
  isa: null,
};
export const exportedModel = {
  version: 1,
  name: model.name,
  task: model.task,
  loss: model.loss,
  network: model.network,
  weightsHash: model.weightsHash,
};

export const alias = { alias: 'best', model: jobId, name: 'digits', version: 1, since: time };

export const aliasEvent = { action: 'set', model: jobId, name: 'digits', version: 1, exists: true, time };

const laterId = '019bc0de-0000-7000-8000-000000000003';

export const rollBack = {
  ...alias,
  from: laterId,
  skipped: [],
  message: '"best" points at "digits" version 1 again',
};

export const modelPatch = { notes: 'Reads single digits; not made for letters.', tags: ['course', 'mnist'] };

export const describedModel = { ...model, ...modelPatch };

const comparedModel = {
  id: jobId,
  name: 'digits',
  version: 1,
  createdAt: time,
  isa: 'avx2',
  kernelVersion: '2',
  weightsHash: hash,
  dataset: { id: datasetId, name: 'mnist', sha256: hash },
};

const denseLayer = { index: 1, name: 'dense_1', type: 'dense', outputShape: [30], parameters: 23_550 };

export const comparison = {
  a: comparedModel,
  b: { ...comparedModel, id: laterId, version: 2 },
  sameWeights: false,
  sameDataset: true,
  metrics: [{ name: 'accuracy', a: 0.978, b: 0.983, difference: 0.005 }],
  test: [{ name: 'accuracy', a: 0.976, b: 0.979, difference: 0.003 }],
  sizes: [{ name: 'parameters', a: 23_860, b: 79_510, difference: 55_650 }],
  layers: [
    {
      change: 'changed',
      a: denseLayer,
      b: { ...denseLayer, outputShape: [100], parameters: 78_500 },
      differences: [
        { pointer: '/units', a: 30, b: 100 },
        { pointer: '/outputShape', a: [30], b: [100] },
        { pointer: '/parameters', a: 23_550, b: 78_500 },
      ],
    },
  ],
  training: [{ pointer: '/optimizer/learningRate', a: 0.001, b: 0.002 }],
};

export const prediction = {
  model: jobId,
  step: 16_880,
  predictions: [
    {
      class: '7',
      probability: 0.993,
      top: [
        { class: '7', probability: 0.993 },
        { class: '9', probability: 0.004 },
      ],
      output: [-3.1, -5.2, 0.4, 1.9, -6.8, -2.7, -11.3, 9.6, -2.2, 4.1],
    },
  ],
};

export const inferenceMetadata = {
  name: 'digits',
  versions: ['1'],
  platform: 'hebb',
  inputs: [{ name: 'input', datatype: 'UINT8', shape: [-1, 28, 28, 1] }],
  outputs: [
    { name: 'output', datatype: 'FP32', shape: [-1, 10] },
    { name: 'probabilities', datatype: 'FP32', shape: [-1, 10] },
  ],
};

export const inferRequest = {
  id: '42',
  inputs: [{ name: 'input', shape: [2, 2], datatype: 'FP32', data: [0, 1, 1, 1] }],
  outputs: [{ name: 'probabilities' }, { name: 'output', parameters: { classification: 1 } }],
};

export const inferResponse = {
  id: '42',
  model_name: 'xor',
  model_version: '3',
  parameters: { model: jobId, step: 4000 },
  outputs: [
    { name: 'probabilities', datatype: 'FP32', shape: [2, 2], data: [0.01, 0.99, 0.97, 0.03] },
    { name: 'output', datatype: 'BYTES', shape: [2, 1], data: ['4.612000:1:1', '3.521000:0:0'] },
  ],
};

export const modelEvaluation = {
  model: jobId,
  step: 16_880,
  dataset: { id: datasetId, name: 'mnist' },
  split: 'test',
  samples: 10_000,
  metrics: { loss: 0.031, accuracy: 0.9914, precision: 0.9925, recall: 0.996, f1: 0.9943 },
  classes: evaluation.classes,
  confusion: evaluation.confusion,
  calibration: {
    error: 0.0041,
    bins: [
      { from: 0, to: 0.9333, rows: 0, confidence: null, accuracy: null },
      { from: 0.9333, to: 1, rows: 10_000, confidence: 0.9955, accuracy: 0.9914 },
    ],
  },
  worst: [
    {
      split: 'test',
      index: 1247,
      class: '0',
      predicted: '1',
      score: 0.0021,
      probability: 0.9979,
      image: `/v1/datasets/${datasetId}/samples/1247.png?split=test`,
    },
  ],
  warnings: [],
};

export const explanations = {
  model: jobId,
  step: 16_880,
  method: 'contributions',
  baseline: 'trainingMean',
  explanations: [
    {
      class: 'versicolor',
      probability: 0.94,
      score: 2.7,
      baselineScore: 0.4,
      contributions: [
        { column: 'sepal length', contribution: -0.2 },
        { column: 'colour', contribution: 2.5 },
      ],
    },
  ],
};

export const suggestions = {
  model: jobId,
  step: 16_880,
  strategy: 'entropy',
  samples: 1000,
  spreadBy: 'dense_2',
  items: [
    { index: 412, score: 0.691, class: '4', probability: 0.51 },
    { index: 37, score: 0.672, class: '7', probability: 0.55 },
  ],
};

export const info = { name: 'hebb', version: '0.1.0', isa: 'avx2', threads: 4, jobs: 1, kernelVersion: '1' };

export const problem = {
  type: 'urn:hebb:problem:invalid-network',
  title: 'The network is impossible',
  status: 422,
  detail: 'layer 0 "dense_0": takes rank 1, got (28, 28, 1): add flatten before it',
  code: 'invalid-network',
  errors: [{ pointer: '/network/layers/0', message: 'takes rank 1', expected: 'rank 1', received: [28, 28, 1] }],
};
