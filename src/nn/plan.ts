import { type Fault, HebbError, withPointer } from '../errors.ts';
import { selectIsa } from '../native.ts';
import type { Shape } from '../shape.ts';
import { assertValid, compileSchema } from '../validate.ts';
import { inputFaults, learningFaults, settingFaults, settingWarnings } from './checks.ts';
import { completeTraining, type DataDescription, inputLayout } from './complete.ts';
import { type CostSettings, trainingBytes } from './cost.ts';
import { initializerFault } from './initializers.ts';
import { matchWeights, type WeightMatch } from './initialWeights.ts';
import type { NetworkConfig } from './networkConfig.ts';
import { fitsLayout, type Normalization } from './normalization.ts';
import { activationWarning, outputFault } from './outputChecks.ts';
import { type ResolvedNetwork, resolveNetwork } from './resolve.ts';
import { type TrainingConfig, type TrainingRequest, trainingSchema } from './trainingConfig.ts';
import type { Warning } from './warnings.ts';

export type { DataDescription };

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
  /** What it takes from its initial model; null where it has none. */
  initialWeights: WeightMatch | null;
  warnings: Warning[];
}

const validate = compileSchema(trainingSchema);

/**
 * Completes a job's network and training and works out what it takes, without allocating any of it.
 * @param job dataset: null for a network with given weights that is not trained; initialNetwork and initialNormalization: those of training.initialModel
 * @param settings of the processes that train
 * @throws HebbError('invalid-network' | 'invalid-training') with all faults, and pointers into the job
 */
export function planJob(
  job: {
    network: NetworkConfig;
    training: TrainingRequest | undefined;
    dataset: (DataDescription & { inputShape: Shape }) | null;
    initialNetwork?: NetworkConfig | null;
    initialNormalization?: Normalization | null;
  },
  settings: CostSettings = { isa: selectIsa(), threads: 1 },
): JobPlan {
  const { dataset, training: request = {} } = job;
  const faults: Fault[] = [];
  const untrainable = !dataset && request.epochs !== 0;
  if (untrainable) {
    const message = 'a job without a dataset cannot train: name one, or ask for 0 epochs';
    faults.push({ pointer: '/dataset', message });
  }
  // Without a dataset and an input it would only be said once more that there is none.
  const resolved =
    untrainable && !job.network.input
      ? null
      : collect(faults, () => resolveNetwork(job.network, { dataShape: dataset?.inputShape, pointer: '/network' }));
  const { training, warnings } = planSettings(request, resolved, dataset, faults, job.initialNormalization);
  const initialWeights =
    resolved && job.initialNetwork
      ? collect(faults, () =>
          matchWeights(resolved, resolveNetwork(job.initialNetwork!, { checked: true }), '/training/initialModel'),
        )
      : null;
  if (faults.length > 0) throw impossible(faults);
  return {
    network: resolved!.config,
    training: training!,
    resolved: resolved!,
    layers: resolved!.layers.map((layer) => ({
      name: layer.name,
      type: layer.config.type,
      inputShape: layer.inputShapes[0]!,
      outputShape: layer.outputShape,
      parameters: layer.parameters.reduce((sum, p) => sum + p.count, 0),
      flops: layer.flops,
    })),
    parameters: resolved!.parameterCount,
    flopsPerSample: resolved!.flopsPerSample,
    memoryBytes: trainingBytes(resolved!, training!, dataset ?? { samples: { train: 1 } }, settings),
    initialWeights,
    warnings,
  };
}

/**
 * Completes the settings of a training and checks that they go together with network and data.
 * @throws HebbError('invalid-network' | 'invalid-training') with all faults
 */
export function planTraining(
  request: TrainingRequest,
  network: ResolvedNetwork,
  data: DataDescription,
): { training: TrainingConfig; warnings: Warning[] } {
  const faults: Fault[] = [];
  const { training, warnings } = planSettings(request, network, data, faults);
  if (faults.length > 0) throw impossible(faults);
  return { training: training!, warnings };
}

/** @param faults gets what is wrong; the settings are null where they do not fit the schema */
function planSettings(
  request: TrainingRequest,
  network: ResolvedNetwork | null,
  data: DataDescription | null,
  faults: Fault[],
  initial: Normalization | null = null,
): { training: TrainingConfig | null; warnings: Warning[] } {
  const fits = collect(faults, () => {
    try {
      assertValid(validate, request, 'invalid-training');
    } catch (error) {
      throw withPointer(error, '/training');
    }
    return true;
  });
  if (!fits) return { training: null, warnings: [] };
  const layout = inputLayout(network, data);
  // Of another kind of inputs it would be of no use.
  const taken = initial && layout && fitsLayout(initial, layout) ? initial : null;
  const training = completeTraining(request, network, data, taken);
  const subject = { request, training, data };
  if (network && data) {
    const fault = outputFault(network, training.loss.type, data);
    if (fault) faults.push(fault);
    faults.push(...learningFaults(network, training));
  }
  faults.push(...inputFaults(training, network, data));
  if (network) faults.push(...initializerFaults(network, request.initializer));
  faults.push(...settingFaults(subject));
  const warning = network && data && activationWarning(network, training.loss.type);
  return { training, warnings: [...(warning ? [warning] : []), ...settingWarnings(subject)] };
}

/** Whether the initialiser of the training can fill the tensors that have none of their own. */
function initializerFaults(network: ResolvedNetwork, initializer: TrainingRequest['initializer']): Fault[] {
  if (initializer === undefined) return [];
  const filled = network.layers.flatMap((layer) => layer.parameters).filter((p) => p.initializer === undefined);
  for (const shape of [undefined, ...filled.map((parameter) => parameter.shape)]) {
    const fault = initializerFault(initializer, shape);
    if (!fault) continue;
    return [{ pointer: `/training/initializer${fault.key ? `/${fault.key}` : ''}`, message: fault.message }];
  }
  return [];
}

/** What an action returns; where it throws faults they are collected instead, and it is null. */
function collect<T>(faults: Fault[], action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof HebbError) || !error.faults) throw error;
    faults.push(...error.faults);
    return null;
  }
}

function impossible(faults: Fault[]): HebbError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  const code = first!.pointer.startsWith('/network') ? 'invalid-network' : 'invalid-training';
  return new HebbError(code, `${first!.message}${more}`, faults);
}
