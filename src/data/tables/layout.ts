import type { Fault } from '../../errors.ts';
import { didYouMean, escapePointer } from '../../words.ts';
import type { DatasetInfo } from '../dataset.ts';
import type { TableOptions } from '../source.ts';
import type { ColumnSettings, MissingPolicy } from './columns.ts';
import { maxColumns, maxTextLength } from './limits.ts';
import type { RowSource } from './rows.ts';
import { tableError } from './tableError.ts';

/** What is known of a column before its cells are looked at. */
export interface PlannedColumn {
  name: string;
  role: 'input' | 'target' | 'ignored';
  settings: ColumnSettings;
  missing: MissingPolicy;
}

/** The columns of a table, and what the request says of them. */
export interface Layout {
  columns: PlannedColumn[];
  /** Place of the target. */
  target: number;
  warnings: DatasetInfo['warnings'];
}

/** @throws HebbError for names that are double, too long or too many, or that the request has and the file has not */
export function layOut(rows: RowSource, options: TableOptions): Layout {
  const names = checkNames(rows);
  const faults: Fault[] = [];
  const unknown = (pointer: string, name: string) => {
    const known = names.length > 50 ? [...names.slice(0, 50), '…'] : names;
    const message = `there is no column "${name}"${didYouMean(name, names)}; the columns: ${known.join(', ')}`;
    faults.push({ pointer, message, expected: known, received: name });
  };
  for (const [name, { type, encoding }] of Object.entries(options.columns ?? {})) {
    const pointer = `/columns/${escapePointer(name)}`;
    if (!names.includes(name)) unknown(pointer, name);
    else if (encoding && type !== undefined && type !== 'categorical') {
      const message = `only categories have an encoding; the column "${name}" is said to be ${type}`;
      faults.push({ pointer: `${pointer}/encoding`, message, expected: 'type categorical', received: type });
    }
  }
  const warnings = [...rows.warnings];
  const target = options.target === undefined ? names.length - 1 : names.indexOf(options.target);
  if (target < 0) unknown('/target', options.target!);
  const name = names[target];
  if (options.target === undefined) {
    const message = `No target was named: the last column, "${name}", is taken for it.`;
    warnings.push({ code: 'target-assumed', message });
  }
  const settings = new Map(Object.entries(options.columns ?? {}));
  if (name !== undefined && settings.get(name)?.type !== undefined) {
    const message = `the column "${name}" is the target: whether it is classes or numbers, "task" says`;
    faults.push({ pointer: `/columns/${escapePointer(name)}/type`, message });
  }
  if (faults.length > 0) throw tableError('invalid-request', faults);
  const columns = names.map((name, index): PlannedColumn => {
    const own = settings.get(name) ?? {};
    const role = index === target ? 'target' : own.type === 'ignored' ? 'ignored' : 'input';
    return { name, role, settings: own, missing: own.missing ?? options.missing ?? 'refuse' };
  });
  if (!columns.some(({ role }) => role === 'input')) {
    const message = `at least one column beside the target is expected; the file has ${names.length === 1 ? 'only ' : ''}${names.join(', ')}`;
    throw tableError('invalid-data', [{ pointer: `/${rows.part}`, message, received: names }]);
  }
  return { columns, target, warnings };
}

function checkNames({ part, names, named }: RowSource): string[] {
  const pointer = `/${part}`;
  const refuse = (message: string, expected?: unknown, received?: unknown) =>
    tableError('invalid-file', [{ pointer, message, expected, received }]);
  if (names.length > maxColumns) {
    const message = `at most ${maxColumns} columns are taken, the file has ${names.length}; wider samples come as NPY`;
    throw tableError('too-large', [{ pointer, message, expected: maxColumns, received: names.length }]);
  }
  // Spreadsheets break lines inside of names.
  const clean = names.map((name, i) => name.replace(/[\s\p{Cc}]+/gu, ' ').trim() || `column${i + 1}`);
  const places = new Map<string, number>();
  for (const [i, name] of clean.entries()) {
    if (name.length > maxTextLength) {
      throw refuse(`the name of column ${i + 1} has ${name.length} characters, at most ${maxTextLength} are taken`);
    }
    const first = places.get(name);
    if (first !== undefined) {
      const where = named ? 'in the header ' : '';
      const message = `${where}the columns ${first + 1} and ${i + 1} are both called "${name}"; each needs a name of its own`;
      throw refuse(message, 'different names', name);
    }
    places.set(name, i);
  }
  return clean;
}
