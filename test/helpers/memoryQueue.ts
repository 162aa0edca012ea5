// The queue's store in memory: what any engine has to do, and no more. Several runners may share it.
import type { DatasetInfo } from '../../src/data/dataset.ts';
import type { CheckpointNote, MetricRow, TrainingResult } from '../../src/training/protocol.ts';
import type { Claim, LogEntry, PauseReason, QueuedJob, QueueStore } from '../../src/training/queueStore.ts';
import type { JobState } from '../../src/training/states.ts';

export interface StoredJob {
  job: QueuedJob;
  state: JobState;
  priority: number;
  pause: PauseReason | null;
  lease: number;
  result: TrainingResult | null;
  error: string | null;
  states: JobState[];
  rows: MetricRow[];
  log: LogEntry[];
}

export class MemoryQueueStore implements QueueStore {
  /** By age. */
  readonly jobs = new Map<string, StoredJob>();
  readonly datasets = new Map<string, DatasetInfo>();

  insert(job: QueuedJob, priority: number): void {
    const nothing = { pause: null, lease: 0, result: null, error: null, rows: [], log: [] };
    this.jobs.set(job.id, { job: structuredClone(job), state: 'queued', priority, states: ['queued'], ...nothing });
  }

  async claim(_runner: string, until: number) {
    const waiting = [...this.jobs.values()].filter(({ state }) => state === 'queued');
    const [next] = waiting.sort((a, b) => b.priority - a.priority);
    if (!next) return null;
    Object.assign(next, { state: 'running', lease: until, pause: null });
    next.job.attempt++;
    next.states.push('running');
    return structuredClone(next.job);
  }

  async prolong(claims: Claim[], until: number) {
    return claims.filter((claim) => {
      const stored = this.held(claim);
      if (stored) stored.lease = until;
      return !stored;
    });
  }

  async abandoned() {
    const over = [...this.jobs.values()].filter(({ state, lease }) => state === 'running' && lease < Date.now());
    return over.map(({ job }) => structuredClone(job));
  }

  async job(id: string) {
    const stored = this.jobs.get(id);
    return stored ? { job: structuredClone(stored.job), state: stored.state } : null;
  }

  async dataset(id: string) {
    return this.datasets.get(id) ?? null;
  }

  async weightsFile(model: string) {
    return this.jobs.get(model)?.result?.weightsFile ?? null;
  }

  async record(claim: Claim, news: Parameters<QueueStore['record']>[1]): Promise<CheckpointNote[] | null> {
    const stored = this.held(claim);
    if (!stored) return null;
    const { job, rows, log } = stored;
    for (const row of news.rows) {
      if (!rows.some(({ kind, step }) => kind === row.kind && step === row.step)) rows.push(row);
    }
    log.push(...news.log);
    const checkpoints = [...job.checkpoints, ...news.checkpoints]
      .filter(({ file }) => !news.damaged.includes(file))
      .sort((a, b) => b.step - a.step)
      .slice(0, 2);
    const { progress, metrics, best, started = {}, normalization = job.normalization } = news;
    const rateChanges = [...job.rateChanges, ...news.rateChanges];
    const toldStep = Math.max(job.toldStep, ...rows.map(({ step }) => step));
    Object.assign(job, { progress, metrics, best, normalization, ...started, rateChanges, checkpoints, toldStep });
    return structuredClone(checkpoints);
  }

  async change(...[id, from, change, more = {}]: Parameters<QueueStore['change']>) {
    const stored = this.jobs.get(id);
    if (stored?.state !== from || (more.claim && !this.held(more.claim))) return false;
    const { state, pause = stored.pause, error, ...rest } = change;
    Object.assign(stored.job, rest);
    Object.assign(stored, { state, pause, error: error?.code ?? stored.error, result: more.result ?? null });
    if (state !== from) stored.states.push(state);
    if (more.log) stored.log.push(more.log);
    return true;
  }

  async setRate(...[id, change, log]: Parameters<QueueStore['setRate']>) {
    const stored = this.jobs.get(id);
    if (stored?.state !== 'paused') return false;
    stored.job.rateChanges.push(change);
    stored.log.push(log);
    return true;
  }

  async paused(code: PauseReason['code']) {
    const found = [...this.jobs.values()].filter(({ state, pause }) => state === 'paused' && pause?.code === code);
    return found.map(({ job }) => job.id);
  }

  announce(): void {}

  private held({ job, attempt }: Claim): StoredJob | null {
    const stored = this.jobs.get(job);
    return stored?.state === 'running' && stored.job.attempt === attempt ? stored : null;
  }
}
