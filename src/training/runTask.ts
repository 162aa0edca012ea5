import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SplitName } from '../data/dataset.ts';
import { sha256, writeDurably } from '../data/durableFile.ts';
import { splitIndices } from '../data/split.ts';
import { openSplit } from '../data/store.ts';
import { unscaledFeatures } from '../data/tables/encode.ts';
import type { Problem } from '../errors.ts';
import { MappedFile } from '../native.ts';
import { assertFinite, type Evaluation, evaluate, rowsOf, type TrainingSplit } from '../nn/evaluate.ts';
import { takeWeights } from '../nn/initialWeights.ts';
import { Network } from '../nn/network.ts';
import { knownNormalization, layoutOf, workOut } from '../nn/normalization.ts';
import { rowWeights } from '../nn/rowWeights.ts';
import { DivergedError, type TrainingData, type TrainingOutcome } from '../nn/trainer.ts';
import { decodeSafetensors } from '../nn/weights.ts';
import { weightsFileOf } from './jobFiles.ts';
import type { JobEvaluation, TrainingResult, TrainingTask } from './protocol.ts';
import { type ResumableEvent, type TaskControl, trainResumably } from './resumable.ts';

/** Maps a split's file into memory; null where the dataset has no samples in it. */
async function mapSplit(task: TrainingTask, name: SplitName): Promise<TrainingSplit | null> {
  if (task.dataset.samples[name] === 0) return null;
  const split = openSplit(task.datasetDirectory, name);
  const memory = new MappedFile(split.path);
  const { rows } = split;
  return {
    inputs: { memory, offset: split.inputsOffset, type: split.inputType, rows, elements: split.inputElements },
    targets: {
      memory,
      offset: split.targetsOffset,
      type: split.targetType === 'class' ? 'int32' : 'float32',
      rows,
      elements: split.targetElements,
    },
  };
}

/** Class index of every row of the training split. */
async function readClasses(task: TrainingTask): Promise<Int32Array> {
  const { path, rows, targetsOffset } = openSplit(task.datasetDirectory, 'train');
  const classes = new Int32Array(rows);
  const file = await open(path);
  try {
    await file.read(new Uint8Array(classes.buffer), 0, classes.byteLength, targetsOffset);
  } finally {
    await file.close();
  }
  return classes;
}

/** How much each row of the training split counts, where its classes do not count the same. */
async function classWeights(task: TrainingTask) {
  const { dataset, training } = task;
  if (!training.classWeights || !dataset.classes) return undefined;
  const classes = await readClasses(task);
  return rowWeights(classes.length, { classes, names: dataset.classes, classWeights: training.classWeights });
}

/** The dataset's own validation split, or else a seeded part of the training split. */
async function trainingData(task: TrainingTask): Promise<TrainingData | null> {
  const all = await mapSplit(task, 'train');
  if (!all) return null;
  const { inputShape } = task.dataset;
  const targets = task.dataset.task === 'classification' ? 'classes' : 'values';
  const train = { ...all, weights: await classWeights(task) };
  const own = await mapSplit(task, 'validation');
  if (own) return { targets, inputShape, train, validation: own };
  const fraction = task.training.validation?.fraction ?? 0;
  if (fraction === 0) return { targets, inputShape, train };
  const { kept, taken } = splitIndices({
    count: train.inputs.rows,
    labels: targets === 'classes' ? await readClasses(task) : undefined,
    fraction,
    seed: task.training.seed,
  });
  if (taken.length === 0) return { targets, inputShape, train };
  return { targets, inputShape, train: { ...train, rows: kept }, validation: { ...train, rows: taken } };
}

/** How a task ended: what it leaves, and the problem where it failed. */
export type TaskOutcome =
  | { type: 'completed' | 'cancelled'; result: TrainingResult }
  | { type: 'paused' }
  | { type: 'failed'; problem: Problem; result: TrainingResult };

/**
 * Does a whole training task: network, data, training, evaluation of the test split, weights file. A training that diverged
 * leaves its last finite weights.
 * @throws HebbError where a file is damaged or the weights of a network that is not trained give no finite loss
 */
export async function* runTask(task: TrainingTask, control: TaskControl): AsyncGenerator<ResumableEvent, TaskOutcome> {
  const { training } = task;
  const { cancel } = control;
  const network = new Network(task.network, {
    checked: true,
    seed: training.seed,
    initializer: training.initializer,
    isa: task.isa,
    threads: task.threads,
  });
  try {
    if (task.initialWeights) {
      const { file, tensors } = task.initialWeights;
      takeWeights(network.weights(), decodeSafetensors(await readFile(file)), tensors);
    }
    const data = await trainingData(task);
    const known = task.normalization ?? knownNormalization(training.normalization);
    if (known) network.normalization = known;
    else if (data) {
      const shape = layoutOf(data.inputShape, network.inputShape);
      const keep = unscaledFeatures(task.dataset.columns);
      const { threads } = task;
      network.normalization = await workOut(training.normalization, data.train.inputs, rowsOf(data.train), { shape, keep, threads }); // biome-ignore format: one call
      yield { type: 'normalization', normalization: network.normalization };
    }
    let outcome: TrainingOutcome = {
      cancelled: cancel.aborted,
      stopped: false,
      step: 0,
      metrics: {},
      best: null,
      rangeTest: null,
    };
    const measure = (split: TrainingSplit, targets: TrainingData['targets'], detailed = false) =>
      evaluate(network, split, { targets, loss: training.loss, metrics: training.metrics, detailed });
    if (training.epochs > 0 && data) {
      const ended = yield* trainResumably(network, data, task, control);
      if (ended === 'paused') return { type: 'paused' };
      outcome = ended;
    } else if (data && !cancel.aborted) {
      outcome.metrics = (await measure(data.train, data.targets)).values;
    }
    assertFinite(network, 'at the end');
    const testSplit = outcome.cancelled ? null : await mapSplit(task, 'test');
    const test = testSplit && data && (await measure(testSplit, data.targets, true));
    if (outcome.cancelled) return { type: 'cancelled', result: await leave(task, network, outcome) };
    const evaluation = data && (await evaluationOf(data, test, (split) => measure(split, data.targets, true)));
    return { type: 'completed', result: await leave(task, network, outcome, test?.values ?? null, evaluation) };
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    return { type: 'failed', problem: error.toProblem(), result: await leave(task, network, error.outcome) };
  } finally {
    network.dispose();
  }
}

/** How the model reads the classes of the split that says most. */
async function evaluationOf(
  data: TrainingData,
  test: Evaluation | null,
  measure: (split: TrainingSplit) => Promise<Evaluation>,
): Promise<JobEvaluation | null> {
  if (data.targets !== 'classes') return null;
  const split = test ? 'test' : data.validation ? 'validation' : 'train';
  const measured = test ?? (await measure(data.validation ?? data.train));
  const samples = measured.report!.classes.reduce((sum, { support }) => sum + support, 0);
  // A part of the training split where the dataset has no validation split of its own.
  const rowsOf = split === 'validation' && data.validation!.rows ? 'train' : split;
  return { split, rowsOf, samples, ...measured.report! };
}

/** Writes the weights, and tells what they are. */
async function leave(
  task: TrainingTask,
  network: Network,
  { step, metrics, best, rangeTest }: TrainingOutcome,
  test: TrainingResult['test'] = null,
  evaluation: JobEvaluation | null = null,
): Promise<TrainingResult> {
  const weightsFile = weightsFileOf(task.attempt);
  const content = network.toSafetensors();
  await writeDurably(join(task.outputDirectory, weightsFile), content);
  const weightsHash = sha256(content);
  return { weightsFile, weightsHash, step, metrics, best, test, evaluation, rangeTest };
}
