import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import yauzl from 'yauzl';
import type { SplitName } from '../dataset.ts';
import type { ImportLimits } from '../importer.ts';
import type { FileSource } from '../source.ts';
import type { Table } from '../table.ts';
import { type ArrayPairs, openArray, readArrays } from './arrays.ts';
import { type FileBytes, invalidFile, tooLarge, unpackedFile } from './fileBytes.ts';

const maxEntries = 1000;

/** Names under which libraries keep samples and targets: inputs, targets, those of the test and of the validation. */
const conventions = [
  ['inputs', 'targets', 'testInputs', 'testTargets', 'validationInputs', 'validationTargets'],
  ['x_train', 'y_train', 'x_test', 'y_test', 'x_val', 'y_val'],
  ['X_train', 'y_train', 'X_test', 'y_test', 'X_val', 'y_val'],
  ['x_train', 'y_train', 'x_test', 'y_test', 'x_valid', 'y_valid'],
  ['X_train', 'y_train', 'X_test', 'y_test', 'X_valid', 'y_valid'],
  ['x', 'y', 'x_test', 'y_test', 'x_val', 'y_val'],
  ['X', 'y', 'X_test', 'y_test', 'X_val', 'y_val'],
  ['data', 'target', 'test_data', 'test_target', 'val_data', 'val_target'],
  ['images', 'labels', 'test_images', 'test_labels', 'val_images', 'val_labels'],
  ['train_images', 'train_labels', 'test_images', 'test_labels', 'val_images', 'val_labels'],
  ['arr_0', 'arr_1', 'arr_2', 'arr_3', '', ''],
] as const;

/** Names of the files in a ZIP. @throws HebbError('invalid-file') for one that is damaged or has too many */
export async function zipNames(file: FileBytes): Promise<string[]> {
  const zip = await openZip(file);
  try {
    return (await entriesOf(zip, file)).map(({ fileName }) => fileName);
  } finally {
    zip.close();
  }
}

/** NumPy's archive of arrays (`np.savez`, `np.savez_compressed`): a ZIP of NPY files. */
export async function readNpz(packed: FileBytes, source: FileSource, limits: ImportLimits): Promise<Table> {
  const file = await unpackedFile(packed, limits.maxBytes);
  const zip = await openZip(file);
  let paths: Map<string, string>;
  let names: NamedPair[];
  try {
    const entries = new Map((await entriesOf(zip, file)).map((entry) => [entry.fileName, entry]));
    names = namesIn(file, [...entries.keys()]);
    paths = new Map();
    let room = limits.maxBytes;
    for (const [i, name] of names.flatMap(({ inputs, targets }) => [inputs, targets]).entries()) {
      const entry = entries.get(`${name}.npy`)!;
      room -= entry.uncompressedSize;
      if (room < 0) {
        const message = `the arrays take more than ${limits.maxBytes} bytes, the most that is stored`;
        throw tooLarge(file.part, message, limits.maxBytes);
      }
      const path = `${file.path}.array${i}`;
      await extract(zip, entry, path, file);
      paths.set(name, path);
    }
  } finally {
    zip.close();
  }
  const array = (name: string) => openArray(paths.get(name)!, `${file.part}/${name}`, limits);
  const pairs: Partial<ArrayPairs> = {};
  for (const { split, inputs, targets } of names) {
    pairs[split] = { inputs: await array(inputs), targets: await array(targets) };
  }
  return readArrays(pairs as ArrayPairs, source, limits);
}

function openZip({ path, part }: FileBytes): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false, validateEntrySizes: true }, (error, zip) => {
      if (error) reject(damaged(part, error));
      else resolve(zip);
    });
  });
}

function entriesOf(zip: yauzl.ZipFile, { part }: FileBytes): Promise<yauzl.Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: yauzl.Entry[] = [];
    zip.on('error', (error) => reject(damaged(part, error)));
    zip.on('end', () => resolve(entries));
    zip.on('entry', (entry: yauzl.Entry) => {
      entries.push(entry);
      if (entries.length <= maxEntries) return zip.readEntry();
      reject(tooLarge(part, `the archive has more than ${maxEntries} files`, maxEntries));
    });
    zip.readEntry();
  });
}

/** Unpacks one file; never more than its entry says, which was held against the limit. */
async function extract(zip: yauzl.ZipFile, entry: yauzl.Entry, path: string, { part }: FileBytes): Promise<void> {
  if (entry.isEncrypted()) throw invalidFile(part, `${entry.fileName} is encrypted`);
  try {
    const stream = await new Promise<Readable>((resolve, reject) => {
      zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    let sum = 0;
    async function* summed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        // Since Node 20.15.
        sum = zlib.crc32 ? zlib.crc32(chunk, sum) : entry.crc32;
        yield chunk;
      }
    }
    await pipeline(summed(stream), createWriteStream(path, { flags: 'wx' }));
    // The library compares lengths alone.
    if (sum !== entry.crc32) throw new Error('its checksum does not fit');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw invalidFile(part, `${entry.fileName} in the archive is damaged (${(error as Error).message})`);
  }
}

/** Names of the arrays of a split. */
interface NamedPair {
  split: SplitName;
  inputs: string;
  targets: string;
}

/** Of the arrays in the archive those of the training samples, and of the splits of which both are there. */
function namesIn({ part }: FileBytes, files: string[]): NamedPair[] {
  const arrays = files.filter((name) => name.endsWith('.npy')).map((name) => name.slice(0, -4));
  const found = conventions.map(([inputs, targets, testInputs, testTargets, validationInputs, validationTargets]) =>
    (
      [
        { split: 'train', inputs, targets },
        { split: 'test', inputs: testInputs, targets: testTargets },
        { split: 'validation', inputs: validationInputs, targets: validationTargets },
      ] as const
    ).filter(({ inputs, targets }) => arrays.includes(inputs) && arrays.includes(targets)),
  );
  const trained = found.filter(([first]) => first?.split === 'train');
  // The one with the most splits; of these the first.
  const best = trained.sort((a, b) => b.length - a.length)[0];
  if (best) return best;
  const known = conventions.map(([inputs, targets]) => `${inputs} and ${targets}`).join(', ');
  const got = arrays.length > 0 ? arrays.slice(0, 20).join(', ') : 'no array';
  throw invalidFile(part, `arrays called ${known} are expected; the archive has ${got}`, known, arrays.slice(0, 20));
}

function damaged(part: string, error: Error): unknown {
  if ((error as NodeJS.ErrnoException).syscall !== undefined) return error;
  return invalidFile(part, `the ZIP archive is damaged or ends too early (${error.message})`);
}
