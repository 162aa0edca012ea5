import { withoutWeights } from '../nn/networkConfig.ts';
import { knownNormalization } from '../nn/normalization.ts';
import type { JobRecord } from '../store/jobs.ts';
import type { ModelRecord } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import type { TrainingResult } from '../training/protocol.ts';
import type { QueuedJob, QueueStore } from '../training/queueStore.ts';

/** The store as the queue sees it: one machine, whose folder is locked, so that another runner's claim is a dead one's. */
export function queueStore(store: Store): QueueStore {
  const { jobs, queue, checkpoints, datasets, events, metrics, models } = store;
  const queued = (record: JobRecord): QueuedJob => {
    const { id } = record;
    return { ...record, checkpoints: checkpoints.ofJob(id), toldStep: metrics.lastStep(id) };
  };
  return {
    async claim(runner, until) {
      const record = queue.claim(runner, until);
      return record && queued(record);
    },
    prolong: async (claims, until) => queue.prolong(claims, until),
    abandoned: async (runner) => queue.abandoned(runner).map(queued),
    async job(id) {
      const record = jobs.get(id);
      return record ? { job: queued(record), state: record.state } : null;
    },
    dataset: async (id) => datasets.get(id) ?? null,
    weightsFile: async (model) => models.get(model)?.weightsFile ?? null,
    record: async (claim, news) => queue.record(claim, news),
    async change(id, from, change, { claim, result, log } = {}) {
      const only = claim && ((status: { attempt: number }) => status.attempt === claim.attempt);
      if (!result) return jobs.change(id, from, change, { only, log }) !== null;
      const model = modelOf(jobs.get(id)!, change.finishedAt!, result, change.state === 'completed');
      const { evaluation } = result;
      return jobs.change(id, from, { ...change, model: id }, { only, log, model, evaluation }) !== null;
    },
    async setRate(id, change, log) {
      const rateChanges = [...(jobs.get(id)?.rateChanges ?? []), change];
      return jobs.change(id, 'paused', { rateChanges }, { log }) !== null;
    },
    paused: async (code) => queue.paused(code),
    announce: (id, { progress, metrics }) => events.announceProgress(id, { ...progress, metrics }),
  };
}

function modelOf(job: JobRecord, createdAt: string, result: TrainingResult, completed: boolean): ModelRecord {
  const { id, name, dataset, network, traits } = job;
  const { weightsFile, weightsHash, metrics, test, step } = result;
  const normalization = job.normalization ?? knownNormalization(job.training.normalization);
  // A training process tells of it before it trains.
  if (!normalization) throw new Error(`the normalisation of the job ${id} was never told`);
  return {
    ...traits,
    id,
    name,
    createdAt,
    job: id,
    dataset,
    normalization,
    network: withoutWeights(network),
    metrics,
    test,
    step,
    isa: job.isa!,
    weightsHash,
    weightsFile,
    completed,
  };
}
