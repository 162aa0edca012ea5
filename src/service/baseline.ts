import { join } from 'node:path';
import { readRawRows } from '../data/store.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import { Turns } from '../turns.ts';

/** Rows that a mean is taken of, and their numbers, at most. */
const mostRows = 10_000;
const mostNumbers = 2 ** 22;
/** Means that are kept: a dataset never changes. */
const mostKept = 32;

const kept = new Map<string, Float32Array>();

/**
 * The mean of the inputs of a dataset's training split, over all of its rows or 10,000 that are spread over it (fewer where they
 * are large).
 * @returns (...inputShape), in raw units; null where it has no rows
 */
export async function trainingMean(dataset: DatasetRecord, directory: string): Promise<Float32Array | null> {
  const known = kept.get(dataset.id);
  if (known) return known;
  if (dataset.samples.train === 0) return null;
  const elements = dataset.inputShape.reduce((product, size) => product * size, 1);
  const total = dataset.samples.train;
  const most = Math.min(total, mostRows, Math.max(1, Math.floor(mostNumbers / elements)));
  // All of them in order, or stretches of the same length with gaps between.
  const stretches = Math.min(most, 20);
  const length = Math.floor(most / stretches);
  const isWhole = most === total;
  const sums = new Float64Array(elements);
  const turns = new Turns();
  let count = 0;
  for (let i = 0; i < stretches; i++) {
    const first = isWhole ? i * length : Math.floor((i * (total - length)) / Math.max(1, stretches - 1));
    const wanted = isWhole && i === stretches - 1 ? total - first : length;
    const { inputs, rows } = await readRawRows(join(directory, dataset.id), 'train', first, wanted);
    turns.rested();
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < elements; k++) sums[k]! += inputs[row * elements + k]!;
      await turns.pass();
    }
    count += rows;
  }
  const mean = Float32Array.from(sums, (sum) => sum / count);
  kept.set(dataset.id, mean);
  if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
  return mean;
}
