import type { MetricValues } from './progress.ts';
import { afterEpoch, learningRateAt, type PlateauState, plateauStart, type TrainingLength } from './schedules.ts';
import type { ScheduleConfig } from './trainingConfig.ts';
import type { RateChange } from './trainingState.ts';

interface LearningRatesSettings {
  schedule: ScheduleConfig | undefined;
  length: TrainingLength;
  /** The optimiser's. */
  base: number;
  /** Known beforehand, in order of their steps. */
  changes?: readonly RateChange[];
  /** Where a training goes on. */
  resume?: { step: number; plateau: PlateauState | null };
}

/** The learning rates of a training's steps: the optimiser's, what a schedule makes of it, and what is set by hand on the way. */
export class LearningRates {
  /** What onPlateau remembers; null for other schedules. */
  plateau: PlateauState | null;
  /** Whether rows tell the rate: it is not the same all the time. */
  told: boolean;
  private base: number;
  private readonly schedule: ScheduleConfig | undefined;
  private readonly length: TrainingLength;
  /** Changes that are still to come. */
  private readonly coming: RateChange[];

  constructor({ schedule, length, base, changes = [], resume }: LearningRatesSettings) {
    // A change at the very step of the snapshot came before it or after it: once more does no harm.
    const past = resume ? changes.filter(({ step }) => step < resume.step) : [];
    this.coming = changes.slice(past.length);
    this.schedule = schedule;
    this.length = length;
    this.base = past.at(-1)?.learningRate ?? base;
    this.plateau = plateauStart(schedule, this.base);
    const before = resume?.plateau;
    if (this.plateau && before) {
      // A fork may watch something else from here on.
      this.plateau = before.metric === this.plateau.metric ? before : { ...this.plateau, rate: before.rate };
    }
    this.told = schedule !== undefined || past.length > 0;
  }

  /** The next step before which the rate is known to change. */
  get nextChange(): number {
    return this.coming[0]?.step ?? Infinity;
  }

  /** Takes changes that hold from this step on. @returns whether there were any */
  reach(step: number): boolean {
    const before = this.coming.length;
    while (this.coming[0] && this.coming[0].step <= step) this.set(this.coming.shift()!.learningRate);
    return this.coming.length < before;
  }

  /** Sets the rate by hand. */
  set(rate: number): void {
    this.base = rate;
    if (this.plateau) this.plateau = { ...this.plateau, rate };
    this.told = true;
  }

  /** The rates of `count` steps from one on, or one for all of them. */
  of(step: number, count: number): Float64Array {
    const { schedule, length } = this;
    const base = this.plateau?.rate ?? this.base;
    if (!schedule) return Float64Array.of(base);
    return Float64Array.from({ length: count }, (_, s) => learningRateAt(schedule, base, length, step + s));
  }

  endEpoch(metrics: MetricValues): void {
    if (this.schedule?.type === 'onPlateau' && this.plateau) {
      this.plateau = afterEpoch(this.schedule, this.plateau, metrics);
    }
  }
}
