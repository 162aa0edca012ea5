import { describe, expect, test } from 'vitest';
import { LearningRates } from '../../src/nn/learningRates.ts';

const length = { stepsPerEpoch: 10, steps: 100 };
const constant = { schedule: undefined, length, base: 0.1 };
const plateau = { type: 'onPlateau', patience: 0, factor: 0.5, metric: 'loss' } as const;
const exponential = { type: 'exponential', factor: 0.5 } as const;
const standing = { best: 1, waited: 0, rate: 0.05, metric: 'loss' };

describe('rates', () => {
  test('are one without a schedule, and one a step with one', () => {
    const rates = new LearningRates(constant);
    expect([...rates.of(0, 10)]).toEqual([0.1]);
    expect(rates.told).toBe(false);
    expect(rates.nextChange).toBe(Infinity);
    const falling = new LearningRates({ ...constant, schedule: exponential });
    expect(falling.told).toBe(true);
    expect([...falling.of(8, 4)]).toEqual([0.1, 0.1, 0.05, 0.05]);
  });

  test('that were set by hand hold from their step on, and schedules go on from there', () => {
    const rates = new LearningRates({ ...constant, schedule: exponential });
    rates.set(1);
    expect([...rates.of(10, 1)]).toEqual([0.5]);
    const plain = new LearningRates(constant);
    plain.set(1);
    expect(plain.told).toBe(true);
    expect([...plain.of(10, 1)]).toEqual([1]);
  });

  test('fall on a plateau, also from one that was set by hand', () => {
    const rates = new LearningRates({ ...constant, schedule: plateau });
    rates.endEpoch({ loss: 1 });
    expect([...rates.of(10, 2)]).toEqual([0.1, 0.1]);
    rates.endEpoch({ loss: 1 });
    expect([...rates.of(20, 1)]).toEqual([0.05]);
    rates.set(4);
    expect([...rates.of(25, 1)]).toEqual([4]);
    rates.endEpoch({ loss: 1 });
    expect([...rates.of(30, 1)]).toEqual([2]);
  });
});

describe('changes that are known beforehand', () => {
  const changes = [
    { step: 5, learningRate: 0.2 },
    { step: 5, learningRate: 0.3 },
    { step: 12, learningRate: 0.4 },
  ];

  test('come at their steps, the last of one step counting', () => {
    const rates = new LearningRates({ ...constant, changes });
    expect(rates.nextChange).toBe(5);
    expect(rates.reach(4)).toBe(false);
    expect(rates.told).toBe(false);
    expect(rates.reach(5)).toBe(true);
    expect([...rates.of(5, 1)]).toEqual([0.3]);
    expect(rates.nextChange).toBe(12);
    expect(rates.reach(13)).toBe(true);
    expect([...rates.of(13, 1)]).toEqual([0.4]);
    expect(rates.nextChange).toBe(Infinity);
    expect(rates.reach(20)).toBe(false);
  });

  test.each([
    [4, 0.1, 5, false],
    [5, 0.1, 5, false],
    [6, 0.3, 12, true],
    [12, 0.3, 12, true],
    [13, 0.4, Infinity, true],
  ])('are those from the step on where it goes on: %i', (step, rate, nextChange, told) => {
    const rates = new LearningRates({ ...constant, changes, resume: { step, plateau: null } });
    expect([...rates.of(step, 1)]).toEqual([rate]);
    expect(rates).toMatchObject({ nextChange, told });
  });

  test('leave a plateau as it stood, but for those of the very step', () => {
    const resume = { step: 12, plateau: standing };
    const rates = new LearningRates({ ...constant, schedule: plateau, changes, resume });
    expect([...rates.of(12, 1)]).toEqual([0.05]);
    rates.reach(12);
    expect([...rates.of(12, 1)]).toEqual([0.4]);
  });
});

describe('a schedule that is not the one before', () => {
  test('begins on a plateau where there was none, or where it watches something else', () => {
    for (const before of [null, { ...standing, metric: 'accuracy', best: 0.9 }]) {
      const rates = new LearningRates({ ...constant, schedule: plateau, resume: { step: 10, plateau: before } });
      expect(rates.plateau).toEqual({ best: null, waited: 0, rate: before ? 0.05 : 0.1, metric: 'loss' });
    }
  });

  test('does not keep the rate of a plateau', () => {
    const resume = { step: 10, plateau: standing };
    const rates = new LearningRates({ ...constant, schedule: exponential, resume });
    expect(rates.plateau).toBeNull();
    expect([...rates.of(10, 1)]).toEqual([0.05]);
    expect([...new LearningRates({ ...constant, resume }).of(10, 1)]).toEqual([0.1]);
  });
});
