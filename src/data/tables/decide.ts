import type { Fault } from '../../errors.ts';
import { escapePointer } from '../../words.ts';
import { sortClasses } from '../classes.ts';
import type { DatasetInfo } from '../dataset.ts';
import { textOf } from './cells.ts';
import type { Column } from './columns.ts';
import { numberExpected, zeroOrOne } from './encode.ts';
import type { Layout, PlannedColumn } from './layout.ts';
import { maxOneHot, maxOrdinal } from './limits.ts';
import type { ColumnProfile, Profile } from './profile.ts';
import type { RowSource } from './rows.ts';
import { tableError, type WrongCell, wrongCells } from './tableError.ts';

/** A column with at least this share of numbers was meant to have nothing else. */
const numericShare = 0.9;
/** A column of text with more different ones than this, and than half of its rows, is no column of categories. */
const fewTexts = 20;

export type ColumnType = 'numeric' | 'boolean' | 'categorical';

/** What an input column is: as the request says, otherwise by its cells. */
export function typeOf({ settings }: PlannedColumn, profile: ColumnProfile): ColumnType {
  if (settings.type && settings.type !== 'ignored') return settings.type;
  if (settings.encoding) return 'categorical';
  const { numbers, booleans, texts } = profile;
  if (texts === 0 && booleans > 0 && numbers === 0) return 'boolean';
  const given = numbers + booleans + texts;
  return numbers === given || numbers >= numericShare * given ? 'numeric' : 'categorical';
}

/** The columns as they are kept; fills that are learnt from the data are still null. */
export interface Decision {
  columns: Column[];
  warnings: DatasetInfo['warnings'];
}

/** @throws HebbError('invalid-data') with all cells and columns that cannot be taken */
export async function decide(rows: RowSource, layout: Layout, profile: Profile): Promise<Decision> {
  const cells: WrongCell[] = [];
  const faults: Fault[] = [];
  const warnings: DatasetInfo['warnings'] = [];
  const columns = layout.columns.map((planned, index): Column => {
    const { name, role } = planned;
    if (role !== 'input') return { name, type: role };
    const seen = profile.columns[index]!;
    if (isRowNumber(rows, planned, index, seen)) {
      const message = `The column "${name}" numbers the rows and is ignored; to take it as an input, say its type in "columns".`;
      warnings.push({ code: 'row-numbers', message });
      return { name, type: 'ignored' };
    }
    const { missing } = seen;
    if (planned.missing === 'refuse') {
      for (const { row, value } of seen.examples.missing) cells.push({ row, column: name, expected: 'a value', value });
    }
    const type = typeOf(planned, seen);
    const constant = constantOf(planned, type, missing, faults);
    if (type === 'numeric') {
      cells.push(...wrongNumbers(planned, seen));
      return { name, type, missing, fill: (constant as number | null) ?? null };
    }
    if (type === 'boolean') {
      for (const { row, value } of seen.examples.noNumber) {
        if (seen.texts > 0) cells.push({ row, column: name, expected: 'true or false', value });
      }
      return { name, type, missing, fill: (constant as boolean | null) ?? null };
    }
    const encoding = planned.settings.encoding ?? 'oneHot';
    const categories = sortClasses(new Set([...(seen.names ?? []), ...(constant === null ? [] : [String(constant)])]));
    checkCategories(rows, planned, seen, encoding === 'oneHot' ? maxOneHot : maxOrdinal, profile.rows, faults);
    return { name, type, encoding, categories, missing, fill: constant === null ? null : String(constant) };
  });
  cells.push(...missingTargets(layout, profile), ...(profile.split?.wrong ?? []));
  if (cells.length > 0) throw await wrongCells(rows, cells, hintFor(cells));
  if (faults.length > 0) throw tableError('invalid-data', faults);
  for (const [index, column] of columns.entries()) {
    const { numbers, booleans, texts } = profile.columns[index]!;
    if (column.type === 'target' || column.type === 'ignored' || numbers + booleans + texts > 0) continue;
    const message = `the column "${column.name}" has no value in any row: say {"columns": {${JSON.stringify(column.name)}: {"type": "ignored"}}}`;
    faults.push({ pointer: `/${rows.part}`, message });
  }
  if (faults.length > 0) throw tableError('invalid-data', faults);
  return { columns, warnings };
}

/** Rows whose target is missing. */
export function missingTargets(layout: Layout, profile: Profile): WrongCell[] {
  return layout.targets.flatMap((index, i) =>
    profile.targets[i]!.missing.map((cell) => ({
      ...cell,
      column: layout.columns[index]!.name,
      expected: 'a target',
    })),
  );
}

/** A first column without a name, or with the one that pandas gives it, that counts the rows: what `to_csv` writes by itself. */
function isRowNumber({ named }: RowSource, { name, settings }: PlannedColumn, index: number, seen: ColumnProfile) {
  const pandas = name === 'Unnamed: 0' || name.startsWith('__index_level_');
  const unnamed = (named && index === 0 && name === 'column1') || pandas;
  return unnamed && settings.type === undefined && seen.counts && seen.texts + seen.booleans + seen.missing === 0;
}

function wrongNumbers({ name }: PlannedColumn, { examples }: ColumnProfile): WrongCell[] {
  const cell = (expected: string) => (example: { row: number; value: unknown }) => ({
    ...example,
    column: name,
    expected,
  });
  return [
    ...examples.noNumber.map(cell(numberExpected(Number.NaN))),
    ...examples.infinite.map(cell(numberExpected(Number.POSITIVE_INFINITY))),
  ];
}

/** The given fill in the type of the column; null where none is given or none is needed. */
function constantOf(
  { name, missing: policy, settings }: PlannedColumn,
  type: ColumnType,
  missing: number,
  faults: Fault[],
): number | string | boolean | null {
  if (typeof policy !== 'object') return null;
  const { constant } = policy;
  if (type === 'numeric' && typeof constant === 'number' && Number.isFinite(Math.fround(constant))) return constant;
  if (type === 'boolean') {
    const value = typeof constant === 'boolean' ? constant : zeroOrOne(constant);
    if (value !== undefined) return value;
  }
  if (type === 'categorical') return missing > 0 || settings.missing !== undefined ? textOf(constant) : null;
  // For the whole table the constant is one for the columns that it fits.
  if (missing === 0 && settings.missing === undefined) return null;
  const expected = type === 'numeric' ? 'a number' : 'true or false';
  const pointer =
    settings.missing === undefined ? '/missing/constant' : `/columns/${escapePointer(name)}/missing/constant`;
  const message = `the column "${name}" is ${type}: its empty cells need ${expected}, got ${JSON.stringify(constant)}; a column may have a "missing" of its own`;
  faults.push({ pointer, message, expected, received: constant });
  return null;
}

function checkCategories(
  rows: RowSource,
  { name, settings }: PlannedColumn,
  { names, texts, numbers, booleans }: ColumnProfile,
  most: number,
  rowCount: number,
  faults: Fault[],
): void {
  const count = names?.size ?? Number.POSITIVE_INFINITY;
  const declared = settings.type === 'categorical' || settings.encoding !== undefined;
  const many = !declared && count > fewTexts && 2 * count > texts + numbers + booleans;
  if (count <= most && !many) return;
  const what = names === null ? `long texts or more than ${maxOrdinal} different ones` : `${count} different texts`;
  const ignore = `{"columns": {${JSON.stringify(name)}: {"type": "ignored"}}}`;
  const message = `the column "${name}" has ${what} in ${rowCount} rows: too many for categories; to leave it out, say ${ignore}`;
  faults.push({ pointer: `/${rows.part}`, message, expected: `at most ${most} categories`, received: name });
}

function hintFor(cells: WrongCell[]): string {
  if (cells.every(({ expected }) => expected === 'a value')) {
    return '; "missing" says what becomes of empty cells: drop, mean, median, mostFrequent or {"constant": …}';
  }
  return '';
}
