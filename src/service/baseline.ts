import { join } from 'node:path';
import { readSpreadRows } from '../data/store.ts';
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
  // Rows are read in 20 stretches: at least one each.
  const most = Math.max(20, Math.min(mostRows, Math.floor(mostNumbers / elements)));
  const { inputs, rows } = await readSpreadRows(join(directory, dataset.id), 'train', most);
  const sums = new Float64Array(elements);
  const turns = new Turns();
  const rowsATurn = Math.max(1, Math.floor(65_536 / elements));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < elements; i++) sums[i]! += inputs[row * elements + i]!;
    if (row % rowsATurn === 0) await turns.pass();
  }
  const mean = Float32Array.from(sums, (sum) => sum / rows);
  kept.set(dataset.id, mean);
  if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
  return mean;
}
