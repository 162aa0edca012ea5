// A thread that makes a weights file of a checkpoint.
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { sha256, writeDurably } from '../data/durableFile.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import { resolveNetwork } from '../nn/resolve.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';
import { encodeSafetensors, tensorsOf } from '../nn/weights.ts';
import { newestUsable } from './checkpoint.ts';
import { openHistory } from './history.ts';
import { weightsFileOf } from './jobFiles.ts';
import type { TrainingResult } from './protocol.ts';

export interface StoredWeightsTask {
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  directory: string;
  /** Number that the files carry. */
  attempt: number;
  /** Newest first. */
  checkpoints: string[];
}

async function store({ network, training, directory, attempt, checkpoints }: StoredWeightsTask) {
  const resolved = resolveNetwork(network, { checked: true });
  const { content } = await newestUsable(directory, checkpoints, resolved, training.optimizer);
  if (!content) return null;
  const { state, step, running, kept, memory, rangeTest } = content.snapshot;
  const history = await openHistory({ resolved, epochs: training.epochs, directory, attempt, content });
  await history?.writer.close();
  const { best, bestStep } = state;
  const weightsFile = weightsFileOf(attempt);
  const file = encodeSafetensors(tensorsOf(resolved, kept.best ?? memory));
  await writeDurably(join(directory, weightsFile), file);
  const { epoch: _, ...ofBest } = best ?? { epoch: 0 };
  const result: TrainingResult = {
    weightsFile,
    weightsHash: sha256(file),
    step: kept.best ? bestStep : step,
    metrics: kept.best ? ofBest : running,
    best,
    test: null,
    evaluation: null,
    rangeTest,
  };
  return result;
}

parentPort!.postMessage(await store(workerData as StoredWeightsTask));
