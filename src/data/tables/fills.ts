import { booleanOf, isMissing, numberOf, textOf } from './cells.ts';
import type { Column } from './columns.ts';
import { zeroOrOne } from './encode.ts';
import type { Layout } from './layout.ts';
import { RadixMedian, radixPasses } from './median.ts';
import type { Row, RowSource } from './rows.ts';
import { tableError } from './tableError.ts';

/** Most different numbers of a column whose most frequent one is sought. */
const maxCounted = 65_536;

/** Learns one column's fill from the values of the training rows, in as many passes as it says. */
interface Learner {
  passes: number;
  add(pass: number, value: number): void;
  /** undefined: there was no value. */
  result(): number | undefined;
}

/**
 * Learns the fills of columns whose policy is a mean, a median or the most frequent value, and puts them into `columns`.
 * @param batches rows that are kept
 * @param learnsFrom whether a kept row is one to learn from: of the training split
 * @throws HebbError('invalid-data') for a column without a value to learn from
 */
export async function learnFills(
  source: RowSource,
  batches: () => AsyncIterable<Row[]>,
  layout: Layout,
  columns: Column[],
  learnsFrom: (row: number) => boolean,
): Promise<void> {
  const learners = columns.flatMap((column, index) => {
    const policy = layout.columns[index]!.missing;
    if (column.type === 'target' || column.type === 'ignored') return [];
    if (policy !== 'mean' && policy !== 'median' && policy !== 'mostFrequent') return [];
    return [{ index, column, values: valuesOf(column, source), learner: learnerFor(column, policy, source) }];
  });
  const passes = Math.max(0, ...learners.map(({ learner }) => learner.passes));
  for (let pass = 0; pass < passes; pass++) {
    const active = learners.filter(({ learner }) => pass < learner.passes);
    let row = 0;
    for await (const batch of batches()) {
      for (const cells of batch) {
        if (!learnsFrom(row++)) continue;
        for (const { index, values, learner } of active) {
          const cell = cells[index]!;
          if (!isMissing(cell)) learner.add(pass, values(cell));
        }
      }
    }
  }
  for (const { column, learner } of learners) {
    const value = learner.result();
    if (value === undefined) {
      const message = `the column "${column.name}" has no value in the training split: there is nothing to learn its fill from`;
      throw tableError('invalid-data', [{ pointer: `/${source.part}`, message }]);
    }
    if (column.type === 'numeric') column.fill = value;
    else if (column.type === 'boolean') column.fill = value === 1;
    else column.fill = column.categories[value]!;
  }
}

/** Cells as numbers: truth values as 0 and 1, categories as their places. */
function valuesOf(column: Column, { decimalMark }: RowSource): (cell: NonNullable<Row[number]>) => number {
  if (column.type === 'boolean') return (cell) => Number(booleanOf(cell) ?? zeroOrOne(cell));
  if (column.type !== 'categorical') return (cell) => numberOf(cell, decimalMark);
  const places = new Map(column.categories.map((name, place) => [name, place]));
  return (cell) => places.get(textOf(cell))!;
}

function learnerFor(column: Column, policy: 'mean' | 'median' | 'mostFrequent', source: RowSource): Learner {
  if (policy === 'mostFrequent' || column.type !== 'numeric') return mostFrequent(column.name, source);
  return policy === 'mean' ? mean() : median();
}

function mean(): Learner {
  let [sum, count] = [0, 0];
  return {
    passes: 1,
    add(_, value) {
      sum += value;
      count++;
    },
    result: () => (count === 0 ? undefined : sum / count),
  };
}

/** Of equally frequent values the least. */
function mostFrequent(name: string, { part }: RowSource): Learner {
  const counts = new Map<number, number>();
  return {
    passes: 1,
    add(_, value) {
      counts.set(value, (counts.get(value) ?? 0) + 1);
      if (counts.size <= maxCounted) return;
      const message = `the column "${name}" has more than ${maxCounted} different numbers: none is most frequent in a way that says something; take "mean" or "median" for it`;
      throw tableError('invalid-data', [{ pointer: `/${part}`, message }]);
    },
    result() {
      let best: [number, number] | undefined;
      for (const entry of counts) {
        if (!best || entry[1] > best[1] || (entry[1] === best[1] && entry[0] < best[0])) best = entry;
      }
      return best?.[0];
    },
  };
}

function median(): Learner {
  const selection = new RadixMedian();
  return {
    passes: radixPasses,
    add: (pass, value) => selection.add(pass, value),
    result: () => selection.result(),
  };
}
