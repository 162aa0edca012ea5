/** A value as a file has it: text, or what the format itself types. */
export type Cell = string | number | boolean | null;
export type DecimalMark = '.' | ',';

/** Texts that mean no value: those that pandas writes and reads as such, and the mark of the UCI repository. */
const missingTexts = new Set([
  '',
  'NA',
  'N/A',
  'n/a',
  '#N/A',
  '#NA',
  '<NA>',
  'NaN',
  'nan',
  '-NaN',
  '-nan',
  'null',
  'NULL',
  'None',
  '?',
]);

const longestMissing = Math.max(...[...missingTexts].map(({ length }) => length));

export function isMissing(cell: Cell | undefined): boolean {
  // A set works out a number of each text that it is asked for: most need not be asked for.
  if (typeof cell === 'string') return cell.length <= longestMissing && missingTexts.has(cell);
  return cell === null || cell === undefined || Number.isNaN(cell);
}

/**
 * The number that a cell means: decimal digits with a decimal mark and an exponent, or an infinity, which callers refuse.
 * NaN for anything else.
 */
export function numberOf(cell: Cell, mark: DecimalMark): number {
  if (typeof cell === 'number') return cell;
  if (typeof cell !== 'string') return Number.NaN;
  if (mark === ',' && cell.includes('.')) return Number.NaN;
  const text = mark === ',' ? cell.replace(',', '.') : cell;
  const value = Number(text);
  // Number also reads the empty text, 0x10 and Infinity.
  if (Number.isNaN(value) || text === '' || /[^\d.eE+-]/.test(text)) {
    const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
    return infinite ? (infinite[1] === '-' ? -Infinity : Infinity) : Number.NaN;
  }
  return value;
}

const booleans = new Map([
  ['true', true],
  ['yes', true],
  ['false', false],
  ['no', false],
]);

/** The truth value that a cell means: true and false, yes and no in any case. */
export function booleanOf(cell: Cell): boolean | undefined {
  if (typeof cell === 'boolean') return cell;
  if (typeof cell !== 'string' || cell.length > 5) return undefined;
  return booleans.get(cell.toLowerCase());
}

/** The name of a category or class that a cell means. */
export function textOf(cell: Cell): string {
  return String(cell);
}
