import type { DatasetInfo } from '../../src/data/dataset.ts';
import type { FileSource } from '../../src/data/source.ts';
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
  const { info, folder: at } = await store({ kind: 'file', file, ...options }, folder);
  const rows = await readRows(at, info, 'train', 0, 1000);
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
