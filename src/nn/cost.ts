import type { Shape } from '../shape.ts';
import { batchRows, sampleCounts } from './complete.ts';
import { diagnosedRows } from './diagnostics.ts';
import { evaluationRows } from './evaluate.ts';
import { augmentingOf } from './inputs.ts';
import { layoutOf, likeNormalization, type Normalization } from './normalization.ts';
import { optimizerStates } from './optimizers.ts';
import { type LearnSettings, predictRows, recordEvaluation, recordPredict, recordTraining } from './programs.ts';
import type { ResolvedNetwork } from './resolve.ts';
import type { TrainingConfig } from './trainingConfig.ts';

/** Bytes that a training process holds before it has a job: Node.js, its heap and the addon. */
export const processBytes = 38e6;

/** What costs depend on beside the job. */
export interface CostSettings {
  isa: string;
  threads: number;
}

/**
 * Bytes of memory that a training process takes, without the dataset, which is a mapped file: itself, parameters,
 * optimiser state, best weights and a checkpoint, the programs of training, evaluation and diagnostics with activations, gradients and scratch
 * memory, and the order of the samples.
 */
export function trainingBytes(
  resolved: ResolvedNetwork,
  training: TrainingConfig,
  data: { samples: { train: number; validation?: number; test?: number }; inputShape?: Shape },
  settings: CostSettings,
): number {
  const { samples } = data;
  const shape = layoutOf(data.inputShape, resolved.inputShape);
  const learn: LearnSettings = {
    rows: batchRows(training.batchSize, samples.train),
    loss: training.loss,
    targets: 'values',
    normalization: likeNormalization(training.normalization, shape),
    weighted: training.classWeights !== undefined,
  };
  const { optimizer, frozen, gradientClip } = training;
  const augmenting = augmentingOf(training, shape);
  const weights = resolved.parameterFloats;
  const states = weights * (1 + optimizerStates(optimizer));
  const { rec } = recordTraining(resolved, { ...learn, optimizer, frozen, gradientClip, augmenting });
  const evaluation = (rows: number) => {
    if (!rows) return 0;
    const program = recordEvaluation(resolved, { ...learn, rows: evaluationRows(resolved, rows) });
    return program.rec.measure(states, settings);
  };
  const diagnosed = { ...learn, rows: diagnosedRows(resolved, samples.train), optimizer: null, keepLayers: true };
  const diagnostics = recordTraining(resolved, diagnosed).rec.measure(states, settings);
  const { validation } = sampleCounts(training, samples);
  // The test split is evaluated at the end, when the program of training is gone.
  const programs = Math.max(
    rec.measure(states, settings) + Math.max(evaluation(validation), diagnostics),
    evaluation(samples.test ?? 0),
  );
  const order = 3 * samples.train;
  // Copies of the weights: the best, those before a step, and one that waits to be collected; and the checkpoint that is written.
  const checkpoint = states + 2 * weights;
  return processBytes + 4 * (states + 3 * weights + checkpoint + programs + order);
}

/** Bytes that a network of constant weights takes to predict: them, and the program with activations and scratch memory. */
export function predictionBytes(
  resolved: ResolvedNetwork,
  normalization: Normalization,
  settings: CostSettings,
): number {
  const { rec } = recordPredict(resolved, predictRows(resolved), normalization);
  return 4 * (resolved.parameterFloats + rec.measure(resolved.parameterFloats, { ...settings, constant: true }));
}
