import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { uuidv7 } from 'uuidv7';
import { datasetSpec } from '../data/source.ts';
import { HebbError, withPointer } from '../errors.ts';
import { sampleCounts } from '../nn/complete.ts';
import type { CostSettings } from '../nn/cost.ts';
import { findingsOf } from '../nn/findings.ts';
import { withoutWeights } from '../nn/networkConfig.ts';
import { type JobPlan, planJob } from '../nn/plan.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import type { StoredEvent } from '../store/events.ts';
import type { IdempotencyKey } from '../store/idempotency.ts';
import type { JobRecord } from '../store/jobs.ts';
import type { ModelRecord } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import { type EpochTask, measureEpoch } from '../training/epochTime.ts';
import type { JobQueue } from '../training/queue.ts';
import type { InitialWeights } from '../training/queueStore.ts';
import { isFinal } from '../training/states.ts';

import type { Datasets, PreparedDataset } from './datasets.ts';
import { decisionRegion } from './decision.ts';
import { evaluationOf } from './evaluation.ts';
import { createIdempotency } from './idempotency.ts';
import { checkJobBody, checkMemory, initialProgress, type JobBody, traitsOf } from './jobRequest.ts';
import { pageOf } from './lists.ts';
import { type Models, refuseWhileWanted } from './models.ts';
import type { Paths } from './paths.ts';
import { spellOut } from './presets.ts';
import type { Job, JobEvent, JobService, JobState } from './types.ts';

export interface Jobs extends JobService {
  /** Goes on with the removal of what deleted jobs left; to be called at start. */
  forgetDeleted(): void;
  /** Takes no new jobs from now on. Resolves when the removal under way has stopped. */
  close(): Promise<void>;
}

interface Parts {
  store: Store;
  queue: JobQueue;
  datasets: Datasets;
  models: Pick<Models, 'find'>;
  paths: Paths;
  /** What predictions run on. */
  settings: CostSettings;
  logger: Logger;
  /** Called for a model that is no more. */
  onModelDeleted(id: string): void;
}

/** A request with its dataset found or made, and its plan. */
interface Planned {
  body: JobBody;
  plan: JobPlan;
  dataset: DatasetRecord | null;
  /** The model that it starts from. */
  initialModel: ModelRecord | null;
  /** The dataset where it came with the request. */
  prepared: PreparedDataset | null;
}

export function createJobs({ store, queue, datasets, models, paths, settings, logger, onModelDeleted }: Parts): Jobs {
  const idempotency = createIdempotency(store.idempotency);
  let closing = false;
  let forgetting: Promise<void> = Promise.resolve();

  function find(idOrName: string): JobRecord {
    const job = store.jobs.get(idOrName) ?? store.jobs.byName(idOrName);
    if (!job) throw new HebbError('not-found', `no job has the id or the name "${idOrName}"`);
    return job;
  }

  const present = (record: JobRecord): Job => {
    const { traits: _, deaths: __, ...job } = record;
    return job.state === 'running' ? { ...job, ...queue.progressOf(job.id) } : job;
  };

  /** @throws HebbError for all that can be known to be wrong before training; what was prepared is then gone */
  async function planned(request: unknown): Promise<Planned> {
    const body = spellOut(request);
    checkJobBody(body);
    const prepared = typeof body.dataset === 'object' ? await prepareDataset(body.dataset) : null;
    try {
      const dataset = prepared?.record ?? findDataset(body.dataset as string | undefined);
      const initialModel = findInitialModel(body.training?.initialModel);
      // The id: an alias or a name may mean another model tomorrow.
      const training = initialModel ? { ...body.training, initialModel: initialModel.id } : body.training;
      const request = { network: body.network, training, dataset, initialNetwork: initialModel?.network };
      const plan = planJob(request, settings);
      checkMemory(plan);
      return { body, plan, dataset, initialModel, prepared };
    } catch (error) {
      await prepared?.discard();
      throw error;
    }
  }

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

  async function prepareDataset(spec: JobBody['dataset'] & object): Promise<PreparedDataset> {
    try {
      return await datasets.prepare(datasetSpec(spec), spec.name);
    } catch (error) {
      throw withPointer(error, '/dataset');
    }
  }

  function findDataset(idOrName: string | undefined): DatasetRecord | null {
    if (idOrName === undefined) return null;
    const dataset = datasets.find(idOrName);
    if (dataset) return dataset;
    const message = `no dataset has the id or the name "${idOrName}"`;
    throw new HebbError('unknown-dataset', message, [{ pointer: '/dataset', message, received: idOrName }]);
  }

  /** A dataset that was stored before with the same content, names of classes and features and, where one was given, name. */
  function storedTwin({ id, name, sha256, task, classes, features }: DatasetRecord, anyName: boolean) {
    const names = JSON.stringify([task, classes, features]);
    return store.datasets
      .byHash(sha256)
      .find(
        (other) =>
          other.id !== id &&
          (anyName || other.name === name) &&
          JSON.stringify([other.task, other.classes, other.features]) === names,
      );
  }

  function epochTask(plan: JobPlan, dataset: DatasetRecord): EpochTask {
    return {
      network: plan.network,
      training: plan.training,
      targets: dataset.task === 'classification' ? 'classes' : 'values',
      inputType: dataset.inputType,
      targetShape: dataset.targetShape,
      samples: sampleCounts(plan.training, dataset.samples),
      memoryBytes: plan.memoryBytes,
      ...settings,
    };
  }

  async function secondsOf(task: EpochTask): Promise<number | null> {
    try {
      return await measureEpoch(task);
    } catch (error) {
      logger.warn({ err: error }, 'the time of an epoch could not be measured');
      return null;
    }
  }

  function decisionOf(job: JobRecord, epoch: number | undefined) {
    const model = store.models.get(job.id);
    const dataset = job.dataset === null ? undefined : store.datasets.get(job.dataset);
    return decisionRegion({
      job,
      modelDirectory: join(paths.models, job.id),
      weightsFile: model?.weightsFile ?? null,
      dataset: dataset && { ...dataset, directory: join(paths.datasets, dataset.id) },
      settings,
      epoch,
    });
  }

  function refuseWhenClosing(): void {
    if (closing) throw new HebbError('unavailable', 'the service is stopping and takes no new jobs');
  }

  /** Removes rows of deleted jobs, a few at a time. */
  function forgetDeleted(): void {
    const removal = async () => {
      for (const id of store.jobs.deletions()) {
        while (!closing && !store.jobs.forget(id)) await setImmediate();
      }
    };
    forgetting = forgetting.then(removal).catch((error) => {
      logger.error({ err: error }, 'rows of a deleted job could not be removed');
    });
  }

  async function* followed(job: JobRecord, after: number, signal: AbortSignal): AsyncGenerator<JobEvent, void, void> {
    if (isFinal(job.state) && after >= store.events.lastId(job.id)) return;
    for await (const event of store.events.follow(job.id, after, signal)) {
      yield toJobEvent(event, job);
      if (event.type === 'state' && isFinal(event.data.state as JobState)) return;
    }
  }

  /** Stores the job that a request describes. */
  async function insertJob(body: unknown, key?: IdempotencyKey): Promise<JobRecord> {
    const { plan, dataset, initialModel, prepared, body: request } = await planned(body);
    const twin = prepared && storedTwin(prepared.record, (request.dataset as { name?: string }).name === undefined);
    const id = uuidv7();
    const record: JobRecord = {
      id,
      name: request.name ?? `job-${id.slice(-8)}`,
      priority: request.priority ?? 0,
      dataset: twin?.id ?? dataset?.id ?? null,
      network: plan.network,
      training: plan.training,
      initialWeights: initialWeightsOf(plan, initialModel),
      traits: traitsOf(plan, dataset),
      warnings: plan.warnings,
      createdAt: new Date().toISOString(),
      state: 'queued',
      startedAt: null,
      finishedAt: null,
      progress: initialProgress(plan.training, dataset),
      metrics: {},
      best: null,
      test: null,
      error: null,
      restarts: 0,
      deaths: 0,
      isa: null,
      weightsHash: null,
      model: null,
      rangeTest: null,
    };
    // From here to the insertion nothing waits, so dataset and initial model cannot be deleted in between.
    try {
      refuseWhenClosing();
      if (!prepared) findDataset(record.dataset ?? undefined);
      findInitialModel(initialModel?.id);
      if (!twin) prepared?.commit();
      store.jobs.insert(record, key);
    } catch (error) {
      await prepared?.discard();
      throw error;
    }
    queue.wake();
    if (twin) await prepared.discard();
    return record;
  }

  return {
    async create(body, idempotencyKey) {
      refuseWhenClosing();
      if (idempotencyKey === undefined) return present(await insertJob(body));
      return present(
        find(await idempotency.once(idempotencyKey, body, async (key) => (await insertJob(body, key)).id)),
      );
    },

    async dryRun(body) {
      const { plan, dataset, initialModel, prepared } = await planned(body);
      await prepared?.discard();
      const { layers, parameters, flopsPerSample, memoryBytes, warnings } = plan;
      const secondsPerEpoch = dataset && plan.training.epochs > 0 ? await secondsOf(epochTask(plan, dataset)) : null;
      const initialWeights = initialWeightsOf(plan, initialModel);
      return { layers, parameters, flopsPerSample, memoryBytes, secondsPerEpoch, initialWeights, warnings };
    },

    list: ({ state, ...query }) =>
      pageOf(
        query,
        (page) => store.jobs.list({ ...page, state }),
        (record) => ({ ...present(record), network: withoutWeights(record.network) }),
      ),

    get: (id) => present(find(id)),

    async cancel(id) {
      const job = find(id);
      await queue.cancel(job.id, job.state);
      return present(find(job.id));
    },

    async delete(id) {
      const job = find(id);
      if (!isFinal(job.state)) {
        throw new HebbError('state-conflict', `the job is ${job.state}: cancel it first, or wait for its end`);
      }
      const [alias] = store.models.aliasesOf(job.id);
      if (alias !== undefined) {
        throw new HebbError('in-use', `the alias "${alias}" points at the job's model: point it at another one first`);
      }
      refuseWhileWanted(store, job.id);
      store.jobs.delete(job.id);
      onModelDeleted(job.id);
      forgetDeleted();
      await rm(join(paths.models, job.id), { recursive: true, force: true });
    },

    metrics(id, { resolution, since = 0, points }) {
      const job = find(id);
      const rows =
        points === undefined
          ? store.metrics.after(job.id, resolution, since)
          : store.metrics.thinned(job.id, resolution, since, points);
      return { rows, next: rows.at(-1)?.seq ?? since };
    },

    diagnostics(id) {
      const rows = store.diagnostics.ofJob(find(id).id);
      return { rows, findings: findingsOf(rows) };
    },

    evaluation: (id) => evaluationOf(store, find(id)),

    log(id, { since = 0, limit }) {
      const items = store.jobLog.after(find(id).id, since, limit);
      return { items, next: items.at(-1)?.seq ?? since };
    },

    decision: (id, epoch) => decisionOf(find(id), epoch),

    events: (id, after, signal) => followed(find(id), after ?? 0, signal),

    forgetDeleted,

    async close() {
      closing = true;
      await forgetting;
    },
  };
}

function initialWeightsOf({ initialWeights }: JobPlan, model: ModelRecord | null): InitialWeights | null {
  return model && initialWeights && { model: model.id, ...initialWeights };
}

/** A state event carries the whole job: what of it never changes is not kept with every event. */
function toJobEvent({ id, type, data }: StoredEvent, job: JobRecord): JobEvent {
  if (type !== 'state') return { id, type, data };
  const { traits: _, deaths: __, ...whole } = { ...job, ...data, network: withoutWeights(job.network) };
  return { id, type, data: whole };
}
