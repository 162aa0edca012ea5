import { optimizerStates } from './optimizers.ts';
import { type LearnSettings, recordEvaluation, recordTraining } from './programs.ts';
import type { ResolvedNetwork } from './resolve.ts';
import { evaluationRows } from './trainer.ts';
import type { TrainingConfig } from './trainingConfig.ts';

/** Bytes of parameters, optimiser state, the best weights so far, and the arenas of training and evaluation. */
export function trainingBytes(resolved: ResolvedNetwork, training: TrainingConfig, samples: number): number {
  const settings: LearnSettings = {
    rows: Math.max(1, training.batchSize === 'full' ? samples : Math.min(training.batchSize, samples)),
    loss: training.loss,
    targets: 'values',
    normalization: training.normalization,
  };
  const { rec } = recordTraining(resolved, { ...settings, optimizer: training.optimizer });
  const { rec: evaluation } = recordEvaluation(resolved, { ...settings, rows: evaluationRows(resolved, samples) });
  const arrays = 2 + optimizerStates(training.optimizer);
  return 4 * (rec.layOut() + evaluation.layOut() + resolved.parameterFloats * arrays);
}
