import { parse as parseCsv } from 'csv-parse/sync';
import type { Model } from '../client/index.ts';
import { CommandError } from './command.ts';

type Columns = Model['columns'];

/**
 * Rows of a text: a JSON array (or {"instances": […]}), JSON line by line, or CSV. Cells of CSV become what the model's columns are, empty
 * ones null; where the model has learnt from no table, rows are numbers, and a first row of names is passed over.
 * @param what the file, as a message calls it
 * @throws CommandError with the line
 */
export function rowsOf(text: string, columns: Columns, what: string): unknown[] {
  const start = /\S/.exec(text)?.[0];
  if (start === undefined) throw new CommandError(`${what} is empty, rows were expected`);
  if (start !== '[' && start !== '{') return csvRows(text, columns, what);
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
    const { instances } = value as { instances?: unknown };
    return Array.isArray(instances) ? instances : [value];
  } catch (error) {
    if (!text.trim().includes('\n')) throw new CommandError(`${what} is not JSON: ${(error as Error).message}`);
  }
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    try {
      return [JSON.parse(line)];
    } catch (error) {
      throw new CommandError(`${what}, line ${i + 1}: ${(error as Error).message}`);
    }
  });
}

function csvRows(text: string, columns: Columns, what: string): unknown[] {
  const rows = readCsv(text, what);
  const [first] = rows as [string[]];
  if (columns === null) {
    const numbers = first.every(isNumber) ? rows : rows.slice(1);
    return numbers.map((row) => row.map((cell) => (isNumber(cell) ? Number(cell) : cell)));
  }
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  return rows
    .slice(1)
    .map((row) => Object.fromEntries(row.map((cell, i) => [first[i]!, cellOf(cell, types.get(first[i]!))])));
}

function readCsv(text: string, what: string): string[][] {
  try {
    return parseCsv(text, { bom: true, skip_empty_lines: true, trim: true, delimiter: delimiterOf(text) });
  } catch (error) {
    throw new CommandError(`${what}: ${(error as Error).message}`);
  }
}

/** The one of which the first line has most. */
function delimiterOf(text: string): string {
  const line = /^[^\r\n]*/.exec(text.trimStart())![0];
  const counts = [',', ';', '\t'].map((mark) => [mark, line.split(mark).length] as const);
  return counts.reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

function cellOf(cell: string, type: string | undefined): string | number | null {
  if (cell === '') return null;
  return type === 'numeric' && isNumber(cell) ? Number(cell) : cell;
}

function isNumber(cell: string): boolean {
  return cell !== '' && /^[\d.eE+-]+$/.test(cell) && Number.isFinite(Number(cell));
}
