import { uuidv7 } from 'uuidv7';
import { withoutWeights } from '../nn/networkConfig.ts';
import type { JobPlan } from '../nn/plan.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import type { EventPage } from '../store/eventChannel.ts';
import type { StoredEvent } from '../store/events.ts';
import type { JobRecord } from '../store/jobs.ts';
import { isFinal } from '../training/states.ts';
import { initialProgress, traitsOf } from './jobRequest.ts';
import type { Job, JobEvent, JobState } from './types.ts';

/** A job that has done nothing yet. */
export function newRecord(order: {
  plan: JobPlan;
  dataset: DatasetRecord | null;
  initialWeights: JobRecord['initialWeights'];
  name: string | undefined;
  priority: number | undefined;
}): JobRecord {
  const { plan, dataset, initialWeights } = order;
  const id = uuidv7();
  return {
    id,
    name: order.name ?? `job-${id.slice(-8)}`,
    priority: order.priority ?? 0,
    dataset: dataset?.id ?? null,
    network: plan.network,
    training: plan.training,
    initialWeights,
    fork: null,
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
    pause: null,
    restarts: 0,
    isa: null,
    kernelVersion: null,
    weightsHash: null,
    model: null,
    rangeTest: null,
    normalization: null,
    rateChanges: [],
    attempt: -1,
    deaths: 0,
    deathStep: 0,
  };
}

/** What of a job is told. */
export function publicJob({
  traits: _,
  attempt: __,
  deaths: ___,
  deathStep: ____,
  normalization: _____,
  rateChanges,
  ...job
}: JobRecord): Job {
  return { ...job, learningRateChanges: rateChanges };
}

/** A state event carries the whole job: what of it never changes is not kept with every event. */
function toJobEvent({ id, type, data }: StoredEvent, job: JobRecord): JobEvent {
  if (type !== 'state') return { id, type, data };
  return { id, type, data: publicJob({ ...job, ...data, network: withoutWeights(job.network) } as JobRecord) };
}

interface JobEventPage {
  events: readonly JobEvent[];
  /** Whether the job is over with it. */
  last: boolean;
}

/** What pages of the store became, for all who are given the same one. */
const jobEventPages = new WeakMap<EventPage, JobEventPage>();

/** The events of a page up to the final state. */
export function toJobEvents(page: EventPage, job: JobRecord): JobEventPage {
  const known = jobEventPages.get(page);
  if (known) return known;
  const end = page.findIndex((event) => event.type === 'state' && isFinal(event.data.state as JobState));
  const events = (end < 0 ? page : page.slice(0, end + 1)).map((event) => toJobEvent(event, job));
  const made = { events, last: end >= 0 };
  jobEventPages.set(page, made);
  return made;
}
