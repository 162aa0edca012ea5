import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { type Static, Type } from 'typebox';
import type { DatasetInfo } from '../data/dataset.ts';
import { datasetSpecSchema } from '../data/source.ts';
import { HebbError } from '../errors.ts';
import { sampleCounts, stepsPerEpoch } from '../nn/complete.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import { networkFaults, networkSchema } from '../nn/networkSchema.ts';
import type { JobPlan } from '../nn/plan.ts';
import { learningRate, type TrainingConfig, trainingSchema } from '../nn/trainingConfig.ts';
import type { ModelTraits } from '../store/models.ts';
import type { Progress } from '../training/protocol.ts';
import { assertValid, compileSchema, faultsOf, faultyError } from '../validate.ts';
import { networkPresetSchema, presetName } from './presets.ts';

const datasetName = Type.String({ minLength: 1, maxLength: 200, description: 'Id or name of a dataset.' });

export const jobName = Type.Optional(
  Type.String({ minLength: 1, maxLength: 200, pattern: '^\\P{Cc}+$', description: 'No control characters.' }),
);
export const jobPriority = Type.Optional(
  Type.Integer({ minimum: -1000, maximum: 1000, description: 'Higher goes first; of equals the older [0].' }),
);
const parts = { name: jobName, training: Type.Optional(trainingSchema), priority: jobPriority };
const closed = { additionalProperties: false } as const;

const dataset = Type.Optional(
  Type.Union([datasetName, datasetSpecSchema], { description: 'Id, name, or a dataset to be stored and used.' }),
);
const network = Type.Union([networkSchema, networkPresetSchema]);

const jobSchema = Type.Object(
  { ...parts, network, dataset },
  { ...closed, description: 'A network and its training.' },
);
const presetJobSchema = Type.Object(
  {
    ...parts,
    preset: presetName,
    network: Type.Optional(network),
    dataset,
    training: Type.Optional(
      Type.Object({}, { additionalProperties: true, description: 'Keys of a training, merged into the preset’s.' }),
    ),
  },
  { ...closed, description: 'A preset, and what is to differ from it.' },
);
/** Body of POST /v1/jobs, as it is described; checkJobBody checks what it means. */
export const jobRequestSchema = Type.Union([jobSchema, presetJobSchema]);

/** Body of PATCH /v1/jobs/:id. */
export const jobPatchSchema = Type.Object(
  {
    training: Type.Object(
      { optimizer: Type.Object({ learningRate }, { ...closed, description: 'Of a job that runs or is paused.' }) },
      closed,
    ),
  },
  closed,
);
const validatePatch = compileSchema(jobPatchSchema);

/** @throws HebbError('invalid-request') */
export function checkJobPatch(body: unknown): Static<typeof jobPatchSchema> {
  assertValid(validatePatch, body);
  return body as Static<typeof jobPatchSchema>;
}

/** A request with its presets spelt out. */
export type JobBody = Omit<Static<typeof jobSchema>, 'network'> & { network: NetworkConfig };

// The union would tell only that neither of its sides fits; each side by itself tells what is wrong.
const partsByHand = { ...parts, network: Type.Object({}) };
const validateWithName = compileSchema(Type.Object({ ...partsByHand, dataset: Type.Optional(datasetName) }, closed));
const validateWithSpec = compileSchema(Type.Object({ ...partsByHand, dataset: datasetSpecSchema }, closed));

/** @throws HebbError('invalid-request') with all that does not fit the schema */
export function checkJobBody(body: unknown): asserts body is JobBody {
  const dataset = typeof body === 'object' && body !== null && 'dataset' in body ? body.dataset : undefined;
  const hasSpec = typeof dataset === 'object' && dataset !== null && !Array.isArray(dataset);
  const faults = faultsOf(hasSpec ? validateWithSpec : validateWithName, body);
  if (typeof body === 'object' && body !== null && 'network' in body && typeof body.network === 'object') {
    faults.push(...networkFaults(body.network, '/network'));
  }
  if (faults.length > 0) throw faultyError(faults, 'invalid-request');
}

/** What is known of the model before it is trained. */
export function traitsOf(plan: JobPlan, dataset: DatasetInfo | null): ModelTraits {
  const { loss } = plan.training;
  const classifies = loss.type === 'softmaxCrossEntropy' || loss.type === 'binaryCrossEntropy';
  return {
    task: dataset?.task ?? (classifies ? 'classification' : 'regression'),
    loss: loss.type,
    inputShape: dataset?.inputShape ?? plan.network.input,
    inputType: dataset?.inputType ?? 'float32',
    outputShape: plan.resolved.outputShape,
    classes: dataset?.classes ?? null,
    columns: dataset?.columns ?? null,
    parameters: plan.parameters,
  };
}

/** A job that has done nothing yet. */
export function initialProgress(training: TrainingConfig, dataset: DatasetInfo | null): Progress {
  const { epochs, batchSize } = training;
  const rows = dataset ? sampleCounts(training, dataset.samples).train : 0;
  const steps = training.steps ?? epochs * stepsPerEpoch(batchSize, rows);
  return { epoch: 0, epochs, step: 0, steps, fraction: 0, samplesPerSecond: null, etaSeconds: null };
}

/** @throws HebbError('invalid-network') where the training would take more memory than the machine grants */
export function checkMemory(plan: JobPlan): void {
  const available = memoryLimitBytes();
  if (plan.memoryBytes <= available) return;
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const message =
    `training takes ${gib(plan.memoryBytes)} of memory, the machine has ${gib(available)}: ` +
    'use smaller layers or a smaller batchSize';
  throw new HebbError('invalid-network', message, [
    { pointer: '/network', message, expected: available, received: plan.memoryBytes },
  ]);
}

/** Bytes of memory that this process may use: the machine's, or what its cgroup (version 2 or 1) grants. */
export function memoryLimitBytes(): number {
  let limit = totalmem();
  for (const path of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    try {
      const granted = Number(readFileSync(path, 'utf8')); // "max" where nothing limits it
      if (granted > 0) limit = Math.min(limit, granted);
    } catch {
      // Not this version of cgroups.
    }
  }
  return limit;
}
