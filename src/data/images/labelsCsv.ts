import { parse } from 'csv-parse/sync';
import type { Fault } from '../../errors.ts';
import { HebbError } from '../../errors.ts';
import { type SplitName, splitOf } from '../dataset.ts';
import { invalidFile } from '../readers/idxFile.ts';
import { quoted } from './archive.ts';
import { commonFolders, fileName, labelFault } from './layout.ts';

/** A line of a CSV that gives images their labels. */
export interface LabelRow {
  file: string;
  label: string;
  split: SplitName;
  /** Counted from 1. */
  line: number;
}

const columnNames = {
  file: ['file', 'filename', 'file_name', 'image', 'imagename', 'image_name', 'path', 'img', 'name', 'id'],
  label: ['label', 'class', 'target', 'category', 'classname', 'class_name', 'value', 'y'],
  split: ['split', 'set', 'subset', 'fold'],
};
/** It is read as a whole, and an archive has some hundred thousand images at most. */
export const maxCsvBytes = 32 * 2 ** 20;
/** Faults told at once. */
export const maxFaults = 20;

/**
 * Reads a CSV with a line of names: a column of files (file, filename, image, path, …), one of labels (label, class, target, …), and
 * possibly one of splits (split, set). Columns are parted by comma, semicolon or tab, whichever the first line has most of.
 *
 * @param part name of the upload's part, or of the entry, for messages
 * @throws HebbError('invalid-file') with the line; HebbError('too-large')
 */
export function readLabels(content: Buffer, part: string): LabelRow[] {
  if (content.length > maxCsvBytes) throw csvTooLarge(part);
  const text = content.toString('utf8');
  const header = text.slice(0, text.search(/[\r\n]|$/));
  const count = (delimiter: string) => header.split(delimiter).length;
  const delimiter = [',', ';', '\t'].reduce((best, one) => (count(one) > count(best) ? one : best));
  const [names, ...records] = parseCsv(text, delimiter, part);
  if (!names) throw invalidFile(part, 'it is empty; a line of names is expected, with columns "file" and "label"');
  const columns = names.fields.map((name) => name.trim().toLowerCase());
  const find = (kind: keyof typeof columnNames) => {
    const matches = columnNames[kind].map((name) => columns.indexOf(name)).filter((index) => index >= 0);
    return matches[0];
  };
  const [fileColumn, labelColumn, splitColumn] = [find('file'), find('label'), find('split')];
  if (fileColumn === undefined || labelColumn === undefined) {
    const missing = fileColumn === undefined ? 'file' : 'label';
    const expected = columnNames[missing];
    throw invalidFile(
      part,
      `line 1: no column of ${missing}s; expected one named ${expected.slice(0, 4).join(', ')} or the like, got ${quoted(names.fields.join(', '))}`,
      expected,
      names.fields.slice(0, 100),
    );
  }
  const faults: Fault[] = [];
  const rows: LabelRow[] = [];
  for (const { fields, line } of records) {
    const file = fields[fileColumn]!.trim()
      .replaceAll('\\', '/')
      .replace(/^(\.?\/)+/, '');
    const label = fields[labelColumn]!.trim();
    const splitText = splitColumn === undefined ? 'train' : fields[splitColumn]!.trim();
    const split = splitOf(splitText);
    const fault = (message: string, expected?: unknown, received?: unknown) =>
      faults.push({ pointer: `/${part}`, message: `line ${line}: ${message}`, expected, received });
    if (file === '') fault('the name of a file is missing');
    else if (label === '') fault(`the label of ${quoted(file)} is missing`, 'a label', '');
    else if (labelFault(label)) fault(`the image ${labelFault(label)}`);
    else if (!split) fault(`the split must be train, validation or test; got ${quoted(splitText)}`, 'train', splitText);
    else rows.push({ file, label, split, line });
    if (faults.length >= maxFaults) break;
  }
  if (faults.length > 0) throw manyFaults(part, faults);
  if (rows.length === 0) throw invalidFile(part, 'it has a line of names, but no line of labels');
  return rows;
}

export function csvTooLarge(part: string): HebbError {
  return new HebbError('too-large', `${part}: a CSV of labels may have at most ${maxCsvBytes} bytes.`);
}

/** One error for what is wrong with several lines or entries. */
export function manyFaults(part: string, faults: Fault[], code: 'invalid-file' | 'invalid-image' = 'invalid-file') {
  const more = faults.length >= maxFaults ? ' (and more)' : faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new HebbError(code, `${part}: ${faults[0]!.message}${more}.`, faults.slice(0, maxFaults));
}

function parseCsv(text: string, delimiter: string, part: string): { fields: string[]; line: number }[] {
  try {
    const records = parse(text, {
      delimiter,
      bom: true,
      info: true,
      relax_quotes: false,
      skip_empty_lines: true,
      max_record_size: 2 ** 16,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({ fields: record, line: info.lines }));
  } catch (error) {
    throw invalidFile(part, `the CSV cannot be read: ${(error as Error).message}`);
  }
}

/**
 * The entry of an archive that each line means: by its whole name, from the folder of the CSV or one of the images' common ones on, or by the
 * file's name alone where that is the name of one image only; with or without its ending.
 *
 * @returns indices into `entries`, one for each row
 * @throws HebbError('invalid-file') for files that are not there, are told twice, or could be several
 */
export function matchLabels(rows: LabelRow[], entries: string[], csvFolder: string, part: string): Int32Array {
  const several = -1;
  const byPath = new Map<string, number>();
  const byFile = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, index: number) => {
    const other = map.get(key);
    map.set(key, other === undefined || other === index ? index : several);
  };
  const skipped = Math.min(8, commonFolders(entries, 0));
  const withoutEnding = (name: string) => name.replace(/\.[^./]*$/, '');
  for (const [index, entry] of entries.entries()) {
    const folders = entry.split('/');
    const paths = Array.from({ length: skipped + 1 }, (_, count) => folders.slice(count).join('/'));
    if (csvFolder !== '' && entry.startsWith(`${csvFolder}/`)) paths.push(entry.slice(csvFolder.length + 1));
    for (const path of paths) {
      add(byPath, path, index);
      add(byFile, withoutEnding(path), index);
    }
    add(byFile, fileName(entry), index);
    add(byFile, withoutEnding(fileName(entry)), index);
  }
  const faults: Fault[] = [];
  const lineOf = new Map<number, number>();
  const matches = new Int32Array(rows.length);
  for (const [i, { file, line }] of rows.entries()) {
    const index = byPath.get(file) ?? byFile.get(file);
    const fault = (message: string) =>
      faults.push({ pointer: `/${part}`, message: `line ${line}: ${message}`, received: file });
    if (index === undefined) fault(`no image in the archive is called ${quoted(file)}`);
    else if (index === several) fault(`several images in the archive could be ${quoted(file)}: give their folders`);
    else if (lineOf.has(index)) fault(`${quoted(file)} has a label already, in line ${lineOf.get(index)}`);
    else {
      lineOf.set(index, line);
      matches[i] = index;
    }
    if (faults.length >= maxFaults) break;
  }
  if (faults.length > 0) throw manyFaults(part, faults);
  return matches;
}
