import { type TSchema, Type } from 'typebox';
import { splitNames } from '../../data/dataset.ts';
import { problemTable } from '../../errors.ts';
import { findingCodes } from '../../nn/findings.ts';
import { lossNames } from '../../nn/losses.ts';
import { modelNormalizationSchema } from '../../nn/normalization.ts';
import { trainingSchema } from '../../nn/trainingConfig.ts';
import { component, nullable, sha256, shape, time } from './common.ts';
import * as examples from './examples.ts';

const task = Type.Enum(['classification', 'regression']);
const inputType = Type.Enum(['uint8', 'float32'], { description: 'What the dataset stores: the units of raw inputs.' });
const classes = nullable(
  Type.Array(Type.String(), { description: 'Class names in index order; null for a regression.' }),
);
const count = Type.Integer({ minimum: 0 });
const columns = nullable(
  Type.Array(component('Column'), {
    description: 'How the columns of a table became inputs, in their order; null for what is no table.',
  }),
);

const metrics = Type.Unsafe<Record<string, number>>({
  type: 'object',
  additionalProperties: { type: 'number' },
  description: 'Values by name, for instance loss, accuracy, validationLoss, validationAccuracy.',
});

const measured = (description: string) => nullable(Type.Number({ description }));
const warnings = Type.Array(Type.Object({ code: Type.String(), message: Type.String() }), {
  description: 'What is allowed, but most likely not meant.',
});

const bySplit = (schema: TSchema) => Type.Object(Object.fromEntries(splitNames.map((split) => [split, schema])));
const place = { split: Type.Enum([...splitNames]), index: count };

const network = Type.Object({
  input: shape,
  layers: Type.Array(Type.Object({ type: Type.String() }, { additionalProperties: true })),
});

const nameAndVersion = { name: Type.String(), version: Type.Integer({ minimum: 1 }) };
const alias = {
  alias: Type.String(),
  model: Type.String({ description: 'Id of the model.' }),
  ...nameAndVersion,
  since: nullable(
    Type.String({ format: 'date-time', description: 'Null where nobody set it by hand, or before times were kept.' }),
  ),
};
const layerSummary = Type.Object({
  index: count,
  name: Type.String(),
  type: Type.String(),
  outputShape: shape,
  parameters: count,
});
const comparedModel = Type.Object({
  id: Type.String(),
  ...nameAndVersion,
  createdAt: time,
  isa: Type.String(),
  kernelVersion: nullable(Type.String()),
  weightsHash: sha256,
  dataset: nullable(
    Type.Object({ id: Type.String(), name: Type.String(), sha256 }, { description: 'Null where it is deleted.' }),
  ),
});

export const jobStates = ['queued', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;

/** Schemas that the document names; the answers of the service as its types say them. */
export const components: Record<string, TSchema> = {
  Problem: Type.Object(
    {
      type: Type.String(),
      title: Type.String(),
      status: Type.Integer(),
      detail: Type.String({ description: 'What was expected, where, and what came.' }),
      code: Type.Enum(Object.keys(problemTable), { description: 'Stable: what a program may test.' }),
      errors: Type.Optional(
        Type.Array(
          Type.Object({
            pointer: Type.String({ description: 'JSON pointer into the body; empty: the body as a whole.' }),
            message: Type.String(),
            expected: Type.Optional(Type.Unknown()),
            received: Type.Optional(Type.Unknown()),
          }),
        ),
      ),
    },
    { description: 'RFC 9457 problem details.', examples: [examples.problem] },
  ),

  Dataset: Type.Object({
    id: Type.String(),
    name: Type.String(),
    createdAt: time,
    task,
    inputShape: shape,
    inputType,
    targetShape: Type.Array(Type.Integer(), { description: '[] for a class index.' }),
    classes,
    features: nullable(Type.Array(Type.String())),
    columns,
    samples: Type.Object(Object.fromEntries(splitNames.map((split) => [split, count]))),
    statistics: Type.Object({
      min: Type.Number(),
      max: Type.Number(),
      mean: Type.Number(),
      standardDeviation: Type.Number(),
      classCounts: nullable(Type.Array(count)),
    }),
    warnings,
    bytes: count,
    sha256,
  }),

  DatasetReport: Type.Object({
    dataset: Type.String({ description: 'Id of the dataset.' }),
    name: Type.String(),
    sha256,
    version: Type.Literal(1),
    inputs: Type.Object({
      kind: Type.Enum(['feature', 'channel', 'all'], {
        description: 'feature: one for each input of rank 1; channel: one for each of images; all: one for everything.',
      }),
      count: Type.Integer({ minimum: 1, description: 'Of very many features only the first 2,000 are in items.' }),
      items: Type.Array(component('Values')),
    }),
    missing: Type.Array(Type.Object({ column: Type.String(), rows: count }), {
      description: 'Columns of a table with cells that were empty.',
    }),
    targets: nullable(Type.Array(component('Values'), { description: 'Of a regression.' })),
    classes: nullable(
      Type.Array(Type.Object({ class: Type.String(), samples: bySplit(count) }), { description: 'In index order.' }),
    ),
    duplicates: Type.Object({
      checked: Type.Integer({ minimum: 0, description: 'Samples that were compared; at most the first 2 million.' }),
      splits: bySplit(
        Type.Object({
          repeated: Type.Integer({ minimum: 0, description: 'Their inputs stand in the split already.' }),
          inEarlierSplits: Type.Integer({ minimum: 0, description: 'Their inputs stand in a split before.' }),
          contradicting: Type.Integer({ minimum: 0, description: 'Those of both with another target than the first.' }),
        }),
      ),
      examples: Type.Array(Type.Object({ ...place, of: Type.Object(place) })),
    }),
    blank: nullable(
      Type.Object(
        { samples: bySplit(count), examples: Type.Array(Type.Object(place)) },
        { description: 'Images of one colour; null where samples are no images.' },
      ),
    ),
    warnings,
  }),

  Values: Type.Object(
    {
      name: Type.String(),
      min: Type.Number(),
      max: Type.Number(),
      mean: Type.Number(),
      standardDeviation: Type.Number(),
      distinct: nullable(Type.Integer({ minimum: 0, description: 'Different values; null: more than were counted.' })),
      histogram: Type.Object(
        { from: Type.Number(), to: Type.Number(), counts: Type.Array(count) },
        { description: 'Bars of equal width.' },
      ),
    },
    { description: 'Of the training split.' },
  ),

  Column: Type.Object(
    {
      name: Type.String(),
      type: Type.Enum(['numeric', 'boolean', 'categorical', 'target', 'ignored']),
      missing: Type.Optional(Type.Integer({ minimum: 0, description: 'Of an input: rows without a value.' })),
      fill: Type.Optional(
        Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Null()], {
          description: 'Of an input: what stands for a value that is missing; null: none may be missing.',
        }),
      ),
      encoding: Type.Optional(Type.Enum(['oneHot', 'ordinal'], { description: 'Of categories.' })),
      categories: Type.Optional(Type.Array(Type.String(), { description: 'In the order of inputs or ordinals.' })),
    },
    {
      description: 'How a column of a table became inputs, and how a raw value becomes them again.',
      examples: examples.columns,
    },
  ),

  Sample: Type.Object({
    index: count,
    input: Type.Unknown({ description: 'Raw values, nested as inputShape.' }),
    target: Type.Unknown({ description: 'Class name, or values nested as targetShape.' }),
  }),

  Training: trainingSchema,

  Job: Type.Object({
    id: Type.String(),
    name: Type.String(),
    state: Type.Enum([...jobStates]),
    dataset: nullable(Type.String()),
    network,
    training: component('Training'),
    initialWeights: nullable(component('InitialWeights')),
    priority: Type.Number(),
    createdAt: time,
    startedAt: nullable(time),
    finishedAt: nullable(time),
    progress: Type.Object({
      epoch: count,
      epochs: count,
      step: count,
      steps: count,
      fraction: Type.Number({ minimum: 0, maximum: 1 }),
      samplesPerSecond: nullable(Type.Number()),
      etaSeconds: nullable(Type.Number()),
    }),
    metrics,
    best: nullable(Type.Object({ epoch: count }, { additionalProperties: { type: 'number' } })),
    test: nullable(metrics),
    error: nullable(component('Problem')),
    pause: nullable(
      Type.Object({
        code: Type.Enum(['asked', 'disk-space', 'other-machine']),
        message: Type.String({ description: 'Why, and what has to happen for it to go on.' }),
      }),
    ),
    restarts: Type.Integer({
      minimum: 0,
      description: 'How often it was taken up again after a stop of the service or a death of its training process.',
    }),
    fork: nullable(
      Type.Object(
        { job: Type.String(), step: count },
        { description: 'The job, and the step of its checkpoint, that this one goes on from.' },
      ),
    ),
    kernelVersion: nullable(Type.String({ description: 'With `isa`: on what the same job gives the same bits.' })),
    isa: nullable(Type.String({ description: 'Instruction set that it trains on.' })),
    weightsHash: nullable(Type.String({ description: 'SHA-256 of the safetensors export.' })),
    model: nullable(Type.String({ description: 'Id of the model that it became.' })),
    rangeTest: nullable(
      Type.Object(
        {
          learningRate: Type.Number(),
          curve: Type.Array(Type.Object({ learningRate: Type.Number(), loss: Type.Number() })),
        },
        { description: 'What the search for a learning rate found; null where one was given.' },
      ),
    ),
    learningRateChanges: Type.Array(Type.Object({ step: count, learningRate: Type.Number() }), {
      description: 'Learning rates that were set by PATCH; each holds from its step on.',
    }),
    warnings,
  }),

  Checkpoint: Type.Object({
    step: count,
    epoch: count,
    time,
    bytes: count,
    metrics: Type.Object({}, { additionalProperties: { type: 'number' } }),
  }),

  Preset: Type.Object({
    name: Type.String(),
    title: Type.String(),
    course: nullable(Type.String({ description: 'Mark of the system of the course that it is.' })),
    job: Type.Object(
      {
        dataset: Type.Optional(Type.Object({}, { additionalProperties: true })),
        network: Type.Object({ input: Type.Optional(shape), layers: network.properties.layers }),
        training: Type.Object({}, { additionalProperties: true }),
      },
      { description: 'What POST /v1/jobs takes.' },
    ),
  }),

  InitialWeights: Type.Object(
    {
      model: Type.String({ description: 'Id of the model that the job starts from.' }),
      loaded: Type.Array(Type.String(), { description: 'Tensors that agree in name and shape: these are taken.' }),
      missing: Type.Array(Type.String(), { description: 'Tensors of the network that start anew.' }),
      unused: Type.Array(Type.String(), { description: 'Tensors of the model that are not taken.' }),
    },
    { description: 'What `training.initialModel` gives; null where there is none.' },
  ),

  DryRun: Type.Object({
    layers: Type.Array(
      Type.Object({
        name: Type.String(),
        type: Type.String(),
        inputShape: shape,
        outputShape: shape,
        parameters: count,
        flops: count,
      }),
    ),
    parameters: count,
    flopsPerSample: count,
    memoryBytes: count,
    secondsPerEpoch: nullable(
      Type.Number({
        description:
          'Measured here for a fraction of a second, with a reserve of a tenth, to plan with; null where nothing is trained, or it is too large for that.',
      }),
    ),
    initialWeights: nullable(component('InitialWeights')),
    warnings,
  }),

  MetricRow: Type.Object(
    { seq: count, time, epoch: count, step: count },
    { additionalProperties: { type: 'number' }, description: 'One key more for each metric.' },
  ),

  Evaluation: Type.Object({
    split: Type.Enum([...splitNames]),
    samples: count,
    classes: Type.Array(
      Type.Object({
        class: Type.String(),
        precision: Type.Number(),
        recall: Type.Number(),
        f1: Type.Number(),
        support: Type.Integer({ minimum: 0, description: 'Samples of the class.' }),
      }),
    ),
    confusion: nullable(
      Type.Array(Type.Array(count), {
        description: 'Samples by their class and the one that they were taken for; null for more than 256 classes.',
      }),
    ),
    worst: Type.Array(
      Type.Object({
        split: Type.Enum([...splitNames]),
        index: Type.Integer({ minimum: 0, description: 'As in GET /v1/datasets/:id/samples/:index.png?split=.' }),
        class: Type.String(),
        predicted: Type.String(),
        score: Type.Number({ description: 'Of its own class: a probability, or without a cross-entropy the output.' }),
      }),
      { description: 'The lowest score first.' },
    ),
  }),

  LogEntry: Type.Object({
    seq: count,
    time,
    level: Type.Enum(['info', 'warn', 'error']),
    event: Type.String({ description: 'A short code that stays: what a program may test.' }),
    message: Type.String({ description: 'The same in plain words.' }),
    data: nullable(Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true })),
  }),

  DiagnosticsRow: Type.Object({
    epoch: count,
    loss: measured('Over the measured rows, as in training.'),
    accuracy: measured('Of the measured rows; null for a regression.'),
    layers: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          type: Type.String(),
          gradientNorm: measured("Norm of the loss's gradient by the layer's parameters."),
          weightNorm: measured('Norm of the parameters that learn.'),
          updateRatio: measured(
            '‖w after − w before‖ / ‖w after‖ of the last step of the epoch; about 0.001 is usual.',
          ),
          activationMean: measured("Of the layer's outputs, over rows and units."),
          activationDeviation: measured("Standard deviation of the layer's outputs."),
          deadUnits: measured('Share of the units (channels) of a relu that are 0 for every row.'),
          saturated: measured('Share of the outputs at the flat ends of sigmoid, hardSigmoid or tanh.'),
          outputGradientNorm: measured("Norm of the loss's gradient by the layer's outputs."),
        },
        { description: 'null: the layer has no such thing, or the number is not finite.' },
      ),
    ),
  }),

  Finding: Type.Object({
    code: Type.Enum([...findingCodes], { description: 'Stable: what a program may test.' }),
    layer: Type.Optional(Type.String({ description: 'Name of the layer, where it is about one.' })),
    message: Type.String(),
  }),

  Model: Type.Object({
    id: Type.String({ description: "The job's id, where it is of a job." }),
    name: Type.String(),
    createdAt: time,
    job: nullable(Type.String({ description: 'null: it came from outside.' })),
    dataset: nullable(Type.String()),
    task,
    network,
    loss: nullable(Type.Enum([...lossNames])),
    normalization: modelNormalizationSchema,
    inputShape: shape,
    inputType,
    outputShape: shape,
    classes,
    columns,
    parameters: count,
    metrics,
    test: nullable(metrics),
    step: count,
    isa: nullable(Type.String({ description: 'Instruction set that it was trained on.' })),
    weightsHash: sha256,
    version: Type.Integer({ minimum: 1, description: 'Place among all models that ever had the name.' }),
    notes: Type.String({ description: 'What it is for, plain text.' }),
    tags: Type.Array(Type.String()),
  }),

  Alias: Type.Object(alias),

  AliasEvent: Type.Object({
    action: Type.Enum(['set', 'rollback', 'remove']),
    model: Type.String({ description: 'Id of the model that it pointed at from then on, of a removal until then.' }),
    ...nameAndVersion,
    exists: Type.Boolean({ description: 'Whether the model is still there.' }),
    time: nullable(Type.String({ format: 'date-time', description: 'Null: before times were kept.' })),
  }),

  RollBack: Type.Object({
    ...alias,
    from: nullable(Type.String({ description: 'Id of the model that it pointed at.' })),
    skipped: Type.Array(Type.Object({ model: Type.String(), ...nameAndVersion }), {
      description: 'Models between the two that are deleted.',
    }),
    message: Type.String(),
  }),

  ModelComparison: Type.Object({
    a: comparedModel,
    b: comparedModel,
    sameWeights: Type.Boolean(),
    sameDataset: nullable(
      Type.Boolean({ description: 'By the hash of the data; null where one is not known any more.' }),
    ),
    metrics: Type.Array(component('ComparedValue')),
    test: nullable(
      Type.Array(component('ComparedValue'), { description: 'Null where they were not tested on the same samples.' }),
    ),
    sizes: Type.Array(component('ComparedValue')),
    layers: Type.Array(
      Type.Object({
        change: Type.Enum(['same', 'changed', 'added', 'removed']),
        a: nullable(layerSummary),
        b: nullable(layerSummary),
        differences: Type.Array(component('ComparedSetting')),
      }),
    ),
    training: nullable(Type.Array(component('ComparedSetting'), { description: 'Settings that differ.' })),
  }),

  ComparedValue: Type.Object(
    { name: Type.String(), a: measured('Of a.'), b: measured('Of b.'), difference: measured('b − a.') },
    { description: 'null: one has no such thing.' },
  ),

  ComparedSetting: Type.Object(
    { pointer: Type.String(), a: Type.Optional(Type.Unknown()), b: Type.Optional(Type.Unknown()) },
    { description: 'A setting that differs; left out where one has none.' },
  ),

  Predictions: Type.Object({
    model: Type.String(),
    step: Type.Integer({ description: 'Training steps behind the weights that answered.' }),
    predictions: Type.Array(
      Type.Object({
        class: Type.Optional(Type.String()),
        probability: Type.Optional(nullable(Type.Number({ description: 'null where the loss is no cross-entropy.' }))),
        top: Type.Optional(Type.Array(Type.Object({ class: Type.String(), probability: nullable(Type.Number()) }))),
        output: Type.Unknown({ description: "The last layer's value, nested as its shape." }),
        activations: Type.Optional(
          Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true }),
        ),
      }),
    ),
  }),

  InferenceMetadata: Type.Object({
    name: Type.String({ description: 'As it was asked for.' }),
    versions: Type.Optional(Type.Array(Type.String(), { description: 'A job that is not over has none.' })),
    platform: Type.String(),
    inputs: Type.Array(component('TensorMetadata')),
    outputs: Type.Array(component('TensorMetadata')),
  }),

  TensorMetadata: Type.Object({
    name: Type.String(),
    datatype: Type.String(),
    shape: Type.Array(Type.Integer(), { description: '−1 stands for the number of rows.' }),
  }),

  InferenceAnswer: Type.Object({
    id: Type.Optional(Type.String()),
    model_name: Type.String({ description: 'As it was asked for.' }),
    model_version: Type.Optional(Type.String()),
    parameters: Type.Object({
      model: Type.String({ description: "The model's id." }),
      step: Type.Integer({ description: 'Training steps behind the weights that answered.' }),
    }),
    outputs: Type.Array(
      Type.Object({
        name: Type.String(),
        datatype: Type.String(),
        shape: Type.Array(Type.Integer()),
        parameters: Type.Optional(Type.Object({ binary_data_size: Type.Integer() })),
        data: Type.Optional(Type.Array(Type.Union([Type.Number(), Type.String()]), { description: 'Flat.' })),
      }),
    ),
  }),

  InferenceError: Type.Object({ error: Type.String({ description: 'What was expected, and what came.' }) }),

  ModelEvaluation: Type.Object({
    model: Type.String(),
    step: Type.Integer(),
    dataset: Type.Object({ id: Type.String(), name: Type.String() }),
    split: Type.Enum([...splitNames, 'all']),
    samples: count,
    metrics,
    classes: nullable(
      Type.Array(
        Type.Object({
          class: Type.String(),
          precision: Type.Number(),
          recall: Type.Number(),
          f1: Type.Number(),
          support: Type.Integer({ minimum: 0, description: 'Samples of the class.' }),
        }),
        { description: 'In the order of the model’s classes; null for a regression.' },
      ),
    ),
    confusion: nullable(
      Type.Array(Type.Array(count), {
        description:
          'Samples by their class and the one that they were taken for; null for a regression, or more than 256 classes.',
      }),
    ),
    calibration: nullable(
      Type.Object(
        {
          error: Type.Number({ description: 'Expected calibration error: Σ share · |accuracy − mean confidence|.' }),
          bins: Type.Array(
            Type.Object({
              from: Type.Number(),
              to: Type.Number(),
              rows: count,
              confidence: measured('Mean of the probabilities of the class that was predicted.'),
              accuracy: measured('Share of the rows that were read right.'),
            }),
          ),
        },
        { description: 'In 15 bins of equal width; null where there are no probabilities.' },
      ),
    ),
    worst: Type.Array(
      Type.Union([
        Type.Object({
          ...place,
          class: Type.String(),
          predicted: Type.String(),
          score: Type.Number({
            description: 'Of its own class: a probability, or without a cross-entropy the output.',
          }),
          probability: measured('Of the class that was predicted.'),
          image: Type.Optional(Type.String({ description: 'Path of its picture.' })),
        }),
        Type.Object({
          ...place,
          target: Type.Unknown(),
          output: Type.Unknown(),
          error: Type.Number({ description: 'Distance of the output from the target.' }),
          image: Type.Optional(Type.String()),
        }),
      ]),
      {
        description:
          'Of a classification the lowest score of their own class first, of a regression the largest error.',
      },
    ),
    warnings,
  }),

  Explanations: Type.Object({
    model: Type.String(),
    step: Type.Integer(),
    method: Type.String(),
    layer: Type.Optional(Type.String({ description: 'Whose maps Grad-CAM weighs.' })),
    baseline: Type.Optional(
      Type.Enum(['trainingMean', 'zero', 'fill'], { description: 'What contributions and occlusion compare with.' }),
    ),
    explanations: Type.Array(
      Type.Object({
        class: Type.Optional(Type.String({ description: 'Whose score it is.' })),
        probability: Type.Optional(measured('Of that class.')),
        output: Type.Optional(Type.Integer({ description: 'Of a regression: which output it is.' })),
        score: Type.Number({ description: 'The logit of the class, or the output.' }),
        baselineScore: Type.Optional(
          Type.Number({ description: 'That of the baseline: contributions add up to the difference.' }),
        ),
        contributions: Type.Optional(
          Type.Array(Type.Object({ column: Type.String(), contribution: Type.Number() }), {
            description: 'Of a table: by column.',
          }),
        ),
        values: Type.Optional(
          Type.Unknown({ description: 'Numbers nested as the input, or of pixels: (height, width).' }),
        ),
      }),
    ),
  }),

  Suggestions: Type.Object({
    model: Type.String(),
    step: Type.Integer(),
    strategy: Type.String(),
    samples: Type.Integer({ description: 'Samples that were looked at.' }),
    spreadBy: nullable(
      Type.String({ description: 'The layer by whose output the suggestions are apart; "output": the network’s.' }),
    ),
    items: Type.Array(
      Type.Object({
        index: Type.Integer({ description: 'Place among the instances or images that were sent, or in the split.' }),
        score: Type.Number({ description: 'How unsure the model is: the larger, the more.' }),
        class: Type.String({ description: 'What it would say.' }),
        probability: Type.Number(),
        image: Type.Optional(Type.String({ description: 'Path of its picture, of a dataset of images.' })),
      }),
    ),
  }),

  Info: Type.Object({
    name: Type.String(),
    version: Type.String(),
    isa: Type.String(),
    threads: count,
    jobs: count,
    kernelVersion: Type.String(),
  }),
};
