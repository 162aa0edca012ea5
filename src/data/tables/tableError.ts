import { type Fault, HebbError, type ProblemCode } from '../../errors.ts';
import { brief } from '../../words.ts';
import { type TableOption, tableOptionNames } from './limits.ts';
import type { RowSource } from './rows.ts';

/** Faults told at once: one wrong column has as many as rows. */
export const maxFaults = 20;

/** One error for several faults of a table; its text is the first's. */
export function tableError(code: ProblemCode, faults: Fault[]): HebbError {
  const [first] = faults as [Fault];
  const more = faults.length >= maxFaults ? ' (and more)' : faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new HebbError(code, `${first.pointer}: ${first.message}${more}`, faults.slice(0, maxFaults));
}

/** A cell that is not what its column takes. */
export interface WrongCell {
  /** Counted from 0 over the rows of the file. */
  row: number;
  column: string;
  expected: string;
  value: unknown;
}

/** The error for cells that are not what their columns take, each with its place; in the order of the file. */
export async function wrongCells(rows: RowSource, cells: WrongCell[], hint = ''): Promise<HebbError> {
  const faults: Fault[] = [];
  const sorted = [...cells].sort((a, b) => a.row - b.row).slice(0, maxFaults);
  for (const { row, column, expected, value } of sorted) {
    const received = typeof value === 'number' && !Number.isFinite(value) ? String(value) : brief(value);
    const got = value === null || value === '' ? 'the cell is empty' : `got ${JSON.stringify(received)}`;
    const message = `${await rows.placeOf(row)}, column "${column}": ${expected} is expected, ${got}${hint}`;
    faults.push({ pointer: `/${rows.part}`, message, expected, received });
  }
  return tableError('invalid-data', faults);
}

/** What a request says of columns where the data have none. */
export function tableFaults(options: Partial<Record<TableOption, unknown>>, format: string): Fault[] {
  return tableOptionNames
    .filter((key) => options[key] !== undefined)
    .map((key) => ({ pointer: `/${key}`, message: `"${key}" is for tables; ${format} files have no columns` }));
}
