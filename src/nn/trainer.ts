import { HebbError } from '../errors.ts';
import type { NativeProgram } from '../native.ts';
import { batchRows } from './complete.ts';
import { Diagnostics, diagnosedRows, isDiagnosed } from './diagnostics.ts';
import { assertFinite, diverged, evaluate, RunningMean, rowsOf, run, type TrainingSplit } from './evaluate.ts';
import { augmentingOf } from './inputs.ts';
import { LearningRates } from './learningRates.ts';
import { defaultMetrics, needOutputs, validationKey } from './metrics.ts';
import type { Network } from './network.ts';
import { layoutOf } from './normalization.ts';
import { shuffledOrder } from './order.ts';
import { recordTraining, stepValues } from './programs.ts';
import { type MetricRow, type MetricValues, type Progress, progressAt } from './progress.ts';
import { type RangeTest, rangeTest } from './rangeTest.ts';
import type { TrainingLength } from './schedules.ts';
import { Standing } from './standing.ts';
import { checkTargets } from './targets.ts';
import type { TrainingConfig } from './trainingConfig.ts';
import {
  DivergedError,
  type SnapshotMoment,
  type TrainingControl,
  type TrainingData,
  type TrainingEvent,
  type TrainingOutcome,
  type TrainingSnapshot,
} from './trainingState.ts';

export type { TrainingData, TrainingEvent, TrainingOutcome };
export { DivergedError };

const progressEveryMs = 250;

/**
 * Trains a network and tells progress, rows of the curves, and at the end the outcome. Leaves the weights in the network.
 * A training that goes on from a snapshot ends in the same bits as one that was never interrupted, and tells the same rows.
 *
 * @throws DivergedError with epoch and step where the loss or a weight stops being finite; rows before that were yielded
 */
export async function* train(
  network: Network,
  data: TrainingData,
  training: TrainingConfig,
  control: TrainingControl = {},
): AsyncGenerator<TrainingEvent, TrainingOutcome> {
  const rows = rowsOf(data.train);
  if (rows.length === 0) throw new HebbError('invalid-data', 'the training split has no samples');
  if (network.resolved.parameterCount === 0) {
    throw new HebbError('invalid-network', 'no layer of the network has weights: there is nothing to train');
  }
  if (data.targets === 'values') await checkTargets(network, [data.train, data.validation], training.loss.type);
  const batch = batchRows(training.batchSize, rows.length);
  network.prepareTraining(training.optimizer);
  const learning = {
    loss: training.loss,
    targets: data.targets,
    weighted: data.train.weights !== undefined,
    normalization: network.normalization,
    frozen: training.frozen,
  };
  const { optimizer, gradientClip } = training;
  const shape = layoutOf(data.inputShape, network.inputShape);
  const augmenting = augmentingOf(training, shape);
  // What measures takes the samples as they are.
  const { rec } = recordTraining(network.resolved, { ...learning, rows: batch, optimizer, gradientClip, augmenting });
  const program = rec.finish(network.memory, network.settings);
  const diagnostics = control.diagnostics
    ? new Diagnostics(network, learning, rows.slice(0, diagnosedRows(network.resolved, rows.length)))
    : null;
  const { signal } = control;
  const cancel = () => program.cancel();
  signal?.addEventListener('abort', cancel);
  try {
    return yield* new Training(network, program, diagnostics, data, training, rows, batch, control).run();
  } finally {
    signal?.removeEventListener('abort', cancel);
    diagnostics?.dispose();
    program.dispose();
  }
}

/** A training under way. */
class Training {
  private readonly network: Network;
  private readonly program: NativeProgram;
  private readonly diagnostics: Diagnostics | null;
  private readonly data: TrainingData;
  private readonly training: TrainingConfig;
  private readonly rows: Uint32Array;
  private readonly batch: number;
  private readonly control: TrainingControl;
  private readonly length: TrainingLength;
  private readonly epochs: number;
  private readonly metrics: ReturnType<typeof defaultMetrics>;
  private readonly start = performance.now();
  private lastProgress = this.start;
  private found: RangeTest | null = null;
  private readonly standing: Standing;
  /** Steps that have run, and those that had when it went on. */
  private step = 0;
  private readonly firstStep: number;
  /** The newest values. */
  private running: MetricValues = {};
  /** Values of the steps of the epoch under way, and of those since the last step row. */
  private mean = new RunningMean();
  private window = new RunningMean();

  constructor(
    network: Network,
    program: NativeProgram,
    diagnostics: Diagnostics | null,
    data: TrainingData,
    training: TrainingConfig,
    rows: Uint32Array,
    batch: number,
    control: TrainingControl,
  ) {
    this.network = network;
    this.program = program;
    this.diagnostics = diagnostics;
    this.data = data;
    this.training = training;
    this.rows = rows;
    this.batch = batch;
    this.control = control;
    const stepsPerEpoch = Math.ceil(rows.length / batch);
    const steps = training.steps ?? stepsPerEpoch * training.epochs;
    this.length = { stepsPerEpoch, steps };
    this.epochs = Math.ceil(steps / stepsPerEpoch);
    this.metrics = training.metrics ?? defaultMetrics(data.targets);
    this.standing = new Standing(network, training, data.validation !== undefined, control.resume);
    if (control.resume) this.restore(control.resume);
    this.firstStep = this.step;
  }

  private restore({ step, running, mean, window, rangeTest, memory }: TrainingSnapshot): void {
    Object.assign(this, { step, running, mean: new RunningMean(mean), window: new RunningMean(window) });
    this.found = rangeTest;
    this.network.memory.floats.set(memory);
  }

  async *run(): AsyncGenerator<TrainingEvent, TrainingOutcome> {
    const { control, length } = this;
    const { optimizer, schedule } = this.training;
    try {
      let base = optimizer.learningRate;
      if (base === 'auto') {
        if (!this.found) {
          this.found = await this.findRate();
          if (!this.found) return this.outcome({ cancelled: true });
          yield { type: 'rangeTest', rangeTest: this.found };
        }
        base = this.found.learningRate;
      }
      const { rateChanges: changes, resume } = control;
      const rates = new LearningRates({ schedule, length, base, changes, resume });
      while (this.standing.state.epoch < this.epochs && !this.standing.mayStop) {
        const ended = yield* this.epoch(rates);
        if (!ended) return this.cancelled();
      }
      // Not where it went on from the very end.
      if (this.step > this.firstStep) yield* this.snapshot(rates, { epochEnd: true, last: true });
      return await this.end({ stopped: this.standing.state.epoch < this.epochs });
    } catch (error) {
      if (!(error instanceof HebbError) || error.code !== 'diverged') throw error;
      this.standing.restoreLast();
      throw new DivergedError(error, this.outcome({}));
    }
  }

  private *snapshot(
    { plateau }: LearningRates,
    at: Omit<SnapshotMoment, 'step'>,
  ): Generator<TrainingEvent, void, void> {
    const { step, running, network } = this;
    const { state, kept } = this.standing;
    if (!this.control.snapshotDue?.({ step, ...at })) return;
    const sums = { mean: this.mean.sums, window: this.window.sums };
    const memory = network.memory.floats;
    yield {
      type: 'snapshot',
      snapshot: { state, step, running, ...sums, plateau, rangeTest: this.found, memory, kept },
    };
  }

  private orderOf(epoch: number): Uint32Array {
    return this.training.shuffle ? shuffledOrder(this.rows, this.training.seed, epoch) : this.rows;
  }

  /** The weights and the optimiser's state are as before when it has ended. */
  private async findRate(): Promise<RangeTest | null> {
    const { memory } = this.network;
    const before = memory.floats.slice();
    const { batch, training } = this;
    const settings = { orderOf: (epoch: number) => this.orderOf(epoch), batch, seed: training.seed };
    const result = await rangeTest(this.program, this.data.train, settings, this.control.signal);
    memory.floats.set(before);
    return result;
  }

  /** Trains an epoch, or what the number of steps leaves of it, from where it stands. @returns false where `signal` ended it */
  private async *epoch(rates: LearningRates): AsyncGenerator<TrainingEvent, boolean> {
    const { batch, training, length, control } = this;
    const { state } = this.standing;
    const epoch = state.epoch + 1;
    // Steps before the epoch, in it, and of it that have run.
    const before = state.step;
    const steps = Math.min(length.stepsPerEpoch, length.steps - before);
    let step = this.step - before;
    const order = this.orderOf(epoch - 1).subarray(0, steps * batch);
    const diagnosed = this.diagnosedAt(epoch);
    let learningRates = rates.of(before, steps);
    while (step < steps) {
      if (control.signal?.aborted) return false;
      const reached = rates.reach(this.step);
      const asked = this.mayTakeRate(rates) ? (control.takeRate?.() ?? null) : null;
      if (reached || asked !== null) {
        if (asked !== null) {
          rates.set(asked);
          yield { type: 'rateChange', change: { step: this.step, learningRate: asked } };
        }
        learningRates = rates.of(before, steps);
      }
      yield* this.snapshot(rates, { epochEnd: step === 0, last: false });
      if (step === steps - 1) diagnosed?.beforeLastStep();
      const slice = await this.program.train({
        ...run(this.data.train, order.subarray(0, this.stopAfter(step, steps, rates, diagnosed) * batch), batch),
        firstStep: step,
        learningRates: learningRates.length > 1 ? learningRates.subarray(step) : learningRates,
        seed: training.seed,
        epoch: epoch - 1,
        globalStep: this.step,
      });
      for (let s = 0; s < slice.steps; s++) {
        const at = s * stepValues.count;
        const count = Math.min(batch, order.length - (step + s) * batch);
        const loss = slice.values[at + stepValues.loss]!;
        this.step++;
        if (!Number.isFinite(loss)) throw diverged(`the loss became ${loss} in epoch ${epoch}, step ${this.step}`);
        this.mean.add(slice.values, at, count);
        const rate = rates.told ? (learningRates[step + s] ?? learningRates[0]!) : null;
        const row = this.stepRow(epoch, slice.values, at, count, rate);
        if (row) yield { type: 'row', row, progress: this.progress(epoch), best: state.best };
      }
      step += slice.steps;
      if (performance.now() - this.lastProgress >= progressEveryMs) {
        this.lastProgress = performance.now();
        this.running = { ...state.metrics, ...this.mean.values(this.metrics) };
        yield { type: 'progress', progress: this.progress(epoch), metrics: this.running };
      }
    }
    const row = await this.endEpoch(epoch, rates, rates.told ? learningRates.at(-1)! : null);
    yield { type: 'row', row, progress: this.progress(epoch), best: state.best };
    if (diagnosed) {
      const { inputs, targets, weights } = this.data.train;
      const key = { epoch, seed: training.seed, globalStep: this.step - 1 };
      yield { type: 'diagnostics', ...(await diagnosed.measure([inputs, targets, weights], key)) };
    }
    return true;
  }

  /** What was told of steps that run once more stays true. */
  private mayTakeRate({ nextChange }: LearningRates): boolean {
    return nextChange === Infinity && this.step >= (this.control.toldStep ?? 0);
  }

  /**
   * Steps of the epoch after which the next slice ends at the latest. Slices may end anywhere: this one before the last step where
   * that is looked at by itself, where the rate changes, and where a snapshot may be wanted.
   */
  private stopAfter(step: number, steps: number, rates: LearningRates, diagnosed: Diagnostics | null): number {
    const before = this.step - step;
    const every = this.control.stopEverySteps ?? Infinity;
    const snapshot = (Math.floor(this.step / every) + 1) * every - before;
    const last = diagnosed && step < steps - 1 ? steps - 1 : steps;
    return Math.min(last, rates.nextChange - before, snapshot);
  }

  private diagnosedAt(epoch: number): Diagnostics | null {
    return isDiagnosed(epoch, this.epochs, this.network.resolved.layers.length) ? this.diagnostics : null;
  }

  /** @param rate null where rows do not tell it */
  private stepRow(
    epoch: number,
    values: Float64Array,
    at: number,
    count: number,
    rate: number | null,
  ): MetricRow | null {
    const { logEverySteps } = this.training;
    if (logEverySteps === undefined) return null;
    this.window.add(values, at, count);
    if (this.step % logEverySteps !== 0) return null;
    const measured = this.window.values(this.metrics);
    this.window = new RunningMean();
    return {
      kind: 'step',
      epoch,
      step: this.step,
      values: { ...measured, ...(rate !== null && { learningRate: rate }) },
    };
  }

  /** Measures, and takes over the weights as those that are known to be finite. */
  private async endEpoch(epoch: number, rates: LearningRates, rate: number | null): Promise<MetricRow> {
    const { data, step } = this;
    assertFinite(this.network, `in epoch ${epoch}, step ${step}`);
    const metrics = this.mean.values(this.metrics);
    if (data.validation) {
      for (const [key, value] of Object.entries(await this.measure(data.validation)))
        metrics[validationKey(key)] = value;
    } else if (needOutputs(this.metrics)) {
      Object.assign(metrics, withoutRunning(await this.measure(data.train)));
    }
    if (rate !== null) metrics.learningRate = rate;
    this.standing.endEpoch(epoch, step, metrics);
    rates.endEpoch(metrics);
    this.mean = new RunningMean();
    return { kind: 'epoch', epoch, step, values: metrics };
  }

  private async measure(split: TrainingSplit): Promise<MetricValues> {
    const { loss } = this.training;
    return (await evaluate(this.network, split, { targets: this.data.targets, loss, metrics: this.metrics })).values;
  }

  private outcome(how: { cancelled?: boolean; stopped?: boolean }): TrainingOutcome {
    const { step, metrics, best } = this.standing.state;
    return { cancelled: false, stopped: false, step, metrics, best, rangeTest: this.found, ...how };
  }

  private async end(how: { stopped?: boolean }): Promise<TrainingOutcome> {
    const { earlyStopping } = this.training;
    const { standing } = this;
    if (earlyStopping && (earlyStopping.restoreBest ?? true)) standing.restoreBest();
    if (this.data.validation && needOutputs(this.metrics)) {
      const measured = withoutRunning(await this.measure(this.data.train));
      standing.state.metrics = { ...standing.state.metrics, ...measured };
    }
    return this.outcome(how);
  }

  /** Keeps the best weights so far, or, within the first epoch, those that there are. */
  private cancelled(): TrainingOutcome {
    if (!this.standing.restoreBest()) {
      assertFinite(this.network, `in epoch 1, step ${this.step}`);
      Object.assign(this.standing.state, { step: this.step, metrics: this.running });
    }
    return this.outcome({ cancelled: true });
  }

  private progress(epoch: number): Progress {
    const { stepsPerEpoch, steps } = this.length;
    const seconds = (performance.now() - this.start) / 1000;
    const extent = { stepsPerEpoch, steps, epochs: this.epochs, samplesPerEpoch: this.rows.length, batch: this.batch };
    return progressAt(extent, { epoch, step: this.step, from: this.firstStep, seconds });
  }
}

/** What was measured at once, without the values that training counts as it goes. */
function withoutRunning({ loss: _, accuracy: __, ...values }: MetricValues): MetricValues {
  return values;
}
