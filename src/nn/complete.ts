import { elementCount, type Shape } from '../shape.ts';
import { completeAugmentation } from './augmentation.ts';
import type { LossName } from './losses.ts';
import { defaultMetrics } from './metrics.ts';
import { layoutOf, type Normalization } from './normalization.ts';
import { optimizers } from './optimizers.ts';
import type { ResolvedNetwork } from './resolve.ts';
import { completeSchedule } from './schedules.ts';
import {
  defaultCheckpoint,
  type EarlyStopping,
  type OptimizerConfig,
  type TrainingConfig,
  type TrainingRequest,
} from './trainingConfig.ts';

/** What a plan needs to know of the data. */
export interface DataDescription {
  task: 'classification' | 'regression';
  /** Names of the classes; null for a regression. */
  classes: readonly string[] | null;
  /** [] for class indices. */
  targetShape: Shape;
  inputType: 'uint8' | 'float32';
  /** Of a sample; that of the network's input where it is left out. */
  inputShape?: Shape;
  samples: { train: number; validation?: number };
}

/** How many samples there are to train on, and to validate with. */
export interface SampleCounts {
  train: number;
  validation: number;
}

/** Validation takes its fraction of the training split where the dataset has no such split of its own. */
export function sampleCounts(
  { validation }: Pick<TrainingRequest, 'validation'>,
  samples: { train: number; validation?: number },
): SampleCounts {
  if (samples.validation) return { train: samples.train, validation: samples.validation };
  const taken = Math.round(samples.train * (validation?.fraction ?? 0));
  return { train: samples.train - taken, validation: taken };
}

/** Rows of a full batch; at least one, also where there are no samples. */
export function batchRows(batchSize: number | 'full', samples: number): number {
  return Math.max(1, batchSize === 'full' ? samples : Math.min(batchSize, samples));
}

/** Steps of one epoch. */
export function stepsPerEpoch(batchSize: number | 'full', samples: number): number {
  return batchSize === 'full' ? Math.min(1, samples) : Math.ceil(samples / batchSize);
}

/**
 * Fills in every default. Sent again as a request the result is the same.
 * @param network null where it is at fault: then the loss is a guess
 * @param data null where nothing is known of it
 * @param initial normalisation of the model to start from; null where there is none
 */
export function completeTraining(
  request: TrainingRequest,
  network: ResolvedNetwork | null,
  data: DataDescription | null,
  initial: Normalization | null = null,
): TrainingConfig {
  const { schedule, earlyStopping, metrics, steps } = request;
  const byRule = request.optimizer?.type === 'perceptron';
  const counts = data && sampleCounts(request, data.samples);
  const batchSize = request.batchSize ?? (byRule ? 1 : 32);
  const monitored = counts && counts.validation > 0 ? 'validationLoss' : 'loss';
  const measured = metrics ?? (data && defaultMetrics(data.task === 'classification' ? 'classes' : 'values'));
  return {
    epochs: request.epochs ?? epochsOf(steps, stepsPerEpoch(batchSize, counts?.train ?? 0)) ?? 10,
    ...(steps !== undefined && { steps }),
    batchSize,
    shuffle: request.shuffle ?? true,
    seed: request.seed ?? 0,
    loss: { ...request.loss, type: request.loss?.type ?? (byRule ? 'perceptron' : defaultLoss(network, data)) },
    optimizer: completeOptimizer(request.optimizer),
    ...(schedule && { schedule: completeSchedule(schedule, monitored) }),
    ...(request.gradientClip && { gradientClip: request.gradientClip }),
    initializer: request.initializer ?? 'glorotUniform',
    normalization: completeNormalization(request, network, data, initial),
    ...(request.augmentation?.length && { augmentation: request.augmentation.map(completeAugmentation) }),
    ...(request.validation && { validation: request.validation }),
    ...(earlyStopping && { earlyStopping: completeEarlyStopping(earlyStopping, monitored) }),
    ...(request.classWeights && { classWeights: request.classWeights }),
    ...(measured && { metrics: measured }),
    ...(request.frozen && { frozen: request.frozen }),
    ...(request.initialModel !== undefined && { initialModel: request.initialModel }),
    ...(request.logEverySteps !== undefined && { logEverySteps: request.logEverySteps }),
    checkpoint: request.checkpoint ?? defaultCheckpoint,
  };
}

/** Epochs that so many steps begin. */
export function epochsOf(steps: number | undefined, perEpoch: number): number | undefined {
  return steps === undefined ? undefined : Math.ceil(steps / Math.max(1, perEpoch));
}

function completeOptimizer(
  { type, ...given }: NonNullable<TrainingRequest['optimizer']> = { type: 'adam' },
): OptimizerConfig {
  return { type, ...optimizers[type].defaults, ...given } as OptimizerConfig;
}

function completeEarlyStopping(given: EarlyStopping, metric: string): EarlyStopping {
  return { metric, patience: 10, minDelta: 0, restoreBest: true, ...given };
}

function completeNormalization(
  { normalization }: TrainingRequest,
  network: ResolvedNetwork | null,
  data: DataDescription | null,
  initial: Normalization | null,
): TrainingConfig['normalization'] {
  switch (normalization?.type) {
    case 'scale':
      return { type: 'scale', factor: normalization.factor ?? 1 / 255 };
    case 'minmax':
    case 'standard': {
      const shape = inputLayout(network, data);
      return { type: normalization.type, per: normalization.per ?? (shape?.length === 3 ? 'channel' : 'feature') };
    }
    case 'none':
    case 'affine':
      return normalization;
  }
  // Weights go on with inputs in the units that they were trained with.
  if (initial) return 'scale' in initial ? { type: 'affine', scale: initial.scale, offset: initial.offset } : initial;
  return data?.inputType === 'uint8' && !embeds(network) ? { type: 'scale', factor: 1 / 255 } : { type: 'none' };
}

/** Whether the inputs are an embedding's: indices, not quantities. */
export function embeds(network: ResolvedNetwork | null): boolean {
  return !!network?.layers.some((layer) => layer.inputs.includes(-1) && layer.config.type === 'embedding');
}

/** The shape that says what the inputs are; null where neither data nor network are known. */
export function inputLayout(network: ResolvedNetwork | null, data: DataDescription | null): Shape | null {
  return network ? layoutOf(data?.inputShape, network.inputShape) : (data?.inputShape ?? null);
}

function defaultLoss(network: ResolvedNetwork | null, data: DataDescription | null): LossName {
  if (data?.task !== 'classification') return 'meanSquaredError';
  const single = network !== null && elementCount(network.outputShape) === 1;
  return single && data.classes?.length === 2 ? 'binaryCrossEntropy' : 'softmaxCrossEntropy';
}
