import type { Cell, DecimalMark } from './cells.ts';

export type Row = readonly Cell[];

/** A file as rows of cells, whatever its format. */
export interface RowSource {
  /** Name of the file's multipart part, for messages. */
  part: string;
  /** One for each column, not yet checked. */
  names: string[];
  /** Whether the file itself has the names. */
  named: boolean;
  decimalMark: DecimalMark;
  /** Whether the format itself tells text from numbers. */
  typed: boolean;
  warnings: { code: string; message: string }[];
  /** All rows from the first, in batches, each row as long as `names`. */
  batches(): AsyncIterable<Row[]>;
  /** Where a row stands, for a message: "line 12". */
  placeOf(row: number): Promise<string>;
}
