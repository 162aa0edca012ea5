import { HebbError } from '../errors.ts';
import { type NativeProgram, purpose, randomBits, type Source } from '../native.ts';
import { Diagnostics, diagnosedRows, isDiagnosed } from './diagnostics.ts';
import type { Network } from './network.ts';
import { recordEvaluation, recordTraining, stepValues, type TargetKind } from './programs.ts';
import type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress } from './progress.ts';
import type { ResolvedNetwork } from './resolve.ts';
import type { TrainingConfig } from './trainingConfig.ts';

/** Samples of one split. */
export interface TrainingSplit {
  inputs: Source;
  targets: Source;
  /** The rows that belong to the split; all of them where it is left out. */
  rows?: Uint32Array;
}

export interface TrainingData {
  targets: TargetKind;
  train: TrainingSplit;
  validation?: TrainingSplit;
}

/** What a training tells while it runs. */
export type TrainingEvent =
  | { type: 'progress'; progress: Progress; metrics: MetricValues }
  | { type: 'row'; row: MetricRow; progress: Progress; best: Best | null }
  | ({ type: 'diagnostics' } & DiagnosticsRow);

export interface TrainingOutcome {
  cancelled: boolean;
  /** Steps that ran. */
  step: number;
  metrics: MetricValues;
  best: Best | null;
}

/** Long enough that a call costs nothing, short enough that progress and cancelling come at once. */
const sliceMs = 50;
const progressEveryMs = 250;
/** Rows of an evaluation step at most, and floats of its arena; the result depends on neither but for rounding in double. */
const mostEvaluationRows = 256;
const evaluationFloats = 4 * 2 ** 20;

/** Rows that an evaluation takes at once: a function of the network's shapes. */
export function evaluationRows(network: ResolvedNetwork, samples: number): number {
  return Math.max(1, Math.min(mostEvaluationRows, samples, Math.floor(evaluationFloats / network.floatsPerSample)));
}

/** The order in which an epoch takes its rows: Fisher and Yates' shuffle, a function of (seed, epoch). */
export function shuffledOrder(rows: Uint32Array, seed: number, epoch: number): Uint32Array {
  const order = rows.slice();
  const bits = randomBits({ seed, purpose: purpose.shuffle, epoch }, 0, order.length);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor((bits[i]! * (i + 1)) / 2 ** 32);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

export function rowsOf(split: TrainingSplit): Uint32Array {
  return split.rows ?? Uint32Array.from({ length: split.inputs.rows }, (_, i) => i);
}

/** Sums of the values of the steps, weighted by their rows. */
class RunningMean {
  rows = 0;
  private loss = 0;
  private correct = 0;

  add(values: Float64Array, at: number, rows: number): void {
    this.loss += values[at + stepValues.loss]! * rows;
    this.correct += values[at + stepValues.correct]!;
    this.rows += rows;
  }

  metrics(targets: TargetKind): MetricValues {
    const loss = this.loss / this.rows;
    return targets === 'classes' ? { loss, accuracy: this.correct / this.rows } : { loss };
  }
}

/**
 * Loss, and accuracy of a classification, over a whole split.
 * @throws HebbError('diverged') where the loss is not finite
 */
export async function evaluate(
  network: Network,
  split: TrainingSplit,
  settings: { targets: TargetKind } & Pick<TrainingConfig, 'loss'>,
): Promise<MetricValues> {
  const order = rowsOf(split);
  if (order.length === 0) throw new HebbError('invalid-data', 'there are no samples to evaluate');
  const rows = evaluationRows(network.resolved, order.length);
  const { rec } = recordEvaluation(network.resolved, {
    rows,
    loss: settings.loss,
    targets: settings.targets,
    normalization: network.normalization,
  });
  const program = rec.finish(network.memory, network.settings);
  try {
    const mean = new RunningMean();
    for (let step = 0; step * rows < order.length; ) {
      const slice = await program.train({
        ...run(split, order, rows),
        firstStep: step,
        learningRates: new Float64Array(),
        seed: 0,
        epoch: 0,
        globalStep: 0,
      });
      for (let s = 0; s < slice.steps; s++) {
        const count = Math.min(rows, order.length - (step + s) * rows);
        mean.add(slice.values, s * stepValues.count, count);
      }
      step += slice.steps;
    }
    const metrics = mean.metrics(settings.targets);
    if (!Number.isFinite(metrics.loss)) throw diverged('the loss over a whole split is not a finite number');
    return metrics;
  } finally {
    program.dispose();
  }
}

function run(split: TrainingSplit, order: Uint32Array, batch: number) {
  return { sources: [split.inputs, split.targets], order, batch, budgetMs: sliceMs, values: stepValues.count };
}

/** @throws HebbError('diverged') where a weight is not finite; the loss can still be, for it is summed in double */
export function assertFinite(network: Network, when: string): void {
  const bad = network.weights().find(({ values }) => !values.every(Number.isFinite));
  if (bad) throw diverged(`the weights ${bad.name} became infinite or NaN ${when}`);
}

function diverged(what: string): HebbError {
  return new HebbError('diverged', `${what}: use a smaller learning rate, normalised inputs or another initialisation`);
}

/**
 * Trains a network and tells progress, rows of the curves, and at the end the outcome. Leaves the weights in the network.
 * `signal` ends it after the current instruction; `diagnostics` [false] tells of the layers, too, and changes no bit.
 *
 * @throws HebbError('diverged') with epoch and step where the loss stops being finite; rows before that were yielded
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
  const batch = training.batchSize === 'full' ? rows.length : Math.min(training.batchSize, rows.length);
  network.prepareTraining(training.optimizer);
  const learning = {
    loss: training.loss,
    targets: data.targets,
    normalization: network.normalization,
    frozen: training.frozen,
  };
  const { rec } = recordTraining(network.resolved, {
    ...learning,
    rows: batch,
    optimizer: training.optimizer,
    gradientClip: training.gradientClip,
  });
  const program = rec.finish(network.memory, network.settings);
  const measured = rows.slice(0, diagnosedRows(network.resolved, rows.length));
  const diagnostics = options.diagnostics
    ? new Diagnostics(network, { ...learning, rows: measured.length }, measured)
    : null;
  const cancel = () => program.cancel();
  signal?.addEventListener('abort', cancel);
  try {
    return yield* epochs(network, program, data, training, rows, batch, signal, diagnostics);
  } finally {
    signal?.removeEventListener('abort', cancel);
    diagnostics?.dispose();
    program.dispose();
  }
}

async function* epochs(
  network: Network,
  program: NativeProgram,
  data: TrainingData,
  training: TrainingConfig,
  rows: Uint32Array,
  batch: number,
  signal: AbortSignal | undefined,
  diagnostics: Diagnostics | null,
): AsyncGenerator<TrainingEvent, TrainingOutcome> {
  const { seed, logEverySteps } = training;
  const stepsPerEpoch = Math.ceil(rows.length / batch);
  const learningRates = Float64Array.of(Number(training.optimizer.learningRate));
  const start = performance.now();
  let lastProgress = start;
  let globalStep = 0;
  let metrics: MetricValues = {};
  let best: Best | null = null;
  let bestWeights: Float32Array | null = null;
  let window = new RunningMean();

  const progressAt = (epoch: number): Progress => {
    const steps = stepsPerEpoch * training.epochs;
    const seconds = (performance.now() - start) / 1000;
    const epochsDone = Math.floor(globalStep / stepsPerEpoch);
    const samples = epochsDone * rows.length + Math.min((globalStep % stepsPerEpoch) * batch, rows.length);
    const rate = seconds > 0 && samples > 0 ? samples / seconds : null;
    return {
      epoch,
      epochs: training.epochs,
      step: globalStep,
      steps,
      fraction: steps === 0 ? 1 : globalStep / steps,
      samplesPerSecond: rate,
      etaSeconds: rate && (training.epochs * rows.length - samples) / rate,
    };
  };

  for (let epoch = 1; epoch <= training.epochs; epoch++) {
    const order = training.shuffle ? shuffledOrder(rows, seed, epoch - 1) : rows;
    const mean = new RunningMean();
    const diagnosed =
      diagnostics && isDiagnosed(epoch, training.epochs, network.resolved.layers.length) ? diagnostics : null;
    const lastStep = stepsPerEpoch - 1;
    for (let step = 0; step < stepsPerEpoch; ) {
      if (signal?.aborted) return cancelled();
      if (step === lastStep) diagnosed?.beforeLastStep();
      // Where the last step is looked at, it is a slice of its own.
      const stretch = diagnosed && step < lastStep ? order.subarray(0, lastStep * batch) : order;
      const slice = await program.train({
        ...run(data.train, stretch, batch),
        firstStep: step,
        learningRates,
        seed,
        epoch: epoch - 1,
        globalStep,
      });
      for (let s = 0; s < slice.steps; s++) {
        const at = s * stepValues.count;
        const count = Math.min(batch, order.length - (step + s) * batch);
        globalStep++;
        if (!Number.isFinite(slice.values[at + stepValues.loss])) {
          throw diverged(`the loss became ${slice.values[at + stepValues.loss]} in epoch ${epoch}, step ${globalStep}`);
        }
        mean.add(slice.values, at, count);
        if (logEverySteps === undefined) continue;
        window.add(slice.values, at, count);
        if (globalStep % logEverySteps !== 0) continue;
        const row: MetricRow = { kind: 'step', epoch, step: globalStep, values: window.metrics(data.targets) };
        window = new RunningMean();
        yield { type: 'row', row, progress: progressAt(epoch), best };
      }
      step += slice.steps;
      if (performance.now() - lastProgress >= progressEveryMs) {
        lastProgress = performance.now();
        metrics = { ...metrics, ...mean.metrics(data.targets) };
        yield { type: 'progress', progress: progressAt(epoch), metrics };
      }
    }
    metrics = mean.metrics(data.targets);
    assertFinite(network, `in epoch ${epoch}, step ${globalStep}`);
    if (data.validation) {
      const { loss, accuracy } = await evaluate(network, data.validation, {
        targets: data.targets,
        loss: training.loss,
      });
      metrics.validationLoss = loss!;
      if (accuracy !== undefined) metrics.validationAccuracy = accuracy;
    }
    const monitored = (values: MetricValues) => values.validationLoss ?? values.loss!;
    if (best === null || monitored(metrics) < monitored(best)) {
      best = { epoch, ...metrics };
      bestWeights = network.copyWeights();
    }
    const row: MetricRow = { kind: 'epoch', epoch, step: globalStep, values: metrics };
    yield { type: 'row', row, progress: progressAt(epoch), best };
    if (diagnosed) {
      const { sources } = run(data.train, order, batch);
      const key = { epoch, seed, globalStep: globalStep - 1 };
      yield { type: 'diagnostics', ...(await diagnosed.measure(sources, key, data.targets === 'classes')) };
    }
  }
  return { cancelled: false, step: globalStep, metrics, best };

  /** Keeps the best weights so far, where an epoch has ended. */
  function cancelled(): TrainingOutcome {
    if (!best || !bestWeights) return { cancelled: true, step: globalStep, metrics, best };
    network.restoreWeights(bestWeights);
    const { epoch, ...values } = best;
    return { cancelled: true, step: epoch * stepsPerEpoch, metrics: values, best };
  }
}
