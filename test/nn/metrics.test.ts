import { describe, expect, test } from 'vitest';
import type { LossName } from '../../src/nn/losses.ts';
import { epochKeys, lowerIsBetter, type MetricConfig, metricKey, metricNames } from '../../src/nn/metrics.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { data, small, uniform } from '../helpers/networks.ts';

/** Hands its inputs through: what it gets is what it answers. */
const identity = (units: number): NetworkConfig => ({
  input: [units],
  layers: [{ type: 'activation', activation: 'linear' }],
});

const rowsOf = (values: Float32Array, width: number) =>
  Array.from({ length: values.length / width }, (_, r) => Array.from(values.subarray(r * width, (r + 1) * width)));

const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Share of pairs of a row of the class and one of another that are in order, ties counting half: by looking at every pair. */
function pairsInOrder(scores: number[], isOwn: boolean[]): number {
  const pairs: number[] = [];
  for (const [i, own] of scores.entries()) {
    if (!isOwn[i]) continue;
    for (const [j, other] of scores.entries()) if (!isOwn[j]) pairs.push(own > other ? 1 : own === other ? 0.5 : 0);
  }
  return mean(pairs);
}

describe('of classes', () => {
  const classes = 4;
  // Coarse values, so that there are ties; class 3 has few rows, and in part nothing is taken for it.
  const outputs = Float32Array.from(
    uniform(600 * classes, 3),
    (v, i) => Math.round(v * 4) / 2 - (i % classes === 3 ? 1 : 0),
  );
  const rows = rowsOf(outputs, classes);
  const truth = Int32Array.from(uniform(600, 4), (v) => (v > 0.9 ? 3 : Math.floor((v + 1) * 1.55)));
  const wanted: MetricConfig[] = [
    'accuracy',
    'binaryAccuracy',
    { type: 'topK', k: 1 },
    { type: 'topK', k: 2 },
    { type: 'topK', k: 3 },
    'precision',
    'recall',
    'f1',
    'auc',
    'mae',
    'mse',
  ];
  const softmax = rows.map((row) => {
    // Shifted by the largest, as the service does it: rounding decides which rows are tied.
    const exps = row.map((v) => Math.exp(v - Math.max(...row)));
    const sum = exps.reduce((a, b) => a + b, 0);
    return exps.map((e) => e / sum);
  });
  const oneHot = [...truth].map((c) => Array.from({ length: classes }, (_, i) => Number(i === c)));
  const taken = rows.map((row) => row.indexOf(Math.max(...row)));

  test('softmaxCrossEntropy: each is what its definition says, over more rows than one step takes', async () => {
    const network = new Network(identity(classes));
    const { values, report } = await network.evaluate(outputs, truth, { loss: 'softmaxCrossEntropy', metrics: wanted });
    expect(values.loss).toBeCloseTo(mean(softmax.map((p, r) => -Math.log(p[truth[r]!]!))), 5);
    expect(values.accuracy).toBe(mean(taken.map((t, r) => Number(t === truth[r]))));
    expect(values.top1).toBe(values.accuracy);
    for (const k of [2, 3]) {
      // Sorting is stable: of equals the first stays the first.
      const among = rows.map((row, r) => {
        const order = row.map((_, i) => i).sort((a, b) => row[b]! - row[a]!);
        return Number(order.slice(0, k).includes(truth[r]!));
      });
      expect(values[`top${k}`]).toBeCloseTo(mean(among), 12);
    }
    const counts = (c: number, p: number) => taken.filter((t, r) => truth[r] === c && t === p).length;
    const all = [0, 1, 2, 3];
    expect(report!.confusion).toEqual(all.map((c) => all.map((p) => counts(c, p))));
    const perClass = all.map((c) => {
      const right = counts(c, c);
      const as = taken.filter((t) => t === c).length;
      const support = truth.filter((t) => t === c).length;
      const [precision, recall] = [as ? right / as : 0, right / support];
      return { precision, recall, f1: right ? (2 * precision * recall) / (precision + recall) : 0, support };
    });
    for (const [c, { precision, recall, f1, support }] of report!.classes.entries()) {
      expect([precision, recall, support]).toEqual([perClass[c]!.precision, perClass[c]!.recall, perClass[c]!.support]);
      expect(f1).toBeCloseTo(perClass[c]!.f1, 12);
    }
    for (const key of ['precision', 'recall', 'f1'] as const) {
      expect(values[key]).toBeCloseTo(mean(perClass.map((report) => report[key])), 12);
    }
    const areas = all.map((c) => pairsInOrder(softmax.map((p) => p[c]!), [...truth].map((t) => t === c))); // biome-ignore format: a pair
    expect(values.auc).toBeCloseTo(mean(areas), 12);
    const errors = softmax.flatMap((p, r) => p.map((v, i) => v - oneHot[r]![i]!));
    expect(values.mae).toBeCloseTo(mean(errors.map(Math.abs)), 12);
    expect(values.mse).toBeCloseTo(mean(errors.map((e) => e * e)), 12);
    const right = softmax.flatMap((p, r) => p.map((v, i) => Number(v > 0.5 === (oneHot[r]![i] === 1))));
    expect(values.binaryAccuracy).toBeCloseTo(mean(right), 12);
  });

  test('hinge: classes are ±1 for the errors, and nothing is a probability', async () => {
    const network = new Network(identity(classes));
    const { values } = await network.evaluate(outputs, truth, { loss: 'hinge', metrics: wanted });
    const errors = rows.flatMap((row, r) => row.map((v, i) => v - (2 * oneHot[r]![i]! - 1)));
    expect(values.mse).toBeCloseTo(mean(errors.map((e) => e * e)), 10);
    const right = rows.flatMap((row, r) => row.map((v, i) => Number(v > 0 === (oneHot[r]![i] === 1))));
    expect(values.binaryAccuracy).toBeCloseTo(mean(right), 12);
  });

  test.each<[LossName, number]>([
    ['binaryCrossEntropy', 0],
    ['meanSquaredError', 0.5],
    ['hinge', 0],
  ])('one output, two classes, %s', async (loss, threshold) => {
    const scores = Float32Array.from(uniform(500, 8), (v) => Math.round(v * 10) / 5);
    const labels = Int32Array.from(uniform(500, 9), (v, i) => Number(v + scores[i]! > 0.5));
    const network = new Network(identity(1));
    const metrics: MetricConfig[] = ['accuracy', 'precision', 'recall', 'f1', 'auc'];
    const { values, report } = await network.evaluate(scores, labels, { loss, metrics });
    const positive = [...scores].map((s) => s > threshold);
    expect(values.accuracy).toBe(mean(positive.map((p, r) => Number(Number(p) === labels[r]))));
    expect(values.auc).toBeCloseTo(pairsInOrder([...scores], [...labels].map((l) => l === 1)), 12); // biome-ignore format: a pair
    const count = (c: number, p: boolean) => positive.filter((q, r) => labels[r] === c && q === p).length;
    expect(report!.confusion).toEqual([
      [count(0, false), count(0, true)],
      [count(1, false), count(1, true)],
    ]);
    expect(values.recall).toBeCloseTo(mean([count(0, false) / (count(0, false) + count(0, true)), count(1, true) / (count(1, true) + count(1, false))]), 12); // biome-ignore format: a mean
  });

  test('classes that do not occur count in no mean; an auc that nothing defines is left out', async () => {
    const network = new Network(identity(3));
    const rows = [[2, 0, 0], [0, 2, 0], [3, 1, 0]]; // biome-ignore format: rows
    const metrics: MetricConfig[] = ['recall', 'auc'];
    const some = await network.evaluate(rows, Int32Array.of(0, 1, 1), { loss: 'softmaxCrossEntropy', metrics });
    // Class 2 neither occurs nor is anything taken for it: (1 + ½) / 2.
    expect(some.values.recall).toBe(0.75);
    const one = await network.evaluate(rows, Int32Array.of(0, 0, 0), { loss: 'softmaxCrossEntropy', metrics });
    expect(Object.keys(one.values)).toEqual(['loss', 'recall']);
  });
});

describe('of numbers', () => {
  const outputs = rowsOf(uniform(900, 5), 3);
  const targets = rowsOf(uniform(900, 6), 3).map(([a, b, _]) => [a! * 10 + 1000, b! + 1, 7]);

  test('mae, mse and r2 are what their definitions say', async () => {
    const network = new Network(identity(3));
    const metrics: MetricConfig[] = ['mae', 'mse', 'r2'];
    const { values, report } = await network.evaluate(outputs, targets, { loss: 'meanSquaredError', metrics });
    const at = (r: number, i: number) => Math.fround(targets[r]![i]!);
    const errors = outputs.flatMap((row, r) => row.map((v, i) => v - at(r, i)));
    expect(values.mae! / mean(errors.map(Math.abs))).toBeCloseTo(1, 12);
    expect(values.mse! / mean(errors.map((e) => e * e))).toBeCloseTo(1, 12);
    const scores = [0, 1, 2].map((i) => {
      const column = outputs.map((_, r) => at(r, i));
      const centre = mean(column);
      const spread = column.reduce((sum, t) => sum + (t - centre) ** 2, 0);
      const error = outputs.reduce((sum, row, r) => sum + (row[i]! - at(r, i)) ** 2, 0);
      return spread === 0 ? Number(error === 0) : 1 - error / spread;
    });
    expect(values.r2! / mean(scores)).toBeCloseTo(1, 9);
    expect(report).toBeNull();
  });

  test('binaryAccuracy of several labels', async () => {
    const network = new Network(identity(2));
    const metrics: MetricConfig[] = ['binaryAccuracy'];
    const options = { loss: 'binaryCrossEntropy', metrics } as const;
    const { values } = await network.evaluate([[1, -1], [2, 3]], [[1, 0], [0, 1]], options); // biome-ignore format: rows
    expect(values.binaryAccuracy).toBe(0.75);
  });
});

describe('in a training', () => {
  const metrics: MetricConfig[] = ['f1', 'accuracy', { type: 'topK', k: 2 }];
  const network = () => new Network(small, { seed: 7 });

  test('with a validation split each epoch measures that, and the end the training split, too', async () => {
    const trained = network();
    const { rows, metrics: last } = await trained.fit({ ...data, validation: data }, { epochs: 2, metrics });
    const keys = ['loss', 'accuracy', 'validationLoss', 'validationF1', 'validationAccuracy', 'validationTop2'];
    for (const { values } of rows) expect(Object.keys(values).sort()).toEqual([...keys].sort());
    expect(epochKeys(metrics, true).sort()).toEqual([...keys].sort());
    expect(Object.keys(last).sort()).toEqual([...keys, 'f1', 'top2'].sort());
    const { values } = await trained.evaluate(data.inputs, data.targets, { loss: 'softmaxCrossEntropy', metrics });
    expect(last).toMatchObject({
      f1: values.f1,
      top2: values.top2,
      validationF1: values.f1,
      validationLoss: values.loss,
    });
  });

  test('without one each epoch measures the training split', async () => {
    const trained = network();
    const { rows, metrics: last } = await trained.fit(data, { epochs: 2, metrics });
    expect(Object.keys(rows[0]!.values).sort()).toEqual(['accuracy', 'f1', 'loss', 'top2']);
    expect(epochKeys(metrics, false).sort()).toEqual(['accuracy', 'f1', 'loss', 'top2']);
    const { values } = await trained.evaluate(data.inputs, data.targets, { loss: 'softmaxCrossEntropy', metrics });
    expect(last.f1).toBe(values.f1);
    expect(rows[0]!.values.f1).not.toBe(values.f1);
  });

  test('those that do not fit the task are refused', async () => {
    const regression = new Network({ input: [1], layers: [{ type: 'dense', units: 1 }] });
    const fit = regression.fit({ inputs: [[1]], targets: [[1]] }, { metrics: ['mse', 'auc', 'binaryAccuracy'] });
    await expect(fit).rejects.toMatchObject({
      code: 'invalid-training',
      faults: [
        {
          pointer: '/training/metrics/1',
          message: expect.stringMatching(/^auc is for classes, the task is a regression/),
        },
        { pointer: '/training/metrics/2' },
      ],
    });
    const classes = network().evaluate(data.inputs, data.targets, {
      loss: 'softmaxCrossEntropy',
      metrics: ['r2', 'topK'],
    });
    await expect(classes).rejects.toMatchObject({
      faults: [
        { message: expect.stringMatching(/^r2 is for numbers/) },
        { message: expect.stringMatching(/3 classes/) },
      ],
    });
  });
});

test('every metric knows which way is better', () => {
  const lower = metricNames.flatMap((name) => [metricKey(name), `validation${name}`]).filter(lowerIsBetter);
  expect(lower).toEqual(['mae', 'validationmae', 'mse', 'validationmse']);
  expect(['loss', 'validationLoss', 'validationMse', 'top5', 'validationTop5'].map(lowerIsBetter)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
