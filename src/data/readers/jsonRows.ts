import { brief } from '../../words.ts';
import type { ImportLimits } from '../importer.ts';
import type { SourceOptions } from '../source.ts';
import type { Cell } from '../tables/cells.ts';
import { maxColumns } from '../tables/limits.ts';
import type { Row, RowSource } from '../tables/rows.ts';
import { bytesOfFile, type FileBytes, invalidFile } from './fileBytes.ts';
import { looksLikeHeader } from './header.ts';
import { elementTexts, type JsonText, lineTexts } from './jsonTexts.ts';
import { encodingOf } from './textEncoding.ts';

const headerRows = 100;

/**
 * Rows as JSON: one array of them, or one a line; each an object, or an array of cells. The columns of objects are all
 * their keys, in the order in which they come first; one that a row does not have is missing there.
 */
export async function openJsonRows(
  file: FileBytes,
  lines: boolean,
  { header }: Pick<SourceOptions, 'header'>,
  limits: ImportLimits,
): Promise<RowSource> {
  const { part } = file;
  const encoding = await encodingOf(file, limits.maxBytes);
  const texts = () => (lines ? lineTexts : elementTexts)(encoding.toUtf8(bytesOfFile(file, limits.maxBytes)), part);

  const places = new Map<string, number>();
  const first: Row[] = [];
  let width: number | undefined;
  for await (const batch of texts()) {
    for (const item of batch) {
      const row = parseRow(item, part, lines);
      if (Array.isArray(row)) {
        width ??= row.length;
        if (first.length < headerRows) first.push(row);
      } else {
        for (const key of Object.keys(row)) if (!places.has(key)) places.set(key, places.size);
      }
      if (width !== undefined && (!Array.isArray(row) || row.length !== width || places.size > 0)) {
        const got = Array.isArray(row) ? `an array of ${row.length}` : 'an object';
        const expected = places.size > 0 ? 'an object' : `an array of ${width} cells`;
        throw invalidFile(
          part,
          `${item.place()}: ${expected} is expected, as in the first row; got ${got}`,
          expected,
          got,
        );
      }
      if (places.size > maxColumns) {
        const message = `${item.place()}: at most ${maxColumns} columns are taken; is each row an object of its own columns?`;
        throw invalidFile(part, message, maxColumns, places.size);
      }
    }
  }
  if (width === undefined && places.size === 0)
    throw invalidFile(part, 'rows of values are expected, the file has none');
  const objects = width === undefined;
  const named = objects || (header ?? looksLikeHeader(first, '.'));
  const names = objects
    ? [...places.keys()]
    : Array.from({ length: width! }, (_, i) => (named ? String(first[0]![i]) : `column${i + 1}`));
  const skipped = !objects && named ? 1 : 0;

  async function* items(): AsyncGenerator<JsonText[]> {
    let toSkip = skipped;
    for await (const batch of texts()) {
      const rest = toSkip > 0 ? batch.slice(toSkip) : batch;
      toSkip -= batch.length - rest.length;
      yield rest;
    }
  }

  return {
    part,
    names,
    named,
    decimalMark: '.',
    typed: true,
    warnings: encoding.warnings,
    async *batches() {
      for await (const batch of items()) {
        yield batch.map((item) => {
          const row = parseRow(item, part, lines);
          if (Array.isArray(row)) return row;
          const cells = new Array<Cell>(names.length).fill(null);
          const keys = Object.keys(row);
          // Mostly each row has the columns in their order.
          for (const [i, key] of keys.entries()) cells[key === names[i] ? i : places.get(key)!] = row[key]!;
          return cells;
        });
      }
    },
    async placeOf(row) {
      let before = 0;
      for await (const batch of items()) {
        if (row < before + batch.length) return batch[row - before]!.place();
        before += batch.length;
      }
      return `row ${row}`;
    },
  };
}

/** @throws HebbError('invalid-file') for what is no JSON, no row, or a row with something else than cells in it */
function parseRow({ text, place }: JsonText, part: string, lines: boolean): Cell[] | Record<string, Cell> {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    const what = lines ? 'one JSON value a line is expected' : 'JSON is expected';
    throw invalidFile(part, `${place()}: ${what}; ${(error as Error).message.slice(0, 200)}`);
  }
  if (typeof row !== 'object' || row === null) {
    const message = `${place()}: a row is expected, an object or an array of cells; got ${JSON.stringify(brief(row))}`;
    throw invalidFile(part, message, 'an object or an array', brief(row));
  }
  const cells = row as Record<string, unknown>;
  for (const key of Object.keys(cells)) {
    const cell = cells[key];
    if (typeof cell === 'number' || cell === null || typeof cell === 'boolean') continue;
    if (typeof cell === 'string') {
      // As the cells of other texts are.
      const trimmed = cell.trim();
      if (trimmed.length !== cell.length) cells[key] = trimmed;
      continue;
    }
    const name = Array.isArray(row) ? `cell ${key}` : `column "${key.slice(0, 60)}"`;
    const received = Array.isArray(cell) ? `an array of ${cell.length}` : brief(cell);
    const message = `${place()}, ${name}: text, a number, true, false or null is expected; got ${received}`;
    throw invalidFile(part, message, 'a cell', received);
  }
  return row as Cell[] | Record<string, Cell>;
}
