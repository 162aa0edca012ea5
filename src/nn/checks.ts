import type { Fault } from '../errors.ts';
import { didYouMean, escapePointer } from '../validate.ts';
import { augmentationFaults, mixupOf } from './augmentation.ts';
import {
  batchRows,
  type DataDescription,
  embeds,
  epochsOf,
  inputLayout,
  sampleCounts,
  stepsPerEpoch,
} from './complete.ts';
import { type LossName, lossOf } from './losses.ts';
import { epochKeys, kOf, type MetricConfig, metricName, metricOf } from './metrics.ts';
import { knownNormalization, normalizationFaults } from './normalization.ts';
import type { ResolvedNetwork } from './resolve.ts';
import type { TrainingConfig, TrainingRequest } from './trainingConfig.ts';
import type { Warning } from './warnings.ts';

/** Settings with their defaults, and what they are for. */
interface Subject {
  request: TrainingRequest;
  training: TrainingConfig;
  data: DataDescription | null;
}

/** What is wrong with settings, whatever the network. */
export function settingFaults(subject: Subject): Fault[] {
  const { training, data } = subject;
  return [
    ...lengthFaults(subject),
    ...sampleFaults(subject),
    ...lossFaults(subject),
    ...scheduleFaults(subject),
    ...classWeightFaults(subject),
    ...(data
      ? metricFaults(training.metrics ?? [], {
          task: data.task,
          classes: data.classes?.length ?? 0,
          loss: training.loss.type,
        })
      : []),
    ...monitorFaults(subject),
  ];
}

function lengthFaults({ request, training, data }: Subject): Fault[] {
  const { epochs, steps } = request;
  if (epochs === undefined || steps === undefined) return [];
  const perEpoch = data ? stepsPerEpoch(training.batchSize, sampleCounts(training, data.samples).train) : 1;
  const follows = epochsOf(steps, perEpoch)!;
  // A completed job has both, and may be sent again.
  if (epochs === follows) return [];
  const message = `epochs and steps are two ways to say how long: give one of them (${steps} steps are ${follows} epochs, not ${epochs})`;
  return [{ pointer: '/training/steps', message, received: { epochs, steps } }];
}

function sampleFaults({ training, data }: Subject): Fault[] {
  if (training.epochs === 0 || !data || data.samples.train === 0) return [];
  if (sampleCounts(training, data.samples).train > 0) return [];
  const fraction = training.validation?.fraction;
  const message = `a fraction of ${fraction} takes all ${data.samples.train} training samples: none is left to train on`;
  return [{ pointer: '/training/validation/fraction', message, received: fraction }];
}

function lossFaults({ request, training }: Subject): Fault[] {
  const { loss, optimizer, batchSize } = training;
  const faults: Fault[] = [];
  if ((request.loss?.labelSmoothing ?? 0) > 0 && !lossOf(loss.type).smoothed) {
    const message = `${loss.type} has no labelSmoothing: the cross-entropies have`;
    faults.push({ pointer: '/training/loss/labelSmoothing', message, received: request.loss?.labelSmoothing });
  }
  if (request.loss?.delta !== undefined && loss.type !== 'huber') {
    const message = `${loss.type} has no delta: huber has`;
    faults.push({ pointer: '/training/loss/delta', message, received: request.loss.delta });
  }
  if (optimizer.type === 'sgd' && optimizer.nesterov && optimizer.momentum === 0) {
    const message = 'nesterov looks ahead along the momentum, which is 0: set momentum, for instance 0.9';
    faults.push({ pointer: '/training/optimizer/nesterov', message, received: true });
  }
  const byRule = optimizer.type === 'perceptron';
  if (byRule && loss.type !== 'perceptron') {
    const message = `the optimizer perceptron has its own loss, the share of errors: leave loss out, got ${loss.type}`;
    faults.push({ pointer: '/training/loss/type', message, expected: 'perceptron', received: loss.type });
  }
  if (!byRule && loss.type === 'perceptron' && training.epochs > 0) {
    const message = `the loss perceptron has no slope to follow: use the optimizer perceptron with it, got ${optimizer.type}`;
    faults.push({ pointer: '/training/optimizer/type', message, expected: 'perceptron', received: optimizer.type });
  }
  if (byRule && batchSize !== 1) {
    const message = `Rosenblatt's rule learns from one sample at a time: batchSize must be 1, got ${batchSize}`;
    faults.push({ pointer: '/training/batchSize', message, expected: 1, received: batchSize });
  }
  return faults;
}

/** Epochs that the training lasts, as a real number. */
function lengthInEpochs({ training, data }: Subject): number {
  if (training.steps === undefined || !data) return training.epochs;
  return training.steps / Math.max(1, stepsPerEpoch(training.batchSize, sampleCounts(training, data.samples).train));
}

function scheduleFaults(subject: Subject): Fault[] {
  const { schedule, optimizer } = subject.training;
  if (!schedule || subject.training.epochs === 0) return [];
  const faults: Fault[] = [];
  const length = lengthInEpochs(subject);
  if ((schedule.warmup ?? 0) > length) {
    const message = `a warm-up of ${schedule.warmup} epochs does not fit into a training of ${Number(length.toFixed(3))}`;
    faults.push({ pointer: '/training/schedule/warmup', message, expected: length, received: schedule.warmup });
  }
  const { learningRate } = optimizer;
  const minimum = 'minimum' in schedule ? (schedule.minimum ?? 0) : 0;
  if (learningRate !== 'auto' && minimum > learningRate) {
    const message = `a minimum of ${minimum} is above the learning rate ${learningRate}: the rate falls from the one to the other`;
    faults.push({ pointer: '/training/schedule/minimum', message, expected: learningRate, received: minimum });
  }
  return faults;
}

function classWeightFaults({ training, data }: Subject): Fault[] {
  const { classWeights } = training;
  if (!classWeights || !data) return [];
  const pointer = '/training/classWeights';
  const { classes } = data;
  if (!classes) return [{ pointer, message: 'class weights are for classes: the dataset is one for regression' }];
  const faults: Fault[] = [];
  for (const name of Object.keys(classWeights)) {
    if (classes.includes(name)) continue;
    const known = classes.slice(0, 20);
    const message = `the dataset has no class "${name}"${didYouMean(name, classes)}; it has ${known.join(', ')}${classes.length > known.length ? ', …' : ''}`;
    faults.push({ pointer: `${pointer}/${escapePointer(name)}`, message, expected: known, received: name });
  }
  if (classes.every((name) => classWeights[name] === 0)) {
    faults.push({
      pointer,
      message: 'every class has the weight 0: there is nothing to learn',
      received: classWeights,
    });
  }
  return faults;
}

/** @param about the task, its number of classes (0 for a regression) and the loss */
export function metricFaults(
  metrics: readonly MetricConfig[],
  { task, classes, loss }: { task: DataDescription['task']; classes: number; loss: LossName },
): Fault[] {
  return metrics.flatMap((config, i): Fault[] => {
    const name = metricName(config);
    const fault = (message: string): Fault[] => [{ pointer: `/training/metrics/${i}`, message, received: config }];
    const kind = task === 'classification' ? 'classes' : 'values';
    const targets: readonly string[] = metricOf(config).targets;
    if (!targets.includes(kind)) {
      return fault(`${name} is for ${kind === 'values' ? 'classes' : 'numbers'}, the task is a ${task}`);
    }
    if (name === 'binaryAccuracy' && kind === 'values' && loss !== 'binaryCrossEntropy' && loss !== 'hinge') {
      return fault(`binaryAccuracy needs labels of 0 and 1, as binaryCrossEntropy has them; the loss is ${loss}`);
    }
    if (name === 'topK' && kOf(config) >= classes) {
      return fault(
        `topK with k ${kOf(config)} is always 1 where there are ${classes} classes: use {"type": "topK"} with a smaller k`,
      );
    }
    return [];
  });
}

function monitorFaults({ training, data }: Subject): Fault[] {
  if (!data) return [];
  const keys = epochKeys(training.metrics ?? [], sampleCounts(training, data.samples).validation > 0);
  const check = (pointer: string, metric: string | undefined): Fault[] => {
    if (metric === undefined || keys.includes(metric)) return [];
    const message = `the job will not have a metric "${metric}"${didYouMean(metric, keys)}; it will have ${keys.join(', ')}`;
    return [{ pointer, message, expected: keys, received: metric }];
  };
  const { earlyStopping, schedule } = training;
  return [
    ...check('/training/earlyStopping/metric', earlyStopping?.metric),
    ...check('/training/schedule/metric', schedule?.type === 'onPlateau' ? schedule.metric : undefined),
  ];
}

/** What is wrong between settings and network, where something is to be learnt. */
export function learningFaults(network: ResolvedNetwork, training: TrainingConfig): Fault[] {
  if (training.epochs === 0) return [];
  if (network.parameterCount === 0) {
    return [{ pointer: '/network/layers', message: 'no layer of the network has weights: there is nothing to train' }];
  }
  if (training.optimizer.type === 'perceptron')
    return [...perceptronFaults(network), ...frozenFaults(network, training)];
  return [...stepFaults(network), ...frozenFaults(network, training)];
}

/** What is wrong with how inputs are prepared. */
export function inputFaults(
  training: TrainingConfig,
  network: ResolvedNetwork | null,
  data: DataDescription | null,
): Fault[] {
  const { normalization, augmentation = [] } = training;
  const shape = inputLayout(network, data);
  const faults = shape ? normalizationFaults(normalization, shape) : [];
  if (!knownNormalization(normalization) && !data) {
    const message = `${normalization.type} is worked out on training samples, and there is no dataset: give its numbers, {"type": "affine", "scale": […], "offset": […]}`;
    faults.push({ pointer: '/training/normalization/type', message, received: normalization.type });
  }
  return [...faults, ...augmentationFaults(augmentation, { shape, loss: training.loss.type, embeds: embeds(network) })];
}

/** Rosenblatt's rule is one of a single layer. */
function perceptronFaults({ layers }: ResolvedNetwork): Fault[] {
  const learning = layers.filter((layer) => layer.parameters.length > 0);
  const hint = 'use one layer {"type": "dense", "activation": "step"}, or another optimizer';
  const second = layers.indexOf(learning[1]!);
  if (second >= 0) {
    const message = `the optimizer perceptron trains a single layer, but '${layers[second]!.name}' has weights, too: ${hint}`;
    return [{ pointer: `/network/layers/${second}`, message, expected: 1, received: learning.length }];
  }
  const { name, config } = learning[0]!;
  const activation = layers.map((layer) => layer.config.activation ?? 'linear').filter((a) => a !== 'linear');
  if (config.type === 'dense' && activation.length === 1 && activation[0] === 'step') return [];
  const message = `the optimizer perceptron trains a dense layer with step, but '${name}' is ${config.type} with ${activation.join(' and ') || 'linear'}: ${hint}`;
  return [
    {
      pointer: `/network/layers/${layers.indexOf(learning[0]!)}/activation`,
      message,
      expected: 'step',
      received: activation[0] ?? 'linear',
    },
  ];
}

function stepFaults({ layers }: ResolvedNetwork): Fault[] {
  const first = layers.findIndex((layer) => layer.parameters.length > 0);
  const step = layers.findIndex((layer, i) => i >= first && layer.config.activation === 'step');
  if (step < 0) return [];
  const message = `the step of layer '${layers[step]!.name}' has no slope, so no weight before it can learn: use sigmoid, or 0 epochs with given weights`;
  return [{ pointer: `/network/layers/${step}/activation`, message, received: 'step' }];
}

function frozenFaults({ layers }: ResolvedNetwork, { frozen = [] }: TrainingConfig): Fault[] {
  const names = layers.map(({ name }) => name);
  const faults = frozen.flatMap((name, i): Fault[] => {
    if (names.includes(name)) return [];
    const message = `no layer is called '${name}'${didYouMean(name, names)}; the layers are ${names.slice(0, 20).join(', ')}`;
    return [{ pointer: `/training/frozen/${i}`, message, expected: names.slice(0, 20), received: name }];
  });
  const learning = layers.filter(({ parameters }) => parameters.some(({ trainable }) => trainable));
  if (faults.length === 0 && learning.every(({ name }) => frozen.includes(name))) {
    const message = 'all layers with weights are frozen: there is nothing to train';
    faults.push({ pointer: '/training/frozen', message, received: frozen });
  }
  return faults;
}

/** Settings that will have no effect. */
export function settingWarnings({ request, training, data }: Subject): Warning[] {
  const warnings: Warning[] = [];
  const warn = (code: string, message: string) => warnings.push({ code, message });
  const fraction = training.validation?.fraction ?? 0;
  if (data && fraction > 0 && data.samples.validation) {
    warn('fraction-unused', `the dataset has a validation split of its own: the fraction ${fraction} is not used`);
  } else if (data && fraction > 0 && sampleCounts(training, data.samples).validation === 0) {
    warn('no-validation', `a fraction of ${fraction} of ${data.samples.train} samples is none: there is no validation`);
  }
  if (training.epochs === 0) return warnings;
  const { earlyStopping, schedule, epochs, batchSize } = training;
  const samples = data ? sampleCounts(training, data.samples).train : Infinity;
  if (request.batchSize !== undefined && batchSize !== 'full' && batchSize > samples) {
    warn(
      'batch-above-samples',
      `a batch of ${batchSize} is more than the ${samples} training samples: each step takes all`,
    );
  }
  if (mixupOf(training.augmentation ?? []) !== null && batchRows(batchSize, samples) === 1) {
    warn('nothing-to-mix', 'mixup mixes rows of a batch, and each batch is one row: use a larger batchSize');
  }
  if (earlyStopping && (earlyStopping.patience ?? 0) >= epochs) {
    warn('never-stops', `early stopping waits for ${earlyStopping.patience} epochs, the training has ${epochs}`);
  }
  if (schedule?.type === 'step' && schedule.every >= epochs) {
    warn('never-steps', `the rate changes every ${schedule.every} epochs, the training has ${epochs}`);
  }
  if (schedule?.type === 'onPlateau' && (schedule.patience ?? 0) >= epochs) {
    warn(
      'never-steps',
      `the rate changes after ${schedule.patience} epochs without improvement, the training has ${epochs}`,
    );
  }
  return warnings;
}
