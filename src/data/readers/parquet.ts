import { type FileHandle, open } from 'node:fs/promises';
import { type AsyncBuffer, type DecodedArray, type FileMetaData, parquetMetadataAsync, parquetSchema } from 'hyparquet';
import { parquetReadColumn } from 'hyparquet/src/read.js';
import { HebbError } from '../../errors.ts';
import type { ImportLimits } from '../importer.ts';
import type { SourceOptions } from '../source.ts';
import { decidingColumn } from '../splitOptions.ts';
import { maxRows } from '../table.ts';
import type { Cell } from '../tables/cells.ts';
import { maxColumns } from '../tables/limits.ts';
import type { Row, RowSource } from '../tables/rows.ts';
import { type FileBytes, invalidFile, tooLarge, unpackedFile } from './fileBytes.ts';
import { checkPages, compressors } from './parquetPages.ts';
import { walkStruct } from './thrift.ts';

/** A row group is held as a whole: so many cells. */
const maxGroupCells = 2 ** 25;
const maxMetadataBytes = 2 ** 26;
const batchRows = 1000;

/** A Parquet file of plain columns, read a row group at a time; columns that are ignored are not read. */
export async function openParquet(
  packed: FileBytes,
  { columns, split }: Pick<SourceOptions, 'columns' | 'split'>,
  limits: ImportLimits,
): Promise<RowSource> {
  const file = await unpackedFile(packed, limits.maxBytes);
  const { part } = file;
  const metadata = await withFile(file, (buffer) => readMetadata(buffer, file));
  const { children } = parquetSchema(metadata);
  const names = children.map(({ element }) => element.name);
  if (!names.every((name) => typeof name === 'string')) throw invalidFile(part, 'a column has no name');
  const deciding = decidingColumn(split)?.name;
  const isIgnored = (name: string) =>
    name !== deciding && Object.hasOwn(columns ?? {}, name) && columns![name]!.type === 'ignored';
  const wanted = children.map(({ element }) => !isIgnored(element.name));
  // Too many or doubled names are told by those who know what columns are for.
  if (names.length <= maxColumns) {
    for (const [i, { element, children: inner }] of children.entries()) {
      if (!wanted[i] || (inner.length === 0 && element.repetition_type !== 'REPEATED')) continue;
      const message = `the column "${element.name}" holds lists or records; plain columns are expected: to leave it out, say {"columns": {${JSON.stringify(element.name)}: {"type": "ignored"}}}`;
      throw invalidFile(part, message, 'a plain column', element.name);
    }
  }
  const groups = checkGroups(metadata, names.length, part);

  async function* batches(): AsyncGenerator<Row[]> {
    const handle = await open(file.path, 'r');
    try {
      const buffer = bufferOf(handle, file.size);
      for (const [group, { start, rows }] of groups.entries()) {
        const data: (DecodedArray | null)[] = [];
        for (const [i, name] of names.entries()) {
          if (!wanted[i]) data.push(null);
          else {
            const range = { rowStart: start, rowEnd: start + rows };
            const options = { file: buffer, metadata, columns: [name], ...range, compressors };
            const chunk = metadata.row_groups[group]!.columns.find((c) => c.meta_data?.path_in_schema[0] === name);
            const column = await guarded(part, `row group ${group}, column "${name}"`, async () => {
              if (!chunk?.meta_data) throw new Error('it is missing');
              const optional = children[i]!.element.repetition_type !== 'REQUIRED';
              await checkPages(buffer, chunk.meta_data, rows, optional);
              return parquetReadColumn(options);
            });
            if (column.length !== rows) {
              const message = `row group ${group}, column "${name}": ${rows} values are promised, there are ${column.length}`;
              throw invalidFile(part, message, rows, column.length);
            }
            data.push(column);
          }
        }
        for (let from = 0; from < rows; from += batchRows) {
          const count = Math.min(batchRows, rows - from);
          yield Array.from({ length: count }, (_, i) =>
            data.map((column, c) =>
              column === null ? null : cellOf(column[from + i], names[c]!, start + from + i, part),
            ),
          );
        }
      }
    } finally {
      await handle.close();
    }
  }

  return {
    part,
    names,
    named: true,
    decimalMark: '.',
    typed: true,
    warnings: [],
    batches,
    placeOf: async (row) => `row ${row}`,
  };
}

async function readMetadata(buffer: AsyncBuffer, { part, size }: FileBytes): Promise<FileMetaData> {
  const [start, end] = [await buffer.slice(0, 4), await buffer.slice(Math.max(0, size - 8))];
  const text = (bytes: ArrayBuffer) => Buffer.from(bytes).toString('latin1');
  if (size < 12 || text(start) !== 'PAR1' || !text(end).endsWith('PAR1')) {
    throw invalidFile(
      part,
      'a Parquet file begins and ends with PAR1; is this one cut off?',
      'PAR1',
      text(end).slice(-4),
    );
  }
  const length = new DataView(end).getUint32(0, true);
  if (length > size - 12 || length > maxMetadataBytes) {
    const message = `the footer says that it has ${length} bytes, the file has ${size}`;
    throw invalidFile(part, message, `at most ${Math.min(size - 12, maxMetadataBytes)}`, length);
  }
  return guarded(part, 'the footer', async () => {
    walkStruct(new Uint8Array(await buffer.slice(size - 8 - length, size - 8)));
    return parquetMetadataAsync(buffer);
  });
}

/** First rows and numbers of rows of the groups, held against each other and the limits. */
function checkGroups(metadata: FileMetaData, columns: number, part: string): { start: number; rows: number }[] {
  const total = Number(metadata.num_rows);
  let start = 0;
  const groups = metadata.row_groups.map((group) => {
    const rows = Number(group.num_rows);
    if (!Number.isSafeInteger(rows) || rows < 0) throw invalidFile(part, `a row group of ${rows} rows`);
    if (rows * columns > maxGroupCells) {
      const message = `a row group has ${rows} rows of ${columns} columns, at most ${maxGroupCells} cells are read at a time: write the file with smaller row groups`;
      throw tooLarge(part, message, maxGroupCells);
    }
    const first = start;
    start += rows;
    return { start: first, rows };
  });
  if (start !== total) {
    throw invalidFile(part, `the footer says ${total} rows, its row groups have ${start}`, total, start);
  }
  if (total > maxRows) throw tooLarge(part, `at most ${maxRows} rows are taken`, maxRows);
  return groups;
}

/** What the library throws over a damaged file is many things; only errors of the system are none of the file's. */
async function guarded<T>(part: string, where: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof HebbError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    const { message } = error as Error;
    throw invalidFile(part, `${where} of the Parquet file cannot be read (${String(message).slice(0, 200)})`);
  }
}

async function withFile<T>({ path, size }: FileBytes, use: (buffer: AsyncBuffer) => Promise<T>): Promise<T> {
  const handle = await open(path, 'r');
  try {
    return await use(bufferOf(handle, size));
  } finally {
    await handle.close();
  }
}

function bufferOf(handle: FileHandle, size: number): AsyncBuffer {
  const read = async (start: number, end: number): Promise<ArrayBuffer> => {
    if (!(start >= 0 && end >= start && end <= size)) throw new Error(`bytes ${start} to ${end} of ${size}`);
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
      if (bytesRead === 0) throw new Error(`the file ends at byte ${start + done}`);
      done += bytesRead;
    }
    return bytes.buffer;
  };
  return {
    byteLength: size,
    slice(start, end = size) {
      const bytes = read(start, end);
      // The library asks for bytes ahead of those that it waits for: a failure there must not end the thread.
      bytes.catch(() => {});
      return bytes;
    },
  };
}

function cellOf(value: unknown, name: string, row: number, part: string): Cell {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return value.trim();
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  const message = `row ${row}, column "${name}": text, a number or a truth value is expected; to leave it out, say {"columns": {${JSON.stringify(name)}: {"type": "ignored"}}}`;
  throw invalidFile(part, message, 'a cell');
}
