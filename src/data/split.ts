import { HebbError } from '../errors.ts';
import { purpose, randomBits } from '../native.ts';
import type { SplitOptions } from './splitSchema.ts';

/** Sorted indices of the samples of each split: without a common element, together all. */
export interface SplitRows {
  train: Uint32Array;
  validation: Uint32Array;
  test: Uint32Array;
}

/** Values of a column that decides the splits, one for each sample. */
export type SplitKeys =
  /** Places in splitNames. */
  | { by: 'column'; values: Uint8Array }
  /** Numbers whose order is that of the times. */
  | { by: 'time'; values: Float64Array }
  /** The same number for the same group, from 0. */
  | { by: 'group'; values: Int32Array };

export interface SplitIndicesOptions {
  /** Samples to choose from: indices 0 to count − 1. */
  count: number;
  /** (count) class indices: each class gives its share. Left out: no regard to classes. */
  labels?: ArrayLike<number>;
  /** Share to take, from 0 to below 1; round(count · fraction) samples. */
  fraction: number;
  seed: number;
  /** What the random numbers are for [purpose.split]. */
  purpose?: number;
  /** Tells draws of one seed and purpose apart [0]. */
  stream?: number;
}

/**
 * Takes a random part of `count` samples. A pure function of its options, the same on every machine.
 * @returns two sorted arrays of indices without a common element, together all of them
 */
export function splitIndices(options: SplitIndicesOptions): { kept: Uint32Array; taken: Uint32Array } {
  const all = Uint32Array.from({ length: options.count }, (_, index) => index);
  return take(all, Math.round(options.count * options.fraction), options);
}

/**
 * Samples of the splits out of `count`.
 * @throws HebbError('invalid-data') where a column decides, and has too few different values
 */
export function splitRows(
  count: number,
  labels: ArrayLike<number> | undefined,
  { validation = 0, test = 0, seed = 0, stratify = true }: SplitOptions,
  keys?: SplitKeys,
): SplitRows {
  if (keys) return splitByKeys(count, { validation, test, seed }, keys);
  const classes = stratify ? labels : undefined;
  const [, validationCount, testCount] = apportion(count, [1 - validation - test, validation, test]);
  const all = Uint32Array.from({ length: count }, (_, index) => index);
  const first = take(all, testCount!, { labels: classes, seed, stream: 1 });
  const second = take(first.kept, validationCount!, { labels: classes, seed, stream: 2 });
  return { train: second.kept, validation: second.taken, test: first.taken };
}

/** Whole numbers of the sum `count` closest to these shares of it (largest remainders; ties go to the first). */
function apportion(count: number, shares: number[]): number[] {
  const quotas = shares.map((share) => share * count);
  const floors = quotas.map((quota) => Math.floor(quota + 1e-6));
  const order = quotas.map((_, i) => i).sort((a, b) => quotas[b]! - floors[b]! - (quotas[a]! - floors[a]!) || a - b);
  let missing = count - floors.reduce((sum, floor) => sum + floor, 0);
  for (const index of order) {
    if (missing-- <= 0) break;
    floors[index]! += 1;
  }
  return floors;
}

interface Shares {
  validation: number;
  test: number;
  seed: number;
}

function splitByKeys(count: number, shares: Shares, keys: SplitKeys): SplitRows {
  const splits = keys.by === 'column' ? keys.values : splitsOfKeys(count, shares, keys);
  const rowsOf = (split: number) => Uint32Array.from(indicesWhere(splits, (value) => value === split));
  return { train: rowsOf(0), validation: rowsOf(1), test: rowsOf(2) };
}

function* indicesWhere(values: Uint8Array, wanted: (value: number) => boolean): Generator<number> {
  for (let index = 0; index < values.length; index++) if (wanted(values[index]!)) yield index;
}

/** A split for each sample, the same for those of one time or group. */
function splitsOfKeys(count: number, shares: Shares, keys: Exclude<SplitKeys, { by: 'column' }>): Uint8Array {
  const sizes = new Map<number, number>();
  for (const key of keys.values) sizes.set(key, (sizes.get(key) ?? 0) + 1);
  const asked = [shares.validation, shares.test].filter((share) => share > 0).length;
  if (sizes.size <= asked) {
    const what = keys.by === 'time' ? 'times' : 'groups';
    const message = `at least ${asked + 1} different ${what} are expected, one for each split; got ${sizes.size}`;
    const fault = { pointer: `/split/${keys.by}`, message, expected: asked + 1, received: sizes.size };
    throw new HebbError('invalid-data', `/split/${keys.by}: ${message}`, [fault]);
  }
  const [, validation, test] = apportion(count, [1 - shares.validation - shares.test, shares.validation, shares.test]);
  const wanted = { validation: shares.validation > 0 ? validation! : null, test: shares.test > 0 ? test! : null };
  const splitOf = keys.by === 'time' ? cutByTime(sizes, wanted) : drawGroups(sizes, wanted, shares.seed);
  return Uint8Array.from(keys.values, (key) => splitOf.get(key)!);
}

/** Samples that are wanted; null for a split that was not asked for. Each that was gets a time or group at least. */
interface Wanted {
  validation: number | null;
  test: number | null;
}

/** Cuts the order of times where that comes closest to what is wanted; of two places as close the later one. */
function cutByTime(sizes: Map<number, number>, wanted: Wanted): Map<number, number> {
  const times = [...sizes.keys()].sort((a, b) => b - a);
  const splits = new Map<number, number>();
  let next = 0;
  for (const [split, count, left] of [
    [2, wanted.test, wanted.validation === null ? 1 : 2],
    [1, wanted.validation, 1],
  ] as const) {
    if (count === null) continue;
    for (let taken = 0, first = true; next < times.length - left; first = false) {
      const size = sizes.get(times[next]!)!;
      if (!first && taken + size / 2 >= count) break;
      splits.set(times[next++]!, split);
      taken += size;
    }
  }
  for (; next < times.length; next++) splits.set(times[next]!, 0);
  return splits;
}

/**
 * Goes through the groups in random order; each goes where it brings the number of samples closer to what is wanted. The
 * largest is always trained on, and a split in which nothing fits gets the smallest that another one can do without.
 */
function drawGroups(sizes: Map<number, number>, wanted: Wanted, seed: number): Map<number, number> {
  const bits = randomBits({ seed, purpose: purpose.split, step: 3 }, 0, sizes.size);
  const groups = [...sizes.keys()].sort((a, b) => bits[a]! - bits[b]! || a - b);
  const sizeOf = (group: number) => sizes.get(group)!;
  const largest = groups.reduce((best, group) => (sizeOf(group) > sizeOf(best) ? group : best));
  const rest = groups.filter((group) => group !== largest);
  const open = [
    { split: 2, wanted: wanted.test, taken: 0, groups: 0 },
    { split: 1, wanted: wanted.validation, taken: 0, groups: 0 },
  ].filter((split) => split.wanted !== null);
  const drawn = new Map<number, (typeof open)[number] | undefined>();
  for (const group of rest) {
    const split = open.find(({ wanted, taken }) => taken + sizeOf(group) / 2 < wanted!);
    drawn.set(group, split);
    if (!split) continue;
    split.taken += sizeOf(group);
    split.groups++;
  }
  for (const split of open) {
    if (split.groups > 0) continue;
    const [smallest] = rest.filter((group) => drawn.get(group)?.groups !== 1).sort((a, b) => sizeOf(a) - sizeOf(b));
    const before = drawn.get(smallest!);
    if (before) before.groups--;
    drawn.set(smallest!, split);
    split.groups++;
  }
  return new Map(groups.map((group) => [group, drawn.get(group)?.split ?? 0]));
}

/**
 * Takes `wanted` of these samples: each class gives wanted · size / count of them, rounded by largest remainders; within a
 * class those with the smallest random number go.
 */
function take(
  samples: Uint32Array,
  wanted: number,
  options: Pick<SplitIndicesOptions, 'labels' | 'seed' | 'purpose' | 'stream'>,
): { kept: Uint32Array; taken: Uint32Array } {
  if (wanted === 0) return { kept: samples, taken: new Uint32Array(0) };
  const { labels } = options;
  const groups = new Map<number, number[]>();
  for (const sample of samples) {
    const label = labels ? labels[sample]! : 0;
    const group = groups.get(label);
    if (group) group.push(sample);
    else groups.set(label, [sample]);
  }
  const classes = [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
  const counts = shares(
    classes.map((group) => group.length),
    wanted,
  );
  // A number per sample, by its index: a draw does not depend on which other samples are there.
  const key = { seed: options.seed, purpose: options.purpose ?? purpose.split, step: options.stream ?? 0 };
  const bits = randomBits(key, 0, samples.at(-1)! + 1);
  const taken = new Uint32Array(wanted);
  let filled = 0;
  for (const [index, group] of classes.entries()) {
    const chosen = group.sort((a, b) => bits[a]! - bits[b]! || a - b).slice(0, counts[index]);
    taken.set(chosen, filled);
    filled += chosen.length;
  }
  taken.sort();
  const isTaken = new Uint8Array(samples.at(-1)! + 1);
  for (const sample of taken) isTaken[sample] = 1;
  return { kept: samples.filter((sample) => !isTaken[sample]), taken };
}

/** How many of `wanted` each class gives, in exact integer arithmetic (sizes and `wanted` are below 2^26). */
function shares(sizes: number[], wanted: number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const counts = sizes.map((size) => Math.floor((size * wanted) / total));
  const remainders = sizes.map((size) => (size * wanted) % total);
  const order = sizes.map((_, i) => i).sort((a, b) => remainders[b]! - remainders[a]! || a - b);
  const missing = wanted - counts.reduce((sum, count) => sum + count, 0);
  for (const index of order.slice(0, missing)) counts[index]! += 1;
  return counts;
}
