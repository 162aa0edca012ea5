import { withoutWeights } from '../nn/networkConfig.ts';
import type { JobRecord } from '../store/jobs.ts';
import type { ModelRecord } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import type { TrainingResult } from '../training/protocol.ts';
import type { QueueStore } from '../training/queueStore.ts';

/** The store as the queue sees it. */
export function queueStore(store: Store): QueueStore {
  const { jobs, datasets, events, models } = store;
  return {
    nextQueued: () => jobs.nextQueued(),
    running: () => jobs.running().map((id) => jobs.get(id)!),
    dataset: (id) => datasets.get(id),
    weightsFile: (model) => models.get(model)?.weightsFile,
    change(id, from, change, result) {
      if (!result) return jobs.change(id, from, change) !== null;
      const model = modelOf(jobs.get(id)!, change.finishedAt!, result, change.state === 'completed');
      return jobs.change(id, from, { ...change, model: id }, model, result.evaluation) !== null;
    },
    setIsa: (id, isa) => jobs.setIsa(id, isa),
    setRangeTest: (id, rangeTest) => jobs.setRangeTest(id, rangeTest),
    record: (id, news) => jobs.record(id, news),
    announce: (id, { progress, metrics }) => events.announceProgress(id, { ...progress, metrics }),
  };
}

function modelOf(job: JobRecord, createdAt: string, result: TrainingResult, completed: boolean): ModelRecord {
  const { id, name, dataset, network, traits } = job;
  const { weightsFile, weightsHash, metrics, test, step } = result;
  return {
    ...traits,
    id,
    name,
    createdAt,
    job: id,
    dataset,
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
