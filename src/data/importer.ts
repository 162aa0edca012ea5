import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pLimit from 'p-limit';
// The thread that reads images needs the main thread to have loaded it first: https://sharp.pixelplumbing.com/install#worker-threads
import 'sharp';
import { HebbError, isNoSpace, noSpaceError, type Problem } from '../errors.ts';
import { runInThread, ThreadLostError } from '../workerThread.ts';
import type { DatasetInfo } from './dataset.ts';
import { syncPath } from './durableFile.ts';
import type { Source } from './source.ts';

export interface ImportLimits {
  /** Most bytes of the inputs in the store. */
  maxBytes: number;
  /** Most files and folders of an archive [200,000]. */
  maxArchiveEntries?: number;
}

/** What goes to the worker thread. */
export interface ImportTask {
  source: Source;
  /** Exists, and is empty. */
  folder: string;
  limits: ImportLimits;
}

/** What it answers. Anything else that it throws is a bug. */
export type ImportResult = { info: DatasetInfo } | { problem: Problem };

const partial = '.partial-';

/** Readers pause with every piece of a file that they read; what keeps one busy for so long will not end. */
const threadLimits = { stallMs: 30_000, heapMiB: 1024, youngMiB: 12 };

/** Each import is a thread with a heap of its own: so many at once, so many waiting, and the rest is to come again. */
const importsAtOnce = 2;
export const importsWaiting = 100;
export const imports = pLimit(importsAtOnce);

/**
 * Reads a source into the binary store, in a worker thread. When it resolves, `finalFolder` stands complete and durable
 * on disk; otherwise it was never there.
 *
 * @param finalFolder must not exist; its parent is created
 * @throws HebbError: what is wrong with the source; 'no-space' where the disk is full; 'unavailable' where too many imports wait; 'internal' where the worker died
 */
export async function importDataset(source: Source, finalFolder: string, limits: ImportLimits): Promise<DatasetInfo> {
  if (imports.pendingCount >= importsWaiting) {
    throw new HebbError('unavailable', `${importsWaiting} datasets are waiting to be read: try again later`);
  }
  return imports(() => importNow(source, finalFolder, limits));
}

async function importNow(source: Source, finalFolder: string, limits: ImportLimits): Promise<DatasetInfo> {
  const parent = dirname(finalFolder);
  const folder = join(parent, `${basename(finalFolder)}${partial}${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(folder, { recursive: true });
    const info = await runWorker({ source, folder, limits });
    await syncPath(folder);
    await rename(folder, finalFolder);
    await syncPath(parent);
    return info;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw asHebbError(error);
  }
}

function asHebbError(error: unknown): HebbError {
  if (error instanceof HebbError) return error;
  if (error instanceof ThreadLostError) {
    return new HebbError(
      'invalid-file',
      `The data cannot be read: ${error.message}. The file is damaged, or its parts are too large.`,
      undefined,
      { cause: error },
    );
  }
  if (isNoSpace(error)) return noSpaceError(error);
  return new HebbError('internal', 'Reading the dataset failed unexpectedly; the service log has it.', undefined, {
    cause: error,
  });
}

async function runWorker(task: ImportTask): Promise<DatasetInfo> {
  const result = await runInThread<ImportResult>(new URL('./importWorker', import.meta.url), task, threadLimits);
  if ('problem' in result) throw HebbError.fromProblem(result.problem);
  return result.info;
}
