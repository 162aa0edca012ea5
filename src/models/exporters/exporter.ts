import pLimit from 'p-limit';
import { HebbError, type Problem } from '../../errors.ts';
import { runInThread } from '../../workerThread.ts';
import type { ModelDescription } from '../description.ts';

/** What a model can leave as. */
export const exportFormats = ['safetensors', 'onnx', 'json', 'ts'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Grows when the same model would give another file. */
export const exportVersion = 1;

export interface ExportTask {
  format: Exclude<ExportFormat, 'safetensors'>;
  model: ModelDescription;
  weightsFile: string;
  /** Path of the file to write. */
  target: string;
}
/** @internal what the thread answers */
export type ExportResult = { done: true } | { problem: Problem };

const waitingAtMost = 100;
const two = pLimit(2);

/**
 * Writes a model as a file of another format, in a thread.
 * @throws HebbError('unsuitable-model') where the format cannot hold it; 'not-found' where its weights are gone; 'unavailable' where too many wait
 */
export async function exportModel(task: ExportTask): Promise<void> {
  if (two.pendingCount >= waitingAtMost) {
    throw new HebbError('unavailable', `${waitingAtMost} exports are waiting: try again later`);
  }
  const result = await two(() => runInThread<ExportResult>(new URL('./exportWorker', import.meta.url), task));
  if ('problem' in result) throw HebbError.fromProblem(result.problem);
}
