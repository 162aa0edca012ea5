import { HebbError } from '../errors.ts';
import { metricFaults } from './checks.ts';
import { type Evaluation, evaluate, rowsOf } from './evaluate.ts';
import type { LossConfig, LossName } from './losses.ts';
import { defaultMetrics, type MetricConfig } from './metrics.ts';
import type { Network } from './network.ts';
import { workOut } from './normalization.ts';
import { planTraining } from './plan.ts';
import type { DiagnosticsRow, MetricRow, MetricValues, Progress } from './progress.ts';
import { rowWeights } from './rowWeights.ts';
import { classNames, kindOf, type Rows, type Targets, toSplit } from './samples.ts';
import { type TrainingOutcome, train } from './trainer.ts';
import type { TrainingRequest } from './trainingConfig.ts';

/** Samples for Network.fit. */
export interface FitData {
  inputs: Rows;
  targets: Targets;
  /** How much each row counts in the loss [1]. */
  sampleWeights?: ArrayLike<number>;
  validation?: { inputs: Rows; targets: Targets };
}

export interface FitOptions {
  onProgress?: (progress: Progress, metrics: MetricValues) => void;
  signal?: AbortSignal;
  /** Measures all layers at the ends of epochs, too [false]. */
  diagnostics?: boolean;
}

export interface EvaluateOptions {
  loss: LossName | LossConfig;
  /** [classes: accuracy] */
  metrics?: readonly MetricConfig[];
}

/** Network.fit: plans the training as a job's is planned, and runs it on data in memory. */
export async function fitNetwork(
  network: Network,
  data: FitData,
  request: TrainingRequest,
  options: FitOptions,
): Promise<TrainingOutcome & { rows: MetricRow[]; diagnostics: DiagnosticsRow[] }> {
  const { onProgress, signal } = options;
  if (request.validation) {
    throw new HebbError(
      'invalid-training',
      'fit takes its validation data beside the training data: {inputs, targets, validation}',
    );
  }
  if (request.initialModel !== undefined) {
    throw new HebbError(
      'invalid-training',
      'fit starts from the weights that the network has: load others by setWeights',
    );
  }
  const targets = kindOf(data.targets);
  const split = toSplit(data, network);
  const validation = data.validation && toSplit(data.validation, network);
  const samples = split.inputs.rows;
  const classes = classNames(data.targets, network);
  const { training } = planTraining(request, network.resolved, {
    task: classes ? 'classification' : 'regression',
    classes,
    targetShape: classes ? [] : network.outputShape,
    inputType: 'float32',
    samples: { train: samples, validation: validation?.inputs.rows },
  });
  if (request.normalization) {
    const { inputShape: shape, settings } = network;
    network.normalization = await workOut(training.normalization, split.inputs, rowsOf(split), { shape, ...settings });
  }
  const weights = rowWeights(samples, {
    classes: data.targets instanceof Int32Array ? data.targets : undefined,
    names: classes ?? [],
    classWeights: training.classWeights,
    sampleWeights: data.sampleWeights,
  });
  const rows: MetricRow[] = [];
  const diagnostics: DiagnosticsRow[] = [];
  const fitted = { targets, train: { ...split, weights }, validation };
  const events = train(network, fitted, training, { signal, diagnostics: options.diagnostics });
  for (;;) {
    const { value, done } = await events.next();
    if (done) return { ...value, rows, diagnostics };
    if (value.type === 'rangeTest' || value.type === 'rateChange' || value.type === 'snapshot') continue;
    if (value.type === 'diagnostics') {
      const { type: _, ...row } = value;
      diagnostics.push(row);
      continue;
    }
    if (value.type === 'row') rows.push(value.row);
    onProgress?.(value.progress, value.type === 'row' ? value.row.values : value.metrics);
  }
}

/**
 * Network.evaluate with the report.
 * @throws HebbError('invalid-training') for a metric that does not fit the targets
 */
export async function evaluateRows(
  network: Network,
  inputs: Rows,
  targets: Targets,
  options: EvaluateOptions,
): Promise<Evaluation> {
  const split = toSplit({ inputs, targets }, network);
  const kind = kindOf(targets);
  const loss = typeof options.loss === 'string' ? { type: options.loss } : options.loss;
  const { metrics = defaultMetrics(kind) } = options;
  const classes = classNames(targets, network);
  const task = classes ? 'classification' : 'regression';
  const faults = metricFaults(metrics, { task, classes: classes?.length ?? 0, loss: loss.type });
  if (faults.length > 0) throw new HebbError('invalid-training', faults[0]!.message, faults);
  return evaluate(network, split, { targets: kind, loss, metrics, detailed: true });
}
