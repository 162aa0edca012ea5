import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSpreadRows } from '../data/store.ts';
import { HebbError } from '../errors.ts';
import { type LossName, lossOf } from '../nn/losses.ts';
import { indexOfLargest } from '../nn/measurement.ts';
import { Network } from '../nn/network.ts';
import { withoutWeights } from '../nn/networkConfig.ts';
import { knownNormalization } from '../nn/normalization.ts';
import { decodeSafetensors } from '../nn/weights.ts';
import { elementCount } from '../shape.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import type { JobRecord } from '../store/jobs.ts';
import { planHistory, readHistory } from '../training/history.ts';
import { historyFileOf, weightsFileOf } from '../training/jobFiles.ts';
import { isFinal } from '../training/states.ts';

import { readerOf } from './predictionOutput.ts';
import type { DecisionRegion } from './types.ts';

/** Cells of the plane in each direction, and samples that are shown at most. */
const size = 80;
const mostPoints = 2000;
/** Room around the samples, as a share of their extent; and the plane where there are no samples. */
const room = 0.12;
const defaultExtent = [-0.5, 1.5] as const;

interface DecisionRequest {
  job: JobRecord;
  /** Where the job's files are. */
  modelDirectory: string;
  /** Name of the final weights' file; null where there is no model. */
  weightsFile: string | null;
  /** undefined where the job had none, or it is deleted. */
  dataset: (DatasetRecord & { directory: string }) | undefined;
  settings: { isa: string; threads: number };
  epoch: number | undefined;
}

/** See JobService.decision. */
export async function decisionRegion(request: DecisionRequest): Promise<DecisionRegion> {
  const { job, dataset } = request;
  const { inputShape, classes, task, loss } = job.traits;
  if (elementCount(inputShape) !== 2) {
    throw new HebbError(
      'unsuitable-model',
      `a decision region is drawn for networks of two inputs, this one has ${elementCount(inputShape)}`,
    );
  }
  const network = new Network(withoutWeights(job.network), {
    ...request.settings,
    // Weights of a job are there only after its normalisation was told.
    normalization: job.normalization ?? knownNormalization(job.training.normalization) ?? undefined,
    initializer: 'zeros',
  });
  try {
    const epoch = await loadWeights(network, request);
    const samples = dataset && (await readSpreadRows(dataset.directory, 'train', mostPoints));
    const points = Array.from({ length: samples?.rows ?? 0 }, (_, i) => ({
      x: samples!.inputs[2 * i]!,
      y: samples!.inputs[2 * i + 1]!,
      target: samples!.targets[i * (samples!.targets.length / samples!.rows)]!,
    }));
    const [x, y] = [extentOf(points.map((point) => point.x)), extentOf(points.map((point) => point.y))];
    const outputs = await network.predictAsync(cellCentres(x, y));
    const width = outputs.length / size ** 2;
    const byClass = task === 'classification' && width > 1;
    const read = readerOf({ ...job.traits, network: job.network });
    const values = new Float32Array(size ** 2);
    for (let cell = 0; cell < values.length; cell++) {
      const at = cell * width;
      values[cell] = byClass ? indexOfLargest(outputs, at, width) : read(outputs[at]!);
    }
    const [xName, yName] = dataset?.features ?? ['x1', 'x2'];
    return {
      name: job.name,
      epoch,
      x: { name: xName!, ...x },
      y: { name: yName!, ...y },
      size,
      values,
      range: byClass ? null : task === 'regression' ? rangeOf(values, points) : targetsOf(loss!),
      classes,
      points,
    };
  } finally {
    network.dispose();
  }
}

/**
 * Puts the weights that are asked for into the network.
 * @returns their epoch, null for the final ones
 */
async function loadWeights(network: Network, request: DecisionRequest): Promise<number | null> {
  const { job, modelDirectory, weightsFile, epoch } = request;
  const finished = isFinal(job.state);
  if (finished && weightsFile === null) {
    throw new HebbError('not-found', `the job "${job.name}" is ${job.state} and has no weights`);
  }
  if (finished && epoch === undefined) {
    network.setWeights(decodeSafetensors(await readFile(join(modelDirectory, weightsFile!)).catch(gone)));
    return null;
  }
  const plan = planHistory(network.resolved, job.training.epochs);
  if (!plan) {
    const left = finished ? '; without epoch, the final ones are shown' : ': wait for the end of the job';
    throw new HebbError(
      finished ? 'not-found' : 'state-conflict',
      `the weights of single epochs are kept only of networks with less than 1 MiB of weights${left}`,
    );
  }
  const path = join(modelDirectory, historyFileOf(weightsFile ?? weightsFileOf(job.attempt)));
  const kept = await readHistory(path, plan, epoch);
  if (kept) {
    let at = 0;
    for (const { values } of network.weights()) {
      values.set(kept.weights.subarray(at, at + values.length));
      at += values.length;
    }
    return kept.epoch;
  }
  if (finished) throw new HebbError('not-found', `no weights of epochs were kept of the job "${job.name}"`);
  throw new HebbError(
    'state-conflict',
    `the job "${job.name}" is ${job.state} and has no weights yet: ask again when its first epoch is over`,
  );
}

/** The model was deleted between two steps of this request. */
function gone(error: NodeJS.ErrnoException): never {
  if (error.code === 'ENOENT') throw new HebbError('not-found', 'the model has been deleted');
  throw error;
}

function extentOf(values: number[]): { low: number; high: number } {
  if (values.length === 0) return { low: defaultExtent[0], high: defaultExtent[1] };
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const margin = high > low ? (high - low) * room : Math.max(Math.abs(low) * room, 1);
  return { low: low - margin, high: high + margin };
}

interface Extent {
  low: number;
  high: number;
}

/** (size · size, 2), from the lowest y up. */
function cellCentres(x: Extent, y: Extent): Float32Array {
  const centre = ({ low, high }: Extent, i: number) => low + ((i + 0.5) / size) * (high - low);
  const inputs = new Float32Array(2 * size ** 2);
  for (let cell = 0; cell < size ** 2; cell++) {
    inputs[2 * cell] = centre(x, cell % size);
    inputs[2 * cell + 1] = centre(y, Math.floor(cell / size));
  }
  return inputs;
}

function rangeOf(values: Float32Array, points: { target: number }[]): [number, number] {
  const targets = points.map(({ target }) => target);
  const low = targets.reduce((a, b) => Math.min(a, b), Infinity);
  const high = targets.reduce((a, b) => Math.max(a, b), -Infinity);
  if (low < high) return [low, high];
  const all = values.filter(Number.isFinite);
  const [least, most] = [all.reduce((a, b) => Math.min(a, b), 0), all.reduce((a, b) => Math.max(a, b), 0)];
  return least < most ? [least, most] : [least - 1, most + 1];
}

/** What one output is trained towards for the two classes. */
function targetsOf(loss: LossName): [number, number] {
  return lossOf(loss).classTargets === '±1' ? [-1, 1] : [0, 1];
}
