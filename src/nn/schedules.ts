import { type MonitorState, monitorStart, watch } from './monitor.ts';
import type { MetricValues } from './progress.ts';
import type { ScheduleConfig } from './trainingConfig.ts';

export type ScheduleName = ScheduleConfig['type'];
type Of<Name extends ScheduleName> = Extract<ScheduleConfig, { type: Name }>;

/** How long a training is: the one thing that a schedule has to know of it. */
export interface TrainingLength {
  stepsPerEpoch: number;
  /** Steps in all. */
  steps: number;
}

/** Where a step stands, counted from the end of the warm-up. */
interface Moment {
  /** Whole epochs that began and ended since. */
  epoch: number;
  /** Epochs as a real number, and how many there are in all. */
  elapsed: number;
  length: number;
}

interface ScheduleDefinition<Config> {
  /** For the catalogue. r: the optimiser's rate, e: epochs since the end of the warm-up. */
  formula: string;
  source: string;
  /** What completes a configuration; the metric of onPlateau follows from the job. */
  defaults: Partial<Config>;
  rate(config: Config, base: number, at: Moment): number;
}

/**
 * Every schedule there is, defined as in PyTorch. During the warm-up the rate is r · (s + 1) / w in step s of w (Goyal et al.,
 * 2017); what follows starts when it has ended.
 */
export const schedules: { [Name in ScheduleName]: ScheduleDefinition<Of<Name>> } = {
  constant: {
    formula: 'r',
    source: 'the default',
    defaults: {},
    rate: (_, base) => base,
  },
  step: {
    formula: 'r · factor^⌊e / every⌋, e in whole epochs',
    source: 'PyTorch’s StepLR, once an epoch',
    defaults: {},
    rate: ({ every, factor }, base, { epoch }) => base * factor ** Math.floor(epoch / every),
  },
  exponential: {
    formula: 'r · factor^e, e in whole epochs',
    source: 'PyTorch’s ExponentialLR, once an epoch',
    defaults: {},
    rate: ({ factor }, base, { epoch }) => base * factor ** epoch,
  },
  cosine: {
    formula:
      'minimum + (r − minimum) · (1 + cos(π · e / E)) / 2 in every step, E: epochs in all; with restarts e and E count within the period, and period n is first · multiplierⁿ epochs long',
    source: 'Loshchilov, Hutter, SGDR, ICLR 2017; PyTorch’s CosineAnnealingLR and CosineAnnealingWarmRestarts',
    defaults: { minimum: 0 },
    rate({ minimum = 0, restarts }, base, { elapsed, length }) {
      const { into, period } = restarts ? periodAt(elapsed, restarts) : { into: elapsed, period: length };
      const least = Math.min(minimum, base);
      return least + ((base - least) * (1 + Math.cos((Math.PI * into) / period))) / 2;
    },
  },
  onPlateau: {
    formula:
      'r · factorⁿ, not below minimum; n grows by one when `metric` has not improved for more than `patience` epochs',
    source: 'PyTorch’s ReduceLROnPlateau, threshold_mode "abs", cooldown 0',
    defaults: { patience: 10, factor: 0.1, minimum: 0, minDelta: 0 },
    rate: (_, base) => base,
  },
};
export const scheduleNames = Object.keys(schedules) as ScheduleName[];

const definitionOf = (config: ScheduleConfig) => schedules[config.type] as ScheduleDefinition<ScheduleConfig>;

/** With every default, onPlateau's metric being `metric` where none is named. */
export function completeSchedule(given: ScheduleConfig, metric: string): ScheduleConfig {
  const complete = { ...definitionOf(given).defaults, ...given } as ScheduleConfig;
  return complete.type === 'onPlateau' ? { ...complete, metric: complete.metric ?? metric } : complete;
}

function periodAt(elapsed: number, { first, multiplier = 1 }: { first: number; multiplier?: number }) {
  if (multiplier === 1) return { into: elapsed % first, period: first };
  let [into, period] = [elapsed, first];
  while (into >= period) {
    into -= period;
    period *= multiplier;
  }
  return { into, period };
}

/** Steps of the warm-up: in the last of them the rate is the optimiser's. */
export function warmupSteps(schedule: ScheduleConfig, stepsPerEpoch: number): number {
  return Math.round((schedule.warmup ?? 0) * stepsPerEpoch);
}

/**
 * The learning rate of one step, counted from 0: a function of its arguments alone.
 * @param base the optimiser's rate; of onPlateau what is left of it
 */
export function learningRateAt(schedule: ScheduleConfig, base: number, length: TrainingLength, step: number): number {
  const warmup = warmupSteps(schedule, length.stepsPerEpoch);
  if (step < warmup) return (base * (step + 1)) / warmup;
  const { stepsPerEpoch, steps } = length;
  return definitionOf(schedule).rate(schedule, base, {
    // Steps and powers fall on ends of epochs, after a warm-up that ended within one, too.
    epoch: Math.max(0, Math.floor(step / stepsPerEpoch) - Math.ceil(warmup / stepsPerEpoch)),
    elapsed: (step - warmup) / stepsPerEpoch,
    length: (steps - warmup) / stepsPerEpoch,
  });
}

/** What onPlateau remembers from epoch to epoch: a plain JSON value. */
export interface PlateauState extends MonitorState {
  /** What it watches. */
  metric: string;
  /** What is left of the optimiser's rate. */
  rate: number;
}

/** At the start of a training; null for the other schedules, which remember nothing. */
export function plateauStart(schedule: ScheduleConfig | undefined, base: number): PlateauState | null {
  return schedule?.type === 'onPlateau' ? { ...monitorStart, metric: schedule.metric ?? 'loss', rate: base } : null;
}

/** The state after an epoch with these values. */
export function afterEpoch(schedule: Of<'onPlateau'>, state: PlateauState, values: MetricValues): PlateauState {
  const { patience = 10, factor = 0.1, minimum = 0, minDelta = 0 } = schedule;
  const { metric, rate } = state;
  const { best, waited } = watch(state, values[metric], { metric, minDelta });
  if (waited <= patience) return { metric, best, waited, rate };
  return { metric, best, waited: 0, rate: Math.max(rate * factor, Math.min(minimum, rate)) };
}
