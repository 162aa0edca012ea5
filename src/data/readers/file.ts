import type { ImportLimits } from '../importer.ts';
import type { FileSource } from '../source.ts';
import type { Table } from '../table.ts';
import { readTable } from '../tables/readTable.ts';
import { openCsv } from './csv.ts';
import { type FileBytes, firstBytes, invalidFile, openFile } from './fileBytes.ts';

type Format = 'csv' | 'tsv';
type FormatReader = (file: FileBytes, source: FileSource, limits: ImportLimits) => Promise<Table>;

const formats: Record<Format, FormatReader> = {
  csv: async (file, source, limits) => readTable(await openCsv(file, source, limits), source, limits),
  tsv: async (file, source, limits) => readTable(await openCsv(file, source, limits, '\t'), source, limits),
};

/** What is uploaded by mistake, by its first bytes, and what to do about it. */
const strangers: [start: string, what: string][] = [['89504e47', 'a PNG image']];

/** A file of one of the formats, which its first bytes tell where the request does not. */
export async function readFile(source: FileSource, limits: ImportLimits): Promise<Table> {
  const file = await openFile(source.file, 'file');
  const start = await firstBytes(file, 64);
  if (start.length === 0) throw invalidFile(file.part, 'the file is empty');
  const stranger = strangers.find(([bytes]) => start.toString('hex').startsWith(bytes));
  if (stranger) throw invalidFile(file.part, `this is ${stranger[1]}`);
  return formats.csv(file, source, limits);
}
