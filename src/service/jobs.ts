import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import { HebbError } from '../errors.ts';
import type { CostSettings } from '../nn/cost.ts';
import { findingsOf } from '../nn/findings.ts';
import { withoutWeights } from '../nn/networkConfig.ts';
import type { IdempotencyKey } from '../store/idempotency.ts';
import type { JobRecord } from '../store/jobs.ts';
import type { Store } from '../store/store.ts';
import type { JobQueue } from '../training/queue.ts';
import { checkAction, isFinal } from '../training/states.ts';
import type { Datasets } from './datasets.ts';
import { decisionRegion } from './decision.ts';
import { evaluationOf } from './evaluation.ts';
import { checkForkRequest, checkOptimizerState, chooseCheckpoint, forkedTraining, takeOverCheckpoint } from './fork.ts';
import { createIdempotency } from './idempotency.ts';
import { newRecord, publicJob, toJobEvents } from './jobRecord.ts';
import { checkJobPatch } from './jobRequest.ts';
import { pageOf } from './lists.ts';
import { type Models, refuseWhileWanted } from './models.ts';
import type { Paths } from './paths.ts';
import { createPlanning } from './planning.ts';
import type { DatasetUpload, Job, JobEvent, JobService } from './types.ts';

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

export function createJobs({ store, queue, datasets, models, paths, settings, logger, onModelDeleted }: Parts): Jobs {
  const planning = createPlanning({ store, datasets, models, settings, logger });
  const idempotency = createIdempotency(store.idempotency);
  let closing = false;
  let forgetting: Promise<void> = Promise.resolve();

  function find(idOrName: string): JobRecord {
    const job = store.jobs.get(idOrName) ?? store.jobs.byName(idOrName);
    if (!job) throw new HebbError('not-found', `no job has the id or the name "${idOrName}"`);
    return job;
  }

  const present = (record: JobRecord): Job => {
    const job = publicJob(record);
    return job.state === 'running' ? { ...job, ...queue.progressOf(job.id) } : job;
  };

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

  async function controlled(idOrName: string, act: (id: string) => Promise<unknown>): Promise<Job> {
    const { id } = find(idOrName);
    await act(id);
    return present(find(id));
  }

  /** Once for its key, where there is one. */
  async function once(
    key: string | undefined,
    request: unknown,
    insert: (key?: IdempotencyKey) => Promise<JobRecord>,
  ): Promise<JobRecord> {
    if (key === undefined) return insert();
    return find(await idempotency.once(key, request, async (key) => (await insert(key)).id));
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

  async function* followed(
    job: JobRecord,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly JobEvent[], void, void> {
    if (isFinal(job.state) && after >= store.events.lastId(job.id)) return;
    for await (const page of store.events.followPages(job.id, after, signal)) {
      const { events, last } = toJobEvents(page, job);
      yield events;
      if (last) return;
    }
  }

  /** Stores the job that a request describes. */
  async function insertJob(request: unknown, key?: IdempotencyKey, upload?: DatasetUpload): Promise<JobRecord> {
    const planned = await planning.planned(request, upload);
    const { plan, dataset, initialModel, initialWeights, prepared, twin, body } = planned;
    const order = { plan, initialWeights, dataset: twin ?? dataset, name: body.name, priority: body.priority };
    const record = newRecord(order);
    // From here to the insertion nothing waits, so dataset and initial model cannot be deleted in between.
    try {
      refuseWhenClosing();
      if (!prepared) planning.findDataset(record.dataset);
      planning.findInitialModel(initialModel?.id);
      if (!twin) prepared?.commit();
      store.jobs.insert(record, { key });
    } catch (error) {
      await prepared?.discard();
      throw error;
    }
    queue.wake();
    if (twin) await prepared?.discard();
    return record;
  }

  /** Stores a job that goes on from a checkpoint of another one. */
  async function insertFork(job: JobRecord, body: unknown, key?: IdempotencyKey): Promise<JobRecord> {
    const request = checkForkRequest(body, job);
    const kept = chooseCheckpoint(store.checkpoints.ofJob(job.id), request.step);
    const { step } = kept;
    const { training, rateChanges } = forkedTraining(job, request, step);
    const { plan, dataset } = planning.plannedFork(job, training);
    checkOptimizerState(job.training.optimizer, plan.training.optimizer);
    const { name = `${job.name}-fork`.slice(0, 200), priority = job.priority } = request;
    const record: JobRecord = {
      ...newRecord({ plan, dataset, initialWeights: null, name, priority }),
      fork: { job: job.id, step },
      metrics: kept.metrics,
      best: kept.best,
      rangeTest: job.rangeTest,
      normalization: job.normalization,
      // The same bits go on only there.
      isa: job.isa,
      kernelVersion: job.kernelVersion,
      rateChanges,
    };
    const { steps } = record.progress;
    if (steps <= step) {
      const message = `the checkpoint stands after ${step} steps, the training ends after ${steps}: it must be longer`;
      throw new HebbError('invalid-training', message, [{ pointer: '/training/epochs', message, received: steps }]);
    }
    record.progress = { ...record.progress, epoch: kept.epoch, step, fraction: step / steps };
    const folder = join(paths.models, record.id);
    const checkpoint = await takeOverCheckpoint(kept, join(paths.models, job.id), folder);
    try {
      refuseWhenClosing();
      planning.findDataset(record.dataset);
      store.jobs.insert(record, { key, checkpoint });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    queue.wake();
    return record;
  }

  return {
    async create(body, idempotencyKey, upload) {
      refuseWhenClosing();
      const request = upload ? { job: body, meta: upload.meta, files: upload.sha256 } : body;
      return present(await once(idempotencyKey, request, (key) => insertJob(body, key, upload)));
    },

    checkBeforeUpload(body) {
      refuseWhenClosing();
      planning.checkBeforeUpload(body);
    },

    async fork(id, body, idempotencyKey) {
      refuseWhenClosing();
      const job = find(id);
      return present(await once(idempotencyKey, { fork: job.id, body }, (key) => insertFork(job, body, key)));
    },

    dryRun: planning.dryRun,

    list: ({ state, ...query }) =>
      pageOf(
        query,
        (page) => store.jobs.list({ ...page, state }),
        (record) => ({ ...present(record), network: withoutWeights(record.network) }),
      ),

    get: (id) => present(find(id)),

    cancel: (id) => controlled(id, (job) => queue.cancel(job)),
    pause: (id) => controlled(id, (job) => queue.pause(job)),
    resume: (id) => controlled(id, (job) => queue.resume(job)),
    async change(id, body) {
      const { learningRate } = checkJobPatch(body).training.optimizer;
      return controlled(id, (job) => queue.setRate(job, learningRate));
    },

    checkpoints(id) {
      const items = store.checkpoints.ofJob(find(id).id).map(({ file: _, best: __, ...shown }) => shown);
      return { items, next: null };
    },

    async delete(id) {
      const job = find(id);
      checkAction('delete', job.state);
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

    async *events(id, after, signal) {
      for await (const page of followed(find(id), after ?? 0, signal)) {
        for (const event of page) {
          yield event;
          if (signal.aborted) return;
        }
      }
    },

    eventPages: (id, after, signal) => followed(find(id), after ?? 0, signal),

    forgetDeleted,

    async close() {
      closing = true;
      await forgetting;
    },
  };
}
