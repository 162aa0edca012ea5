import { ByteCounts } from '../byteCounts.ts';
import { shortestDecimal } from '../statistics.ts';
import type { Histogram, ValuesReport } from './types.ts';

/** Bars of a histogram, unless whole numbers give each value its own. */
const bars = 32;
/** Memory of the sets of different values, in elements of 4 bytes, whatever the number of columns. */
const distinctElements = 2 ** 22;

/** Gathers the values of several columns: first `add` for all rows, then, where `needsSecondPass`, `addAgain` for all rows. */
export interface ColumnValues {
  /** @param rows elements row by row; a row's element i belongs to column i % columns */
  add(rows: Uint8Array | Float32Array): void;
  readonly needsSecondPass: boolean;
  addAgain(rows: Uint8Array | Float32Array): void;
  report(names: string[]): ValuesReport[];
  /** Columns of whole numbers of which none came twice, as far as they were counted. */
  identifiers(): number[];
}

/**
 * @param columns that are looked at; of wider rows the elements behind them are passed over
 * @param stride elements from one value of a column to the next: `columns`, or the row's length where that is more
 */
export function columnValues(type: 'uint8' | 'float32', columns: number, stride = columns): ColumnValues {
  return type === 'uint8' ? byteColumns(columns, stride) : floatColumns(columns, stride);
}

/** Exact: from how often each value occurs. */
function byteColumns(columns: number, stride: number): ColumnValues {
  const all = columns === 1 && stride === 1 ? new ByteCounts() : undefined;
  const counts = all ? all.result() : new Float64Array(columns * 256);
  return {
    add(rows) {
      if (all) {
        all.add(rows as Uint8Array);
        return;
      }
      for (let start = 0; start < rows.length; start += stride) {
        for (let column = 0; column < columns; column++) counts[column * 256 + rows[start + column]!]! += 1;
      }
    },
    needsSecondPass: false,
    addAgain() {},
    report: (names) =>
      names.map((name, column) => {
        all?.result();
        const ofColumn = counts.subarray(column * 256, (column + 1) * 256);
        const total = ofColumn.reduce((sum, n) => sum + n, 0);
        const mean = ofColumn.reduce((sum, n, value) => sum + n * value, 0) / total;
        const squares = ofColumn.reduce((sum, n, value) => sum + n * (value - mean) ** 2, 0);
        const [min, max] = [ofColumn.findIndex((n) => n > 0), ofColumn.findLastIndex((n) => n > 0)];
        const histogram = emptyHistogram(min, max, true);
        for (const [value, n] of ofColumn.entries()) if (n > 0) histogram.counts[barOf(histogram, value)]! += n;
        const distinct = ofColumn.reduce((sum, n) => sum + (n > 0 ? 1 : 0), 0);
        return { name, min, max, mean, standardDeviation: Math.sqrt(squares / total), distinct, histogram };
      }),
    identifiers: () =>
      Array.from({ length: columns }, (_, column) => column).filter((column) =>
        counts.subarray(column * 256, (column + 1) * 256).every((n) => n <= 1),
      ),
  };
}

function floatColumns(columns: number, stride: number): ColumnValues {
  const [min, max] = [new Float64Array(columns).fill(Infinity), new Float64Array(columns).fill(-Infinity)];
  // Sums of the distances to a column's first value: those of the values themselves would lose what is small beside them.
  const origin = new Float64Array(columns);
  const [sums, squares] = [new Float64Array(columns), new Float64Array(columns)];
  const whole = new Uint8Array(columns).fill(1);
  const sets = new ValueSets(columns);
  let rowsSeen = 0;
  let histograms: Histogram[] | undefined;
  return {
    add(rows) {
      for (let start = 0; start < rows.length; start += stride) {
        for (let column = 0; column < columns; column++) {
          const value = rows[start + column]!;
          if (rowsSeen === 0) origin[column] = value;
          if (value < min[column]!) min[column] = value;
          if (value > max[column]!) max[column] = value;
          const distance = value - origin[column]!;
          sums[column]! += distance;
          squares[column]! += distance * distance;
          if (whole[column] && !Number.isInteger(value)) whole[column] = 0;
          sets.add(column, value);
        }
        rowsSeen += 1;
      }
    },
    needsSecondPass: true,
    addAgain(rows) {
      histograms ??= Array.from(min, (low, column) => emptyHistogram(low, max[column]!, whole[column] === 1));
      for (let start = 0; start < rows.length; start += stride) {
        for (let column = 0; column < columns; column++) {
          const histogram = histograms[column]!;
          histogram.counts[barOf(histogram, rows[start + column]!)]! += 1;
        }
      }
    },
    report: (names) =>
      names.map((name, column) => {
        const shift = sums[column]! / rowsSeen;
        const variance = Math.max(0, squares[column]! / rowsSeen - shift ** 2);
        return {
          name,
          min: shortestDecimal(min[column]!),
          max: shortestDecimal(max[column]!),
          mean: origin[column]! + shift,
          standardDeviation: Math.sqrt(variance),
          distinct: sets.distinct(column),
          histogram: histograms![column]!,
        };
      }),
    identifiers: () => Array.from(whole.keys()).filter((column) => whole[column] === 1 && !sets.hasRepeats(column)),
  };
}

/** Whole numbers of a small range get a bar each, in its middle. */
function emptyHistogram(min: number, max: number, whole: boolean): Histogram {
  if (min === max) return { from: min - 0.5, to: max + 0.5, counts: [0] };
  if (!whole) return { from: min, to: max, counts: new Array<number>(bars).fill(0) };
  const width = Math.ceil((max - min + 1) / bars);
  const count = Math.ceil((max - min + 1) / width);
  return { from: min - 0.5, to: min - 0.5 + count * width, counts: new Array<number>(count).fill(0) };
}

function barOf({ from, to, counts }: Histogram, value: number): number {
  return Math.min(counts.length - 1, Math.max(0, Math.floor(((value - from) / (to - from)) * counts.length)));
}

/** A set of float32 values for each column, of a size that does not grow: open addressing over their bits. */
class ValueSets {
  private readonly slots: number;
  private readonly bits: Int32Array;
  /** Which slots are taken; the bits of 0 are 0, too. */
  private readonly taken: Uint8Array;
  private readonly sizes: Int32Array;
  private readonly repeats: Uint8Array;
  private readonly full: Uint8Array;
  private readonly float = new Float32Array(1);
  private readonly asBits = new Int32Array(this.float.buffer);

  constructor(columns: number) {
    const fair = 2 ** Math.floor(Math.log2(distinctElements / columns));
    this.slots = Math.min(2 ** 16, Math.max(64, fair));
    this.bits = new Int32Array(columns * this.slots);
    this.taken = new Uint8Array(columns * this.slots);
    this.sizes = new Int32Array(columns);
    this.repeats = new Uint8Array(columns);
    this.full = new Uint8Array(columns);
  }

  add(column: number, value: number): void {
    if (this.full[column]) return;
    this.float[0] = value === 0 ? 0 : value; // −0 is 0
    const bits = this.asBits[0]!;
    const mask = this.slots - 1;
    let hash = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
    hash ^= hash >>> 12;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = column * this.slots + slot;
      if (!this.taken[at]) {
        this.taken[at] = 1;
        this.bits[at] = bits;
        this.sizes[column]! += 1;
        if (this.sizes[column]! > this.slots / 2) this.full[column] = 1;
        return;
      }
      if (this.bits[at] === bits) {
        this.repeats[column] = 1;
        return;
      }
    }
  }

  distinct(column: number): number | null {
    return this.full[column] ? null : this.sizes[column]!;
  }

  hasRepeats(column: number): boolean {
    return this.repeats[column] === 1;
  }
}
