import { type Static, Type } from 'typebox';
import { type AugmentationConfig, augmentationsSchema } from './augmentation.ts';
import { type InitializerConfig, initializerSchema, maxSeed } from './initializers.ts';
import { type LossConfig, lossNames } from './losses.ts';
import { type MetricConfig, metricNames } from './metrics.ts';
import { type NormalizationConfig, normalizationSchema } from './normalization.ts';
import { closed, tagged, taggedUnion } from './tagged.ts';

export { maxSeed } from './initializers.ts';
export type { LossName } from './losses.ts';
export type { NormalizationConfig } from './normalization.ts';
export { taggedUnion } from './tagged.ts';

export const lossSchema = Type.Object(
  {
    type: Type.Enum(lossNames),
    labelSmoothing: Type.Optional(
      Type.Number({
        minimum: 0,
        exclusiveMaximum: 1,
        description: 'Of the cross-entropies: targets move so far towards equal shares [0].',
      }),
    ),
    delta: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1e6, description: 'Of huber: where its parabola ends [1].' }),
    ),
  },
  closed,
);

/** A learning rate. */
export const learningRate = Type.Number({ exclusiveMinimum: 0, maximum: 1e6 });
const rateOrAuto = Type.Optional(
  Type.Union([learningRate, Type.Literal('auto')], {
    description: 'A number, or "auto": found by a range test of up to a hundred steps before the training.',
  }),
);
const share = Type.Number({ minimum: 0, exclusiveMaximum: 1 });
const momentum = Type.Optional(share);
const epsilon = Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 }));
const betas = { beta1: Type.Optional(share), beta2: Type.Optional(share), epsilon };

const optimizerSchemas = {
  sgd: {
    learningRate: rateOrAuto,
    momentum,
    nesterov: Type.Optional(Type.Boolean({ description: 'Needs a momentum [false].' })),
  },
  rmsprop: { learningRate: rateOrAuto, decay: Type.Optional(share), epsilon, momentum },
  adagrad: { learningRate: rateOrAuto, epsilon },
  adam: { learningRate: rateOrAuto, ...betas },
  adamw: { learningRate: rateOrAuto, ...betas, weightDecay: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })) },
  perceptron: { learningRate: Type.Optional(learningRate) },
};
export type OptimizerName = keyof typeof optimizerSchemas;

export const optimizerSchema = taggedUnion([
  tagged('sgd', optimizerSchemas.sgd),
  tagged('rmsprop', optimizerSchemas.rmsprop),
  tagged('adagrad', optimizerSchemas.adagrad),
  tagged('adam', optimizerSchemas.adam),
  tagged('adamw', optimizerSchemas.adamw),
  tagged('perceptron', optimizerSchemas.perceptron),
]);

const epochsCount = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const warmup = Type.Optional(
  Type.Number({
    minimum: 0,
    maximum: 1_000_000,
    description:
      'Epochs over which the rate first grows evenly, step by step, to the optimizer’s; what follows starts then [0].',
  }),
);
const decayFactor = Type.Number({ exclusiveMinimum: 0, maximum: 1 });
const least = Type.Optional(Type.Number({ minimum: 0, maximum: 1e6, description: 'The rate never falls below [0].' }));

const monitored = Type.Optional(
  Type.String({ description: 'Name in the metrics [validationLoss, or loss without a validation split].' }),
);
const patience = (effect: string) =>
  Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 1_000_000,
      description: `Epochs without an improvement that are waited; one more ${effect} [10].`,
    }),
  );
const minDelta = Type.Optional(
  Type.Number({ minimum: 0, maximum: 1e6, description: 'What an improvement must exceed [0].' }),
);

export const scheduleSchema = taggedUnion([
  tagged('constant', { warmup }),
  tagged('step', { every: epochsCount, factor: decayFactor, warmup }),
  tagged('exponential', { factor: decayFactor, warmup }),
  tagged('cosine', {
    minimum: least,
    warmup,
    restarts: Type.Optional(
      Type.Object(
        {
          first: epochsCount,
          multiplier: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 100,
              description: 'Each period is so many times as long as the one before [1].',
            }),
          ),
        },
        { ...closed, description: 'The rate starts anew after `first` epochs.' },
      ),
    ),
  }),
  tagged('onPlateau', {
    metric: monitored,
    patience: patience('lowers the rate'),
    factor: Type.Optional(decayFactor),
    minimum: least,
    minDelta,
    warmup,
  }),
]);
export type ScheduleConfig = Static<typeof scheduleSchema>;

const clipLimit = Type.Number({ exclusiveMinimum: 0, maximum: 1e30 });
// One object with one of two keys: a union would tell of each fault in the words of both sides.
export const gradientClipSchema = Type.Unsafe<{ norm: number } | { value: number }>({
  type: 'object',
  properties: { norm: clipLimit, value: clipLimit },
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  description: 'Either {norm}: of all gradients together; or {value}: of each element.',
});
export type GradientClip = Static<typeof gradientClipSchema>;

export const earlyStoppingSchema = Type.Object(
  {
    metric: monitored,
    patience: patience('ends the training'),
    minDelta,
    restoreBest: Type.Optional(
      Type.Boolean({ description: 'The job ends with the weights of its best epoch [true].' }),
    ),
  },
  closed,
);
export type EarlyStopping = Static<typeof earlyStoppingSchema>;

const metricName = Type.Enum(metricNames);
export const metricsSchema = Type.Array(
  Type.Union([
    metricName,
    Type.Object({ type: Type.Literal('topK'), k: Type.Integer({ minimum: 1, maximum: 1000 }) }, closed),
  ]),
  {
    maxItems: 20,
    uniqueItems: true,
    description: 'Worked out over whole splits at the end of each epoch [classification: accuracy].',
  },
);

export const checkpointSchema = Type.Object(
  {
    everySeconds: Type.Optional(
      Type.Number({ minimum: 0.1, maximum: 86_400, description: 'After so long, and at ends of epochs [30].' }),
    ),
    everySteps: Type.Optional(Type.Integer({ minimum: 1, description: 'After exactly so many steps.' })),
  },
  {
    ...closed,
    minProperties: 1,
    description: 'When what is needed to go on is written down. It costs at most some percent of the time by default.',
  },
);
export type CheckpointConfig = Static<typeof checkpointSchema>;
export const defaultCheckpoint: CheckpointConfig = { everySeconds: 30 };

/** The `training` part of a job. What is left out is completed by `completeTraining`. */
export const trainingSchema = Type.Object(
  {
    epochs: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Passes over the training split [10].' }),
    ),
    steps: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000_000,
        description: 'Instead of epochs: ends after so many steps, within an epoch if need be.',
      }),
    ),
    batchSize: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 65_536 }), Type.Literal('full')], {
        description: 'Samples per step, or "full" for the whole training split [32].',
      }),
    ),
    shuffle: Type.Optional(Type.Boolean({ description: 'A new seeded order every epoch [true].' })),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, maximum: maxSeed, description: 'Of everything random in the job [0].' }),
    ),
    loss: Type.Optional(lossSchema),
    optimizer: Type.Optional(optimizerSchema),
    schedule: Type.Optional(scheduleSchema),
    gradientClip: Type.Optional(gradientClipSchema),
    initializer: Type.Optional(initializerSchema),
    normalization: Type.Optional(normalizationSchema),
    augmentation: Type.Optional(augmentationsSchema),
    validation: Type.Optional(Type.Object({ fraction: Type.Number({ minimum: 0, exclusiveMaximum: 1 }) }, closed)),
    earlyStopping: Type.Optional(earlyStoppingSchema),
    classWeights: Type.Optional(
      Type.Unsafe<Record<string, number>>({
        type: 'object',
        additionalProperties: { type: 'number', minimum: 0, maximum: 1e6 },
        description:
          'By class name: how much a sample of the class counts in the loss [1]; the loss of training is then Σ weight · loss / rows, that of validation and test stays without weights.',
      }),
    ),
    metrics: Type.Optional(metricsSchema),
    frozen: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        maxItems: 1000,
        uniqueItems: true,
        description: 'Names of layers that keep their weights.',
      }),
    ),
    initialModel: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'A model whose weights to start from, where names and shapes agree.',
      }),
    ),
    logEverySteps: Type.Optional(
      Type.Integer({ minimum: 1, description: 'A metrics row every so many steps, beside those per epoch.' }),
    ),
    checkpoint: Type.Optional(checkpointSchema),
  },
  closed,
);
export type TrainingRequest = Static<typeof trainingSchema>;

type Rate = number | 'auto';
export type OptimizerConfig =
  | { type: 'sgd'; learningRate: Rate; momentum: number; nesterov: boolean }
  | { type: 'rmsprop'; learningRate: Rate; decay: number; epsilon: number; momentum: number }
  | { type: 'adagrad'; learningRate: Rate; epsilon: number }
  | { type: 'adam'; learningRate: Rate; beta1: number; beta2: number; epsilon: number }
  | { type: 'adamw'; learningRate: Rate; beta1: number; beta2: number; epsilon: number; weightDecay: number }
  | { type: 'perceptron'; learningRate: number };

/** Training settings with every default filled in; sent again as a request they do the same. */
export interface TrainingConfig {
  epochs: number;
  steps?: number;
  batchSize: number | 'full';
  shuffle: boolean;
  seed: number;
  loss: LossConfig;
  optimizer: OptimizerConfig;
  schedule?: ScheduleConfig;
  gradientClip?: GradientClip;
  initializer: InitializerConfig;
  normalization: NormalizationConfig;
  augmentation?: AugmentationConfig[];
  validation?: { fraction: number };
  earlyStopping?: EarlyStopping;
  classWeights?: Record<string, number>;
  metrics?: MetricConfig[];
  frozen?: string[];
  initialModel?: string;
  logEverySteps?: number;
  /** Jobs from before there were checkpoints have none. */
  checkpoint?: CheckpointConfig;
}
