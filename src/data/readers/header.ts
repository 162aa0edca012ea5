import { booleanOf, type Cell, type DecimalMark, isMissing, numberOf } from '../tables/cells.ts';
import type { Row } from '../tables/rows.ts';

/**
 * Whether the first of these rows has the names of the columns: it has no number, truth value or doubled text, and, in
 * some column, other rows have numbers, or in no column another row has the same.
 */
export function looksLikeHeader(rows: readonly Row[], mark: DecimalMark): boolean {
  const [first, ...others] = rows;
  if (!first) return false;
  const isName = (cell: Cell) =>
    typeof cell === 'string' && Number.isNaN(numberOf(cell, mark)) && booleanOf(cell) === undefined;
  // A column without a name is one all the same: what pandas writes has one for the numbers of the rows.
  if (!first.every((cell) => isMissing(cell) || isName(cell)) || first.every(isMissing)) return false;
  if (others.length === 0) return true;
  const typed = first.some((_, i) => {
    const cells = others.map((row) => row[i] ?? null).filter((cell) => !isMissing(cell));
    return cells.length > 0 && cells.every((cell) => !isName(cell));
  });
  return typed || first.every((name, i) => others.every((row) => row[i] !== name));
}
