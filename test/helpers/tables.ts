import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import type { DatasetInfo } from '../../src/data/dataset.ts';
import type { FileSource, NpySource } from '../../src/data/source.ts';
import { readRows } from '../../src/data/store.ts';
import type { ProblemCode } from '../../src/errors.ts';
import { save, store, thrown } from './data.ts';

export interface StoredTable {
  info: DatasetInfo;
  /** Of the training split. */
  inputs: number[][];
  targets: unknown[];
  /** Codes of the warnings. */
  warnings: string[];
}

/** A file's bytes through the import: what stands in the store. */
export async function stored(
  folder: string,
  bytes: string | Uint8Array,
  options: Partial<FileSource> = {},
): Promise<StoredTable> {
  const file = await save(folder, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
  return rowsOf(await store({ kind: 'file', file, ...options }, folder));
}

async function rowsOf({ info, folder }: { info: DatasetInfo; folder: string }): Promise<StoredTable> {
  const rows = await readRows(folder, info, 'train', 0, 1000);
  return {
    info,
    inputs: rows.map(({ input }) => input as number[]),
    targets: rows.map(({ target }) => target),
    warnings: info.warnings.map(({ code }) => code),
  };
}

/** What is told of a file that cannot be taken. */
export async function refused(
  folder: string,
  bytes: string | Uint8Array,
  options: Partial<FileSource> = {},
  code: ProblemCode = 'invalid-data',
): Promise<{ message: string; faults: string[]; pointers: string[] }> {
  const { message, faults } = await thrown(code, () => stored(folder, bytes, options));
  return { message, faults: faults.map((f) => f.message), pointers: faults.map(({ pointer }) => pointer) };
}

const fixtures = fileURLToPath(new URL('../fixtures/data/', import.meta.url));

/** A file that another program wrote: scripts/data-fixtures.py. */
export function fixture(name: string): Buffer {
  return readFileSync(join(fixtures, name));
}

/** The files in a ZIP, unpacked by a library that the readers do not use. */
export function arraysOf(archive: Uint8Array): Map<string, Uint8Array> {
  return new Map(Object.entries(unzipSync(archive)));
}

/** Two NPY files through the import. */
export async function storedArrays(
  folder: string,
  inputs: Uint8Array,
  targets: Uint8Array,
  options: Partial<NpySource> = {},
): Promise<StoredTable> {
  const files = { inputs: await save(folder, inputs), targets: await save(folder, targets), ...options.files };
  return rowsOf(await store({ kind: 'npy', ...options, files }, folder));
}
