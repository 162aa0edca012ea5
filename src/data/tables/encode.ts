import { booleanOf, type Cell, type DecimalMark, isMissing, numberOf, textOf } from './cells.ts';
import type { Column } from './columns.ts';

type InputColumn = Extract<Column, { missing: number }>;

interface Slot {
  /** Place in the row. */
  index: number;
  column: InputColumn;
  /** Of the first input. */
  offset: number;
  categories: Map<string, number>;
}

/** Places of the inputs that are 0 or 1 and mean no quantity: one of each category, and truth values. */
export function unscaledFeatures(columns: readonly Column[] | null): number[] {
  const { slots } = new RowEncoder(columns ?? []);
  return slots
    .filter(
      ({ column }) => column.type === 'boolean' || (column.type === 'categorical' && column.encoding === 'oneHot'),
    )
    .flatMap(({ column, offset }) => Array.from({ length: widthOf(column) }, (_, i) => offset + i));
}

/** Why a cell cannot be encoded. */
export interface CellFault {
  column: InputColumn;
  /** Place of the column. */
  index: number;
  /** What the column takes. */
  expected: string;
}

/** Makes the inputs of a network out of the cells of a row, by the columns of a table. */
export class RowEncoder {
  /** Inputs of one row. */
  readonly width: number;
  readonly slots: readonly Slot[];
  private readonly mark: DecimalMark;

  constructor(columns: readonly Column[], mark: DecimalMark = '.') {
    let width = 0;
    const slots: Slot[] = [];
    for (const [index, column] of columns.entries()) {
      if (column.type === 'target' || column.type === 'ignored') continue;
      const categories = new Map(column.type === 'categorical' ? column.categories.map((name, i) => [name, i]) : []);
      slots.push({ index, column, offset: width, categories });
      width += widthOf(column);
    }
    this.width = width;
    this.slots = slots;
    this.mark = mark;
  }

  /** Names of the inputs: a column's, or column=category. */
  features(): string[] {
    return this.slots.flatMap(({ column }) =>
      column.type === 'categorical' && column.encoding === 'oneHot'
        ? column.categories.map((category) => `${column.name}=${category}`)
        : [column.name],
    );
  }

  /**
   * Writes the inputs of one row, which must be zeros before, from `offset` on.
   * @returns the first cell that does not fit; undefined where all do
   */
  encode(row: readonly (Cell | undefined)[], to: Float32Array, offset: number): CellFault | undefined {
    for (const slot of this.slots) {
      const cell = row[slot.index];
      const expected = this.encodeCell(slot, cell, to, offset + slot.offset);
      if (expected !== undefined) return { column: slot.column, index: slot.index, expected };
    }
    return undefined;
  }

  /** @returns what is expected, where the cell is not that */
  encodeCell(slot: Slot, given: Cell | undefined, to: Float32Array, at: number): string | undefined {
    const { column } = slot;
    const cell = isMissing(given) ? column.fill : given!;
    if (cell === null) return 'a value';
    if (column.type === 'numeric') {
      // A fill is a number already.
      const value = numberOf(cell, this.mark);
      to[at] = value;
      return Number.isFinite(to[at]) ? undefined : numberExpected(value);
    }
    if (column.type === 'boolean') {
      const value = booleanOf(cell) ?? zeroOrOne(cell);
      to[at] = value ? 1 : 0;
      return value === undefined ? 'true or false' : undefined;
    }
    const category = slot.categories.get(textOf(cell));
    if (category === undefined) return `one of the categories ${briefly(column.categories)}`;
    if (column.encoding === 'ordinal') to[at] = category;
    else to[at + category] = 1;
    return undefined;
  }
}

/** Inputs that a column becomes. */
export function widthOf(column: InputColumn): number {
  return column.type === 'categorical' && column.encoding === 'oneHot' ? column.categories.length : 1;
}

/** 0 and 1 are numbers by themselves, and truth values where a column is said to have these. */
export function zeroOrOne(cell: Cell): boolean | undefined {
  const value = numberOf(cell, '.');
  return value === 0 || value === 1 ? value === 1 : undefined;
}

/** What is told of a cell that is no number, or none that float32 holds. */
export function numberExpected(value: number): string {
  return Number.isNaN(value) ? 'a number' : 'a finite number in the range of float32';
}

function briefly(names: readonly string[]): string {
  return names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
}
