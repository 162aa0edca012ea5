// Where a training stands, without training.
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { optimizerStates } from '../../src/nn/optimizers.ts';
import { resolveNetwork } from '../../src/nn/resolve.ts';
import type { TrainingConfig } from '../../src/nn/trainingConfig.ts';
import type { TrainingSnapshot } from '../../src/nn/trainingState.ts';

/** A snapshot at the end of an epoch, or some steps behind it: all its weights are the number of that epoch. */
export function snapshotOf(
  network: NetworkConfig & { input: number[] },
  { optimizer }: Pick<TrainingConfig, 'optimizer'>,
  { epoch, step }: { epoch: number; step: number },
): TrainingSnapshot {
  const { parameterFloats } = resolveNetwork(network, { checked: true });
  const metrics = { loss: 1 / epoch };
  return {
    state: {
      epoch,
      step,
      metrics,
      best: { epoch, ...metrics },
      bestStep: step,
      stopping: { best: null, waited: 0 },
      monitored: 'loss',
    },
    step,
    running: metrics,
    mean: { rows: 0, loss: 0, correct: 0 },
    window: { rows: 3, loss: 0.1 + 0.2, correct: 2 },
    plateau: null,
    rangeTest: null,
    memory: new Float32Array(parameterFloats * (1 + optimizerStates(optimizer))).fill(epoch),
    kept: {
      last: new Float32Array(parameterFloats).fill(epoch),
      best: new Float32Array(parameterFloats).fill(epoch),
    },
  };
}
