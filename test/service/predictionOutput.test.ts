import { describe, expect, test } from 'vitest';
import { toPrediction } from '../../src/service/predictionOutput.ts';

type Described = Parameters<typeof toPrediction>[0];

function model(changes: Partial<Described>, activation?: 'sigmoid' | 'softmax'): Described {
  return {
    task: 'classification',
    loss: 'softmaxCrossEntropy',
    network: { input: [2], layers: [{ type: 'dense', units: 3, activation }] },
    outputShape: [3],
    classes: ['a', 'b', 'c'],
    ...changes,
  };
}

const say = (described: Described, output: number[], top?: number) =>
  toPrediction(described, Float32Array.from(output), top);

describe('several outputs', () => {
  test('of a cross-entropy are logits that become probabilities', () => {
    const prediction = say(model({}), [0, 2, 1], 2);
    const sum = 1 + Math.exp(2) + Math.exp(1);
    expect(prediction).toEqual({
      class: 'b',
      probability: expect.closeTo(Math.exp(2) / sum, 6),
      top: [
        { class: 'b', probability: expect.closeTo(Math.exp(2) / sum, 6) },
        { class: 'c', probability: expect.closeTo(Math.exp(1) / sum, 6) },
      ],
      output: [0, 2, 1],
    });
    // Logits beyond what exp can take.
    expect(say(model({}), [1000, 0, -1000]).probability).toBe(1);
  });

  test('after a final softmax are probabilities already', () => {
    expect(say(model({}, 'softmax'), [0.25, 0.5, 0.25])).toMatchObject({ class: 'b', probability: 0.5 });
  });

  test('without a cross-entropy have no probability', () => {
    const prediction = say(model({ loss: 'meanSquaredError' }), [0.5, 0.25, 2]);
    expect(prediction.top?.map((entry) => [entry.class, entry.probability])).toEqual([
      ['c', null],
      ['a', null],
      ['b', null],
    ]);
    expect(prediction).toMatchObject({ class: 'c', probability: null, output: [0.5, 0.25, 2] });
  });
});

describe('one output for two classes', () => {
  const two = { outputShape: [1], classes: ['no', 'yes'], loss: 'binaryCrossEntropy' } as const;
  const binary = { ...two, classes: ['no', 'yes'], outputShape: [1] };

  test('of a cross-entropy is a logit, and both classes are listed', () => {
    expect(say(model(binary), [0.5], 1)).toEqual({
      class: 'yes',
      probability: expect.closeTo(0.6225, 4),
      top: [
        { class: 'yes', probability: expect.closeTo(0.6225, 4) },
        { class: 'no', probability: expect.closeTo(0.3775, 4) },
      ],
      output: [0.5],
    });
    expect(say(model(binary), [-2])).toMatchObject({ class: 'no', probability: expect.closeTo(0.8808, 4) });
  });

  test('after a final sigmoid is a probability already', () => {
    expect(say(model(binary, 'sigmoid'), [0.25])).toMatchObject({ class: 'no', probability: 0.75 });
  });

  test('without a cross-entropy decides at one half', () => {
    const squared = model({ ...binary, loss: 'meanSquaredError' });
    expect(say(squared, [0.6])).toMatchObject({ class: 'yes', probability: null });
    expect(say(squared, [0.5])).toMatchObject({ class: 'no', probability: null });
    expect(say(squared, [0.6]).top).toHaveLength(2);
  });
});

test('a regression gives its output alone, nested', () => {
  const regression = model({ task: 'regression', loss: 'meanSquaredError', classes: null, outputShape: [2, 2] });
  expect(say(regression, [1, 2, 3, 4])).toEqual({
    output: [
      [1, 2],
      [3, 4],
    ],
  });
});

test('one output of hinge means the second class above 0, where its targets of ±1 part', () => {
  const hinge = model({ outputShape: [1], classes: ['no', 'yes'], loss: 'hinge' });
  expect(say(hinge, [0.2])).toMatchObject({ class: 'yes', probability: null });
  expect(say(hinge, [-0.2])).toMatchObject({ class: 'no', probability: null });
});
