import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { DatasetInfo } from '../../src/data/dataset.ts';
import { readSource } from '../../src/data/readers/index.ts';
import type { Source } from '../../src/data/source.ts';
import { writeDataset } from '../../src/data/writeDataset.ts';
import { type Fault, HebbError, type ProblemCode } from '../../src/errors.ts';

export const limits = { maxBytes: 2 ** 30 };

/** A folder of this test file's own, removed at its end. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hebb-data-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An IDX file as the format's description has it, written without regard to the reader. */
export function idx(type: number, dimensions: number[], data: Uint8Array | number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header[2] = type;
  header[3] = dimensions.length;
  for (const [index, size] of dimensions.entries()) header.writeUInt32BE(size, 4 + 4 * index);
  return Buffer.concat([header, Uint8Array.from(data)]);
}

let number = 0;

/** Reads and writes a source in this thread: the import without its worker. */
export async function store(source: Source, parent: string): Promise<{ info: DatasetInfo; folder: string }> {
  const folder = join(parent, `dataset-${number++}`);
  await mkdir(folder);
  return { info: await writeDataset(await readSource(source, limits), source, folder), folder };
}

export async function save(parent: string, bytes: Uint8Array): Promise<string> {
  const path = join(parent, `file-${number++}`);
  await writeFile(path, bytes);
  return path;
}

/** The HebbError of this code that the action must throw. */
export async function thrown(code: ProblemCode, action: () => unknown): Promise<HebbError & { faults: Fault[] }> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof HebbError)) throw error;
    expect(error.code, error.message).toBe(code);
    return error as HebbError & { faults: Fault[] };
  }
  throw new Error(`expected a HebbError ${code}, nothing was thrown`);
}
