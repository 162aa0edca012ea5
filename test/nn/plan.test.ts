import { describe, expect, test } from 'vitest';
import type { Fault, HebbError } from '../../src/errors.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { planJob } from '../../src/nn/plan.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';

const digits = {
  task: 'classification',
  inputShape: [4],
  inputType: 'uint8',
  targetShape: [],
  classes: ['cat', 'dog', 'a/b'],
  samples: { train: 100 },
} as const;
const pair = { ...digits, classes: ['no', 'yes'], inputType: 'float32' } as const;
const numbers = { ...pair, task: 'regression', classes: null, targetShape: [1] } as const;
const validated = { ...digits, samples: { train: 100, validation: 20 } } as const;

const dense = (units: number, more: object = {}): NetworkConfig => ({ layers: [{ type: 'dense', units, ...more }] });
const deep: NetworkConfig = {
  layers: [
    { type: 'dense', units: 5, name: 'hidden', activation: 'relu' },
    { type: 'dense', units: 3, name: 'out' },
  ],
};
type Dataset = Parameters<typeof planJob>[0]['dataset'];

function faultsOf(network: NetworkConfig, training: unknown, dataset: unknown = digits): Fault[] {
  try {
    planJob({ network, training: training as TrainingRequest, dataset: dataset as Dataset });
  } catch (error) {
    return (error as HebbError).faults ?? [];
  }
  return [];
}
const plan = (network: NetworkConfig, training: TrainingRequest, dataset: unknown = digits) =>
  planJob({ network, training, dataset: dataset as Dataset });

describe('what is impossible is refused at its place', () => {
  const perceptron = { type: 'perceptron' };
  const cases: [string, NetworkConfig, object, unknown, string, RegExp][] = [
    ['epochs and steps', deep, { epochs: 3, steps: 3 }, digits, '/training/steps', /3 steps are 1 epochs, not 3/],
    ['a warm-up that is too long', deep, { epochs: 3, schedule: { type: 'constant', warmup: 3.5 } }, digits, '/training/schedule/warmup', /3\.5 epochs.*training of 3$/],
    ['a warm-up longer than the steps', deep, { steps: 6, schedule: { type: 'constant', warmup: 2 } }, digits, '/training/schedule/warmup', /training of 1\.5$/],
    ['a minimum above the rate', deep, { schedule: { type: 'cosine', minimum: 0.1 } }, digits, '/training/schedule/minimum', /above the learning rate 0\.001/],
    ['a minimum above the rate, on a plateau', deep, { schedule: { type: 'onPlateau', minimum: 0.1 } }, digits, '/training/schedule/minimum', /above/],
    ['a metric to wait for that is not there', deep, { schedule: { type: 'onPlateau', metric: 'validationF1' }, metrics: ['f1'] }, digits, '/training/schedule/metric', /it will have loss, f1$/],
    ['the same with a validation split', deep, { earlyStopping: { metric: 'f1' }, metrics: ['f1', 'accuracy'] }, validated, '/training/earlyStopping/metric', /loss, accuracy, validationLoss, validationF1, validationAccuracy$/],
    ['weights of an unknown class', deep, { classWeights: { cot: 2 } }, digits, '/training/classWeights/cot', /no class "cot" \(did you mean "cat"\?\); it has cat, dog, a\/b/],
    ['a class whose name needs escapes', deep, { classWeights: { 'a/c': 2, cat: 1 } }, digits, '/training/classWeights/a~1c', /did you mean "a\/b"/],
    ['class weights of a regression', dense(1), { classWeights: { cat: 2 } }, numbers, '/training/classWeights', /regression/],
    ['class weights that are all zero', deep, { classWeights: { cat: 0, dog: 0, 'a/b': 0 } }, digits, '/training/classWeights', /nothing to learn/],
    ['a metric of the other task', dense(1), { metrics: ['mae', 'auc'] }, numbers, '/training/metrics/1', /^auc is for classes/],
    ['r2 of classes', deep, { metrics: ['mae', 'r2'] }, digits, '/training/metrics/1', /^r2 is for numbers/],
    ['a k that is always met', deep, { metrics: ['topK'] }, digits, '/training/metrics/0', /k 5 is always 1 where there are 3/],
    ['smoothing without shares', deep, { loss: { type: 'hinge', labelSmoothing: 0.1 } }, digits, '/training/loss/labelSmoothing', /hinge has no labelSmoothing/],
    ['a delta without a parabola', deep, { loss: { type: 'meanSquaredError', delta: 2 } }, digits, '/training/loss/delta', /huber has/],
    ['nesterov without momentum', deep, { optimizer: { type: 'sgd', nesterov: true } }, digits, '/training/optimizer/nesterov', /set momentum/],
    ['an unknown frozen layer', deep, { frozen: ['hiden'] }, digits, '/training/frozen/0', /did you mean "hidden"/],
    ['all layers frozen', deep, { frozen: ['out', 'hidden'] }, digits, '/training/frozen', /nothing to train/],
    ['the loss perceptron with another optimizer', dense(1, { activation: 'step' }), { loss: perceptron }, pair, '/training/optimizer/type', /use the optimizer perceptron/],
    ['the rule with another loss', dense(1, { activation: 'step' }), { optimizer: perceptron, loss: { type: 'hinge' } }, pair, '/training/loss/type', /leave loss out/],
    ['the rule in batches', dense(1, { activation: 'step' }), { optimizer: perceptron, batchSize: 32 }, pair, '/training/batchSize', /must be 1, got 32/],
    ['the rule with two layers', { layers: [{ type: 'dense', units: 2, activation: 'step' }, { type: 'dense', units: 1, activation: 'step' }] }, { optimizer: perceptron }, pair, '/network/layers/1', /single layer, but 'dense_1'/],
    ['the rule without a step', dense(1), { optimizer: perceptron }, pair, '/network/layers/0/activation', /dense with linear/],
    ['a step that another rule would train', dense(3, { activation: 'step' }), {}, digits, '/network/layers/0/activation', /no slope/],
    ['a fraction that leaves nothing', deep, { validation: { fraction: 0.999 } }, digits, '/training/validation/fraction', /none is left/],
    ['two clips', deep, { gradientClip: { norm: 1, value: 1 } }, digits, '/training/gradientClip', /more than 1 prop/],
    ['a misspelt metric', deep, { metrics: ['acuracy'] }, digits, '/training/metrics/0', /did you mean "accuracy"/],
    ['a clip of zero', deep, { gradientClip: { norm: 0 } }, digits, '/training/gradientClip/norm', /> 0/],
    ['a rate of zero', deep, { optimizer: { type: 'sgd', learningRate: 0 } }, digits, '/training/optimizer/learningRate', /a number \(> 0.*or "auto", got 0/],
    ['a misspelt key', deep, { epoch: 1 }, digits, '/training/epoch', /did you mean "epochs"/],
    ['no dataset', deep, {}, null, '/dataset', /without a dataset/],
    ['a misspelt layer key', { layers: [{ type: 'dense', unit: 3 }] }, {}, digits, '/network/layers/0/unit', /did you mean "units"/],
  ]; // biome-ignore format: a case a line
  test.each(cases)('%s', (_what, network, training, dataset, pointer, message) => {
    const faults = faultsOf(network, training, dataset);
    expect(faults.map((fault) => fault.pointer)).toContain(pointer);
    expect(faults.find((fault) => fault.pointer === pointer)!.message).toMatch(message);
  });

  test('all of it at once, the network first', () => {
    const network = { layers: [{ type: 'dense', units: 4, name: 'out', from: 'nowhere' }] };
    const training = {
      epochs: 2,
      steps: 9,
      loss: { type: 'meanSquaredError', delta: 1 },
      optimizer: { type: 'sgd', nesterov: true },
      classWeights: { bird: 1 },
      metrics: ['r2'],
      earlyStopping: { metric: 'validationLoss' },
    };
    expect(() => plan(network, training as TrainingRequest)).toThrow(
      expect.objectContaining({ code: 'invalid-network', message: expect.stringMatching(/nowhere.*\(and 6 more\)$/) }),
    );
    expect(faultsOf(network, training).map(({ pointer }) => pointer)).toEqual([
      '/network/layers/0/from',
      '/training/steps',
      '/training/loss/delta',
      '/training/optimizer/nesterov',
      '/training/classWeights/bird',
      '/training/metrics/0',
      '/training/earlyStopping/metric',
    ]);
    const misfit = { layers: [{ type: 'dense', units: 4 }] };
    expect(faultsOf(misfit, { frozen: ['x'] }).map(({ pointer }) => pointer)).toEqual([
      '/network/layers/0',
      '/training/frozen/0',
    ]);
  });
});

describe('what is left out is completed', () => {
  test('so that the result, sent again, is the same', () => {
    const requests: TrainingRequest[] = [
      {},
      { steps: 10, batchSize: 'full' },
      { epochs: 9, schedule: { type: 'onPlateau', warmup: 0.5 }, earlyStopping: {}, gradientClip: { norm: 1 } },
      { schedule: { type: 'cosine', restarts: { first: 2 } }, classWeights: { dog: 3 }, frozen: ['hidden'] },
      { metrics: ['f1', { type: 'topK', k: 2 }], loss: { type: 'softmaxCrossEntropy', labelSmoothing: 0.1 } },
      { optimizer: { type: 'sgd', learningRate: 'auto', momentum: 0.9, nesterov: true }, logEverySteps: 5 },
    ];
    for (const request of requests) {
      const { training } = plan(deep, request);
      expect(training).toMatchObject(request);
      expect(plan(deep, training as TrainingRequest).training).toEqual(training);
    }
  });

  test('a batch of more samples than there are takes no more than all of them', () => {
    const bytes = (batchSize: number | 'full') => plan(deep, { batchSize }).memoryBytes;
    expect(bytes(65_536)).toBe(bytes('full'));
    expect(bytes('full')).toBeGreaterThan(bytes(1));
  });

  test('by what the job is', () => {
    expect(plan(deep, {}).training).toMatchObject({ epochs: 10, batchSize: 32, metrics: ['accuracy'] });
    expect(plan(dense(1), {}, numbers).training).toMatchObject({ loss: { type: 'meanSquaredError' }, metrics: [] });
    // 100 samples in batches of 32 are 4 steps; the fraction leaves 80, which are 3.
    expect(plan(deep, { steps: 9 }).training.epochs).toBe(3);
    expect(plan(deep, { steps: 10, validation: { fraction: 0.2 } }).training.epochs).toBe(4);
    expect(plan(deep, { earlyStopping: {} }).training.earlyStopping).toEqual({
      metric: 'loss',
      patience: 10,
      minDelta: 0,
      restoreBest: true,
    });
    expect(plan(deep, { earlyStopping: {} }, validated).training.earlyStopping!.metric).toBe('validationLoss');
    const plateau = { type: 'onPlateau', metric: 'validationLoss', patience: 10, factor: 0.1, minimum: 0, minDelta: 0 };
    expect(plan(deep, { schedule: { type: 'onPlateau' } }, validated).training.schedule).toEqual(plateau);
    const rule = plan(dense(1, { activation: 'step' }), { optimizer: { type: 'perceptron' } }, pair).training;
    expect(rule).toMatchObject({ batchSize: 1, loss: { type: 'perceptron' }, optimizer: { learningRate: 1 } });
    expect(plan(deep, {}).training.normalization).toEqual({ type: 'scale', factor: 1 / 255 });
    const words: NetworkConfig = {
      layers: [{ type: 'embedding', vocabulary: 256, units: 2 }, { type: 'flatten' }, { type: 'dense', units: 3 }],
    };
    expect(plan(words, {}).training.normalization).toEqual({ type: 'none' });
  });
});

describe('what is allowed, but most likely not meant, is told', () => {
  const codes = (network: NetworkConfig, training: TrainingRequest, dataset: unknown = digits) =>
    plan(network, training, dataset).warnings.map(({ code }) => code);

  test('activations that the loss does not want', () => {
    const activated = (activation: string) => dense(3, { activation });
    for (const activation of ['sigmoid', 'relu', 'tanh']) {
      expect(codes(activated(activation), {})).toEqual(['activation-before-loss']);
    }
    for (const activation of ['softmax', 'linear']) expect(codes(activated(activation), {})).toEqual([]);
    const binary = (activation: string) => codes(dense(1, { activation }), {}, pair);
    expect([binary('sigmoid'), binary('tanh')]).toEqual([[], ['activation-before-loss']]);
    expect(codes(activated('sigmoid'), { loss: { type: 'hinge' } })).toEqual(['activation-before-loss']);
    expect(codes(activated('tanh'), { loss: { type: 'hinge' } })).toEqual([]);
    expect(codes(activated('sigmoid'), { loss: { type: 'meanSquaredError' } })).toEqual([]);
  });

  test('settings without an effect', () => {
    expect(codes(deep, { validation: { fraction: 0.1 } }, validated)).toEqual(['fraction-unused']);
    expect(codes(deep, { validation: { fraction: 0.001 } })).toEqual(['no-validation']);
    expect(codes(deep, { batchSize: 500 })).toEqual(['batch-above-samples']);
    expect(codes(deep, { epochs: 3, earlyStopping: {} })).toEqual(['never-stops']);
    expect(codes(deep, { epochs: 3, schedule: { type: 'step', every: 3, factor: 0.1 } })).toEqual(['never-steps']);
    expect(codes(deep, { epochs: 3, schedule: { type: 'onPlateau' } })).toEqual(['never-steps']);
    expect(codes(deep, { epochs: 30, schedule: { type: 'onPlateau' }, earlyStopping: {} })).toEqual([]);
  });
});
