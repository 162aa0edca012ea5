import { type Options, parse } from 'csv-parse/sync';
import { type DecimalMark, isMissing, numberOf } from '../tables/cells.ts';

export interface Dialect {
  delimiter: string;
  quote: '"' | "'";
  decimalMark: DecimalMark;
  /** Lines before the first record. */
  skippedLines: number;
}

const delimiters = [',', ';', '\t', '|'] as const;
const quotes = ['"', "'"] as const;
const names: Record<string, string> = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar' };
/** Records that a guess is built on. */
const sampledRecords = 200;

/**
 * How a text separates its cells: the delimiter and quote with which most records are equally long and most cells
 * look like a number, a word or nothing at all.
 *
 * @param sample the start of the text, in whole lines
 * @param given a delimiter that is known
 */
export function findDialect(sample: string, given?: string): Dialect {
  // Excel's own way to name the delimiter.
  const sep = /^sep=(.)\r?\n/i.exec(sample);
  const text = sep ? sample.slice(sep[0].length) : sample;
  const known = given ?? sep?.[1];
  let best: { score: number; delimiter: string; quote: '"' | "'"; records: string[][] } | undefined;
  for (const delimiter of known === undefined ? delimiters : [known]) {
    for (const quote of quotes) {
      const records = parse(text, {
        ...csvOptions({ delimiter, quote }),
        relax_column_count: true,
        to: sampledRecords,
        skip_records_with_error: true,
      }) as string[][];
      const score = scoreOf(records);
      if (!best || score > best.score) best = { score, delimiter, quote, records };
    }
  }
  const { delimiter, quote, records } = best!;
  return { delimiter, quote, decimalMark: decimalMarkOf(delimiter, records), skippedLines: sep ? 1 : 0 };
}

export function delimiterName(delimiter: string): string {
  return names[delimiter] ?? JSON.stringify(delimiter);
}

/** What both the guess and the reading go by. */
export function csvOptions({ delimiter, quote }: Pick<Dialect, 'delimiter' | 'quote'>): Options {
  return {
    delimiter,
    quote,
    escape: quote,
    bom: true,
    trim: true,
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    max_record_size: 2 ** 24,
  };
}

function scoreOf(records: string[][]): number {
  const widths = new Map<number, number>();
  for (const { length } of records) widths.set(length, (widths.get(length) ?? 0) + 1);
  const [width, most] = [...widths].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0] ?? [0, 0];
  if (width < 2) return 0;
  const cells = records.flat();
  const clean = cells.filter((cell) => isMissing(cell) || isClean(cell)).length;
  // Of equal scores that with more columns.
  return (most / records.length) * (0.1 + clean / cells.length) + width * 1e-9;
}

/** A number, or text without anything that might separate cells. */
function isClean(cell: string): boolean {
  return !Number.isNaN(numberOf(cell, '.')) || !Number.isNaN(numberOf(cell, ',')) || !/[,;\t|"]|^'|'$/.test(cell);
}

/** Numbers are written with a comma where some are, and none with a point; never where commas separate the cells. */
function decimalMarkOf(delimiter: string, records: string[][]): DecimalMark {
  if (delimiter === ',') return '.';
  const cells = records.flat();
  const commas = cells.some((cell) => cell.includes(',') && !Number.isNaN(numberOf(cell, ',')));
  const points = cells.some((cell) => cell.includes('.') && !Number.isNaN(numberOf(cell, '.')));
  return commas && !points ? ',' : '.';
}
