import { purpose, randomBits } from '../native.ts';

/** Fractions of the samples that become splits of their own. */
export interface SplitOptions {
  validation?: number;
  test?: number;
  seed?: number;
  /** Keep the shares of the classes; a classification only. */
  stratify?: boolean;
}

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

/** Sorted indices of the train, validation and test samples out of `count`. */
export function splitRows(
  count: number,
  labels: ArrayLike<number> | undefined,
  { validation = 0, test = 0, seed = 0, stratify = true }: SplitOptions,
): { train: Uint32Array; validation: Uint32Array; test: Uint32Array } {
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
