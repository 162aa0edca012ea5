import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { SplitName } from '../data/dataset.ts';
import { splitIndices } from '../data/split.ts';
import { openSplit } from '../data/store.ts';
import { MappedFile } from '../native.ts';
import { Network } from '../nn/network.ts';
import {
  assertFinite,
  evaluate,
  type TrainingData,
  type TrainingEvent,
  type TrainingOutcome,
  type TrainingSplit,
  train,
} from '../nn/trainer.ts';
import type { TrainingResult, TrainingTask } from './protocol.ts';
import { writeDurably } from './weightsFile.ts';

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

/** The dataset's own validation split, or else a seeded part of the training split. */
async function trainingData(task: TrainingTask): Promise<TrainingData | null> {
  const train = await mapSplit(task, 'train');
  if (!train) return null;
  const targets = task.dataset.task === 'classification' ? 'classes' : 'values';
  const own = await mapSplit(task, 'validation');
  if (own) return { targets, train, validation: own };
  const fraction = task.training.validation?.fraction ?? 0;
  if (fraction === 0) return { targets, train };
  const { kept, taken } = splitIndices({
    count: train.inputs.rows,
    labels: targets === 'classes' ? await readClasses(task) : undefined,
    fraction,
    seed: task.training.seed,
  });
  if (taken.length === 0) return { targets, train };
  return { targets, train: { ...train, rows: kept }, validation: { ...train, rows: taken } };
}

/**
 * Does a whole training task: network, data, training, evaluation of the test split, weights file.
 * Yields what train yields.
 * @throws HebbError where training diverges or a file is damaged
 */
export async function* runTask(
  task: TrainingTask,
  signal: AbortSignal,
): AsyncGenerator<TrainingEvent, TrainingOutcome & { result: TrainingResult }> {
  const { training } = task;
  const network = new Network(task.network, {
    checked: true,
    seed: training.seed,
    initializer: training.initializer,
    normalization: training.normalization,
    isa: task.isa,
    threads: task.threads,
  });
  const data = await trainingData(task);
  let outcome: TrainingOutcome = { cancelled: signal.aborted, step: 0, metrics: {}, best: null };
  if (training.epochs > 0 && data) {
    outcome = yield* train(network, data, training, signal, { diagnostics: true });
  } else if (data && !signal.aborted) {
    outcome.metrics = await evaluate(network, data.train, { targets: data.targets, loss: training.loss });
  }
  assertFinite(network, 'at the end');
  const testSplit = outcome.cancelled ? null : await mapSplit(task, 'test');
  const test =
    testSplit && data && (await evaluate(network, testSplit, { targets: data.targets, loss: training.loss }));
  const weightsFile = `${task.attempt}.safetensors`;
  const weightsHash = await writeDurably(join(task.outputDirectory, weightsFile), network.toSafetensors());
  network.dispose();
  const { step, metrics, best } = outcome;
  return { ...outcome, result: { weightsFile, weightsHash, step, metrics, best, test } };
}
