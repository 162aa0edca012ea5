// Written by `npm run client` from the OpenAPI document; not to be changed by hand.

/** RFC 9457 problem details. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  /** What was expected, where, and what came. */
  detail: string;
  /** Stable: what a program may test. */
  code:
    | 'invalid-json'
    | 'invalid-request'
    | 'invalid-file'
    | 'invalid-image'
    | 'not-found'
    | 'method-not-allowed'
    | 'state-conflict'
    | 'in-use'
    | 'too-large'
    | 'unsupported-media-type'
    | 'invalid-data'
    | 'invalid-network'
    | 'invalid-training'
    | 'unknown-dataset'
    | 'unknown-preset'
    | 'idempotency-mismatch'
    | 'unknown-model'
    | 'unsuitable-model'
    | 'model-too-large'
    | 'invalid-instance'
    | 'diverged'
    | 'training-died'
    | 'too-many-requests'
    | 'no-space'
    | 'unavailable'
    | 'internal';
  errors?: Array<{
    /** JSON pointer into the body; empty: the body as a whole. */
    pointer: string;
    message: string;
    expected?: unknown;
    received?: unknown;
  }>;
};

export type Dataset = {
  id: string;
  name: string;
  createdAt: string;
  task: 'classification' | 'regression';
  /** Sizes, channels last. */
  inputShape: Array<number>;
  /** What the dataset stores: the units of raw inputs. */
  inputType: 'uint8' | 'float32';
  /** [] for a class index. */
  targetShape: Array<number>;
  classes: Array<string> | null;
  features: Array<string> | null;
  columns: Array<Column> | null;
  samples: {
    train: number;
    validation: number;
    test: number;
  };
  statistics: {
    min: number;
    max: number;
    mean: number;
    standardDeviation: number;
    classCounts: Array<number> | null;
  };
  /** What is allowed, but most likely not meant. */
  warnings: Array<{
    code: string;
    message: string;
  }>;
  bytes: number;
  sha256: string;
};

export type DatasetReport = {
  /** Id of the dataset. */
  dataset: string;
  name: string;
  sha256: string;
  version: 1;
  inputs: {
    /** feature: one for each input of rank 1; channel: one for each of images; all: one for everything. */
    kind: 'feature' | 'channel' | 'all';
    /** Of very many features only the first 2,000 are in items. */
    count: number;
    items: Array<Values>;
  };
  /** Columns of a table with cells that were empty. */
  missing: Array<{
    column: string;
    rows: number;
  }>;
  targets: Array<Values> | null;
  classes: Array<{
    class: string;
    samples: {
      train: number;
      validation: number;
      test: number;
    };
  }> | null;
  duplicates: {
    /** Samples that were compared; at most the first 2 million. */
    checked: number;
    splits: {
      train: Train;
      validation: Train;
      test: Train;
    };
    examples: Array<{
      split: 'train' | 'validation' | 'test';
      index: number;
      of: {
        split: 'train' | 'validation' | 'test';
        index: number;
      };
    }>;
  };
  blank: {
    samples: {
      train: number;
      validation: number;
      test: number;
    };
    examples: Array<{
      split: 'train' | 'validation' | 'test';
      index: number;
    }>;
  } | null;
  /** What is allowed, but most likely not meant. */
  warnings: Array<{
    code: string;
    message: string;
  }>;
};

/** Of the training split. */
export type Values = {
  name: string;
  min: number;
  max: number;
  mean: number;
  standardDeviation: number;
  distinct: number | null;
  /** Bars of equal width. */
  histogram: {
    from: number;
    to: number;
    counts: Array<number>;
  };
};

/** How a column of a table became inputs, and how a raw value becomes them again. */
export type Column = {
  name: string;
  type: 'numeric' | 'boolean' | 'categorical' | 'target' | 'ignored';
  /** Of an input: rows without a value. */
  missing?: number;
  /** Of an input: what stands for a value that is missing; null: none may be missing. */
  fill?: number | boolean | string | null;
  /** Of categories. */
  encoding?: 'oneHot' | 'ordinal';
  /** In the order of inputs or ordinals. */
  categories?: Array<string>;
};

export type Sample = {
  index: number;
  /** Raw values, nested as inputShape. */
  input: unknown;
  /** Class name, or values nested as targetShape. */
  target: unknown;
};

export type Training = {
  /** Passes over the training split [10]. */
  epochs?: number;
  /** Instead of epochs: ends after so many steps, within an epoch if need be. */
  steps?: number;
  /** Samples per step, or "full" for the whole training split [32]. */
  batchSize?: number | 'full';
  /** A new seeded order every epoch [true]. */
  shuffle?: boolean;
  /** Of everything random in the job [0]. */
  seed?: number;
  loss?: {
    type:
      | 'softmaxCrossEntropy'
      | 'binaryCrossEntropy'
      | 'meanSquaredError'
      | 'halfSquaredError'
      | 'meanAbsoluteError'
      | 'huber'
      | 'hinge'
      | 'perceptron';
    /** Of the cross-entropies: targets move so far towards equal shares [0]. */
    labelSmoothing?: number;
    /** Of huber: where its parabola ends [1]. */
    delta?: number;
  };
  optimizer?: Optimizer;
  schedule?: Schedule;
  /** Either {norm}: of all gradients together; or {value}: of each element. */
  gradientClip?: {
    norm?: number;
    value?: number;
  };
  initializer?: Initializer;
  normalization?: Normalization;
  /** What is changed about training samples, drawn anew for each; never in validation, test or prediction. Each type once; the order makes no difference. */
  augmentation?: Array<AugmentationItem>;
  validation?: {
    fraction: number;
  };
  earlyStopping?: {
    /** Name in the metrics [validationLoss, or loss without a validation split]. */
    metric?: string;
    /** Epochs without an improvement that are waited; one more ends the training [10]. */
    patience?: number;
    /** What an improvement must exceed [0]. */
    minDelta?: number;
    /** The job ends with the weights of its best epoch [true]. */
    restoreBest?: boolean;
  };
  /** By class name: how much a sample of the class counts in the loss [1]; the loss of training is then Σ weight · loss / rows, that of validation and test stays without weights. */
  classWeights?: Record<string, number>;
  /** Worked out over whole splits at the end of each epoch [classification: accuracy]. */
  metrics?: Array<
    | 'accuracy'
    | 'binaryAccuracy'
    | 'topK'
    | 'precision'
    | 'recall'
    | 'f1'
    | 'auc'
    | 'mae'
    | 'mse'
    | 'r2'
    | {
        type: 'topK';
        k: number;
      }
  >;
  /** Names of layers that keep their weights. */
  frozen?: Array<string>;
  /** A model whose weights to start from, where names and shapes agree. */
  initialModel?: string;
  /** A metrics row every so many steps, beside those per epoch. */
  logEverySteps?: number;
  /** When what is needed to go on is written down. It costs at most some percent of the time by default. */
  checkpoint?: {
    /** After so long, and at ends of epochs [30]. */
    everySeconds?: number;
    /** After exactly so many steps. */
    everySteps?: number;
  };
};

export type Job = {
  id: string;
  name: string;
  state: 'queued' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
  dataset: string | null;
  network: {
    /** Sizes, channels last. */
    input: Array<number>;
    layers: Array<
      {
        type: string;
      } & Record<string, unknown>
    >;
  };
  training: Training;
  initialWeights: InitialWeights | null;
  priority: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  progress: {
    epoch: number;
    epochs: number;
    step: number;
    steps: number;
    fraction: number;
    samplesPerSecond: number | null;
    etaSeconds: number | null;
  };
  /** Values by name, for instance loss, accuracy, validationLoss, validationAccuracy. */
  metrics: Record<string, number>;
  best:
    | ({
        epoch: number;
      } & Record<string, number>)
    | null;
  test: Record<string, number> | null;
  error: Problem | null;
  pause: {
    code: 'asked' | 'disk-space' | 'other-machine';
    /** Why, and what has to happen for it to go on. */
    message: string;
  } | null;
  /** How often it was taken up again after a stop of the service or a death of its training process. */
  restarts: number;
  fork: {
    job: string;
    step: number;
  } | null;
  kernelVersion: string | null;
  isa: string | null;
  weightsHash: string | null;
  model: string | null;
  rangeTest: {
    learningRate: number;
    curve: Array<{
      learningRate: number;
      loss: number;
    }>;
  } | null;
  /** Learning rates that were set by PATCH; each holds from its step on. */
  learningRateChanges: Array<{
    step: number;
    learningRate: number;
  }>;
  /** What is allowed, but most likely not meant. */
  warnings: Array<{
    code: string;
    message: string;
  }>;
};

export type Checkpoint = {
  step: number;
  epoch: number;
  time: string;
  bytes: number;
  metrics: Record<string, number>;
};

export type Preset = {
  name: string;
  title: string;
  course: string | null;
  /** What POST /v1/jobs takes. */
  job: {
    dataset?: Record<string, unknown>;
    network: {
      /** Sizes, channels last. */
      input?: Array<number>;
      layers: Array<
        {
          type: string;
        } & Record<string, unknown>
      >;
    };
    training: Record<string, unknown>;
  };
};

/** What `training.initialModel` gives; null where there is none. */
export type InitialWeights = {
  /** Id of the model that the job starts from. */
  model: string;
  /** Tensors that agree in name and shape: these are taken. */
  loaded: Array<string>;
  /** Tensors of the network that start anew. */
  missing: Array<string>;
  /** Tensors of the model that are not taken. */
  unused: Array<string>;
};

export type DryRun = {
  layers: Array<{
    name: string;
    type: string;
    /** Sizes, channels last. */
    inputShape: Array<number>;
    /** Sizes, channels last. */
    outputShape: Array<number>;
    parameters: number;
    flops: number;
  }>;
  parameters: number;
  flopsPerSample: number;
  memoryBytes: number;
  secondsPerEpoch: number | null;
  initialWeights: InitialWeights | null;
  /** What is allowed, but most likely not meant. */
  warnings: Array<{
    code: string;
    message: string;
  }>;
};

/** One key more for each metric. */
export type MetricRow = {
  seq: number;
  time: string;
  epoch: number;
  step: number;
} & Record<string, number>;

export type Evaluation = {
  split: 'train' | 'validation' | 'test';
  samples: number;
  classes: Array<{
    class: string;
    precision: number;
    recall: number;
    f1: number;
    /** Samples of the class. */
    support: number;
  }>;
  confusion: Array<Array<number>> | null;
  /** The lowest score first. */
  worst: Array<{
    split: 'train' | 'validation' | 'test';
    /** As in GET /v1/datasets/:id/samples/:index.png?split=. */
    index: number;
    class: string;
    predicted: string;
    /** Of its own class: a probability, or without a cross-entropy the output. */
    score: number;
  }>;
};

export type LogEntry = {
  seq: number;
  time: string;
  level: 'info' | 'warn' | 'error';
  /** A short code that stays: what a program may test. */
  event: string;
  /** The same in plain words. */
  message: string;
  data: Record<string, unknown> | null;
};

export type DiagnosticsRow = {
  epoch: number;
  loss: number | null;
  accuracy: number | null;
  layers: Array<{
    name: string;
    type: string;
    gradientNorm: number | null;
    weightNorm: number | null;
    updateRatio: number | null;
    activationMean: number | null;
    activationDeviation: number | null;
    deadUnits: number | null;
    saturated: number | null;
    outputGradientNorm: number | null;
  }>;
};

export type Finding = {
  /** Stable: what a program may test. */
  code:
    | 'vanishing-gradients'
    | 'exploding-gradients'
    | 'dead-units'
    | 'saturated'
    | 'updates-too-large'
    | 'updates-too-small'
    | 'not-learning'
    | 'loss-not-falling';
  /** Name of the layer, where it is about one. */
  layer?: string;
  message: string;
};

export type Model = {
  /** The job's id, where it is of a job. */
  id: string;
  name: string;
  createdAt: string;
  job: string | null;
  dataset: string | null;
  task: 'classification' | 'regression';
  network: {
    /** Sizes, channels last. */
    input: Array<number>;
    layers: Array<
      {
        type: string;
      } & Record<string, unknown>
    >;
  };
  loss:
    | 'softmaxCrossEntropy'
    | 'binaryCrossEntropy'
    | 'meanSquaredError'
    | 'halfSquaredError'
    | 'meanAbsoluteError'
    | 'huber'
    | 'hinge'
    | 'perceptron'
    | null;
  normalization: NormalizationInput;
  /** Sizes, channels last. */
  inputShape: Array<number>;
  /** What the dataset stores: the units of raw inputs. */
  inputType: 'uint8' | 'float32';
  /** Sizes, channels last. */
  outputShape: Array<number>;
  classes: Array<string> | null;
  columns: Array<Column> | null;
  parameters: number;
  /** Values by name, for instance loss, accuracy, validationLoss, validationAccuracy. */
  metrics: Record<string, number>;
  test: Record<string, number> | null;
  step: number;
  isa: string | null;
  weightsHash: string;
  /** Place among all models that ever had the name. */
  version: number;
  /** What it is for, plain text. */
  notes: string;
  tags: Array<string>;
};

export type Alias = {
  alias: string;
  /** Id of the model. */
  model: string;
  name: string;
  version: number;
  since: string | null;
};

export type AliasEvent = {
  action: 'set' | 'rollback' | 'remove';
  /** Id of the model that it pointed at from then on, of a removal until then. */
  model: string;
  name: string;
  version: number;
  /** Whether the model is still there. */
  exists: boolean;
  time: string | null;
};

export type RollBack = {
  alias: string;
  /** Id of the model. */
  model: string;
  name: string;
  version: number;
  since: string | null;
  from: string | null;
  /** Models between the two that are deleted. */
  skipped: Array<{
    model: string;
    name: string;
    version: number;
  }>;
  message: string;
};

export type ModelComparison = {
  a: A;
  b: A;
  sameWeights: boolean;
  sameDataset: boolean | null;
  metrics: Array<ComparedValue>;
  test: Array<ComparedValue> | null;
  sizes: Array<ComparedValue>;
  layers: Array<{
    change: 'same' | 'changed' | 'added' | 'removed';
    a: {
      index: number;
      name: string;
      type: string;
      /** Sizes, channels last. */
      outputShape: Array<number>;
      parameters: number;
    } | null;
    b: {
      index: number;
      name: string;
      type: string;
      /** Sizes, channels last. */
      outputShape: Array<number>;
      parameters: number;
    } | null;
    differences: Array<ComparedSetting>;
  }>;
  training: Array<ComparedSetting> | null;
};

/** null: one has no such thing. */
export type ComparedValue = {
  name: string;
  a: number | null;
  b: number | null;
  difference: number | null;
};

/** A setting that differs; left out where one has none. */
export type ComparedSetting = {
  pointer: string;
  a?: unknown;
  b?: unknown;
};

export type Predictions = {
  model: string;
  /** Training steps behind the weights that answered. */
  step: number;
  predictions: Array<{
    class?: string;
    probability?: number | null;
    top?: Array<{
      class: string;
      probability: number | null;
    }>;
    /** The last layer's value, nested as its shape. */
    output: unknown;
    activations?: Record<string, unknown>;
  }>;
};

export type InferenceMetadata = {
  /** As it was asked for. */
  name: string;
  /** A job that is not over has none. */
  versions?: Array<string>;
  platform: string;
  inputs: Array<TensorMetadata>;
  outputs: Array<TensorMetadata>;
};

export type TensorMetadata = {
  name: string;
  datatype: string;
  /** −1 stands for the number of rows. */
  shape: Array<number>;
};

export type InferenceAnswer = {
  id?: string;
  /** As it was asked for. */
  model_name: string;
  model_version?: string;
  parameters: {
    /** The model's id. */
    model: string;
    /** Training steps behind the weights that answered. */
    step: number;
  };
  outputs: Array<{
    name: string;
    datatype: string;
    shape: Array<number>;
    parameters?: {
      binary_data_size: number;
    };
    /** Flat. */
    data?: Array<number | string>;
  }>;
};

export type InferenceError = {
  /** What was expected, and what came. */
  error: string;
};

export type ModelEvaluation = {
  model: string;
  step: number;
  dataset: {
    id: string;
    name: string;
  };
  split: 'train' | 'validation' | 'test' | 'all';
  samples: number;
  /** Values by name, for instance loss, accuracy, validationLoss, validationAccuracy. */
  metrics: Record<string, number>;
  classes: Array<{
    class: string;
    precision: number;
    recall: number;
    f1: number;
    /** Samples of the class. */
    support: number;
  }> | null;
  confusion: Array<Array<number>> | null;
  calibration: {
    /** Expected calibration error: Σ share · |accuracy − mean confidence|. */
    error: number;
    bins: Array<{
      from: number;
      to: number;
      rows: number;
      confidence: number | null;
      accuracy: number | null;
    }>;
  } | null;
  /** Of a classification the lowest score of their own class first, of a regression the largest error. */
  worst: Array<
    | {
        split: 'train' | 'validation' | 'test';
        index: number;
        class: string;
        predicted: string;
        /** Of its own class: a probability, or without a cross-entropy the output. */
        score: number;
        probability: number | null;
        /** Path of its picture. */
        image?: string;
      }
    | {
        split: 'train' | 'validation' | 'test';
        index: number;
        target: unknown;
        output: unknown;
        /** Distance of the output from the target. */
        error: number;
        image?: string;
      }
  >;
  /** What is allowed, but most likely not meant. */
  warnings: Array<{
    code: string;
    message: string;
  }>;
};

export type Explanations = {
  model: string;
  step: number;
  method: string;
  /** Whose maps Grad-CAM weighs. */
  layer?: string;
  /** What contributions and occlusion compare with. */
  baseline?: 'trainingMean' | 'zero' | 'fill';
  explanations: Array<{
    /** Whose score it is. */
    class?: string;
    probability?: number | null;
    /** Of a regression: which output it is. */
    output?: number;
    /** The logit of the class, or the output. */
    score: number;
    /** That of the baseline: contributions add up to the difference. */
    baselineScore?: number;
    /** Of a table: by column. */
    contributions?: Array<{
      column: string;
      contribution: number;
    }>;
    /** Numbers nested as the input, or of pixels: (height, width). */
    values?: unknown;
  }>;
};

export type Suggestions = {
  model: string;
  step: number;
  strategy: string;
  /** Samples that were looked at. */
  samples: number;
  spreadBy: string | null;
  items: Array<{
    /** Place among the instances or images that were sent, or in the split. */
    index: number;
    /** How unsure the model is: the larger, the more. */
    score: number;
    /** What it would say. */
    class: string;
    probability: number;
    /** Path of its picture, of a dataset of images. */
    image?: string;
  }>;
};

export type Info = {
  name: string;
  version: string;
  isa: string;
  threads: number;
  jobs: number;
  kernelVersion: string;
};

export type Train = {
  /** Their inputs stand in the split already. */
  repeated: number;
  /** Their inputs stand in a split before. */
  inEarlierSplits: number;
  /** Those of both with another target than the first. */
  contradicting: number;
};

export type Optimizer =
  | {
      type: 'sgd';
      /** A number, or "auto": found by a range test of up to a hundred steps before the training. */
      learningRate?: number | 'auto';
      momentum?: number;
      /** Needs a momentum [false]. */
      nesterov?: boolean;
    }
  | {
      type: 'rmsprop';
      /** A number, or "auto": found by a range test of up to a hundred steps before the training. */
      learningRate?: number | 'auto';
      decay?: number;
      epsilon?: number;
      momentum?: number;
    }
  | {
      type: 'adagrad';
      /** A number, or "auto": found by a range test of up to a hundred steps before the training. */
      learningRate?: number | 'auto';
      epsilon?: number;
    }
  | {
      type: 'adam';
      /** A number, or "auto": found by a range test of up to a hundred steps before the training. */
      learningRate?: number | 'auto';
      beta1?: number;
      beta2?: number;
      epsilon?: number;
    }
  | {
      type: 'adamw';
      /** A number, or "auto": found by a range test of up to a hundred steps before the training. */
      learningRate?: number | 'auto';
      beta1?: number;
      beta2?: number;
      epsilon?: number;
      weightDecay?: number;
    }
  | {
      type: 'perceptron';
      learningRate?: number;
    };

export type Schedule =
  | {
      type: 'constant';
      /** Epochs over which the rate first grows evenly, step by step, to the optimizer’s; what follows starts then [0]. */
      warmup?: number;
    }
  | {
      type: 'step';
      every: number;
      factor: number;
      /** Epochs over which the rate first grows evenly, step by step, to the optimizer’s; what follows starts then [0]. */
      warmup?: number;
    }
  | {
      type: 'exponential';
      factor: number;
      /** Epochs over which the rate first grows evenly, step by step, to the optimizer’s; what follows starts then [0]. */
      warmup?: number;
    }
  | {
      type: 'cosine';
      /** The rate never falls below [0]. */
      minimum?: number;
      /** Epochs over which the rate first grows evenly, step by step, to the optimizer’s; what follows starts then [0]. */
      warmup?: number;
      /** The rate starts anew after `first` epochs. */
      restarts?: {
        first: number;
        /** Each period is so many times as long as the one before [1]. */
        multiplier?: number;
      };
    }
  | {
      type: 'onPlateau';
      /** Name in the metrics [validationLoss, or loss without a validation split]. */
      metric?: string;
      /** Epochs without an improvement that are waited; one more lowers the rate [10]. */
      patience?: number;
      factor?: number;
      /** The rate never falls below [0]. */
      minimum?: number;
      /** What an improvement must exceed [0]. */
      minDelta?: number;
      /** Epochs over which the rate first grows evenly, step by step, to the optimizer’s; what follows starts then [0]. */
      warmup?: number;
    };

export type Initializer =
  | 'glorotUniform'
  | 'glorotNormal'
  | 'heUniform'
  | 'heNormal'
  | 'lecunUniform'
  | 'lecunNormal'
  | 'normal'
  | 'truncatedNormal'
  | 'uniform'
  | 'orthogonal'
  | 'zeros'
  | 'ones'
  | 'constant'
  | {
      type:
        | 'glorotUniform'
        | 'glorotNormal'
        | 'heUniform'
        | 'heNormal'
        | 'lecunUniform'
        | 'lecunNormal'
        | 'normal'
        | 'truncatedNormal'
        | 'uniform'
        | 'orthogonal'
        | 'zeros'
        | 'ones'
        | 'constant';
      mean?: number;
      stddev?: number;
      min?: number;
      max?: number;
      value?: number;
      gain?: number;
      /** Of these values alone: they are the same whatever the job’s seed. */
      seed?: number;
    };

export type Normalization =
  | {
      type: 'none';
    }
  | {
      type: 'scale';
      factor?: number;
    }
  | AffineNormalization
  | {
      type: 'minmax';
      /** What has numbers of its own [images: channel; otherwise feature]. */
      per?: 'feature' | 'channel' | 'whole';
    }
  | {
      type: 'standard';
      /** What has numbers of its own [images: channel; otherwise feature]. */
      per?: 'feature' | 'channel' | 'whole';
    };

export type AffineNormalization = {
  type: 'affine';
  /** a: one for all, for each channel or for each feature. */
  scale: Array<number>;
  /** b: one for all, for each channel or for each feature. */
  offset: Array<number>;
};

export type AugmentationItem =
  | {
      type: 'shift';
      /** Of the side: up to so much either way [0.1]. */
      fraction?: number | Array<number>;
      /** Instead of fraction: up to so many either way. */
      pixels?: number | Array<number>;
      /** What comes in from outside of the image, in the units of the dataset [0]. */
      fill?: number;
    }
  | {
      type: 'rotation';
      /** Up to so many either way, or [from, to], anticlockwise [10]. */
      degrees?: number | Array<number>;
      /** What comes in from outside of the image, in the units of the dataset [0]. */
      fill?: number;
    }
  | {
      type: 'zoom';
      /** Least and most; above 1 enlarges [0.9, 1.1]. */
      range?: Array<number>;
      /** What comes in from outside of the image, in the units of the dataset [0]. */
      fill?: number;
    }
  | {
      type: 'horizontalFlip';
      /** [0.5] */
      probability?: number;
    }
  | {
      type: 'verticalFlip';
      /** [0.5] */
      probability?: number;
    }
  | {
      type: 'randomCrop';
      /** Pixels around the image, of which a part of its size is cut out: moves it by whole pixels [4]. */
      padding?: number | Array<number>;
      /** What comes in from outside of the image, in the units of the dataset [0]. */
      fill?: number;
    }
  | {
      type: 'cutout';
      /** Pixels of the box; its centre may be any pixel [8]. */
      size?: number | Array<number>;
      /** [1] */
      probability?: number;
      /** What comes in from outside of the image, in the units of the dataset [0]. */
      fill?: number;
    }
  | {
      type: 'contrast';
      /** The distance from the mean of the channel times 1 ± up to so much [0.2]. */
      amount?: number;
    }
  | {
      type: 'brightness';
      /** Up to so much is added or taken away, in the units of the normalised input [0.2]. */
      amount?: number;
    }
  | {
      type: 'noise';
      /** Of normal numbers that are added, in the units of the normalised input [0.1]. */
      stddev?: number;
    }
  | {
      type: 'mixup';
      /** Shares of the two samples have the distribution Beta(alpha, alpha) [0.2]. */
      alpha?: number;
    };

export type NormalizationInput =
  | {
      type: 'none';
    }
  | {
      type: 'scale';
      factor: number;
    }
  | AffineNormalization
  | {
      type: 'minmax';
      per: 'feature' | 'channel' | 'whole';
      /** a: one for all, for each channel or for each feature. */
      scale: Array<number>;
      /** b: one for all, for each channel or for each feature. */
      offset: Array<number>;
    }
  | {
      type: 'standard';
      per: 'feature' | 'channel' | 'whole';
      /** a: one for all, for each channel or for each feature. */
      scale: Array<number>;
      /** b: one for all, for each channel or for each feature. */
      offset: Array<number>;
    };

export type A = {
  id: string;
  name: string;
  version: number;
  createdAt: string;
  isa: string;
  kernelVersion: string | null;
  weightsHash: string;
  dataset: {
    id: string;
    name: string;
    sha256: string;
  } | null;
};

/** Fractions of the samples [0], or the column that decides. */
export type Split = {
  validation?: number;
  test?: number;
  seed?: number;
  /** Keep the shares of the classes [true]. */
  stratify?: boolean;
  /** Of a table: the column that names the split of each row: train, validation, test. It is no input. */
  column?: string;
  /** Of a table: the column of numbers or ISO 8601 dates by which the newest rows become test, those before validation. Rows of one time stay together. No input, unless "columns" gives it a type. */
  time?: string;
  /** Of a table: the column whose equal values stay together in one split, drawn at random. No input, unless "columns" gives it a type. */
  group?: string;
};

export type Synthetic =
  | {
      kind: 'xor';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
    }
  | {
      kind: 'and';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
    }
  | {
      kind: 'or';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
    }
  | {
      kind: 'nand';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
    }
  | {
      kind: 'blobs';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
      /** [3] */
      classes?: number;
      /** [2] */
      features?: number;
      /** Centres are uniform in ±spread in each feature [10]. */
      spread?: number;
    }
  | {
      kind: 'circles';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
      /** Inner radius; the outer is 1 [0.5]. */
      factor?: number;
    }
  | {
      kind: 'moons';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
    }
  | {
      kind: 'spiral';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
      /** Arms [2]. */
      classes?: number;
      /** From the centre to the end of an arm [1]. */
      turns?: number;
    }
  | {
      kind: 'checkerboard';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
      /** Along each side [4]. */
      fields?: number;
    }
  | {
      kind: 'line';
      samples?: number;
      /** Standard deviation. */
      noise?: number;
      /** [0] */
      seed?: number;
      /** [2] */
      slope?: number;
      /** [1] */
      intercept?: number;
    };

/** How single columns are to be read, by name. */
export type Columns = Record<
  string,
  {
    /** Default: found out. */
    type?: 'numeric' | 'categorical' | 'boolean' | 'ignored';
    /** Of categories: one input for each [oneHot], or one for all with their place in the order. */
    encoding?: 'oneHot' | 'ordinal';
    /** What becomes of empty cells: refuse the table [refuse], drop the row, or fill with a value learnt from the training split, or with a constant. Columns without a mean take their most frequent value. */
    missing?: Missing;
  }
>;

/** What becomes of empty cells: refuse the table [refuse], drop the row, or fill with a value learnt from the training split, or with a constant. Columns without a mean take their most frequent value. */
export type Missing =
  | 'refuse'
  | 'drop'
  | 'mean'
  | 'median'
  | 'mostFrequent'
  | {
      constant: number | string | boolean;
    };

/** What images become [the size that most of them have]. */
export type Image = {
  height?: number;
  width?: number;
  /** [1 where all images are grey, else 3]; 4: with transparency. */
  channels?: 1 | 3 | 4;
  /** How images of another shape fit in [contain]. */
  fit?: 'contain' | 'cover' | 'fill';
};

/** A network and its training. */
export type CreateJobBody = {
  /** No control characters. */
  name?: string;
  training?: Training;
  /** Higher goes first; of equals the older [0]. */
  priority?: number;
  network: Network;
  /** Id, name, or a dataset to be stored and used. */
  dataset?: DatasetInput;
};

export type Network =
  | {
      /** Shape of one sample, channels last; left out: the dataset’s. */
      input?: Array<number>;
      layers: Array<Layer>;
    }
  | {
      /** Name of a preset. */
      preset: string;
      /** Shape of one sample [the dataset’s, or without a dataset the preset’s]. */
      input?: Array<number>;
    };

export type Layer =
  | {
      type: 'dense';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      units: number;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation?:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      initializer?: Initializer;
      /** Adds l1 · Σ|w| + l2 · Σw² of the weight to the loss. */
      regularizer?: {
        l1?: number;
        l2?: number;
      };
      /** After each step the weights of a unit are scaled to a norm of at most `value`. */
      constraint?: {
        type: 'maxNorm';
        value: number;
      };
      /** [true] */
      bias?: boolean;
      biasInitializer?: Initializer;
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        weight?: Array<unknown>;
        bias?: Array<unknown>;
      };
    }
  | {
      type: 'conv1d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      filters: number;
      kernel: number;
      stride?: number;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
      dilation?: number;
      /** Each filter sees the channels of its own group. */
      groups?: number;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation?:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      initializer?: Initializer;
      /** Adds l1 · Σ|w| + l2 · Σw² of the weight to the loss. */
      regularizer?: {
        l1?: number;
        l2?: number;
      };
      /** After each step the weights of a unit are scaled to a norm of at most `value`. */
      constraint?: {
        type: 'maxNorm';
        value: number;
      };
      /** [true] */
      bias?: boolean;
      biasInitializer?: Initializer;
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        weight?: Array<unknown>;
        bias?: Array<unknown>;
      };
    }
  | {
      type: 'conv2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      filters: number;
      kernel: number | Array<number>;
      stride?: number | Array<number>;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
      dilation?: number | Array<number>;
      /** Each filter sees the channels of its own group. */
      groups?: number;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation?:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      initializer?: Initializer;
      /** Adds l1 · Σ|w| + l2 · Σw² of the weight to the loss. */
      regularizer?: {
        l1?: number;
        l2?: number;
      };
      /** After each step the weights of a unit are scaled to a norm of at most `value`. */
      constraint?: {
        type: 'maxNorm';
        value: number;
      };
      /** [true] */
      bias?: boolean;
      biasInitializer?: Initializer;
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        weight?: Array<unknown>;
        bias?: Array<unknown>;
      };
    }
  | {
      type: 'depthwiseConv2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      kernel: number | Array<number>;
      /** Filters of each channel [1]. */
      multiplier?: number;
      stride?: number | Array<number>;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
      dilation?: number | Array<number>;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation?:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      initializer?: Initializer;
      /** Adds l1 · Σ|w| + l2 · Σw² of the weight to the loss. */
      regularizer?: {
        l1?: number;
        l2?: number;
      };
      /** After each step the weights of a unit are scaled to a norm of at most `value`. */
      constraint?: {
        type: 'maxNorm';
        value: number;
      };
      /** [true] */
      bias?: boolean;
      biasInitializer?: Initializer;
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        weight?: Array<unknown>;
        bias?: Array<unknown>;
      };
    }
  | {
      type: 'separableConv2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      filters: number;
      kernel: number | Array<number>;
      /** Filters of each channel [1]. */
      multiplier?: number;
      stride?: number | Array<number>;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
      dilation?: number | Array<number>;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation?:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      initializer?: Initializer;
      /** Adds l1 · Σ|w| + l2 · Σw² of the weight to the loss. */
      regularizer?: {
        l1?: number;
        l2?: number;
      };
      /** After each step the weights of a unit are scaled to a norm of at most `value`. */
      constraint?: {
        type: 'maxNorm';
        value: number;
      };
      /** [true] */
      bias?: boolean;
      biasInitializer?: Initializer;
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        depthwise?: Array<unknown>;
        pointwise?: Array<unknown>;
        bias?: Array<unknown>;
      };
    }
  | {
      type: 'conv2dTranspose';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      filters: number;
      kernel: number | Array<number>;
      stride?: number | Array<number>;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation?:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      initializer?: Initializer;
      /** Adds l1 · Σ|w| + l2 · Σw² of the weight to the loss. */
      regularizer?: {
        l1?: number;
        l2?: number;
      };
      /** [true] */
      bias?: boolean;
      biasInitializer?: Initializer;
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        weight?: Array<unknown>;
        bias?: Array<unknown>;
      };
    }
  | {
      type: 'maxPool1d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      size?: number;
      stride?: number;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
    }
  | {
      type: 'maxPool2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      size?: number | Array<number>;
      stride?: number | Array<number>;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
    }
  | {
      type: 'averagePool1d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      size?: number;
      stride?: number;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
    }
  | {
      type: 'averagePool2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      size?: number | Array<number>;
      stride?: number | Array<number>;
      /** "valid" (none), "same" (output = input / stride, rounded up) or a number of zeros on each side. */
      padding?: 'valid' | 'same' | number;
    }
  | {
      type: 'globalMaxPool2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
    }
  | {
      type: 'globalAveragePool2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
    }
  | {
      type: 'upSampling2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      size?: number | Array<number>;
    }
  | {
      type: 'zeroPadding2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      /** On each side, or [vertical, horizontal], or [top, bottom, left, right] [1]. */
      padding?: number | Array<number>;
    }
  | {
      type: 'cropping2d';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      /** On each side, or [vertical, horizontal], or [top, bottom, left, right] [1]. */
      cropping?: number | Array<number>;
    }
  | {
      type: 'flatten';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
    }
  | {
      type: 'reshape';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      /** One size may be −1: what is left for it. */
      shape: Array<number | -1>;
    }
  | {
      type: 'batchNorm';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      /** [1e-5] */
      epsilon?: number;
      /** Share of the newest batch in the moving statistics [0.1]. */
      momentum?: number;
      /** Whether it learns gamma [true]. */
      scale?: boolean;
      /** Whether it learns beta [true]. */
      center?: boolean;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation?:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        gamma?: Array<unknown>;
        beta?: Array<unknown>;
        mean?: Array<unknown>;
        variance?: Array<unknown>;
      };
    }
  | {
      type: 'layerNorm';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      /** [1e-5] */
      epsilon?: number;
      /** Whether it learns gamma [true]. */
      scale?: boolean;
      /** Whether it learns beta [true]. */
      center?: boolean;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation?:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        gamma?: Array<unknown>;
        beta?: Array<unknown>;
      };
    }
  | {
      type: 'dropout';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      rate: number;
    }
  | {
      type: 'spatialDropout';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      rate: number;
    }
  | {
      type: 'gaussianNoise';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      stddev: number;
    }
  | {
      type: 'activation';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      /** Applied to the output; softmax runs over the last dimension, step is 1 where z > 0 and 0 elsewhere. */
      activation:
        | 'linear'
        | 'relu'
        | 'leakyRelu'
        | 'sigmoid'
        | 'tanh'
        | 'step'
        | 'elu'
        | 'selu'
        | 'softplus'
        | 'hardSigmoid'
        | 'gelu'
        | 'silu'
        | 'softmax';
      /** Of leakyRelu [0.01]. */
      slope?: number;
      /** Of elu [1]. */
      alpha?: number;
    }
  | {
      type: 'prelu';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      initializer?: Initializer;
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        slope?: Array<unknown>;
      };
    }
  | {
      type: 'add';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
    }
  | {
      type: 'multiply';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
    }
  | {
      type: 'concatenate';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
    }
  | {
      type: 'embedding';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      /** Indices go from 0 to vocabulary − 1. */
      vocabulary: number;
      /** Numbers that stand for an index. */
      units: number;
      initializer?: Initializer;
      /** Adds l1 · Σ|w| + l2 · Σw² of the weight to the loss. */
      regularizer?: {
        l1?: number;
        l2?: number;
      };
      /** Start from these values, nested as the tensors’ shapes. */
      weights?: {
        weight?: Array<unknown>;
      };
    }
  | {
      type: 'rescaling';
      name?: string;
      /** Name of the layer whose output it takes, or several; "input" is the network’s input [the layer before]. */
      from?: string | Array<string>;
      scale?: number;
      offset?: number;
    };

/** Id, name, or a dataset to be stored and used. */
export type DatasetInput =
  | string
  | {
      /** No control characters. */
      name?: string;
      /** Default: text, boolean and IDX targets are classes, numbers a regression. */
      task?: 'classification' | 'regression';
      /** Names of the classes in the order of their indices. Integer targets are indices into it, unless all names are integers: then they are names. */
      classes?: Array<string>;
      /** Names of the inputs, rank 1 only. */
      features?: Array<string>;
      /** Fractions of the samples [0], or the column that decides. */
      split?: Split;
      /** Keep the first samples of a split. */
      limit?: {
        train?: number;
        validation?: number;
        test?: number;
      };
      /** Samples: numbers or nested arrays of one shape; goes with targets. */
      inputs?: Array<unknown>;
      /** One for each input. */
      targets?: Array<unknown>;
      synthetic?: Synthetic;
      /** Data that comes along. */
      builtin?: 'mnist' | 'digits' | 'iris' | 'wine' | 'breastCancer';
    };

/** A preset, and what is to differ from it. */
export type CreateJobBodyInput = {
  /** No control characters. */
  name?: string;
  /** Keys of a training, merged into the preset’s. */
  training?: Record<string, unknown>;
  /** Higher goes first; of equals the older [0]. */
  priority?: number;
  /** Name of a preset. */
  preset: string;
  network?: Network;
  /** Id, name, or a dataset to be stored and used. */
  dataset?: DatasetInput;
};

/** Exactly one of the two. */
export type PredictBody = {
  /** Rows in raw units of the dataset, nested or flat; of a model that learnt from a table also objects by its columns' names. */
  instances?: Array<unknown>;
  /** PNG, JPEG or WebP in base64, or data: URLs. */
  images?: Array<string>;
};

export type InferBody = {
  /** Comes back in the answer. */
  id?: string;
  parameters?: {
    /** All outputs as binary data. */
    binary_data_output?: boolean;
  } & Record<string, unknown>;
  inputs: Array<
    {
      /** "input" */
      name: string;
      /** [rows, …a row's shape] or [rows, numbers of a row]; at most 1000 rows. */
      shape: Array<number>;
      /** FP32, UINT8, FP64 or an INT or UINT of any size. */
      datatype: string;
      parameters?: {
        /** Bytes after the JSON. */
        binary_data_size?: number;
      } & Record<string, unknown>;
      /** Raw values, flat or nested as the shape. */
      data?: Array<unknown>;
    } & Record<string, unknown>
  >;
  /** Left out: all. */
  outputs?: Array<
    {
      name: string;
      parameters?: {
        binary_data?: boolean;
        /** So many of the largest values, as "VALUE:INDEX:LABEL". */
        classification?: number;
      } & Record<string, unknown>;
    } & Record<string, unknown>
  >;
} & Record<string, unknown>;

/** What each call takes and answers, by the media types of bodies; `null` is a body that is not there. */
export interface Operations {
  /** Where things are. */
  getRoot: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Name, version and links. */
      200: {
        'application/json': {
          name: string;
          version: string;
          links: Record<string, string>;
        };
      };
    };
  };

  /** Is the process alive. */
  getHealth: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** It is. */
      200: {
        'application/json': {
          status: 'ok';
        };
      };
    };
  };

  /** Can it take work. */
  getReadiness: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** It can. */
      200: {
        'application/json': {
          status: 'ok';
        };
      };
    };
  };

  /** Version, instruction set and threads. */
  getInfo: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** What runs here. */
      200: {
        'application/json': Info;
      };
    };
  };

  /** Make a dataset from values, a generator or files. JSON for what is small or made up, multipart/form-data for files, which stream to disk. */
  createDataset: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: {
      'application/json': {
        /** No control characters. */
        name: string;
        /** Default: text, boolean and IDX targets are classes, numbers a regression. */
        task?: 'classification' | 'regression';
        /** Names of the classes in the order of their indices. Integer targets are indices into it, unless all names are integers: then they are names. */
        classes?: Array<string>;
        /** Names of the inputs, rank 1 only. */
        features?: Array<string>;
        /** Fractions of the samples [0], or the column that decides. */
        split?: Split;
        /** Keep the first samples of a split. */
        limit?: {
          train?: number;
          validation?: number;
          test?: number;
        };
        /** Samples: numbers or nested arrays of one shape; goes with targets. */
        inputs?: Array<unknown>;
        /** One for each input. */
        targets?: Array<unknown>;
        synthetic?: Synthetic;
        /** Data that comes along. */
        builtin?: 'mnist' | 'digits' | 'iris' | 'wine' | 'breastCancer';
      };
      'multipart/form-data': {
        meta: {
          /** No control characters. */
          name: string;
          /** Default: text, boolean and IDX targets are classes, numbers a regression. */
          task?: 'classification' | 'regression';
          /** Names of the classes in the order of their indices. Integer targets are indices into it, unless all names are integers: then they are names. */
          classes?: Array<string>;
          /** Names of the inputs, rank 1 only. */
          features?: Array<string>;
          /** Fractions of the samples [0], or the column that decides. */
          split?: Split;
          /** Keep the first samples of a split. */
          limit?: {
            train?: number;
            validation?: number;
            test?: number;
          };
          /** Column of the targets [the last one]; several columns of numbers are a regression. */
          target?: string | Array<string>;
          /** How single columns are to be read, by name. */
          columns?: Columns;
          /** What becomes of empty cells: refuse the table [refuse], drop the row, or fill with a value learnt from the training split, or with a constant. Columns without a mean take their most frequent value. */
          missing?: Missing;
          /** Whether the first row has the names of the columns [found out]. */
          header?: boolean;
          /** What images become [the size that most of them have]. */
          image?: Image;
          /** What becomes of images that cannot be read [refuse]. */
          broken?: 'refuse' | 'skip';
          /** Of the files [found out]. */
          format?: 'idx' | 'csv' | 'tsv' | 'json' | 'ndjson' | 'npy' | 'npz' | 'parquet' | 'images';
          /** View each sample in this shape. */
          shape?: Array<number>;
        };
        file?: Blob;
        validationFile?: Blob;
        testFile?: Blob;
        images?: Blob;
        labels?: Blob;
        testImages?: Blob;
        testLabels?: Blob;
        inputs?: Blob;
        targets?: Blob;
        testInputs?: Blob;
        testTargets?: Blob;
        validationInputs?: Blob;
        validationTargets?: Blob;
      };
    };
    answer: {
      /** The dataset, stored. */
      201: {
        'application/json': Dataset;
      };
    };
  };

  /** List datasets, the newest first. */
  listDatasets: {
    path: Record<string, never>;
    query: {
      /** Items of one page. */
      limit?: number;
      /** `next` of the page before. */
      cursor?: string;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** A page of datasets. */
      200: {
        'application/json': {
          items: Array<Dataset>;
          next: string | null;
        };
      };
    };
  };

  /** Show one dataset. */
  getDataset: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The dataset. */
      200: {
        'application/json': Dataset;
      };
    };
  };

  /** Delete a dataset that no unfinished job needs. */
  deleteDataset: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Deleted. */
      204: null;
    };
  };

  /** Look at rows of a dataset. */
  listSamples: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** Which part of the dataset. */
      split?: 'train' | 'validation' | 'test';
      offset?: number;
      limit?: number;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** Rows in raw units. */
      200: {
        'application/json': {
          items: Array<Sample>;
          /** Rows of the split. */
          total: number;
          /** Offset of the following page. */
          next: number | null;
        };
      };
    };
  };

  /** Add samples to a dataset. Makes a new dataset of the same name, which the name means from now on; a job keeps the one that it was given. Of the versions that additions made, the newest ten stay (HEBB_KEEP_VERSIONS), and those that a job was given. multipart/form-data: image and label, as many of both as there are new images, which get the size and the channels of the others. */
  addSamples: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** Where the samples go. */
      split?: 'train' | 'validation' | 'test';
      /** Take labels that are no class yet as new classes, behind the others; otherwise they are refused. */
      newClasses?: boolean;
      /** Delete the version that the samples are added to, unless a job was given it. */
      replace?: boolean;
      /** Of images. */
      fit?: 'contain' | 'cover' | 'fill';
      /** Of images: dark becomes light. */
      invert?: boolean;
    };
    header: Record<string, never>;

    body: {
      'application/json': {
        /** Samples in the units of the dataset, each nested as inputShape, or flat. */
        inputs: Array<unknown>;
        /** One for each: a class name, an index of a class, or numbers. */
        targets: Array<unknown>;
      };
      'multipart/form-data': {
        image: Array<Blob>;
        label: Array<string>;
      };
    };
    answer: {
      /** The new dataset, stored. */
      201: {
        'application/json': Dataset;
      };
    };
  };

  /** Look at one sample of an image dataset. */
  getSamplePng: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
      index: number;
    };
    query: {
      /** Which part of the dataset. */
      split?: 'train' | 'validation' | 'test';
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** The sample. */
      200: {
        'image/png': Blob;
      };
    };
  };

  /** What a look at all samples tells. Values of each input in the training split, classes, duplicates, blank images, and what is most likely not meant. */
  getDatasetReport: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The report. */
      200: {
        'application/json': DatasetReport;
      };
    };
  };

  /** Look at many samples of an image dataset at once. */
  getSheetPng: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** Which part of the dataset. */
      split?: 'train' | 'validation' | 'test';
      /** Samples below each other. */
      rows?: number;
      /** Samples beside each other. */
      columns?: number;
      /** Only samples of this class. */
      class?: string;
      /** Samples that are passed over. */
      offset?: number;
      /** JSON list as in a training, URL-encoded: shows what it makes of the samples, with the default normalisation; of large images only so many as have 2,097,152 numbers. */
      augmentation?: string;
      /** Of the augmentation [0]. */
      seed?: number;
      /** Of the augmentation: another draw in each [0]. */
      epoch?: number;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** The samples, row by row. */
      200: {
        'image/png': Blob;
      };
    };
  };

  /** How the values of an input are spread. */
  getHistogramSvg: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** Name or place of an input, or of a channel: red, green, blue, grey [the first input; all channels]. */
      feature?: string;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** The picture. */
      200: {
        'image/svg+xml': Blob;
      };
    };
  };

  /** List jobs, the newest first. */
  listJobs: {
    path: Record<string, never>;
    query: {
      /** Items of one page. */
      limit?: number;
      /** `next` of the page before. */
      cursor?: string;
      state?: 'queued' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** A page of jobs. */
      200: {
        'application/json': {
          items: Array<Job>;
          next: string | null;
        };
      };
    };
  };

  /** Train a network. Checked before it is accepted; `?dryRun=true` tells what it would cost and stores nothing. A dataset that comes along is stored once, and not at all where the job is refused. */
  createJob: {
    path: Record<string, never>;
    query: {
      /** Only tell shapes and costs; nothing is stored. */
      dryRun?: boolean;
    };
    header: {
      /** Any text of the client’s own: for 24 hours the same key and body give the same job, another body 422. Multipart bodies are the same where job, meta and the SHA-256 of the files are. */
      'idempotency-key'?: string;
    };

    body: {
      'application/json': CreateJobBody | CreateJobBodyInput;
      'multipart/form-data': {
        /** As in JSON, without `dataset`. */
        job: CreateJobBody | CreateJobBodyInput;
        /** As of POST /v1/datasets; a name is not needed. */
        meta: {
          /** No control characters. */
          name?: string;
          /** Default: text, boolean and IDX targets are classes, numbers a regression. */
          task?: 'classification' | 'regression';
          /** Names of the classes in the order of their indices. Integer targets are indices into it, unless all names are integers: then they are names. */
          classes?: Array<string>;
          /** Names of the inputs, rank 1 only. */
          features?: Array<string>;
          /** Fractions of the samples [0], or the column that decides. */
          split?: Split;
          /** Keep the first samples of a split. */
          limit?: {
            train?: number;
            validation?: number;
            test?: number;
          };
          /** Column of the targets [the last one]; several columns of numbers are a regression. */
          target?: string | Array<string>;
          /** How single columns are to be read, by name. */
          columns?: Columns;
          /** What becomes of empty cells: refuse the table [refuse], drop the row, or fill with a value learnt from the training split, or with a constant. Columns without a mean take their most frequent value. */
          missing?: Missing;
          /** Whether the first row has the names of the columns [found out]. */
          header?: boolean;
          /** What images become [the size that most of them have]. */
          image?: Image;
          /** What becomes of images that cannot be read [refuse]. */
          broken?: 'refuse' | 'skip';
          /** Of the files [found out]. */
          format?: 'idx' | 'csv' | 'tsv' | 'json' | 'ndjson' | 'npy' | 'npz' | 'parquet' | 'images';
          /** View each sample in this shape. */
          shape?: Array<number>;
        };
        file?: Blob;
        validationFile?: Blob;
        testFile?: Blob;
        images?: Blob;
        labels?: Blob;
        testImages?: Blob;
        testLabels?: Blob;
        inputs?: Blob;
        targets?: Blob;
        testInputs?: Blob;
        testTargets?: Blob;
        validationInputs?: Blob;
        validationTargets?: Blob;
      };
    };
    answer: {
      /** A dry run: shapes and costs. */
      200: {
        'application/json': DryRun;
      };
      /** The job, completed with every default. */
      202: {
        'application/json': Job;
      };
    };
  };

  /** Show one job. */
  getJob: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The job. */
      200: {
        'application/json': Job;
      };
    };
  };

  /** Change the learning rate of a job that runs or is paused. Schedules go on from the new rate. Where a job runs steps once more that it has told of, after an interruption, the rate holds behind them. The job ends in the same bits wherever it is interrupted. */
  changeJob: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: {
      'application/json': {
        training: {
          /** Of a job that runs or is paused. */
          optimizer: {
            learningRate: number;
          };
        };
      };
    };
    answer: {
      /** The job; `learningRateChanges` says from which step on. */
      200: {
        'application/json': Job;
      };
    };
  };

  /** Delete a job and its model. */
  deleteJob: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Deleted. */
      204: null;
    };
  };

  /** A job's curves as rows, in JSON or CSV. */
  getJobMetrics: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      resolution?: 'epoch' | 'step';
      /** Only rows after this `seq`. */
      since?: number;
      /** Thin to about so many rows; first, last, and min and max of each stretch stay. */
      points?: number;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** The rows; `Accept: text/csv` gives CSV with a header line. */
      200: {
        'application/json': {
          rows: Array<MetricRow>;
          /** The last `seq`: what to send as `since`. */
          next: number;
        };
        'text/csv': string;
      };
    };
  };

  /** Loss and accuracy curves as a picture. */
  getJobCurves: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Two panels: loss and accuracy. */
      200: {
        'image/svg+xml': Blob;
      };
    };
  };

  /** What a network of two inputs makes of the plane, as a picture. Coloured by class, or by value where there is one output, with samples of the training split. Without `epoch` by the weights that the job ended with; while it runs, by those of the newest epoch. Past epochs are kept of networks with less than 1 MiB of weights. */
  getJobDecision: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** The weights after this epoch, or after the last kept one before it; the title says which. */
      epoch?: number;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** The region, the samples and a legend. */
      200: {
        'image/svg+xml': Blob;
      };
    };
  };

  /** The health of every layer, epoch by epoch, and what it says. Measured at the ends of epochs (the first, the last, and some 200 between at most) on up to 256 rows of the training split, as in training. The findings are plain words about all of it; an empty list is good news. */
  getJobDiagnostics: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Rows and findings. */
      200: {
        'application/json': {
          rows: Array<DiagnosticsRow>;
          findings: Array<Finding>;
        };
      };
    };
  };

  /** How a completed classification reads each class, and what it reads worst. Over the test split where there is one, otherwise over validation, otherwise over train. */
  getJobEvaluation: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Classes, confusion matrix and worst samples. */
      200: {
        'application/json': Evaluation;
      };
    };
  };

  /** What happened to a job, entry by entry. A job keeps its newest 10,000 entries. */
  getJobLog: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** Only entries after this `seq`. */
      since?: number;
      /** Entries at most. */
      limit?: number;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** The entries, the oldest first; `Accept: application/x-ndjson` gives one a line. */
      200: {
        'application/json': {
          items: Array<LogEntry>;
          /** The last `seq`: what to send as `since`. */
          next: number;
        };
        'application/x-ndjson': string;
      };
    };
  };

  /** Cancel a job; its best weights so far become a model. */
  cancelJob: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The job. */
      200: {
        'application/json': Job;
      };
    };
  };

  /** Put a job aside at its next step, with a checkpoint; its place goes to others. */
  pauseJob: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The job, standing still. */
      200: {
        'application/json': Job;
      };
    };
  };

  /** Put a paused job back into the queue; it goes on from its checkpoint. */
  resumeJob: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The job. */
      200: {
        'application/json': Job;
      };
    };
  };

  /** The checkpoints of a job that are kept, the newest first. */
  listCheckpoints: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The checkpoints. */
      200: {
        'application/json': {
          items: Array<Checkpoint>;
          next: string | null;
        };
      };
    };
  };

  /** Start a new job from a checkpoint of this one, with other settings. It goes on with the steps, the optimiser’s state and the best weights of the checkpoint. Batches, seed, normalisation and the type of the optimiser stay. Where the training ended within an epoch, a new one begins. */
  forkJob: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: {
      /** Any text of the client’s own: for 24 hours the same key and body give the same job, another body 422. Multipart bodies are the same where job, meta and the SHA-256 of the files are. */
      'idempotency-key'?: string;
    };

    body: {
      'application/json': {
        /** No control characters. */
        name?: string;
        /** Higher goes first; of equals the older [0]. */
        priority?: number;
        /** Of one of the job’s checkpoints [the newest]. */
        step?: number;
        /** Keys of a training, merged into the job’s. */
        training?: Record<string, unknown>;
      };
    };
    answer: {
      /** The new job. */
      202: {
        'application/json': Job;
      };
    };
  };

  /** List jobs that are ready to be sent. The systems of the course in its order, then others. POST /v1/jobs with {"preset": NAME} runs one. */
  listPresets: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** All presets. */
      200: {
        'application/json': {
          items: Array<Preset>;
          next: string | null;
        };
      };
    };
  };

  /** Show one preset. */
  getPreset: {
    path: {
      name: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The preset. */
      200: {
        'application/json': Preset;
      };
    };
  };

  /** Follow a job by server-sent events. Events `state`, `progress`, `epoch` and `diagnostics` with ids, those of the past first; ends after the final state. A reader that comes back with `Last-Event-ID` gets what it missed, or 204 where the job is over and nothing was missed. */
  streamJobEvents: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: {
      /** Id of the last event seen. */
      'last-event-id'?: string;
    };

    body: null;
    answer: {
      /** The stream. */
      200: {
        'text/event-stream': string;
      };
      /** The job is over and nothing was missed. */
      204: null;
    };
  };

  /** Bring a model. A network with its weights, or an ONNX file. It predicts, leaves and can be started from as those that were trained here; the alias `default` does not follow it. */
  importModel: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: {
      'multipart/form-data': {
        /** What the file does not say, or what is to differ from it. */
        meta?: {
          /** No control characters, no slashes [model- and the end of its id]. */
          name?: string;
          /** Default: classification with classes, a loss of classes, or softmax at the end; otherwise regression. */
          task?: 'classification' | 'regression';
          loss?:
            | 'softmaxCrossEntropy'
            | 'binaryCrossEntropy'
            | 'meanSquaredError'
            | 'halfSquaredError'
            | 'meanAbsoluteError'
            | 'huber'
            | 'hinge'
            | 'perceptron'
            | null;
          classes?: Array<string> | null;
          normalization?: NormalizationInput;
          /** Of the instances that predictions take, channels last, of as many elements as the network’s input [that]. */
          inputShape?: Array<number>;
          /** Units of images that predictions take: 0 to 255 (uint8) or 0 to 1 [float32]. */
          inputType?: 'uint8' | 'float32';
        };
        /** The JSON export, or {input, layers} with or without the keys of meta beside them. */
        network?: Record<string, unknown>;
        /** safetensors: a tensor LAYER.PARAMETER for each parameter, F32. */
        weights?: Blob;
        /** ONNX, of any program, for rows or images of one size. */
        file?: Blob;
      };
    };
    answer: {
      /** The model, stored. */
      201: {
        'application/json': Model;
      };
    };
  };

  /** List models, or those of a name, the newest first. */
  listModels: {
    path: Record<string, never>;
    query: {
      /** Items of one page. */
      limit?: number;
      /** `next` of the page before. */
      cursor?: string;
      /** Only its versions. */
      name?: string;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** A page of models. */
      200: {
        'application/json': {
          items: Array<Model>;
          next: string | null;
        };
      };
    };
  };

  /** Two models side by side. Differences are b − a. Layers are paired such that as few as possible are changed, added or removed. */
  compareModels: {
    path: Record<string, never>;
    query: {
      /** One model: an id, an alias, a name or NAME@VERSION. */
      a: string;
      /** The other model: an id, an alias, a name or NAME@VERSION. */
      b: string;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** What differs. */
      200: {
        'application/json': ModelComparison;
      };
    };
  };

  /** Show one model. */
  getModel: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The model. */
      200: {
        'application/json': Model;
      };
    };
  };

  /** Say what a model is for. */
  describeModel: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: {
      'application/json': {
        /** What it is for, plain text. */
        notes?: string;
        tags?: Array<string>;
      };
    };
    answer: {
      /** The model. */
      200: {
        'application/json': Model;
      };
    };
  };

  /** Delete a model. */
  deleteModel: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Deleted. */
      204: null;
    };
  };

  /** What is known of a model, as Markdown. Data, architecture, settings, curves, figures, hash, and how to ask it. */
  getModelCard: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The card. */
      200: {
        'text/markdown': string;
      };
    };
  };

  /** Download a model. safetensors: tensors in layer order, named `LAYER.weight` and `LAYER.bias`; its SHA-256 is `weightsHash`. The ETag stays the same as long as the file does. */
  exportModel: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** safetensors: the weights. onnx: the whole model, raw inputs to outputs. json: what it is beside its weights. ts: a TypeScript file that predicts, of small networks. */
      format?: 'safetensors' | 'onnx' | 'json' | 'ts';
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** The file. */
      200: {
        'application/octet-stream': Blob;
        'application/json': Record<string, unknown>;
        'text/typescript': string;
      };
    };
  };

  /** Give a model another name. The alias `default` follows the newest completed job until it is set here. */
  setAlias: {
    path: {
      alias: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: {
      'application/json': {
        /** Id, alias or name of a model. */
        model: string;
      };
    };
    answer: {
      /** The alias. */
      200: {
        'application/json': Alias;
      };
    };
  };

  /** Remove an alias. The alias `default` then follows the newest completed job again. */
  removeAlias: {
    path: {
      alias: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Removed. */
      204: null;
    };
  };

  /** Where an alias points. */
  getAlias: {
    path: {
      alias: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The alias. */
      200: {
        'application/json': Alias;
      };
    };
  };

  /** Where an alias pointed and when, the newest first. An alias keeps its newest 1,000 changes, also when it is removed. */
  listAliasHistory: {
    path: {
      alias: string;
    };
    query: {
      /** Items of one page. */
      limit?: number;
      /** `next` of the page before. */
      cursor?: string;
    };
    header: Record<string, never>;

    body: null;
    answer: {
      /** A page of changes. */
      200: {
        'application/json': {
          items: Array<AliasEvent>;
          next: string | null;
        };
      };
    };
  };

  /** Point an alias at the model before. Once more: at the one before that. Models that are deleted are passed over and named. An alias that was removed comes back. */
  rollBackAlias: {
    path: {
      alias: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** Where it points now. */
      200: {
        'application/json': RollBack;
      };
    };
  };

  /** List aliases. */
  listAliases: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** All aliases. */
      200: {
        'application/json': {
          items: Array<Alias>;
          next: null;
        };
      };
    };
  };

  /** Predict with the default model, or with the one named. */
  predict: {
    path: Record<string, never>;
    query: {
      /** Id, alias or name. */
      model?: string;
      /** Classes to list. */
      top?: number;
      /** Names of layers whose activations are wanted, by commas. */
      layers?: string;
      /** How an image comes to the model's size [contain]. */
      fit?: 'contain' | 'cover' | 'fill';
      /** Swap dark and light of images [false]; auto: of those with a light ground, as ink on paper has. */
      invert?: 'true' | 'false' | 'auto';
      /** Shift an image so that its centre of mass comes to the middle [as it is]. */
      center?: 'mass';
    };
    header: Record<string, never>;

    body: {
      'application/json': PredictBody;
      'image/png': Blob;
      'image/jpeg': Blob;
      'image/webp': Blob;
      'multipart/form-data': {
        image: Array<Blob>;
      };
    };
    answer: {
      /** One prediction for each row or image, in order. */
      200: {
        'application/json': Predictions;
      };
    };
  };

  /** Predict with one model. */
  predictWithModel: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** Classes to list. */
      top?: number;
      /** Names of layers whose activations are wanted, by commas. */
      layers?: string;
      /** How an image comes to the model's size [contain]. */
      fit?: 'contain' | 'cover' | 'fill';
      /** Swap dark and light of images [false]; auto: of those with a light ground, as ink on paper has. */
      invert?: 'true' | 'false' | 'auto';
      /** Shift an image so that its centre of mass comes to the middle [as it is]. */
      center?: 'mass';
    };
    header: Record<string, never>;

    body: {
      'application/json': PredictBody;
      'image/png': Blob;
      'image/jpeg': Blob;
      'image/webp': Blob;
      'multipart/form-data': {
        image: Array<Blob>;
      };
    };
    answer: {
      /** One prediction for each row or image, in order. */
      200: {
        'application/json': Predictions;
      };
    };
  };

  /** What serves here, and which extensions of the protocol it knows. */
  getInferenceServer: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The server. */
      200: {
        'application/json': {
          name: string;
          version: string;
          extensions: Array<string>;
        };
      };
    };
  };

  /** Is the process alive. */
  isInferenceServerLive: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** It is. */
      200: {
        'application/json': {
          live: true;
        };
      };
    };
  };

  /** Can it take requests. */
  isInferenceServerReady: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** It can. */
      200: {
        'application/json': {
          ready: true;
        };
      };
    };
  };

  /** The newest 1,000 models with their versions. */
  listInferenceModels: {
    path: Record<string, never>;
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The models. */
      200: {
        'application/json': Array<{
          name: string;
          version: string;
          state: 'READY';
          reason: string;
        }>;
      };
    };
  };

  /** What a model takes and gives. */
  getInferenceModel: {
    path: {
      /** An id, an alias or a name. */
      name: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The model. */
      200: {
        'application/json': InferenceMetadata;
      };
    };
  };

  /** Can a model be asked. */
  isInferenceModelReady: {
    path: {
      /** An id, an alias or a name. */
      name: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** It can. */
      200: {
        'application/json': {
          name: string;
          ready: true;
        };
      };
    };
  };

  /** Ask a model. With the header `Inference-Header-Content-Length` that many bytes of the body are JSON and the rest is binary data: little-endian, row by row. An output of which `parameters.classification` values are wanted comes as texts `VALUE:INDEX:LABEL`. */
  infer: {
    path: {
      /** An id, an alias or a name. */
      name: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: {
      'application/json': InferBody;
      'application/octet-stream': Blob;
    };
    answer: {
      /** The outputs; binary data follows the JSON where it was asked for. */
      200: {
        'application/json': InferenceAnswer;
        'application/octet-stream': Blob;
      };
    };
  };

  /** What a model takes and gives. */
  getInferenceModelOfVersion: {
    path: {
      /** An id, an alias or a name. */
      name: string;
      /** Place of the model among those of its name. */
      version: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** The model. */
      200: {
        'application/json': InferenceMetadata;
      };
    };
  };

  /** Can a model be asked. */
  isInferenceModelReadyOfVersion: {
    path: {
      /** An id, an alias or a name. */
      name: string;
      /** Place of the model among those of its name. */
      version: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: null;
    answer: {
      /** It can. */
      200: {
        'application/json': {
          name: string;
          ready: true;
        };
      };
    };
  };

  /** Ask a model. With the header `Inference-Header-Content-Length` that many bytes of the body are JSON and the rest is binary data: little-endian, row by row. An output of which `parameters.classification` values are wanted comes as texts `VALUE:INDEX:LABEL`. */
  inferOfVersion: {
    path: {
      /** An id, an alias or a name. */
      name: string;
      /** Place of the model among those of its name. */
      version: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: {
      'application/json': InferBody;
      'application/octet-stream': Blob;
    };
    answer: {
      /** The outputs; binary data follows the JSON where it was asked for. */
      200: {
        'application/json': InferenceAnswer;
        'application/octet-stream': Blob;
      };
    };
  };

  /** Measure a model on a dataset that fits: metrics, classes, calibration, the samples that it reads worst. */
  evaluateModel: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: Record<string, never>;
    header: Record<string, never>;

    body: {
      'application/json': {
        /** Id or name of a dataset. */
        dataset: string;
        /** [test where there is one, else validation, else train] */
        split?: 'train' | 'validation' | 'test' | 'all';
      };
    };
    answer: {
      /** What was measured. */
      200: {
        'application/json': ModelEvaluation;
      };
    };
  };

  /** Which pixels or features speak for a class. */
  explainPrediction: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** [gradCam where images go through layers whose output is an image; contributions of tables; else gradient, and occlusion where there is none] */
      method?: 'gradCam' | 'gradient' | 'gradientTimesInput' | 'occlusion' | 'contributions';
      /** Whose score is explained [the class that is predicted]. */
      class?: string;
      /** Of a regression: which output, from 0 [0]. */
      output?: number;
      /** Of gradCam [the last layer whose output is an image]. */
      layer?: string;
      /** Of occlusion of images: side of the square that covers, in pixels [a seventh of the shorter side]. */
      patch?: number;
      /** Pixels between two places of the square [half of it]. */
      stride?: number;
      /** What covers, in raw units [the mean of the training split, 0 where that is gone]. */
      fill?: number;
      /** Numbers, or the image with the heat over it; `Accept: image/png` asks for that, too [json]. */
      format?: 'json' | 'png';
      /** How an image comes to the model's size [contain]. */
      fit?: 'contain' | 'cover' | 'fill';
      /** Swap dark and light of images [false]; auto: of those with a light ground, as ink on paper has. */
      invert?: 'true' | 'false' | 'auto';
      /** Shift an image so that its centre of mass comes to the middle [as it is]. */
      center?: 'mass';
    };
    header: Record<string, never>;

    body: {
      'application/json': {
        /** Rows in raw units of the dataset, nested or flat; of a model that learnt from a table also objects by its columns' names. */
        instances?: Array<unknown>;
        /** PNG, JPEG or WebP in base64, or data: URLs. */
        images?: Array<string>;
        /** [gradCam where images go through layers whose output is an image; contributions of tables; else gradient, and occlusion where there is none] */
        method?: 'gradCam' | 'gradient' | 'gradientTimesInput' | 'occlusion' | 'contributions';
        /** Whose score is explained [the class that is predicted]. */
        class?: string;
        /** Of a regression: which output, from 0 [0]. */
        output?: number;
        /** Of gradCam [the last layer whose output is an image]. */
        layer?: string;
        /** Of occlusion of images: side of the square that covers, in pixels [a seventh of the shorter side]. */
        patch?: number;
        /** Pixels between two places of the square [half of it]. */
        stride?: number;
        /** What covers, in raw units [the mean of the training split, 0 where that is gone]. */
        fill?: number;
        /** Numbers, or the image with the heat over it; `Accept: image/png` asks for that, too [json]. */
        format?: 'json' | 'png';
      };
      'image/png': Blob;
      'image/jpeg': Blob;
      'image/webp': Blob;
      'multipart/form-data': {
        image: Array<Blob>;
      };
    };
    answer: {
      /** An explanation for each input, in order; or a picture. */
      200: {
        'application/json': Explanations;
        'image/png': Blob;
      };
    };
  };

  /** Of unlabelled samples those whose labels would teach most. */
  suggestSamples: {
    path: {
      /** An id, an alias or a name (its newest bearer); of models also NAME@VERSION. */
      id: string;
    };
    query: {
      /** By −Σ p log p, by 1 − (largest − second p), or by 1 − largest p [entropy]. */
      strategy?: 'entropy' | 'margin' | 'leastConfidence';
      /** [10] */
      count?: number;
      /** Take such as are far from each other, among five times as many [true]. */
      spread?: boolean;
      /** How an image comes to the model's size [contain]. */
      fit?: 'contain' | 'cover' | 'fill';
      /** Swap dark and light of images [false]; auto: of those with a light ground, as ink on paper has. */
      invert?: 'true' | 'false' | 'auto';
      /** Shift an image so that its centre of mass comes to the middle [as it is]. */
      center?: 'mass';
    };
    header: Record<string, never>;

    body: {
      'application/json': {
        /** Rows in raw units of the dataset, nested or flat; of a model that learnt from a table also objects by its columns' names. */
        instances?: Array<unknown>;
        /** PNG, JPEG or WebP in base64, or data: URLs. */
        images?: Array<string>;
        /** Id or name of a dataset. */
        dataset?: string;
        /** Of the dataset [the first with samples]. */
        split?: 'train' | 'validation' | 'test';
        /** By −Σ p log p, by 1 − (largest − second p), or by 1 − largest p [entropy]. */
        strategy?: 'entropy' | 'margin' | 'leastConfidence';
        /** [10] */
        count?: number;
        /** Take such as are far from each other, among five times as many [true]. */
        spread?: boolean;
      };
      'image/png': Blob;
      'image/jpeg': Blob;
      'image/webp': Blob;
      'multipart/form-data': {
        image: Array<Blob>;
      };
    };
    answer: {
      /** Those to be labelled first come first. */
      200: {
        'application/json': Suggestions;
      };
    };
  };
}

/** Where each call goes. */
export const routes = {
  getRoot: { method: 'GET', path: '/' },
  getHealth: { method: 'GET', path: '/healthz' },
  getReadiness: { method: 'GET', path: '/readyz' },
  getInfo: { method: 'GET', path: '/v1/info' },
  createDataset: { method: 'POST', path: '/v1/datasets' },
  listDatasets: { method: 'GET', path: '/v1/datasets' },
  getDataset: { method: 'GET', path: '/v1/datasets/{id}' },
  deleteDataset: { method: 'DELETE', path: '/v1/datasets/{id}' },
  listSamples: { method: 'GET', path: '/v1/datasets/{id}/samples' },
  addSamples: { method: 'POST', path: '/v1/datasets/{id}/samples' },
  getSamplePng: { method: 'GET', path: '/v1/datasets/{id}/samples/{index}.png' },
  getDatasetReport: { method: 'GET', path: '/v1/datasets/{id}/report' },
  getSheetPng: { method: 'GET', path: '/v1/datasets/{id}/sheet.png' },
  getHistogramSvg: { method: 'GET', path: '/v1/datasets/{id}/histogram.svg' },
  listJobs: { method: 'GET', path: '/v1/jobs' },
  createJob: { method: 'POST', path: '/v1/jobs' },
  getJob: { method: 'GET', path: '/v1/jobs/{id}' },
  changeJob: { method: 'PATCH', path: '/v1/jobs/{id}' },
  deleteJob: { method: 'DELETE', path: '/v1/jobs/{id}' },
  getJobMetrics: { method: 'GET', path: '/v1/jobs/{id}/metrics' },
  getJobCurves: { method: 'GET', path: '/v1/jobs/{id}/curves.svg' },
  getJobDecision: { method: 'GET', path: '/v1/jobs/{id}/decision.svg' },
  getJobDiagnostics: { method: 'GET', path: '/v1/jobs/{id}/diagnostics' },
  getJobEvaluation: { method: 'GET', path: '/v1/jobs/{id}/evaluation' },
  getJobLog: { method: 'GET', path: '/v1/jobs/{id}/log' },
  cancelJob: { method: 'POST', path: '/v1/jobs/{id}/cancel' },
  pauseJob: { method: 'POST', path: '/v1/jobs/{id}/pause' },
  resumeJob: { method: 'POST', path: '/v1/jobs/{id}/resume' },
  listCheckpoints: { method: 'GET', path: '/v1/jobs/{id}/checkpoints' },
  forkJob: { method: 'POST', path: '/v1/jobs/{id}/fork' },
  listPresets: { method: 'GET', path: '/v1/presets' },
  getPreset: { method: 'GET', path: '/v1/presets/{name}' },
  streamJobEvents: { method: 'GET', path: '/v1/jobs/{id}/events' },
  importModel: { method: 'POST', path: '/v1/models' },
  listModels: { method: 'GET', path: '/v1/models' },
  compareModels: { method: 'GET', path: '/v1/models/compare' },
  getModel: { method: 'GET', path: '/v1/models/{id}' },
  describeModel: { method: 'PATCH', path: '/v1/models/{id}' },
  deleteModel: { method: 'DELETE', path: '/v1/models/{id}' },
  getModelCard: { method: 'GET', path: '/v1/models/{id}/card' },
  exportModel: { method: 'GET', path: '/v1/models/{id}/export' },
  setAlias: { method: 'PUT', path: '/v1/aliases/{alias}' },
  removeAlias: { method: 'DELETE', path: '/v1/aliases/{alias}' },
  getAlias: { method: 'GET', path: '/v1/aliases/{alias}' },
  listAliasHistory: { method: 'GET', path: '/v1/aliases/{alias}/history' },
  rollBackAlias: { method: 'POST', path: '/v1/aliases/{alias}/rollback' },
  listAliases: { method: 'GET', path: '/v1/aliases' },
  predict: { method: 'POST', path: '/predict' },
  predictWithModel: { method: 'POST', path: '/v1/models/{id}/predict' },
  getInferenceServer: { method: 'GET', path: '/v2' },
  isInferenceServerLive: { method: 'GET', path: '/v2/health/live' },
  isInferenceServerReady: { method: 'GET', path: '/v2/health/ready' },
  listInferenceModels: { method: 'POST', path: '/v2/repository/index' },
  getInferenceModel: { method: 'GET', path: '/v2/models/{name}' },
  isInferenceModelReady: { method: 'GET', path: '/v2/models/{name}/ready' },
  infer: { method: 'POST', path: '/v2/models/{name}/infer' },
  getInferenceModelOfVersion: { method: 'GET', path: '/v2/models/{name}/versions/{version}' },
  isInferenceModelReadyOfVersion: { method: 'GET', path: '/v2/models/{name}/versions/{version}/ready' },
  inferOfVersion: { method: 'POST', path: '/v2/models/{name}/versions/{version}/infer' },
  evaluateModel: { method: 'POST', path: '/v1/models/{id}/evaluate' },
  explainPrediction: { method: 'POST', path: '/v1/models/{id}/explain' },
  suggestSamples: { method: 'POST', path: '/v1/models/{id}/suggest' },
} as const satisfies Record<keyof Operations, { method: string; path: string }>;
