import pLimit from 'p-limit';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';
import type { Shape } from '../shape.ts';
import { runInThread } from '../workerThread.ts';

/** A job as far as the time of its epochs goes: complete configurations and the size of its data. */
export interface EpochTask {
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  targets: 'classes' | 'values';
  inputType: 'uint8' | 'float32';
  /** Of a sample [that of the network's input]. */
  inputShape?: Shape;
  targetShape: Shape;
  samples: { train: number; validation: number };
  isa: string;
  threads: number;
  /** As the plan says: measuring takes no more than mostBytes. */
  memoryBytes: number;
}

const timeoutMs = 15_000;
/** Measurements side by side would measure each other; who would wait long is not told a time. */
const measurements = pLimit(1);
const mostWaiting = 8;

/**
 * Seconds that an epoch takes on this machine, measured on samples of zeros for a fraction of a second, in a thread of its own.
 * There is a reserve of a tenth in it, so that it can be planned with.
 * @returns null where the network is too large for that, or too many ask
 * @throws Error where the measurement fails
 */
export async function measureEpoch(task: EpochTask): Promise<number | null> {
  if (measurements.pendingCount >= mostWaiting) return null;
  return measurements(() =>
    runInThread<number | null>(new URL('./epochTimeWorker', import.meta.url), task, { timeoutMs }),
  );
}
