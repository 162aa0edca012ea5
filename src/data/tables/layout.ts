import type { Fault } from '../../errors.ts';
import { didYouMean, escapePointer } from '../../words.ts';
import type { DatasetInfo } from '../dataset.ts';
import type { TableOptions } from '../source.ts';
import type { SplitKeys } from '../split.ts';
import { decidingColumn } from '../splitOptions.ts';
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
  /** Places of the targets, in the order in which the request names them. */
  targets: number[];
  /** The column that decides the splits. */
  split: { by: SplitKeys['by']; index: number } | null;
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
  const decides = decidingColumn(options.split);
  const split = decides ? { by: decides.by, index: names.indexOf(decides.name) } : null;
  if (split && split.index < 0) unknown(`/split/${decides!.by}`, decides!.name);
  const asked = options.target === undefined ? undefined : [options.target].flat();
  // The last one, unless it decides the splits.
  const last = names.length - (split?.index === names.length - 1 ? 2 : 1);
  const targets = asked?.map((name) => names.indexOf(name)) ?? [last];
  for (const [i, name] of (asked ?? []).entries()) {
    const pointer = Array.isArray(options.target) ? `/target/${i}` : '/target';
    if (targets[i]! < 0) unknown(pointer, name);
    else if (targets[i] === split?.index) {
      const message = `the column "${name}" decides the splits (${decides!.by}): it cannot be the target as well`;
      faults.push({ pointer, message, received: name });
    }
  }
  if (asked && asked.length > 1 && options.task === 'classification') {
    const message = `a classification has one target; the ${asked.length} columns of numbers are a regression`;
    faults.push({ pointer: '/target', message, expected: 'one column', received: asked });
  }
  if (!asked && names[last] !== undefined) {
    const message = `No target was named: the last column, "${names[last]}", is taken for it.`;
    warnings.push({ code: 'target-assumed', message });
  }
  const settings = new Map(Object.entries(options.columns ?? {}));
  for (const target of targets) {
    const name = names[target];
    if (name === undefined || settings.get(name)?.type === undefined) continue;
    const message = `the column "${name}" is the target: whether it is classes or numbers, "task" says`;
    faults.push({ pointer: `/columns/${escapePointer(name)}/type`, message });
  }
  const deciding = decides && settings.get(decides.name);
  // As an input it would tell what is trained on.
  if (decides?.by === 'column' && ((deciding?.type ?? 'ignored') !== 'ignored' || deciding?.encoding)) {
    const message = `the column "${decides.name}" names the splits: it is no input`;
    faults.push({ pointer: `/columns/${escapePointer(decides.name)}`, message });
  }
  if (faults.length > 0) throw tableError('invalid-request', faults);
  const columns = names.map((name, index): PlannedColumn => {
    const own = settings.get(name) ?? {};
    const decidesOnly = index === split?.index && own.type === undefined && own.encoding === undefined;
    const isIgnored = own.type === 'ignored' || decidesOnly;
    const role = targets.includes(index) ? 'target' : isIgnored ? 'ignored' : 'input';
    return { name, role, settings: own, missing: own.missing ?? options.missing ?? 'refuse' };
  });
  if (!columns.some(({ role }) => role === 'input')) {
    const message = `at least one column beside the target is expected; the file has ${names.length === 1 ? 'only ' : ''}${names.join(', ')}`;
    throw tableError('invalid-data', [{ pointer: `/${rows.part}`, message, received: names }]);
  }
  return { columns, targets, split, warnings };
}

/**
 * Names of the columns, without what spreadsheets put into them.
 * @throws HebbError where there are too many, or one is double or too long
 */
export function checkNames({ part, names, named }: RowSource): string[] {
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
