// A training that is interrupted and taken up again ends in the same bits, and tells the same rows, as one that is not.
import { expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import { planTraining } from '../../src/nn/plan.ts';
import type { DiagnosticsRow, MetricRow } from '../../src/nn/progress.ts';
import { toSplit } from '../../src/nn/samples.ts';
import { train } from '../../src/nn/trainer.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import type { RateChange, TrainingControl, TrainingData, TrainingSnapshot } from '../../src/nn/trainingState.ts';

const layers = [
  { type: 'dense', units: 12, activation: 'tanh' },
  { type: 'batchNorm' },
  { type: 'dropout', rate: 0.3 },
  { type: 'gaussianNoise', stddev: 0.1 },
  { type: 'dense', units: 3 },
] as const;

const rows = 100;
/** The four inputs are images, too. */
const inputShape = [2, 2, 1];
const inputs = Float32Array.from({ length: rows * 4 }, (_, i) => Math.sin(i * 1.7) * 2);
const classes = Int32Array.from({ length: rows }, (_, i) => (inputs[i * 4]! > 0 ? 2 : inputs[i * 4 + 1]! > 0 ? 1 : 0));

function setUp(request: TrainingRequest, seed: number) {
  const network = new Network({ input: [4], layers: [...layers] }, { seed });
  const split = toSplit({ inputs, targets: classes }, network);
  const half = (first: number) => Uint32Array.from({ length: rows / 2 }, (_, i) => first + i);
  const data: TrainingData = {
    targets: 'classes',
    inputShape,
    train: { ...split, rows: half(0) },
    validation: { ...split, rows: half(rows / 2) },
  };
  const { training } = planTraining(request, network.resolved, {
    task: 'classification',
    classes: ['0', '1', '2'],
    targetShape: [],
    inputType: 'float32',
    inputShape,
    samples: { train: rows / 2, validation: rows / 2 },
  });
  return { network, data, training };
}

interface Told {
  rows: MetricRow[];
  diagnostics: DiagnosticsRow[];
  snapshots: TrainingSnapshot[];
  rateChanges: RateChange[];
  outcome: object;
  weights: Float32Array[];
}

async function run(request: TrainingRequest, control: TrainingControl, seed = 7): Promise<Told> {
  const { network, data, training } = setUp(request, seed);
  const told: Told = { rows: [], diagnostics: [], snapshots: [], rateChanges: [], outcome: {}, weights: [] };
  const events = train(network, data, training, { diagnostics: true, ...control });
  for (;;) {
    const { value, done } = await events.next();
    if (done) {
      told.outcome = value;
      break;
    }
    if (value.type === 'row') told.rows.push(value.row);
    if (value.type === 'rateChange') told.rateChanges.push(value.change);
    // As a checkpoint keeps it: a plain JSON value, and arrays.
    if (value.type === 'snapshot') {
      const { memory, kept, ...rest } = value.snapshot;
      told.snapshots.push({
        ...JSON.parse(JSON.stringify(rest)),
        memory: memory.slice(),
        kept: { last: kept.last.slice(), best: kept.best?.slice() ?? null },
      });
    }
    if (value.type === 'diagnostics') {
      const { type: _, ...row } = value;
      told.diagnostics.push(row);
    }
  }
  told.weights = network.weights().map(({ values }) => values.slice());
  network.dispose();
  return told;
}

const settings: Record<string, TrainingRequest> = {
  'adam, steps that are logged, clipping': {
    epochs: 4,
    batchSize: 8,
    seed: 3,
    logEverySteps: 3,
    gradientClip: { norm: 0.5 },
  },
  'momentum, a schedule, a number of steps within an epoch': {
    steps: 25,
    batchSize: 8,
    seed: 4,
    optimizer: { type: 'sgd', learningRate: 0.1, momentum: 0.9, nesterov: true },
    schedule: { type: 'cosine', warmup: 1 },
  },
  'a rate that falls on a plateau, more metrics': {
    epochs: 6,
    batchSize: 16,
    optimizer: { type: 'rmsprop', learningRate: 0.05, momentum: 0.5 },
    schedule: { type: 'onPlateau', patience: 0, factor: 0.5, metric: 'loss' },
    metrics: ['accuracy', 'precision'],
  },
  'early stopping': {
    epochs: 40,
    batchSize: 10,
    optimizer: { type: 'sgd', learningRate: 0.5 },
    earlyStopping: { patience: 1 },
  },
  'a rate to be found': {
    epochs: 2,
    batchSize: 10,
    optimizer: { type: 'adamw', learningRate: 'auto' },
    logEverySteps: 1,
  },
  augmentation: {
    epochs: 3,
    batchSize: 9,
    logEverySteps: 2,
    augmentation: [
      { type: 'shift', fraction: 0.2 },
      { type: 'rotation', degrees: 30 },
      { type: 'horizontalFlip' },
      { type: 'cutout', size: 1, probability: 0.2 },
      { type: 'contrast' },
      { type: 'brightness' },
      { type: 'noise' },
      { type: 'mixup' },
    ],
  },
  'one step an epoch': { epochs: 5, batchSize: 'full', optimizer: { type: 'adagrad' }, shuffle: false },
};

test.each(Object.entries(settings))('%s: from every snapshot on', async (_name, request) => {
  const undisturbed = await run(request, {});
  const watched = await run(request, { snapshotDue: () => true, stopEverySteps: 1 });
  // Taking snapshots, and stopping after every step, changes nothing.
  expect(watched.rows).toEqual(undisturbed.rows);
  expect(watched.weights).toEqual(undisturbed.weights);
  expect(watched.snapshots.length).toBeGreaterThan(4);
  for (const snapshot of watched.snapshots) {
    // Other weights to begin with: all that counts is in the snapshot.
    const resumed = await run(request, { resume: snapshot }, 99);
    const later = <T extends { step?: number; epoch: number }>(row: T) =>
      row.step === undefined ? row.epoch > snapshot.state.epoch : row.step > snapshot.step;
    expect(resumed.rows).toEqual(undisturbed.rows.filter(later));
    expect(resumed.diagnostics).toEqual(undisturbed.diagnostics.filter(later));
    expect(resumed.outcome).toEqual(undisturbed.outcome);
    expect(resumed.weights).toEqual(undisturbed.weights);
  }
});

test('snapshots fall on the steps that were asked for, and on the end', async () => {
  const every = 3;
  const { snapshots } = await run(
    { epochs: 3, batchSize: 10 },
    { stopEverySteps: every, snapshotDue: ({ step, last }) => last || (step > 0 && step % every === 0) },
  );
  expect(snapshots.map(({ step }) => step)).toEqual([3, 6, 9, 12, 15]);
  expect(snapshots.map(({ state }) => state.epoch)).toEqual([0, 1, 1, 2, 3]);
});

test('a rate that is set on the way holds from the step that is told, and once more after a restart', async () => {
  for (const schedule of [undefined, { type: 'onPlateau', patience: 0, metric: 'loss' }] as const) {
    const request: TrainingRequest = {
      epochs: 4,
      batchSize: 10,
      optimizer: { type: 'sgd', learningRate: 0.1 },
      logEverySteps: 1,
      ...(schedule && { schedule }),
    };
    let asked = 0;
    const changed = await run(request, {
      snapshotDue: () => true,
      stopEverySteps: 1,
      takeRate: () => (++asked === 8 ? 0.02 : null),
    });
    expect(changed.rateChanges).toEqual([{ step: 7, learningRate: 0.02 }]);
    const rates = changed.rows.filter(({ kind }) => kind === 'step').map(({ values }) => values.learningRate);
    expect(rates[6]).toBe(schedule ? 0.1 : undefined);
    expect(rates[7]).toBe(0.02);
    const unchanged = await run(request, {});
    expect(unchanged.rows.slice(0, 7)).toEqual(changed.rows.slice(0, 7));
    expect(unchanged.weights).not.toEqual(changed.weights);
    for (const resume of [undefined, ...changed.snapshots]) {
      const again = await run(request, { resume, rateChanges: changed.rateChanges }, resume ? 99 : 7);
      expect(again.weights).toEqual(changed.weights);
      expect(again.rows).toEqual(changed.rows.filter(({ step }) => step > (resume?.step ?? 0)));
    }
  }
});

test('a rate that is set while steps run once more holds behind what was told of them', async () => {
  const request: TrainingRequest = {
    epochs: 3,
    batchSize: 10,
    optimizer: { type: 'sgd', learningRate: 0.1 },
    logEverySteps: 1,
  };
  const { snapshots, rows } = await run(request, { snapshotDue: () => true, stopEverySteps: 1 });
  const resume = snapshots.find(({ step }) => step === 4)!;
  let asked = 0;
  const takeRate = () => (asked++ === 0 ? 0.02 : null);
  // Rows up to step 9 were told, and a change at step 11.
  const known = [{ step: 11, learningRate: 0.05 }];
  for (const [control, step] of [
    [{ toldStep: 9 }, 9],
    [{ toldStep: 9, rateChanges: known }, 11],
    [{}, 4],
  ] as const) {
    asked = 0;
    const again = await run(request, { resume, takeRate, stopEverySteps: 1, ...control }, 99);
    expect(again.rateChanges).toEqual([{ step, learningRate: 0.02 }]);
    const told = rows.filter((row) => row.step > 4 && row.step <= Math.min(step, 10));
    expect(again.rows.slice(0, told.length)).toEqual(told);
  }
});

test('a training that goes on with early stopping, or with another metric, waits from there on', async () => {
  const request: TrainingRequest = { epochs: 8, batchSize: 10, optimizer: { type: 'sgd', learningRate: 1e-9 } };
  const { snapshots } = await run(request, { snapshotDue: ({ last }) => last });
  const [resume] = snapshots as [TrainingSnapshot];
  const epochs = async (earlyStopping: TrainingRequest['earlyStopping'], from = resume) => {
    const { rows } = await run({ ...request, epochs: 40, earlyStopping }, { resume: from }, 99);
    return rows.map(({ epoch }) => epoch);
  };
  const first = await epochs({ metric: 'validationAccuracy', patience: 2 });
  expect(first.length).toBeGreaterThanOrEqual(4);
  expect(first[0]).toBe(9);
  // Watched before: a loss that no accuracy is ever better than.
  const watched = { ...resume, state: { ...resume.state, monitored: 'loss', stopping: { best: 50, waited: 3 } } };
  expect(await epochs({ metric: 'validationAccuracy', patience: 2 }, watched)).toEqual(first);
});
