import { runInThread } from '../workerThread.ts';
import type { CheckpointNote, TrainingResult } from './protocol.ts';
import type { QueuedJob } from './queueStore.ts';
import type { StoredWeightsTask } from './storedWeightsWorker.ts';

/**
 * Makes a weights file of the best weights in the newest checkpoint that can be used, in a thread: for a job that ends while no
 * process has it.
 * @returns null where there is no such checkpoint
 */
export async function keepWeights(
  job: QueuedJob,
  checkpoints: CheckpointNote[],
  directory: string,
): Promise<TrainingResult | null> {
  if (checkpoints.length === 0) return null;
  const { network, training, attempt } = job;
  // As an attempt of its own: the files of the last one may still be written to.
  const task = { network, training, directory, attempt: attempt + 1, checkpoints: checkpoints.map(({ file }) => file) };
  return runInThread<TrainingResult | null>(
    new URL('./storedWeightsWorker', import.meta.url),
    task satisfies StoredWeightsTask,
  );
}
