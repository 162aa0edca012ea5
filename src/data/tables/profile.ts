import { tooLarge } from '../readers/fileBytes.ts';
import { maxRows } from '../table.ts';
import { booleanOf, isMissing, numberOf, textOf } from './cells.ts';
import type { Layout } from './layout.ts';
import { maxOrdinal, maxTextLength } from './limits.ts';
import type { Row, RowSource } from './rows.ts';
import { SplitColumn } from './splitColumn.ts';
import { maxFaults } from './tableError.ts';
import { TargetColumn } from './targetColumn.ts';

interface Example {
  row: number;
  value: unknown;
}

/** What the cells of an input column are. */
export interface ColumnProfile {
  missing: number;
  numbers: number;
  booleans: number;
  texts: number;
  /** The first cells that are missing, no number, or no finite float32. */
  examples: { missing: Example[]; noNumber: Example[]; infinite: Example[] };
  /** Different texts: all, where categories are wanted, otherwise those that are no numbers; null where there are too many. */
  names: Set<string> | null;
  /** Whether the numbers are 0, 1, 2, …, one a row. */
  counts: boolean;
}

/** What one pass over a table tells. */
export interface Profile {
  rows: number;
  columns: ColumnProfile[];
  /** One for each of the layout's. */
  targets: TargetColumn[];
  /** The column that decides the splits, where there is one. */
  split: SplitColumn | null;
  /** (rows) 1 for those that go because something is missing in them; empty where none goes. */
  dropped: Uint8Array;
}

/** Rows that are not dropped. */
export function keptCount({ rows, dropped }: Profile): number {
  return rows - dropped.reduce((sum, flag) => sum + flag, 0);
}

/**
 * The first pass over a table.
 * @param categorical places of columns whose cells are names even where they are numbers
 */
export async function look(source: RowSource, layout: Layout, categorical: ReadonlySet<number>): Promise<Profile> {
  const { decimalMark } = source;
  const columns = layout.columns.map(newProfile);
  const inputs = layout.columns.flatMap(({ role }, index) => (role === 'input' ? [index] : []));
  const drops = layout.columns.map(({ missing }) => missing === 'drop');
  const targets = layout.targets.map(() => new TargetColumn(source.typed, decimalMark));
  const place = layout.split?.index ?? -1;
  const split = layout.split && new SplitColumn(layout.split.by, layout.columns[place]!.name, decimalMark);
  const dropped = new Flags();
  let rows = 0;

  const visit = (row: Row) => {
    let drop = false;
    for (const index of inputs) {
      const column = columns[index]!;
      const cell = row[index]!;
      if (typeof cell !== 'number' && isMissing(cell)) {
        column.missing++;
        keep(column.examples.missing, rows, cell);
        drop ||= drops[index]!;
        continue;
      }
      const value = numberOf(cell, decimalMark);
      if (!Number.isNaN(value)) {
        column.numbers++;
        if (!Number.isFinite(Math.fround(value))) keep(column.examples.infinite, rows, cell);
        if (value !== rows) column.counts = false;
        if (categorical.has(index)) addName(column, textOf(cell));
        continue;
      }
      if (typeof cell === 'number') {
        // The formats that type their numbers have a NaN where a value is missing.
        column.missing++;
        keep(column.examples.missing, rows, cell);
        drop ||= drops[index]!;
        continue;
      }
      if (booleanOf(cell) !== undefined) column.booleans++;
      else column.texts++;
      keep(column.examples.noNumber, rows, cell);
      addName(column, textOf(cell));
    }
    for (const [i, index] of layout.targets.entries()) {
      const cell = row[index]!;
      if (!isMissing(cell)) continue;
      if (!drops[index]) targets[i]!.missing.push({ row: rows, value: cell });
      drop = true;
    }
    if (split && drops[place] && isMissing(row[place]!)) drop = true;
    if (drop) dropped.set(rows);
    else {
      for (const [i, index] of layout.targets.entries()) targets[i]!.add(row[index]!, rows);
      split?.add(row[place]!, rows);
    }
    rows++;
  };

  for await (const batch of source.batches()) {
    for (const row of batch) visit(row);
    if (rows > maxRows) throw tooLarge(source.part, `at most ${maxRows} rows are taken`, maxRows);
    if (targets.some(({ missing }) => missing.length > maxFaults)) break;
  }
  return { rows, columns, targets, split, dropped: dropped.upTo(rows) };
}

function newProfile(): ColumnProfile {
  return {
    missing: 0,
    numbers: 0,
    booleans: 0,
    texts: 0,
    examples: { missing: [], noNumber: [], infinite: [] },
    names: new Set(),
    counts: true,
  };
}

function keep(examples: Example[], row: number, value: unknown): void {
  if (examples.length < maxFaults) examples.push({ row, value });
}

function addName(column: ColumnProfile, name: string): void {
  if (column.names === null || column.names.has(name)) return;
  column.names.add(name);
  if (name.length > maxTextLength || column.names.size > maxOrdinal) column.names = null;
}

/** A bit for each row, of rows whose number is not known before. */
class Flags {
  private flags = new Uint8Array(0);
  private any = false;

  set(row: number): void {
    this.any = true;
    if (row >= this.flags.length) {
      const grown = new Uint8Array(Math.max(1024, 2 * row));
      grown.set(this.flags);
      this.flags = grown;
    }
    this.flags[row] = 1;
  }

  upTo(rows: number): Uint8Array {
    if (!this.any) return new Uint8Array(0);
    const all = new Uint8Array(rows);
    all.set(this.flags.subarray(0, rows));
    return all;
  }
}
