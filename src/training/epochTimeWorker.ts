// Measures what an epoch of a job takes, by running parts of it.
import { parentPort, workerData } from 'node:worker_threads';
import { Memory, type Source } from '../native.ts';
import { batchRows } from '../nn/complete.ts';
import { evaluationRows, type TrainingSplit } from '../nn/evaluate.ts';
import { augmentingOf } from '../nn/inputs.ts';
import { needOutputs } from '../nn/metrics.ts';
import { Network } from '../nn/network.ts';
import { layoutOf, likeNormalization } from '../nn/normalization.ts';
import { optimizerStates } from '../nn/optimizers.ts';
import { recordEvaluation, recordTraining } from '../nn/programs.ts';
import type { Recorder } from '../nn/recorder.ts';
import { resolveNetwork } from '../nn/resolve.ts';
import { train } from '../nn/trainer.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';
import { elementCount } from '../shape.ts';
import type { EpochTask } from './epochTime.ts';

/** Bytes that a measurement may take, and floating-point operations of a step: beyond, it runs on fewer rows. */
const mostBytes = 2 ** 28;
const mostFlops = 2e10;
/** Bytes of the samples: more than caches hold, as those of a dataset are. */
const sampleBytes = 2 ** 25;
/** The window of one of three measurements, long enough to meet what else the machine does; and an epoch so short that it is run as a whole, for what it does beside its steps. */
const windowMs = 100;
const shortEpochSeconds = 0.15;
const shortEpochs = 25;
/**
 * A time to plan with is one that holds: a tenth more for what steps and evaluation are not – rows of the curves, the
 * measurement of the layers, metrics of single rows, copies of the weights – and for a machine that does other things as well.
 */
const reserve = 1.1;

const seconds = await measure(workerData as EpochTask);
parentPort!.postMessage(seconds === null ? null : reserve * seconds);

async function measure(task: EpochTask): Promise<number | null> {
  const { training, samples } = task;
  const { parameterFloats } = resolveNetwork(task.network, { checked: true });
  // Weights, gradients and the optimiser's state: they are of one size, whatever the rows.
  if (4 * parameterFloats * (2 + optimizerStates(training.optimizer)) > mostBytes) return null;
  const network = new Network(task.network, { checked: true, isa: task.isa, threads: task.threads });
  const shape = layoutOf(task.inputShape, network.inputShape);
  network.normalization = likeNormalization(training.normalization, shape);
  const batch = batchRows(training.batchSize, samples.train);
  const flops = 3 * network.resolved.flopsPerSample;
  const rows = Math.floor(Math.min(batch, (batch * mostBytes) / task.memoryBytes, Math.max(1, mostFlops / flops)));
  if (rows < 1) return null;
  const perSample = elementCount(network.inputShape) * (task.inputType === 'uint8' ? 1 : 4);
  const split = zeros(network, task, Math.min(samples.train, Math.max(rows, Math.floor(sampleBytes / perSample))));
  const steps = Math.ceil(samples.train / batch);
  network.prepareTraining(optimizerOf(training));
  const { loss, frozen, gradientClip } = training;
  const learn = { loss, targets: task.targets, normalization: network.normalization };
  const augmenting = augmentingOf(training, shape);
  const optimizer = optimizerOf(training);
  const step = await measureStep(
    network,
    recordTraining(network.resolved, { ...learn, rows, optimizer, frozen, gradientClip, augmenting }).rec,
    split,
  );
  const seconds = (steps * step * batch) / rows + (await evaluationSeconds(network, task, learn, split));
  if (rows < batch || seconds > shortEpochSeconds) return seconds;
  return wholeEpoch(network, training, task, split, seconds);
}

/** Nothing moves: the time does not depend on the weights, and they stay finite. */
function optimizerOf({ optimizer }: TrainingConfig): TrainingConfig['optimizer'] {
  return { ...optimizer, learningRate: 1e-12 };
}

function zeros(network: Network, task: EpochTask, rows: number): TrainingSplit {
  const source = (type: Source['type'], elements: number): Source => {
    const bytes = rows * elements * (type === 'uint8' ? 1 : 4);
    return { memory: new Memory(Math.ceil(bytes / 4)), offset: 0, type, rows, elements };
  };
  return {
    inputs: source(task.inputType, elementCount(network.inputShape)),
    targets: task.targets === 'classes' ? source('int32', 1) : source('float32', elementCount(task.targetShape)),
  };
}

/** Seconds of a step, by the slowest of a few windows; a longer step is run once, warm. */
async function measureStep(network: Network, rec: Recorder, { inputs, targets }: TrainingSplit): Promise<number> {
  const { rows } = rec;
  const program = rec.finish(network.memory, network.settings);
  // Scattered, as a shuffled epoch takes them: a step of a prime number.
  const order = Uint32Array.from({ length: rows * 4096 }, (_, i) => (i * 7919) % inputs.rows);
  const run = async (budgetMs: number) => {
    const start = performance.now();
    const { steps } = await program.train({
      sources: [inputs, targets],
      order,
      batch: rows,
      firstStep: 0,
      learningRates: Float64Array.of(1e-12),
      seed: 0,
      epoch: 0,
      globalStep: 0,
      budgetMs,
      values: 1,
    });
    return (performance.now() - start) / 1000 / steps;
  };
  try {
    const first = await run(0); // memory is fetched, caches are filled
    if (first * 1000 > windowMs) return await run(0);
    return Math.max(await run(windowMs), await run(windowMs), await run(windowMs));
  } finally {
    program.dispose();
  }
}

type Learn = Omit<Parameters<typeof recordEvaluation>[1], 'rows'>;

async function evaluationSeconds(
  network: Network,
  task: EpochTask,
  learn: Learn,
  split: TrainingSplit,
): Promise<number> {
  const { train, validation } = task.samples;
  // As at the end of an epoch: metrics that need outputs are measured on the training split where there is no other.
  const samples = validation || (needOutputs(task.training.metrics ?? []) ? train : 0);
  if (!samples) return 0;
  const rows = evaluationRows(network.resolved, samples);
  const { rec } = recordEvaluation(network.resolved, { ...learn, rows });
  return ((await measureStep(network, rec, split)) * samples) / rows;
}

/** What a short epoch takes with all that belongs to it: by running several. */
async function wholeEpoch(
  network: Network,
  training: TrainingConfig,
  task: EpochTask,
  split: TrainingSplit,
  about: number,
): Promise<number> {
  const part = (count: number) => ({
    ...split,
    rows: Uint32Array.from({ length: count }, (_, i) => i % split.inputs.rows),
  });
  const { validation } = task.samples;
  const epochs = Math.max(2, Math.min(shortEpochs, Math.ceil(shortEpochSeconds / about)));
  const data = {
    targets: task.targets,
    inputShape: task.inputShape,
    train: part(task.samples.train),
    ...(validation > 0 && { validation: part(validation) }),
  };
  const { schedule: _, earlyStopping: __, steps: ___, ...plain } = training;
  const events = train(network, data, { ...plain, epochs: epochs + 1, optimizer: optimizerOf(training) });
  let first = 0;
  for (;;) {
    const { value, done } = await events.next();
    if (done) return (performance.now() - first) / 1000 / epochs;
    if (first === 0 && value.type === 'row' && value.row.kind === 'epoch') first = performance.now();
  }
}
