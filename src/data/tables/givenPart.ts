import { didYouMean } from '../../words.ts';
import type { TableOptions } from '../source.ts';
import type { Part, TableWarning } from '../table.ts';
import type { Column } from './columns.ts';
import { missingTargets } from './decide.ts';
import { RowEncoder } from './encode.ts';
import { encodedRows } from './encodedRows.ts';
import { checkNames, type Layout } from './layout.ts';
import { keptCount, look } from './profile.ts';
import type { RowSource } from './rows.ts';
import { tableError, type WrongCell, wrongCells } from './tableError.ts';
import type { Targets } from './targetColumn.ts';
import { resolveTargets } from './targets.ts';

/** What the table of the training samples has decided. */
interface Decided {
  source: RowSource;
  layout: Layout;
  /** Fills that are learnt stand there before inputs are asked for. */
  columns: Column[];
  targets: Targets;
  options: TableOptions;
}

/**
 * A table of validation or test samples in a file of its own, read by what the training table decided: the same columns in
 * any order, no other categories or classes, empty cells filled as there.
 *
 * @throws HebbError('invalid-file') for other columns; HebbError('invalid-data') with line and column for a cell that does not fit
 */
export async function givenPart(
  given: RowSource,
  { source, layout, columns, targets, options }: Decided,
): Promise<Part & { warnings: TableWarning[] }> {
  const rows = arranged(given, source, layout);
  const { part } = rows;
  const profile = await look(rows, layout, new Set());
  const cells: WrongCell[] = missingTargets(layout, profile);
  for (const [index, planned] of layout.columns.entries()) {
    const { type, name } = columns[index]!;
    if (planned.missing !== 'refuse' || type === 'ignored' || type === 'target') continue;
    for (const cell of profile.columns[index]!.examples.missing)
      cells.push({ ...cell, column: name, expected: 'a value' });
  }
  if (cells.length > 0) throw await wrongCells(rows, cells);
  const kept = keptCount(profile);
  if (kept === 0) {
    const message = 'at least one row of values is expected, the file has none';
    throw tableError('invalid-data', [{ pointer: `/${part}`, message, expected: 1, received: 0 }]);
  }
  const own = await resolveTargets(
    rows,
    layout,
    profile,
    { ...options, task: targets.task, classes: options.classes },
    targets.classes ?? undefined,
  );
  const dropped = profile.rows - kept;
  const message = `${part}: ${dropped} of ${profile.rows} rows were dropped for what is missing in them.`;
  return {
    rows: kept,
    targets: own.values,
    warnings: [...rows.warnings, ...(dropped > 0 ? [{ code: 'dropped-rows', message }] : [])],
    inputs: () => encodedRows(rows, profile.dropped, new RowEncoder(columns, rows.decimalMark)),
  };
}

/** The rows with their cells in the order of the other table's columns. */
function arranged(rows: RowSource, source: RowSource, layout: Layout): RowSource {
  const names = checkNames(rows);
  const expected = layout.columns.map(({ name }) => name);
  const places = expected.map((name) => names.indexOf(name));
  const missing = expected.filter((_, i) => places[i]! < 0 && layout.columns[i]!.role !== 'ignored');
  const unknown = names.filter((name) => !expected.includes(name));
  if (missing.length > 0 || unknown.length > 0) {
    const list = (title: string, texts: string[]) =>
      texts.length === 0 ? '' : `; ${title}: ${texts.slice(0, 20).join(', ')}${texts.length > 20 ? ', …' : ''}`;
    const hint = unknown.length > 0 ? didYouMean(unknown[0]!, missing) : '';
    const message = `the columns of "${source.part}" are expected${list('missing', missing)}${list('unknown', unknown)}${hint}`;
    const fault = { pointer: `/${rows.part}`, message, expected: expected.slice(0, 50), received: names.slice(0, 50) };
    throw tableError('invalid-file', [fault]);
  }
  if (places.every((place, i) => place === i) && names.length === expected.length) return { ...rows, names };
  return {
    ...rows,
    names: expected,
    placeOf: (row) => rows.placeOf(row),
    async *batches() {
      for await (const batch of rows.batches()) {
        yield batch.map((cells) => places.map((place) => (place < 0 ? null : cells[place]!)));
      }
    },
  };
}
