import { ByteCounts } from './byteCounts.ts';
import type { Statistics } from './dataset.ts';

type Moments = Omit<Statistics, 'classCounts'>;

/** Range and moments of the elements of rows as they come; they do not depend on how the source was cut into chunks. */
export interface Accumulator {
  add(row: Uint8Array): void;
  /** standardDeviation is that of the population (divided by n). */
  result(): Moments;
}

/** @param type of the rows' little-endian elements */
export function accumulate(type: 'uint8' | 'float32'): Accumulator {
  return type === 'uint8' ? bytesAccumulator() : floatsAccumulator();
}

/** Exact: from how often each value occurs. */
function bytesAccumulator(): Accumulator {
  const counts = new ByteCounts();
  return {
    add: (row) => counts.add(row),
    result() {
      const histogram = counts.result();
      const count = histogram.reduce((sum, n) => sum + n, 0);
      const mean = histogram.reduce((sum, n, value) => sum + n * value, 0) / count;
      const squares = histogram.reduce((sum, n, value) => sum + n * (value - mean) ** 2, 0);
      const min = histogram.findIndex((n) => n > 0);
      return { min, max: histogram.findLastIndex((n) => n > 0), mean, standardDeviation: Math.sqrt(squares / count) };
    },
  };
}

/** Row by row, merged as in Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979). */
function floatsAccumulator(): Accumulator {
  let [count, mean, squares, min, max] = [0, 0, 0, Infinity, -Infinity];
  return {
    add(row) {
      const values = new Float32Array(row.buffer, row.byteOffset, row.length / 4);
      let sum = 0;
      for (const value of values) {
        sum += value;
        if (value < min) min = value;
        if (value > max) max = value;
      }
      const rowMean = sum / values.length;
      let rowSquares = 0;
      for (const value of values) rowSquares += (value - rowMean) ** 2;
      const merged = count + values.length;
      const distance = rowMean - mean;
      squares += rowSquares + distance ** 2 * ((count * values.length) / merged);
      mean += (distance * values.length) / merged;
      count = merged;
    },
    result: () => ({ min, max, mean, standardDeviation: Math.sqrt(squares / count) }),
  };
}

/**
 * Finds the elements that are the same in every row.
 * @param allOrNone stops looking where one is not, and then finds none
 */
export function constantElements(allOrNone: boolean): {
  add(row: Uint8Array): void;
  result(elementBytes: number): number[];
} {
  let first: Uint8Array | undefined;
  // Bytes that have been the same so far, in any order: soon they are few.
  let constant = new Uint32Array(0);
  let left = 0;
  let over = false;
  return {
    add(row) {
      if (over) return;
      if (!first) {
        first = row.slice();
        constant = Uint32Array.from({ length: row.length }, (_, index) => index);
        left = row.length;
        return;
      }
      for (let i = 0; i < left; ) {
        const at = constant[i]!;
        if (row[at] === first[at]) i++;
        else constant[i] = constant[--left]!;
      }
      over = allOrNone && left < row.length;
      if (over) left = 0;
    },
    result(elementBytes) {
      const bytes = new Uint8Array((first?.length ?? 0) / elementBytes);
      for (const at of constant.subarray(0, left)) bytes[Math.floor(at / elementBytes)]! += 1;
      return [...bytes.keys()].filter((index) => bytes[index] === elementBytes);
    },
  };
}

/** The number of fewest decimals that is the same in float32: 0.1, not 0.10000000149011612. */
export function shortestDecimal(value: number): number {
  for (let precision = 6; precision < 9; precision++) {
    const candidate = Number(value.toPrecision(precision));
    if (Math.fround(candidate) === value) return candidate;
  }
  return value;
}
