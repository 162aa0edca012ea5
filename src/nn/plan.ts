import { type Fault, HebbError } from '../errors.ts';
import { selectIsa } from '../native.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import { assertValid, compileSchema } from '../validate.ts';
import { type CostSettings, trainingBytes } from './cost.ts';
import { initializerFault } from './initializers.ts';
import type { NetworkConfig } from './networkConfig.ts';
import { optimizers } from './optimizers.ts';
import { type ResolvedNetwork, resolveNetwork } from './resolve.ts';
import {
  type LossName,
  type OptimizerConfig,
  type TrainingConfig,
  type TrainingRequest,
  trainingSchema,
} from './trainingConfig.ts';

/** What a plan needs to know of the data. */
export interface DataDescription {
  task: 'classification' | 'regression';
  /** Number of classes; null for a regression. */
  classes: number | null;
  /** [] for class indices. */
  targetShape: Shape;
  inputType: 'uint8' | 'float32';
}

/** A job before it runs: complete settings, and what it will take. */
export interface JobPlan {
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  resolved: ResolvedNetwork;
  layers: { name: string; type: string; inputShape: Shape; outputShape: Shape; parameters: number; flops: number }[];
  parameters: number;
  /** Of one forward pass. */
  flopsPerSample: number;
  /** Of the training process, without the dataset, which is mapped from a file. */
  memoryBytes: number;
}

const validate = compileSchema(trainingSchema);

/**
 * Completes a job's network and training and works out what it takes, without allocating any of it.
 * @param dataset null for a network with given weights that is not trained
 * @param settings of the processes that train
 * @throws HebbError('invalid-network' | 'invalid-training') with pointers into the job
 */
export function planJob(
  job: {
    network: NetworkConfig;
    training: TrainingRequest | undefined;
    dataset: {
      task: 'classification' | 'regression';
      inputShape: Shape;
      inputType: 'uint8' | 'float32';
      targetShape: Shape;
      classes: string[] | null;
      samples: { train: number; validation?: number; test?: number };
    } | null;
  },
  settings: CostSettings = { isa: selectIsa(), threads: 1 },
): JobPlan {
  const { dataset } = job;
  const request = job.training ?? {};
  assertValid(validate, request, 'invalid-training');
  if (!dataset && request.epochs !== 0) {
    throw invalidTraining('/dataset', 'a job without a dataset cannot train: name one, or ask for 0 epochs');
  }
  const resolved = resolveNetwork(job.network, { dataShape: dataset?.inputShape, pointer: '/network' });
  const data: DataDescription | null = dataset && {
    task: dataset.task,
    classes: dataset.classes?.length ?? null,
    targetShape: dataset.targetShape,
    inputType: dataset.inputType,
  };
  const training = completeTraining(request, resolved, data);
  if (dataset) checkLearning(resolved, training, dataset.samples);
  return {
    network: resolved.config,
    training,
    resolved,
    layers: resolved.layers.map((layer) => ({
      name: layer.name,
      type: layer.config.type,
      inputShape: layer.inputShapes[0]!,
      outputShape: layer.outputShape,
      parameters: layer.parameters.reduce((sum, p) => sum + p.count, 0),
      flops: layer.flops,
    })),
    parameters: resolved.parameterCount,
    flopsPerSample: resolved.flopsPerSample,
    memoryBytes: trainingBytes(resolved, training, dataset?.samples ?? { train: 1 }, settings),
  };
}

/** Samples that are left to train on: validation takes its fraction where the dataset has no such split of its own. */
export function trainingSamples(training: TrainingConfig, samples: { train: number; validation?: number }): number {
  const fraction = samples.validation ? 0 : (training.validation?.fraction ?? 0);
  return samples.train - Math.round(samples.train * fraction);
}

/** @throws HebbError where the settings are fine by themselves, but nothing could be learnt with them */
function checkLearning(
  resolved: ResolvedNetwork,
  training: TrainingConfig,
  samples: { train: number; validation?: number },
): void {
  if (training.epochs === 0) return;
  if (resolved.parameterCount === 0) {
    throw new HebbError('invalid-network', 'no layer of the network has weights: there is nothing to train', [
      { pointer: '/network/layers', message: 'no layer has weights' },
    ]);
  }
  const first = resolved.layers.findIndex((layer) => layer.parameters.length > 0);
  const step = resolved.layers.findIndex((layer, i) => i >= first && layer.config.activation === 'step');
  if (step >= 0 && training.loss.type !== 'perceptron') {
    const message = `the step of layer '${resolved.layers[step]!.name}' has no slope, so no weight before it can learn: use sigmoid, or 0 epochs with given weights`;
    const pointer = `/network/layers/${step}/activation`;
    throw new HebbError('invalid-network', message, [{ pointer, message, received: 'step' }]);
  }
  if (samples.train > 0 && trainingSamples(training, samples) === 0) {
    throw invalidTraining(
      '/training/validation/fraction',
      `a fraction of ${training.validation?.fraction} takes all ${samples.train} training samples: none is left to train on`,
    );
  }
}

/**
 * Fills in every default and checks that loss, network and targets go together.
 * @param data null where nothing is known of it: then nothing is checked
 * @throws HebbError('invalid-network' | 'invalid-training') that says what would fit
 */
export function completeTraining(
  request: TrainingRequest,
  network: ResolvedNetwork,
  data: DataDescription | null,
): TrainingConfig {
  const byRule = request.optimizer?.type === 'perceptron';
  const loss = request.loss?.type ?? (byRule ? 'perceptron' : defaultLoss(network.outputShape, data));
  if (data) checkOutput(network, loss, data);
  checkInitializer(request.initializer, network);
  return {
    epochs: request.epochs ?? 10,
    batchSize: request.batchSize ?? 32,
    shuffle: request.shuffle ?? true,
    seed: request.seed ?? 0,
    loss: { ...request.loss, type: loss },
    optimizer: completeOptimizer(request.optimizer),
    initializer: request.initializer ?? 'glorotUniform',
    normalization:
      request.normalization?.type === 'scale'
        ? { type: 'scale', factor: request.normalization.factor ?? 1 / 255 }
        : (request.normalization ??
          (data?.inputType === 'uint8' ? { type: 'scale', factor: 1 / 255 } : { type: 'none' })),
    ...(request.validation && { validation: request.validation }),
    ...(request.logEverySteps !== undefined && { logEverySteps: request.logEverySteps }),
  };
}

/** @throws HebbError('invalid-training') where the initialiser cannot fill the weights that it is for */
function checkInitializer(initializer: TrainingRequest['initializer'], network: ResolvedNetwork): void {
  if (initializer === undefined) return;
  const filled = network.layers.flatMap((layer) => layer.parameters).filter((p) => p.initializer === undefined);
  for (const shape of [undefined, ...filled.map((parameter) => parameter.shape)]) {
    const fault = initializerFault(initializer, shape);
    if (!fault) continue;
    throw invalidTraining(`/training/initializer${fault.key ? `/${fault.key}` : ''}`, fault.message);
  }
}

function completeOptimizer(
  { type, ...given }: NonNullable<TrainingRequest['optimizer']> = { type: 'adam' },
): OptimizerConfig {
  return { type, ...optimizers[type].defaults, ...given } as OptimizerConfig;
}

function defaultLoss(output: Shape, data: DataDescription | null): LossName {
  if (data?.task !== 'classification') return 'meanSquaredError';
  return elementCount(output) === 1 && data.classes === 2 ? 'binaryCrossEntropy' : 'softmaxCrossEntropy';
}

function checkOutput(network: ResolvedNetwork, loss: LossName, data: DataDescription): void {
  const { outputShape, layers } = network;
  const last = layers.length - 1;
  const wrongOutput = (expected: string, hint: string): HebbError => {
    const message = `the network's output is ${formatShape(outputShape)} (layer '${layers[last]!.name}'), but ${expected}: ${hint}`;
    return new HebbError('invalid-network', message, [
      {
        pointer: `/network/layers/${last}`,
        message,
        expected: data.classes ?? data.targetShape,
        received: outputShape,
      },
    ]);
  };
  const outputs = elementCount(outputShape);
  if (loss === 'softmaxCrossEntropy' && (outputShape.length !== 1 || outputs < 2)) {
    throw wrongOutput(
      'softmaxCrossEntropy takes a row of at least two outputs',
      'end with a dense layer, or use meanSquaredError',
    );
  }
  if (data.task === 'classification') {
    const classes = data.classes!;
    const single = outputs === 1 && classes === 2 && loss !== 'softmaxCrossEntropy';
    if (loss === 'binaryCrossEntropy' && !single) {
      if (classes !== 2) {
        throw invalidTraining(
          '/training/loss/type',
          `binaryCrossEntropy tells two classes apart, the dataset has ${classes}: use softmaxCrossEntropy`,
        );
      }
      throw wrongOutput('binaryCrossEntropy takes one output', 'end with {"type": "dense", "units": 1}');
    }
    if (single || (outputs === classes && outputShape.length === 1)) return;
    throw wrongOutput(
      `the dataset has ${classes} classes`,
      outputShape.length === 1
        ? `end with {"type": "dense", "units": ${classes}}`
        : `end with {"type": "flatten"} and {"type": "dense", "units": ${classes}}`,
    );
  }
  if (formatShape(outputShape) !== formatShape(data.targetShape)) {
    const [units] = data.targetShape;
    throw wrongOutput(
      `a target of the dataset is ${formatShape(data.targetShape)}`,
      data.targetShape.length === 1 ? `end with {"type": "dense", "units": ${units}}` : 'the shapes must be the same',
    );
  }
}

function invalidTraining(pointer: string, message: string): HebbError {
  const fault: Fault = { pointer, message };
  return new HebbError('invalid-training', message, [fault]);
}
