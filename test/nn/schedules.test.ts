import { describe, expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import {
  afterEpoch,
  completeSchedule,
  learningRateAt,
  type PlateauState,
  plateauStart,
} from '../../src/nn/schedules.ts';
import type { ScheduleConfig, TrainingRequest } from '../../src/nn/trainingConfig.ts';

const base = 0.4;

/** The rates of all steps. */
function ratesOf(schedule: ScheduleConfig, { stepsPerEpoch, steps }: { stepsPerEpoch: number; steps: number }) {
  return Array.from({ length: steps }, (_, step) => learningRateAt(schedule, base, { stepsPerEpoch, steps }, step));
}

/** The rates of PyTorch's schedulers are products or recurrences from one call of step() to the next; here in closed form. */
const close = (rates: number[], expected: number[]) => {
  expect(rates).toHaveLength(expected.length);
  for (const [i, rate] of rates.entries()) expect(rate / expected[i]!, `step ${i}`).toBeCloseTo(1, 12);
};

describe('rates by step', () => {
  test('constant', () => {
    expect(ratesOf({ type: 'constant' }, { stepsPerEpoch: 2, steps: 5 })).toEqual([base, base, base, base, base]);
  });

  test('step multiplies at the ends of epochs, as StepLR does when it is stepped once an epoch', () => {
    const expected: number[] = [];
    let rate = base;
    for (let epoch = 0; epoch < 7; epoch++) {
      if (epoch > 0 && epoch % 3 === 0) rate *= 0.5;
      expected.push(rate, rate);
    }
    close(ratesOf({ type: 'step', every: 3, factor: 0.5 }, { stepsPerEpoch: 2, steps: 14 }), expected);
  });

  test('exponential multiplies at the end of every epoch', () => {
    const expected: number[] = [];
    for (let epoch = 0, rate = base; epoch < 5; epoch++, rate *= 0.9) expected.push(rate, rate, rate);
    close(ratesOf({ type: 'exponential', factor: 0.9 }, { stepsPerEpoch: 3, steps: 15 }), expected);
  });

  test('cosine follows CosineAnnealingLR’s recurrence in every step', () => {
    const minimum = 0.05;
    const steps = 12;
    const expected = [base];
    for (let s = 1; s < steps; s++) {
      const [now, before] = [1 + Math.cos((Math.PI * s) / steps), 1 + Math.cos((Math.PI * (s - 1)) / steps)];
      expected.push((now / before) * (expected[s - 1]! - minimum) + minimum);
    }
    close(ratesOf({ type: 'cosine', minimum }, { stepsPerEpoch: 4, steps }), expected);
  });

  test('cosine with restarts follows CosineAnnealingWarmRestarts, the epoch being a real number', () => {
    // As PyTorch's step(epoch) counts: T_cur and T_i move on at every restart.
    const [stepsPerEpoch, epochs, first, multiplier] = [4, 15, 2, 2];
    const expected: number[] = [];
    let [current, period] = [0, first];
    for (let s = 0; s < stepsPerEpoch * epochs; s++) {
      if (current >= period - 1e-9) [current, period] = [0, period * multiplier];
      expected.push((base * (1 + Math.cos((Math.PI * current) / period))) / 2);
      current += 1 / stepsPerEpoch;
    }
    const rates = ratesOf(
      { type: 'cosine', restarts: { first, multiplier } },
      { stepsPerEpoch, steps: expected.length },
    );
    close(rates, expected);
    // Restarts at the epochs 0, 2, 6 and 14.
    expect(rates.flatMap((rate, s) => (rate === base ? [s / stepsPerEpoch] : []))).toEqual([0, 2, 6, 14]);
    const equal = ratesOf({ type: 'cosine', restarts: { first: 3 } }, { stepsPerEpoch: 1, steps: 9 });
    expect(equal.slice(3)).toEqual(equal.slice(0, 6));
  });

  test('the warm-up grows evenly to the base rate, fractions of an epoch too; what follows starts from there', () => {
    const warm = ratesOf({ type: 'cosine', minimum: 0, warmup: 1.5 }, { stepsPerEpoch: 4, steps: 16 });
    close(
      warm.slice(0, 6),
      [1, 2, 3, 4, 5, 6].map((s) => (base * s) / 6),
    );
    close(warm.slice(6), ratesOf({ type: 'cosine', minimum: 0 }, { stepsPerEpoch: 4, steps: 10 }));
    // Powers stay on the ends of epochs: the warm-up ends within the second, so the fourth is the first with a factor.
    const stairs = ratesOf({ type: 'exponential', factor: 0.5, warmup: 1.5 }, { stepsPerEpoch: 2, steps: 10 });
    close(stairs.slice(2), [base, base, base, base, base / 2, base / 2, base / 4, base / 4]);
    expect(ratesOf({ type: 'constant', warmup: 2 }, { stepsPerEpoch: 2, steps: 4 }).at(-1)).toBe(base);
  });
});

describe('onPlateau', () => {
  /** torch.optim.lr_scheduler.ReduceLROnPlateau with threshold_mode 'abs' and cooldown 0, as its source has it. */
  class ReduceOnPlateau {
    best: number;
    bad = 0;
    rate: number;
    private readonly mode: 'min' | 'max';
    private readonly options: { factor: number; patience: number; threshold: number; minimum: number };
    constructor(mode: 'min' | 'max', options: ReduceOnPlateau['options'], rate: number) {
      this.mode = mode;
      this.options = options;
      this.rate = rate;
      this.best = mode === 'min' ? Infinity : -Infinity;
    }
    step(metric: number): void {
      const { threshold, patience, factor, minimum } = this.options;
      const better = this.mode === 'min' ? metric < this.best - threshold : metric > this.best + threshold;
      if (better) {
        this.best = metric;
        this.bad = 0;
      } else this.bad++;
      if (this.bad > patience) {
        this.rate = Math.max(this.rate * factor, minimum);
        this.bad = 0;
      }
    }
  }

  const losses = [
    5, 4, 4.2, 3.95, 3.99, 3.9, 3.9, 3.9, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 3.1, 3.1, 3.1, 3.1, 3.1, 3.1, 3.1,
  ];

  test.each([
    ['loss', 'min', 0, 0],
    ['loss', 'min', 2, 0.1],
    ['validationLoss', 'min', 1, 0],
    ['mae', 'min', 1, 0.3],
    ['validationAccuracy', 'max', 1, 0.05],
    ['r2', 'max', 0, 0],
  ] as const)('on %s is ReduceLROnPlateau in mode %s, patience %i, minDelta %d', (metric, mode, patience, minDelta) => {
    const schedule = completeSchedule({ type: 'onPlateau', patience, minDelta, factor: 0.5, minimum: 0.02 }, metric);
    if (schedule.type !== 'onPlateau') throw new Error('another schedule');
    const torch = new ReduceOnPlateau(mode, { factor: 0.5, patience, threshold: minDelta, minimum: 0.02 }, base);
    let state: PlateauState = plateauStart(schedule, base)!;
    for (const loss of losses) {
      const value = mode === 'min' ? loss : -loss;
      torch.step(value);
      // A checkpoint stores the state as JSON.
      state = afterEpoch(schedule, JSON.parse(JSON.stringify(state)), { [metric]: value });
      expect(state.rate).toBe(torch.rate);
      expect(learningRateAt(schedule, state.rate, { stepsPerEpoch: 3, steps: 100 }, 7)).toBe(torch.rate);
    }
    expect(state.rate).toBeLessThan(base);
  });
});

describe('in a training', () => {
  /** The gradient of |w − 10⁶| is −1, so each step adds its rate to w. */
  async function train(training: TrainingRequest) {
    const network = new Network({
      input: [1],
      layers: [{ type: 'dense', units: 1, bias: false, weights: { weight: [[0]] } }],
    });
    const result = await network.fit(
      { inputs: [[1], [1], [1], [1], [1]], targets: [[1e6], [1e6], [1e6], [1e6], [1e6]] },
      {
        batchSize: 2,
        loss: { type: 'meanAbsoluteError' },
        optimizer: { type: 'sgd', learningRate: base },
        ...training,
      },
    );
    return { ...result, moved: network.weights()[0]!.values[0]! };
  }
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

  test.each<ScheduleConfig>([
    { type: 'constant', warmup: 1 },
    { type: 'step', every: 2, factor: 0.1 },
    { type: 'exponential', factor: 0.7, warmup: 0.5 },
    { type: 'cosine', minimum: 0.01, warmup: 1.4 },
    { type: 'cosine', restarts: { first: 1, multiplier: 2 } },
  ])('$type: every step takes its rate, and rows tell it', async (schedule) => {
    const { rows, moved } = await train({ epochs: 7, schedule, logEverySteps: 1 });
    const rates = ratesOf(completeSchedule(schedule, 'loss'), { stepsPerEpoch: 3, steps: 21 });
    expect(moved / sum(rates)).toBeCloseTo(1, 5);
    expect(rows.filter(({ kind }) => kind === 'step').map(({ values }) => values.learningRate)).toEqual(rates);
    expect(rows.filter(({ kind }) => kind === 'epoch').map(({ values }) => values.learningRate)).toEqual(
      rates.filter((_, s) => s % 3 === 2),
    );
  });

  test('onPlateau lowers the rate of the epochs that follow', async () => {
    // The loss falls by the rate: less than minDelta, so every epoch but the first is none that improved.
    const schedule: ScheduleConfig = { type: 'onPlateau', patience: 1, factor: 0.5, minDelta: 10 };
    const { rows } = await train({ epochs: 8, schedule });
    expect(rows.map(({ values }) => values.learningRate)).toEqual(
      [1, 1, 1, 1 / 2, 1 / 2, 1 / 4, 1 / 4, 1 / 8].map((f) => base * f),
    );
  });

  test('the rows of a training without a schedule have no rate', async () => {
    const { rows } = await train({ epochs: 1 });
    expect(Object.keys(rows[0]!.values)).toEqual(['loss']);
  });
});
