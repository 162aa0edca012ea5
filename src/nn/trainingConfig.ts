import { type Static, Type } from 'typebox';
import { initializerSchema, largestNumber } from './initializers.ts';

const closed = { additionalProperties: false } as const;

export const lossNames = ['softmaxCrossEntropy', 'binaryCrossEntropy', 'meanSquaredError', 'halfSquaredError'] as const;
export type LossName = (typeof lossNames)[number];

export const lossSchema = Type.Object({ type: Type.Enum([...lossNames]) }, closed);

const learningRate = Type.Number({ exclusiveMinimum: 0, maximum: 1e6 });
const decay = Type.Number({ minimum: 0, exclusiveMaximum: 1 });

const sgdSchema = Type.Object(
  { type: Type.Literal('sgd'), learningRate: Type.Optional(learningRate), momentum: Type.Optional(decay) },
  closed,
);
const adamSchema = Type.Object(
  {
    type: Type.Literal('adam'),
    learningRate: Type.Optional(learningRate),
    beta1: Type.Optional(decay),
    beta2: Type.Optional(decay),
    epsilon: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
  },
  closed,
);

/** JSON schema of a union told apart by its `type` key, in the form that both Ajv and OpenAPI understand. */
export function taggedUnion<Schemas extends [import('typebox').TObject, ...import('typebox').TObject[]]>(
  schemas: Schemas,
) {
  return Type.Unsafe<Static<Schemas[number]>>({
    type: 'object',
    required: ['type'],
    discriminator: { propertyName: 'type' },
    oneOf: schemas,
  });
}

export const optimizerSchema = taggedUnion([sgdSchema, adamSchema]);

export const normalizationSchema = taggedUnion([
  Type.Object({ type: Type.Literal('none') }, closed),
  Type.Object(
    {
      type: Type.Literal('scale'),
      factor: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: largestNumber })),
    },
    closed,
  ),
]);

/** Largest seed: all random numbers are keyed by 32 bits of it. */
export const maxSeed = 2 ** 32 - 1;

/** The `training` part of a job. What is left out is completed by `completeTraining`. */
export const trainingSchema = Type.Object(
  {
    epochs: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Passes over the training split [10].' }),
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
    initializer: Type.Optional(initializerSchema),
    normalization: Type.Optional(normalizationSchema),
    validation: Type.Optional(Type.Object({ fraction: Type.Number({ minimum: 0, exclusiveMaximum: 1 }) }, closed)),
    logEverySteps: Type.Optional(
      Type.Integer({ minimum: 1, description: 'A metrics row every so many steps, beside those per epoch.' }),
    ),
  },
  closed,
);
export type TrainingRequest = Static<typeof trainingSchema>;

export type OptimizerConfig =
  | { type: 'sgd'; learningRate: number; momentum: number }
  | { type: 'adam'; learningRate: number; beta1: number; beta2: number; epsilon: number };
export type NormalizationConfig = { type: 'none' } | { type: 'scale'; factor: number };

/** Training settings with every default filled in; sent again as a request they do the same. */
export interface TrainingConfig {
  epochs: number;
  batchSize: number | 'full';
  shuffle: boolean;
  seed: number;
  loss: { type: LossName };
  optimizer: OptimizerConfig;
  initializer: import('./initializers.ts').InitializerConfig;
  normalization: NormalizationConfig;
  validation?: { fraction: number };
  logEverySteps?: number;
}
