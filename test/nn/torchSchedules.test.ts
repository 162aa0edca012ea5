// Learning rates against those of PyTorch's schedulers; scripts/fixtures/schedules.py writes them.
import { expect, test } from 'vitest';
import { afterEpoch, completeSchedule, learningRateAt, plateauStart, scheduleNames } from '../../src/nn/schedules.ts';
import type { ScheduleConfig } from '../../src/nn/trainingConfig.ts';
import { expectClose, fixtures } from '../helpers/torch.ts';

interface ScheduleCase {
  schedule: ScheduleConfig;
  learningRate: number;
  epochs: number;
  stepsPerEpoch: number;
  /** Before each step. */
  rates: number[];
  /** Of onPlateau: the metric after each epoch. */
  metric?: number[];
}
const scheduleFixtures = fixtures<ScheduleCase>('schedules');

test('every schedule has a fixture', () => {
  expect(scheduleFixtures.map(([name]) => name)).toEqual([...scheduleNames].sort());
});

for (const [name, cases] of scheduleFixtures) {
  test.each(cases)(`${name}: $schedule, $stepsPerEpoch steps an epoch`, (fixture) => {
    const { learningRate, epochs, stepsPerEpoch, rates, metric } = fixture;
    const schedule = completeSchedule(fixture.schedule, 'loss');
    const steps = epochs * stepsPerEpoch;
    let state = plateauStart(schedule, learningRate);
    const found: number[] = [];
    for (let step = 0; step < steps; step++) {
      found.push(learningRateAt(schedule, state?.rate ?? learningRate, { stepsPerEpoch, steps }, step));
      if (schedule.type === 'onPlateau') state = afterEpoch(schedule, state!, { loss: metric![step]! });
    }
    expectClose(found, rates, 'rates', 1e-7);
    for (const [k, rate] of rates.entries()) expect(found[k]! / rate, `rate ${k}`).toBeCloseTo(1, 6);
  });
}
