import pLimit from 'p-limit';
import { HebbError, type Problem } from '../../errors.ts';
import { runInThread, ThreadLostError } from '../../workerThread.ts';
import type { ModelParts, ReadModel } from './readModel.ts';

export type { ModelParts } from './readModel.ts';

/** Most bytes of a file of weights or an ONNX file: it is read as a whole, and turned in memory. */
export const mostModelBytes = 2 ** 30;
/** Name of the weights of a model that came from outside, in its folder. */
export const importedWeightsFile = 'imported.safetensors';

export interface ModelImportTask {
  parts: ModelParts;
  /** Exists; gets the weights. */
  folder: string;
}
export type ModelImportResult = { model: ReadModel['model'] } | { problem: Problem };

/** A file that keeps its reader busy for so long, or fills such a heap, is no model. */
const threadLimits = { stallMs: 60_000, heapMiB: 1024 };
const waitingAtMost = 20;
/** One at a time: each may take several times the memory of its file. */
const one = pLimit(1);

/**
 * Reads a model in a thread, and leaves its weights in the folder, durable.
 * @throws HebbError: what is wrong with it; 'unavailable' where too many wait
 */
export async function importModel(parts: ModelParts, folder: string): Promise<ReadModel['model']> {
  if (one.pendingCount >= waitingAtMost) {
    throw new HebbError('unavailable', `${waitingAtMost} models are waiting to be read: try again later`);
  }
  const result = await one(() => read({ parts, folder }));
  if ('problem' in result) throw HebbError.fromProblem(result.problem);
  return result.model;
}

async function read(task: ModelImportTask): Promise<ModelImportResult> {
  try {
    return await runInThread<ModelImportResult>(new URL('./importWorker', import.meta.url), task, threadLimits);
  } catch (error) {
    // A range error is an array that there is no memory for, or a nesting without an end.
    if (!(error instanceof ThreadLostError) && !(error instanceof RangeError)) throw error;
    const message = `The model cannot be read: ${error.message}. The file is damaged, or its parts are too large.`;
    throw new HebbError('invalid-file', message, undefined, { cause: error });
  }
}
