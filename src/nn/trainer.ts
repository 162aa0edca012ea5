import { HebbError } from '../errors.ts';
import type { NativeProgram } from '../native.ts';
import { batchRows } from './complete.ts';
import { Diagnostics, diagnosedRows, isDiagnosed } from './diagnostics.ts';
import { assertFinite, diverged, evaluate, RunningMean, rowsOf, run, type TrainingSplit } from './evaluate.ts';
import { defaultMetrics, needOutputs, validationKey } from './metrics.ts';
import { isBetter, monitorStart, watch } from './monitor.ts';
import type { Network } from './network.ts';
import { shuffledOrder } from './order.ts';
import { recordTraining, stepValues } from './programs.ts';
import { type MetricRow, type MetricValues, type Progress, progressAt } from './progress.ts';
import { type RangeTest, rangeTest } from './rangeTest.ts';
import { afterEpoch, learningRateAt, plateauStart, type TrainingLength } from './schedules.ts';
import { checkTargets } from './targets.ts';
import type { TrainingConfig } from './trainingConfig.ts';
import {
  DivergedError,
  type KeptWeights,
  type TrainingData,
  type TrainingEvent,
  type TrainingOutcome,
  type TrainingState,
} from './trainingState.ts';

export type { TrainingData, TrainingEvent, TrainingOutcome };
export { DivergedError };

const progressEveryMs = 250;

/**
 * Trains a network and tells progress, rows of the curves, and at the end the outcome. Leaves the weights in the network.
 * `signal` ends it after the current instruction; `diagnostics` [false] tells of the layers, too, and changes no bit.
 *
 * @throws DivergedError with epoch and step where the loss or a weight stops being finite; rows before that were yielded
 */
export async function* train(
  network: Network,
  data: TrainingData,
  training: TrainingConfig,
  signal?: AbortSignal,
  options: { diagnostics?: boolean } = {},
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
  const { rec } = recordTraining(network.resolved, { ...learning, rows: batch, optimizer, gradientClip });
  const program = rec.finish(network.memory, network.settings);
  const diagnostics = options.diagnostics
    ? new Diagnostics(network, learning, rows.slice(0, diagnosedRows(network.resolved, rows.length)))
    : null;
  const cancel = () => program.cancel();
  signal?.addEventListener('abort', cancel);
  try {
    return yield* new Training(network, program, diagnostics, data, training, rows, batch, signal).run();
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
  private readonly signal: AbortSignal | undefined;
  private readonly length: TrainingLength;
  private readonly epochs: number;
  private readonly metrics: ReturnType<typeof defaultMetrics>;
  /** Name of the value whose best epoch is kept. */
  private readonly monitored: string;
  private readonly start = performance.now();
  private lastProgress = this.start;
  private found: RangeTest | null = null;
  private state: TrainingState;
  private readonly kept: KeptWeights;
  /** Steps that have run. */
  private step = 0;
  /** The newest values. */
  private running: MetricValues = {};
  /** Values of the steps since the last step row. */
  private window = new RunningMean();

  constructor(
    network: Network,
    program: NativeProgram,
    diagnostics: Diagnostics | null,
    data: TrainingData,
    training: TrainingConfig,
    rows: Uint32Array,
    batch: number,
    signal: AbortSignal | undefined,
  ) {
    this.network = network;
    this.program = program;
    this.diagnostics = diagnostics;
    this.data = data;
    this.training = training;
    this.rows = rows;
    this.batch = batch;
    this.signal = signal;
    const stepsPerEpoch = Math.ceil(rows.length / batch);
    const steps = training.steps ?? stepsPerEpoch * training.epochs;
    this.length = { stepsPerEpoch, steps };
    this.epochs = Math.ceil(steps / stepsPerEpoch);
    this.metrics = training.metrics ?? defaultMetrics(data.targets);
    this.monitored = training.earlyStopping?.metric ?? (data.validation ? 'validationLoss' : 'loss');
    this.state = { epoch: 0, step: 0, metrics: {}, best: null, bestStep: 0, stopping: monitorStart, plateau: null };
    this.kept = { last: network.copyWeights(), best: null };
  }

  async *run(): AsyncGenerator<TrainingEvent, TrainingOutcome> {
    try {
      let base = this.training.optimizer.learningRate;
      if (base === 'auto') {
        this.found = await this.findRate();
        if (!this.found) return this.outcome({ cancelled: true });
        base = this.found.learningRate;
        yield { type: 'rangeTest', rangeTest: this.found };
      }
      this.state.plateau = plateauStart(this.training.schedule, base);
      while (this.state.epoch < this.epochs) {
        const ended = yield* this.epoch(this.state.plateau?.rate ?? base);
        if (!ended) return this.cancelled();
        if (this.mayStop() && this.state.epoch < this.epochs) return await this.end({ stopped: true });
      }
      return await this.end({});
    } catch (error) {
      if (!(error instanceof HebbError) || error.code !== 'diverged') throw error;
      this.network.restoreWeights(this.kept.last);
      throw new DivergedError(error, this.outcome({}));
    }
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
    const result = await rangeTest(this.program, this.data.train, settings, this.signal);
    memory.floats.set(before);
    return result;
  }

  /** Trains one epoch, or what the number of steps leaves of it. @returns false where `signal` ended it */
  private async *epoch(base: number): AsyncGenerator<TrainingEvent, boolean> {
    const { batch, training, length } = this;
    const epoch = this.state.epoch + 1;
    const steps = Math.min(length.stepsPerEpoch, length.steps - this.step);
    const order = this.orderOf(epoch - 1).subarray(0, steps * batch);
    const rates = this.ratesOf(base, steps);
    const mean = new RunningMean();
    const diagnosed = this.diagnosedAt(epoch);
    for (let step = 0; step < steps; ) {
      if (this.signal?.aborted) return false;
      if (step === steps - 1) diagnosed?.beforeLastStep();
      // A slice may end anywhere: here before the last step, which is then looked at by itself.
      const stretch = diagnosed && step < steps - 1 ? order.subarray(0, (steps - 1) * batch) : order;
      const slice = await this.program.train({
        ...run(this.data.train, stretch, batch),
        firstStep: step,
        learningRates: rates.length > 1 ? rates.subarray(step) : rates,
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
        mean.add(slice.values, at, count);
        const row = this.stepRow(epoch, slice.values, at, count, rates[step + s] ?? rates[0]!);
        if (row) yield { type: 'row', row, progress: this.progress(epoch), best: this.state.best };
      }
      step += slice.steps;
      if (performance.now() - this.lastProgress >= progressEveryMs) {
        this.lastProgress = performance.now();
        this.running = { ...this.state.metrics, ...mean.values(this.metrics) };
        yield { type: 'progress', progress: this.progress(epoch), metrics: this.running };
      }
    }
    const row = await this.endEpoch(epoch, mean, rates.at(-1)!);
    yield { type: 'row', row, progress: this.progress(epoch), best: this.state.best };
    if (diagnosed) {
      const { inputs, targets, weights } = this.data.train;
      const key = { epoch, seed: training.seed, globalStep: this.step - 1 };
      yield { type: 'diagnostics', ...(await diagnosed.measure([inputs, targets, weights], key)) };
    }
    return true;
  }

  private diagnosedAt(epoch: number): Diagnostics | null {
    return isDiagnosed(epoch, this.epochs, this.network.resolved.layers.length) ? this.diagnostics : null;
  }

  /** The rates of an epoch's steps, or one for all of them. */
  private ratesOf(base: number, steps: number): Float64Array {
    const { schedule } = this.training;
    if (!schedule) return Float64Array.of(base);
    return Float64Array.from({ length: steps }, (_, s) => learningRateAt(schedule, base, this.length, this.step + s));
  }

  private stepRow(epoch: number, values: Float64Array, at: number, count: number, rate: number): MetricRow | null {
    const { logEverySteps, schedule } = this.training;
    if (logEverySteps === undefined) return null;
    this.window.add(values, at, count);
    if (this.step % logEverySteps !== 0) return null;
    const measured = this.window.values(this.metrics);
    this.window = new RunningMean();
    return { kind: 'step', epoch, step: this.step, values: { ...measured, ...(schedule && { learningRate: rate }) } };
  }

  /** Measures, and takes over the weights as those that are known to be finite. */
  private async endEpoch(epoch: number, mean: RunningMean, rate: number): Promise<MetricRow> {
    const { network, data, kept, state, training } = this;
    assertFinite(network, `in epoch ${epoch}, step ${this.step}`);
    const metrics = mean.values(this.metrics);
    if (data.validation) {
      for (const [key, value] of Object.entries(await this.measure(data.validation)))
        metrics[validationKey(key)] = value;
    } else if (needOutputs(this.metrics)) {
      Object.assign(metrics, withoutRunning(await this.measure(data.train)));
    }
    if (training.schedule) metrics.learningRate = rate;
    kept.last = network.copyWeights(kept.last === kept.best ? undefined : kept.last);
    const value = metrics[this.monitored];
    if (value !== undefined && isBetter(this.monitored, value, state.best?.[this.monitored] ?? null)) {
      state.best = { epoch, ...metrics };
      state.bestStep = this.step;
      kept.best = kept.last;
    }
    const { minDelta = 0 } = training.earlyStopping ?? {};
    state.stopping = watch(state.stopping, value, { metric: this.monitored, minDelta });
    if (training.schedule?.type === 'onPlateau' && state.plateau) {
      state.plateau = afterEpoch(training.schedule, state.plateau, metrics);
    }
    Object.assign(state, { epoch, step: this.step, metrics });
    return { kind: 'epoch', epoch, step: this.step, values: metrics };
  }

  private async measure(split: TrainingSplit): Promise<MetricValues> {
    const { loss } = this.training;
    return (await evaluate(this.network, split, { targets: this.data.targets, loss, metrics: this.metrics })).values;
  }

  private mayStop(): boolean {
    const { earlyStopping } = this.training;
    return earlyStopping !== undefined && this.state.stopping.waited > (earlyStopping.patience ?? 10);
  }

  private outcome(how: { cancelled?: boolean; stopped?: boolean }): TrainingOutcome {
    const { step, metrics, best } = this.state;
    return { cancelled: false, stopped: false, step, metrics, best, rangeTest: this.found, ...how };
  }

  /** Puts the best weights back. */
  private restoreBest(): void {
    const { best, bestStep } = this.state;
    if (!best || !this.kept.best) return;
    this.network.restoreWeights(this.kept.best);
    const { epoch, ...metrics } = best;
    Object.assign(this.state, { epoch, step: bestStep, metrics });
  }

  private async end(how: { stopped?: boolean }): Promise<TrainingOutcome> {
    const { earlyStopping } = this.training;
    if (earlyStopping && (earlyStopping.restoreBest ?? true)) this.restoreBest();
    if (this.data.validation && needOutputs(this.metrics)) {
      const measured = withoutRunning(await this.measure(this.data.train));
      this.state.metrics = { ...this.state.metrics, ...measured };
    }
    return this.outcome(how);
  }

  /** Keeps the best weights so far, or, within the first epoch, those that there are. */
  private cancelled(): TrainingOutcome {
    if (this.kept.best) this.restoreBest();
    else {
      assertFinite(this.network, `in epoch 1, step ${this.step}`);
      Object.assign(this.state, { step: this.step, metrics: this.running });
    }
    return this.outcome({ cancelled: true });
  }

  private progress(epoch: number): Progress {
    const { stepsPerEpoch, steps } = this.length;
    const extent = { stepsPerEpoch, steps, epochs: this.epochs, samplesPerEpoch: this.rows.length, batch: this.batch };
    return progressAt(extent, { epoch, step: this.step, seconds: (performance.now() - this.start) / 1000 });
  }
}

/** What was measured at once, without the values that training counts as it goes. */
function withoutRunning({ loss: _, accuracy: __, ...values }: MetricValues): MetricValues {
  return values;
}
