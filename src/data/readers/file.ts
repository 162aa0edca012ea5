import type { ImportLimits } from '../importer.ts';
import type { FileFormat, FileSource } from '../source.ts';
import { splitColumnFaults } from '../splitOptions.ts';
import type { Table } from '../table.ts';
import { type GivenTables, readTable } from '../tables/readTable.ts';
import type { RowSource } from '../tables/rows.ts';
import { tableError, tableFaults } from '../tables/tableError.ts';
import { type FileBytes, firstBytes, invalidFile, openFile } from './fileBytes.ts';
import { openJsonRows } from './jsonRows.ts';

type Format = Exclude<FileFormat, 'idx' | 'npy' | 'images'>;
type TableOpener = (file: FileBytes, source: FileSource, limits: ImportLimits) => Promise<RowSource>;

/** Each loads what it needs: the thread of an import lives as short as its file is small. */
const tables: Record<Exclude<Format, 'npz'>, TableOpener> = {
  csv: async (file, source, limits) => (await import('./csv.ts')).openCsv(file, source, limits),
  tsv: async (file, source, limits) => (await import('./csv.ts')).openCsv(file, source, limits, '\t'),
  json: (file, source, limits) => openJsonRows(file, false, source, limits),
  ndjson: (file, source, limits) => openJsonRows(file, true, source, limits),
  parquet: async (file, source, limits) => (await import('./parquet.ts')).openParquet(file, source, limits),
};

/** What is uploaded by mistake, by its first bytes, and what to do about it. */
const strangers: [start: string, what: string][] = [
  ['89504e470d0a1a0a', 'a PNG image: images come in a ZIP or TAR with a folder for each class'],
  ['ffd8ff', 'a JPEG image: images come in a ZIP or TAR with a folder for each class'],
  ['47494638', 'a GIF image: images come in a ZIP or TAR with a folder for each class'],
  ['25504446', 'a PDF: values come as CSV, JSON, Parquet or NumPy arrays'],
  ['d0cf11e0a1b11ae1', 'an old Office document: save the sheet as CSV'],
  ['894844460d0a1a0a', 'an HDF5 file: save its arrays as NPZ, its tables as CSV or Parquet'],
  ['53514c69746520666f726d6174203300', 'a SQLite database: export the table as CSV'],
  [
    '934e554d5059',
    'a single NumPy array: it comes as the part "inputs", with another one as "targets"; or both in one .npz',
  ],
  ['00000', 'an IDX file: it comes as the part "images" or "labels"'],
  ...['8002', '8003', '8004', '8005'].map((start): [string, string] => [
    start,
    'a Python pickle: save arrays as NPZ, tables as CSV or Parquet',
  ]),
  ['377abcaf271c', 'a 7z archive: unpack it, or pack it as ZIP'],
  ['526172211a07', 'a RAR archive: unpack it, or pack it as ZIP'],
  ['fd377a585a00', 'an xz file: unpack it, or pack it with gzip'],
  ['425a68', 'a bzip2 file: unpack it, or pack it with gzip'],
  ['28b52ffd', 'a zstd file: unpack it, or pack it with gzip'],
];

/**
 * A file of one of the formats, and those of its validation and test samples; the first bytes tell which, and must agree with
 * what the request says.
 * @throws HebbError('invalid-file') that says what the file is instead, where that is known
 */
export async function readFile(source: FileSource, limits: ImportLimits): Promise<Table> {
  const { file, format } = await opened(source.file, 'file', source);
  if (format === 'npz') return arrays(file, source, limits);
  const rows = await tables[format](file, source, limits);
  const given: GivenTables = {};
  for (const [split, path] of Object.entries(source.given ?? {}) as [keyof GivenTables, string][]) {
    const other = await opened(path, `${split}File`, source);
    if (other.format === 'npz') throw invalidFile(other.file.part, 'a table is expected, as the part "file" is one');
    // Where the first file has names, so has this one, whatever its first row looks like.
    given[split] = await tables[other.format](other.file, { ...source, header: rows.named }, limits);
  }
  return readTable(rows, source, limits, given);
}

async function arrays(file: FileBytes, source: FileSource, limits: ImportLimits): Promise<Table> {
  const faults = [...tableFaults(source, 'NPZ'), ...splitColumnFaults(source.split, 'NPZ files')];
  for (const split of Object.keys(source.given ?? {})) {
    const message = `"${split}File" is for tables; an NPZ has the arrays of all splits, as x_train, y_train, x_test and y_test`;
    faults.push({ pointer: `/${split}File`, message });
  }
  if (faults.length > 0) throw tableError('invalid-request', faults);
  return (await import('./npz.ts')).readNpz(file, source, limits);
}

async function opened(path: string, part: string, source: FileSource): Promise<{ file: FileBytes; format: Format }> {
  const file = await openFile(path, part);
  const found = await formatOf(file);
  const wanted = (source.format ?? found) as Format;
  const isText = (format: Format) => ['csv', 'tsv', 'json', 'ndjson'].includes(format);
  if (wanted !== found && !(isText(wanted) && isText(found))) {
    const message = `the request says ${source.format}, the file is ${found}`;
    throw invalidFile(file.part, message, source.format, found);
  }
  return { file, format: wanted };
}

async function formatOf(file: FileBytes): Promise<Format> {
  const start = await firstBytes(file, 4096);
  if (start.length === 0) throw invalidFile(file.part, 'the file is empty');
  const hex = start.toString('hex');
  if (hex.startsWith('50415231')) return 'parquet';
  if (hex.startsWith('504b0304') || hex.startsWith('504b0506')) return archiveFormat(file);
  if (hex.startsWith('1f8b')) throw invalidFile(file.part, 'the file was gzipped twice');
  const stranger = strangers.find(([bytes]) => hex.startsWith(bytes));
  if (stranger) throw invalidFile(file.part, `this is ${stranger[1]}`);
  const text = start.toString('utf8').replaceAll('\0', '').trimStart().replace(/^\ufeff/, ''); // biome-ignore format: steps
  if (/^\{/.test(text)) return 'ndjson';
  if (!/^\[/.test(text)) return 'csv';
  // Rows of arrays, one a line, begin as an array of rows does: but there the first line is not over with its bracket.
  const [line, ...others] = text.split('\n');
  return others.length > 0 && isJson(line!) && others[0]!.trimStart().startsWith('[') ? 'ndjson' : 'json';
}

/** Of a ZIP: NumPy's archives are those of arrays. */
async function archiveFormat(file: FileBytes): Promise<Format> {
  if (file.gzipped) return 'npz';
  const { zipNames } = await import('./npz.ts');
  const names = await zipNames(file);
  if (names.some((name) => name.endsWith('.npy'))) return 'npz';
  if (names.some((name) => name.startsWith('xl/'))) {
    throw invalidFile(file.part, 'this is an Excel workbook: save the sheet as CSV');
  }
  const message = `a ZIP of NumPy arrays is expected; this one has ${names.slice(0, 5).join(', ') || 'no file'}`;
  throw invalidFile(file.part, message, '*.npy', names.slice(0, 5));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
