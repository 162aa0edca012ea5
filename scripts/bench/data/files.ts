// The files that are read, the same bytes on every machine.
import { createReadStream, createWriteStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ZipDeflate, ZipPassThrough } from 'fflate';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { digitBytes, digitImages, digitLabels, digitOf, idxHeader, npyHeader } from '../../helpers/digits.ts';
import { zipped } from '../../helpers/zip.ts';
import { parquetFile } from './parquet.ts';

export interface DataCase {
  name: string;
  rows: number;
  /** What is read in the end: unpacked where it is gzipped. */
  bytes: number;
  /** For the import. */
  source: { kind: string; [key: string]: unknown };
  /** What stands beside it, by its name in child.mjs, and the file that it reads. */
  library: string;
  libraryName: string;
  file: string;
}

const features = 20;
const columnNames = Array.from({ length: features }, (_, i) => `column ${i}`);

/** Values of a table with four decimals: (rows, features). */
function tableValues(rows: number): Float64Array {
  let state = 1;
  return Float64Array.from({ length: rows * features }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.round((state / 2 ** 32 - 0.5) * 20_000) / 10_000;
  });
}

/** @param scale of the numbers of rows [1] */
export async function writeCases(folder: string, scale: number): Promise<DataCase[]> {
  mkdirSync(folder, { recursive: true });
  const rows = Math.round(100_000 * scale);
  const images = Math.round(100_000 * scale);
  const pictures = Math.round(6000 * scale);
  const cases: DataCase[] = [];
  const path = (name: string) => join(folder, name);
  const write = (name: string, content: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array>) =>
    pipeline(Readable.from(content), createWriteStream(path(name)));
  const gzipped = (name: string) =>
    pipeline(createReadStream(path(name)), createGzip({ level: 6 }), createWriteStream(path(`${name}.gz`)));
  const add = (entry: Omit<DataCase, 'bytes' | 'file'> & { file: string; unpacked?: string }) => {
    const { unpacked = entry.file, ...rest } = entry;
    cases.push({ ...rest, bytes: statSync(path(unpacked)).size, file: path(entry.file) });
  };

  const values = tableValues(rows);
  const cells = (row: number) => [...values.subarray(row * features, (row + 1) * features)];
  const className = (row: number) => `class ${digitOf(row)}`;
  const lines = function* (line: (row: number) => string, first = '', between = '\n', last = '') {
    yield first;
    for (let start = 0; start < rows; start += 1000) {
      const some = Array.from({ length: Math.min(1000, rows - start) }, (_, i) => line(start + i));
      yield some.join(between) + (start + 1000 < rows ? between : last);
    }
  };
  const object = (row: number) =>
    JSON.stringify({
      ...Object.fromEntries(cells(row).map((cell, i) => [columnNames[i], cell])),
      kind: className(row),
    });
  const table = (name: string, file: string, library: string, libraryName: string, unpacked?: string) =>
    add({ name, rows, source: { kind: 'file', file: path(file) }, library, libraryName, file, unpacked });
  for (const [name, separator] of [
    ['csv', ','],
    ['tsv', '\t'],
  ] as const) {
    const header = `${[...columnNames, 'kind'].join(separator)}\n`;
    await write(
      `table.${name}`,
      lines((row) => [...cells(row), className(row)].join(separator), header, '\n', '\n'),
    );
    table(name.toUpperCase(), `table.${name}`, name, 'csv-parse');
  }
  await gzipped('table.csv');
  table('CSV, gzipped', 'table.csv.gz', 'gunzip', 'zlib.gunzip', 'table.csv');
  await write('table.json', lines(object, '[', ',\n', ']'));
  table('JSON', 'table.json', 'json', 'JSON.parse');
  await write('table.ndjson', lines(object, '', '\n', '\n'));
  table('NDJSON', 'table.ndjson', 'ndjson', 'readline, JSON.parse');
  const columns = columnNames.map((name, i) => ({ name, values: values.filter((_, at) => at % features === i) }));
  const kinds = { name: 'kind', values: Int32Array.from({ length: rows }, (_, row) => digitOf(row)) };
  await write('table.parquet', parquetFile([...columns, kinds], 25_000));
  table('Parquet', 'table.parquet', 'parquet', 'hyparquet');
  cases.at(-1)!.source.task = 'classification';

  const shape = [images, 28, 28];
  const pixels = function* (header: Buffer) {
    yield header;
    for (const piece of digitImages(images)) yield Buffer.from(piece);
  };
  const labels = digitLabels(images);
  await write('images.idx', pixels(idxHeader(shape)));
  writeFileSync(path('labels.idx'), Buffer.concat([idxHeader([images]), labels]));
  const idx = (file: string) => ({ kind: 'idx', files: { images: path(file), labels: path('labels.idx') } });
  const pixelCase = { rows: images };
  add({
    ...pixelCase,
    name: 'IDX',
    source: idx('images.idx'),
    library: 'read',
    libraryName: 'fs, read alone',
    file: 'images.idx',
  });
  await gzipped('images.idx');
  add({
    ...pixelCase,
    name: 'IDX, gzipped',
    source: idx('images.idx.gz'),
    library: 'gunzip',
    libraryName: 'zlib.gunzip',
    file: 'images.idx.gz',
    unpacked: 'images.idx',
  });
  await write('inputs.npy', pixels(npyHeader('|u1', shape)));
  const targets = Buffer.concat([npyHeader('|u1', [images]), labels]);
  writeFileSync(path('targets.npy'), targets);
  const npy = { kind: 'npy', files: { inputs: path('inputs.npy'), targets: path('targets.npy') } };
  add({ ...pixelCase, name: 'NPY', source: npy, library: 'read', libraryName: 'fs, read alone', file: 'inputs.npy' });
  for (const [name, Entry] of [
    ['NPZ', ZipPassThrough],
    ['NPZ, compressed', ZipDeflate],
  ] as const) {
    const file = name === 'NPZ' ? 'arrays.npz' : 'packed.npz';
    await write(file, zipped({ 'x.npy': pixels(npyHeader('|u1', shape)), 'y.npy': [targets] }, Entry));
    const source = { kind: 'file', file: path(file) };
    add({ ...pixelCase, name, source, library: 'unzip', libraryName: 'yauzl', file, unpacked: 'inputs.npy' });
  }

  const entries: Record<string, Buffer> = {};
  let picture = 0;
  for (const piece of digitImages(pictures)) {
    for (let at = 0; at < piece.length; at += digitBytes, picture++) {
      const raw = { width: 28, height: 28, channels: 1 as const };
      const png = await sharp(piece.slice(at, at + digitBytes), { raw })
        .png({ compressionLevel: 6 })
        .toBuffer();
      entries[`${digitOf(picture)}/${picture}.png`] = png;
    }
  }
  const archives = { rows: pictures };
  const streams = Object.fromEntries(Object.entries(entries).map(([name, png]) => [name, [png]]));
  await write('pictures.zip', zipped(streams, ZipPassThrough));
  const zipSource = { kind: 'images', files: { file: path('pictures.zip') } };
  add({
    ...archives,
    name: 'ZIP of PNG',
    source: zipSource,
    library: 'zipImages',
    libraryName: 'yauzl, sharp',
    file: 'pictures.zip',
  });
  const tar = pack();
  for (const [name, png] of Object.entries(entries)) tar.entry({ name }, png);
  tar.finalize();
  await write('pictures.tar', tar as AsyncIterable<Uint8Array>);
  const tarSource = { kind: 'images', files: { file: path('pictures.tar') } };
  add({
    ...archives,
    name: 'TAR of PNG',
    source: tarSource,
    library: 'tarImages',
    libraryName: 'tar-stream, sharp',
    file: 'pictures.tar',
  });
  return cases;
}
