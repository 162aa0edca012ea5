import type { Logger } from 'pino';
import { type DatasetMeta, datasetSpec, uploadSource } from '../data/source.ts';
import { HebbError, withPointer } from '../errors.ts';
import { sampleCounts } from '../nn/complete.ts';
import type { CostSettings } from '../nn/cost.ts';
import { type JobPlan, planJob } from '../nn/plan.ts';
import { resolveNetwork } from '../nn/resolve.ts';
import type { TrainingRequest } from '../nn/trainingConfig.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import type { JobRecord } from '../store/jobs.ts';
import type { ModelRecord } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import { measureEpoch } from '../training/epochTime.ts';
import type { InitialWeights } from '../training/queueStore.ts';
import type { Datasets, PreparedDataset } from './datasets.ts';
import { checkJobBody, checkMemory, type JobBody } from './jobRequest.ts';
import type { Models } from './models.ts';
import { spellOut } from './presets.ts';
import type { DatasetUpload, DryRun } from './types.ts';

interface Parts {
  store: Store;
  datasets: Datasets;
  models: Pick<Models, 'find'>;
  settings: CostSettings;
  logger: Logger;
}

/** A request with its dataset found or made, and its plan. */
export interface Planned {
  body: JobBody;
  plan: JobPlan;
  dataset: DatasetRecord | null;
  initialModel: ModelRecord | null;
  initialWeights: InitialWeights | null;
  /** The dataset where it came with the request. */
  prepared: PreparedDataset | null;
  /** Stored before with the same content as the one that came with the request: to be used in its place. */
  twin: DatasetRecord | undefined;
}

export type Planning = ReturnType<typeof createPlanning>;

/** From what a client asks for to a job that can be stored: all that can be known to be wrong is found here. */
export function createPlanning({ store, datasets, models, settings, logger }: Parts) {
  /** @throws HebbError('unknown-dataset') */
  function findDataset(idOrName: string | null | undefined): DatasetRecord | null {
    if (idOrName === undefined || idOrName === null) return null;
    const dataset = datasets.find(idOrName);
    if (dataset) return dataset;
    const message = `no dataset has the id or the name "${idOrName}"`;
    throw new HebbError('unknown-dataset', message, [{ pointer: '/dataset', message, received: idOrName }]);
  }

  /** @throws HebbError('unknown-model') */
  function findInitialModel(name: string | undefined): ModelRecord | null {
    if (name === undefined) return null;
    try {
      return models.find(name);
    } catch (error) {
      if (!(error instanceof HebbError)) throw error;
      const { message } = error;
      throw new HebbError('unknown-model', message, [{ pointer: '/training/initialModel', message, received: name }]);
    }
  }

  /** @returns null where the request has no dataset of its own */
  async function prepareDataset(
    dataset: JobBody['dataset'],
    upload: DatasetUpload | undefined,
  ): Promise<{ prepared: PreparedDataset; name: string | undefined } | null> {
    try {
      if (upload) {
        const { name } = upload.meta as Partial<DatasetMeta>;
        return { prepared: await datasets.prepare(uploadSource(upload.meta, upload.files), name), name };
      }
      if (typeof dataset !== 'object') return null;
      return { prepared: await datasets.prepare(datasetSpec(dataset), dataset.name), name: dataset.name };
    } catch (error) {
      throw withPointer(error, '/dataset');
    }
  }

  /** A dataset that was stored before with the same content, names of classes and features and, where one was given, name. */
  function storedTwin({ id, name, sha256, task, classes, features, columns }: DatasetRecord, anyName: boolean) {
    const names = JSON.stringify([task, classes, features, columns]);
    return store.datasets
      .byHash(sha256)
      .find(
        (other) =>
          other.id !== id &&
          (anyName || other.name === name) &&
          JSON.stringify([other.task, other.classes, other.features, other.columns]) === names,
      );
  }

  async function secondsPerEpoch(plan: JobPlan, dataset: DatasetRecord): Promise<number | null> {
    try {
      return await measureEpoch({
        network: plan.network,
        training: plan.training,
        targets: dataset.task === 'classification' ? 'classes' : 'values',
        inputType: dataset.inputType,
        inputShape: dataset.inputShape,
        targetShape: dataset.targetShape,
        samples: sampleCounts(plan.training, dataset.samples),
        memoryBytes: plan.memoryBytes,
        ...settings,
      });
    } catch (error) {
      logger.warn({ err: error }, 'the time of an epoch could not be measured');
      return null;
    }
  }

  /** @throws HebbError('unknown-preset' | 'invalid-request') */
  function spelledOut(request: unknown, uploaded: boolean): JobBody {
    const body = spellOut(uploaded ? withUpload(request) : request);
    checkJobBody(body);
    return body;
  }

  /** @throws HebbError for all that can be known to be wrong before training; what was prepared is then gone */
  async function planned(request: unknown, upload?: DatasetUpload): Promise<Planned> {
    const body = spelledOut(request, upload !== undefined);
    const own = await prepareDataset(body.dataset, upload);
    const prepared = own?.prepared ?? null;
    try {
      const dataset = prepared?.record ?? findDataset(body.dataset as string | undefined);
      const initialModel = findInitialModel(body.training?.initialModel);
      // The id: an alias or a name may mean another model tomorrow.
      const training = initialModel ? { ...body.training, initialModel: initialModel.id } : body.training;
      const { network } = body;
      // In other units another model's numbers mean nothing.
      const sameUnits = initialModel && dataset && initialModel.inputType === dataset.inputType;
      const initialNormalization = sameUnits ? initialModel.normalization : null;
      const initialNetwork = initialModel?.network;
      const plan = planJob({ network, training, dataset, initialNetwork, initialNormalization }, settings);
      checkMemory(plan);
      const initialWeights = initialModel && plan.initialWeights && { model: initialModel.id, ...plan.initialWeights };
      const twin = prepared ? storedTwin(prepared.record, own?.name === undefined) : undefined;
      return { body, plan, dataset, initialModel, initialWeights, prepared, twin };
    } catch (error) {
      await prepared?.discard();
      throw error;
    }
  }

  return {
    planned,
    findDataset,
    findInitialModel,
    /** @throws HebbError for what is wrong with a job whatever the dataset that comes after it will be */
    checkBeforeUpload(request: unknown): void {
      const { network, training } = spelledOut(request, true);
      findInitialModel(training?.initialModel);
      if (network.input) resolveNetwork(network, { pointer: '/network' });
    },
    /** The plan of a job that goes on where another one stands. */
    plannedFork(job: JobRecord, training: TrainingRequest): { plan: JobPlan; dataset: DatasetRecord | null } {
      const dataset = findDataset(job.dataset);
      const plan = planJob({ network: job.network, training, dataset }, settings);
      checkMemory(plan);
      return { plan, dataset };
    },
    async dryRun(request: unknown, upload?: DatasetUpload): Promise<DryRun> {
      const { plan, dataset, initialWeights, prepared } = await planned(request, upload);
      await prepared?.discard();
      const { layers, parameters, flopsPerSample, memoryBytes, warnings } = plan;
      const seconds = dataset && plan.training.epochs > 0 ? await secondsPerEpoch(plan, dataset) : null;
      return { layers, parameters, flopsPerSample, memoryBytes, secondsPerEpoch: seconds, initialWeights, warnings };
    },
  };
}

/** A job whose dataset comes in other parts, as one that names it: a preset's gives way to it. */
function withUpload(request: unknown): unknown {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) return request;
  if (!('dataset' in request)) return { ...request, dataset: 'uploaded' };
  const message = 'the dataset comes in the parts after the job, so the job names none';
  throw new HebbError('invalid-request', `/dataset: ${message}`, [{ pointer: '/dataset', message }]);
}
