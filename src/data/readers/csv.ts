import { setImmediate } from 'node:timers/promises';
import { type CsvError, type Options, parse } from 'csv-parse';
import { HebbError } from '../../errors.ts';
import type { ImportLimits } from '../importer.ts';
import type { SourceOptions } from '../source.ts';
import type { Cell } from '../tables/cells.ts';
import type { Row, RowSource } from '../tables/rows.ts';
import { csvOptions, type Dialect, delimiterName, findDialect } from './csvDialect.ts';
import { bytesOfFile, type FileBytes, firstBytes, invalidFile } from './fileBytes.ts';
import { looksLikeHeader } from './header.ts';
import { type Encoding, encodingOf } from './textEncoding.ts';

const sampleBytes = 2 ** 18;
const headerRows = 100;

/**
 * A text of separated cells. Delimiter, quote, decimal mark, header and encoding are found out.
 * @param delimiter where it is known
 */
export async function openCsv(
  file: FileBytes,
  { header }: Pick<SourceOptions, 'header'>,
  limits: ImportLimits,
  delimiter?: string,
): Promise<RowSource> {
  const encoding = await encodingOf(file, limits.maxBytes);
  const start = encoding.decode(await firstBytes(file, sampleBytes));
  // The last line may be cut.
  const lines = start.length < sampleBytes ? start : start.slice(0, Math.max(start.lastIndexOf('\n'), 0) || undefined);
  const dialect = findDialect(lines, delimiter);
  const text: CsvText = { file, encoding, dialect, maxBytes: limits.maxBytes };
  const first: Row[] = [];
  for await (const batch of records(text)) {
    first.push(...batch.slice(0, headerRows - first.length));
    if (first.length >= headerRows) break;
  }
  const [names] = first;
  if (!names) throw invalidFile(file.part, 'rows of values are expected, the file has none');
  if (names.length < 2) {
    const looked = delimiter === undefined ? 'comma, semicolon, tab and bar' : delimiterName(delimiter);
    const message = `at least two columns are expected, one of them the target; none of the separators ${looked} splits the first line ${JSON.stringify(String(names[0]).slice(0, 60))}`;
    throw invalidFile(file.part, message, 'two columns', 1);
  }
  const named = header ?? looksLikeHeader(first, dialect.decimalMark);
  return {
    part: file.part,
    names: names.map((name, i) => (named ? String(name) : `column${i + 1}`)),
    named,
    decimalMark: dialect.decimalMark,
    typed: false,
    warnings: encoding.warnings,
    batches: () => records(text, named ? 1 : 0),
    placeOf: (row) => lineOf(text, row + (named ? 1 : 0)),
  };
}

interface CsvText {
  file: FileBytes;
  encoding: Encoding;
  dialect: Dialect;
  maxBytes: number;
}

/** The bytes behind the lines that are no records, in UTF-8. */
async function* utf8({ file, encoding, dialect, maxBytes }: CsvText): AsyncGenerator<Buffer> {
  let toSkip = dialect.skippedLines;
  for await (let chunk of encoding.toUtf8(bytesOfFile(file, maxBytes))) {
    for (; toSkip > 0 && chunk.includes(10); toSkip--) chunk = chunk.subarray(chunk.indexOf(10) + 1);
    if (toSkip === 0) yield chunk;
  }
}

/** Records in batches, each as long as the first. @param skipped records to leave out at the start */
async function* records(text: CsvText, skipped = 0): AsyncGenerator<Row[]> {
  let toSkip = skipped;
  for await (const batch of parsed<Cell[]>(text)) {
    const rows = toSkip > 0 ? batch.slice(toSkip) : batch;
    toSkip -= batch.length - rows.length;
    if (rows.length > 0) yield rows;
  }
}

/** Where the record of this number ends; only asked for a message. */
async function lineOf(text: CsvText, record: number): Promise<string> {
  let before = 0;
  for await (const batch of parsed<{ info: { lines: number } }>(text, { info: true })) {
    if (record < before + batch.length) return `line ${batch[record - before]!.info.lines + text.dialect.skippedLines}`;
    before += batch.length;
  }
  return `row ${record + 1}`;
}

/** What the parser makes of each piece of the text, without an event for each record. */
async function* parsed<Record>(text: CsvText, options: Options = {}): AsyncGenerator<Record[]> {
  const parser = parse({ ...csvOptions(text.dialect), ...options });
  let failure: unknown;
  parser.on('error', (error) => {
    failure = error;
  });
  /** All records of what is handed over, which is over when `done` is called. */
  const taken = async (handOver: (done: () => void) => void): Promise<Record[]> => {
    const batch: Record[] = [];
    let over = false;
    handOver(() => {
      over = true;
    });
    for (let last = false; !last && !failure; ) {
      last = over;
      for (let record = parser.read(); record !== null; record = parser.read()) batch.push(record);
      if (!over) await setImmediate();
    }
    if (failure) throw failure;
    return batch;
  };
  try {
    for await (const chunk of utf8(text)) yield await taken((done) => parser.write(chunk, done));
    yield await taken((done) => parser.end(done));
  } catch (error) {
    throw readable(error, text);
  } finally {
    parser.destroy();
  }
}

function readable(error: unknown, { file, dialect }: CsvText): unknown {
  if (error instanceof HebbError) return error;
  const { code, lines, record } = error as CsvError & { lines?: number; record?: unknown[] };
  if (!code?.startsWith('CSV_')) return error;
  const line = Number(lines ?? 0) + dialect.skippedLines;
  const separator = `separated by ${delimiterName(dialect.delimiter)}`;
  if (code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') {
    const expected = Number(/expect (\d+)/.exec((error as Error).message)?.[1]);
    const received = record?.length;
    const message = `line ${line}: ${expected} cells ${separator} are expected, as in the first line; got ${received}`;
    return invalidFile(file.part, message, expected, received);
  }
  if (code === 'CSV_QUOTE_NOT_CLOSED') {
    return invalidFile(
      file.part,
      `a cell that begins with ${dialect.quote} is not closed before the end of the file (line ${line})`,
    );
  }
  if (code === 'CSV_MAX_RECORD_SIZE') {
    return invalidFile(file.part, `line ${line}: a row of more than 16 MiB; is a quote missing?`);
  }
  return invalidFile(file.part, `line ${line}: ${(error as Error).message}`);
}
