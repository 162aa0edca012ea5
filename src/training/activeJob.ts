import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { syncPath } from '../data/durableFile.ts';
import { HebbError, isNoSpace, toProblem } from '../errors.ts';
import { keepOnly } from './jobFiles.ts';
import { isToBeStored, newsOf } from './jobNews.ts';
import {
  cancelledEntry,
  deathProblem,
  diedEntry,
  failedEntry,
  mostDeaths,
  noSpace,
  pausedEntry,
} from './logEntries.ts';
import type { CheckpointNote, RateChange, TrainingResult, TrainingTask } from './protocol.ts';
import type { LiveProgress, LogEntry, PauseReason, QueuedJob, QueueStore, StatusChange } from './queueStore.ts';
import type { Outcome, TrainingRun, Update } from './runner.ts';
import { cancelledFrom, endOf, standingAt } from './standing.ts';
import { refusal } from './states.ts';
import { keepWeights } from './storedWeights.ts';

/** How long to wait for room on a full disk before the next try. */
const retryMs = 1000;

/** What a run was asked for: to end with what there is, to give its place to others, or to come back after a stop of the service. */
type Order = { type: 'cancel' } | { type: 'pause'; reason: PauseReason } | { type: 'stop' };

interface RateRequest {
  learningRate: number;
  resolve(change: RateChange): void;
  reject(error: unknown): void;
}

/** The job belongs to another runner now: nothing of it may be touched from here. */
class ClaimLost extends Error {}

/** A job that is claimed here: what its training process tells goes to the store, and how that ends becomes the job's state. */
export class ActiveJob {
  readonly job: QueuedJob;
  live: LiveProgress;
  private readonly store: QueueStore;
  private readonly directory: string;
  private readonly logger: Logger;
  private run: TrainingRun | null = null;
  private order: Order | null = null;
  private stopping = false;
  private best: QueuedJob['best'];
  private checkpoints: CheckpointNote[];
  private rateRequests: RateRequest[] = [];

  constructor(job: QueuedJob, { store, directory, logger }: { store: QueueStore; directory: string; logger: Logger }) {
    this.job = job;
    this.store = store;
    this.directory = directory;
    this.logger = logger;
    this.live = { progress: job.progress, metrics: job.metrics };
    this.best = job.best;
    this.checkpoints = job.checkpoints;
  }

  get claim() {
    return { job: this.job.id, attempt: this.job.attempt };
  }
  get cancelling(): boolean {
    return this.order?.type === 'cancel';
  }
  get pausing(): boolean {
    return this.order?.type === 'pause';
  }

  cancel(): void {
    this.order = { type: 'cancel' };
    this.run?.cancel();
  }

  /** Does nothing where the run is about to end anyway. */
  pause(reason: PauseReason): void {
    this.ask({ type: 'pause', reason });
  }

  /** Leaves the job to the next start of the service. */
  stop(): void {
    this.stopping = true;
    this.ask({ type: 'stop' });
  }

  private ask(order: Order): void {
    if (this.cancelling) return;
    this.order = order;
    this.run?.pause();
  }

  /** Ends the process; the job is not this runner's any more. */
  kill(): void {
    this.run?.kill();
  }

  /** @throws HebbError('state-conflict') where the training ends before the rate is in force */
  setRate(learningRate: number): Promise<RateChange> {
    return new Promise((resolve, reject) => {
      this.rateRequests.push({ learningRate, resolve, reject });
      if (this.rateRequests.length === 1) this.run?.setRate(learningRate);
    });
  }

  /** Has the job trained to its end, or to where it is put aside. Never rejects. */
  async train(start: (task: TrainingTask) => TrainingRun, task: () => Promise<TrainingTask>): Promise<void> {
    const outcome = await this.outcomeOf(start, task);
    for (const { reject } of this.rateRequests.splice(0)) {
      reject(refusal('change the learning rate of', 'the training ended before the new rate was in force'));
    }
    if (!outcome) return;
    while (!(await this.stored(outcome))) await sleep(retryMs);
  }

  /** @returns null where the job is another runner's by now */
  private async outcomeOf(
    start: (task: TrainingTask) => TrainingRun,
    task: () => Promise<TrainingTask>,
  ): Promise<Outcome | null> {
    try {
      await mkdir(this.directory, { recursive: true });
      await syncPath(dirname(this.directory));
      const outcome = await this.follow(start, await task());
      this.logger.info({ outcome: outcome.type }, 'a run of the job ended');
      return outcome;
    } catch (error) {
      const lost = error instanceof ClaimLost;
      if (lost) this.logger.warn('another runner has taken the job up');
      else this.logger.error({ err: error }, 'the job could not be run');
      this.kill();
      await this.run?.outcome;
      if (lost) return null;
      if (error instanceof HebbError || isNoSpace(error)) return { type: 'failed', problem: toProblem(error) };
      // A database that was busy, for instance: as good as a death, so the job is tried again, but not for ever.
      return { type: 'died', signal: null, exitCode: null, outOfMemory: false, stderr: String(error) };
    }
  }

  /** Whether it is settled how the run ended: where the disk is full that is to be tried again. */
  private async stored(outcome: Outcome): Promise<boolean> {
    try {
      await this.finish(outcome);
      return true;
    } catch (error) {
      this.logger.error({ err: error }, 'the state of the job could not be stored');
      // Otherwise, and where the service stops: the lease runs out, and the job is taken up again.
      return !isNoSpace(error) || this.stopping;
    }
  }

  private async follow(start: (task: TrainingTask) => TrainingRun, task: TrainingTask): Promise<Outcome> {
    if (this.order && !this.cancelling) return { type: 'paused' };
    const run = start(task);
    this.run = run;
    if (this.cancelling) run.cancel();
    for (const { learningRate } of this.rateRequests.slice(0, 1)) run.setRate(learningRate);
    for await (const updates of run.updates()) await this.take(updates);
    return run.outcome;
  }

  /** Stores what is to be kept of the updates and tells the rest. */
  private async take(updates: Update[]): Promise<void> {
    const { store, job, run } = this;
    const before = this.live;
    const news = newsOf(updates, { ...before, best: this.best }, { attempt: job.attempt, pid: run?.pid });
    const { progress, metrics, best, rateChanges } = news;
    this.live = { progress, metrics };
    this.best = best;
    if (isToBeStored(news)) {
      const kept = await store.record(this.claim, news);
      if (!kept) throw new ClaimLost();
      const old = this.checkpoints.filter(({ file }) => !kept.some((other) => other.file === file));
      this.checkpoints = kept;
      for (const { file } of old) await rm(join(this.directory, file), { force: true });
    }
    for (const change of rateChanges) {
      this.rateRequests.shift()?.resolve(change);
      if (this.rateRequests[0]) run?.setRate(this.rateRequests[0].learningRate);
    }
    if (progress !== before.progress) store.announce(job.id, this.live);
  }

  private async finish(outcome: Outcome): Promise<void> {
    const finishedAt = new Date().toISOString();
    const { order } = this;
    switch (outcome.type) {
      case 'completed':
      case 'cancelled': {
        const { result, type: state } = outcome;
        const { metrics, best, test, weightsHash } = result;
        const progress = endOf(this.live.progress, state, result);
        const log: LogEntry = { level: 'info', event: state, message: `the job is ${state}`, data: { weightsHash } };
        return this.end({ state, finishedAt, progress, metrics, best, test, weightsHash }, log, result);
      }
      case 'failed': {
        const { result, problem } = outcome;
        if (problem.code === 'no-space') {
          // What was asked for comes first: a job that is put aside for want of room goes on by itself.
          if (!order || this.stopping) return this.putAside(noSpace(problem.detail));
          break;
        }
        const left = result && { metrics: result.metrics, best: result.best, weightsHash: result.weightsHash };
        return this.end({ state: 'failed', finishedAt, error: problem, ...left }, failedEntry(problem), result);
      }
      case 'paused':
      case 'died':
        break;
    }
    if (order?.type === 'cancel') return this.cancelFromCheckpoint(finishedAt);
    if (order?.type === 'pause') return this.putAside(order.reason);
    if (order?.type === 'stop' || outcome.type !== 'died') {
      return this.requeue({ level: 'info', event: 'requeued', message: 'the service stops' });
    }
    const deathStep = this.checkpoints[0]?.step ?? 0;
    const deaths = deathStep === this.job.deathStep ? this.job.deaths + 1 : 1;
    if (deaths < mostDeaths) return this.requeue(diedEntry(outcome), { deaths, deathStep });
    const error = deathProblem(outcome, deathStep);
    await this.end({ state: 'failed', finishedAt, error, deaths, deathStep }, failedEntry(error));
  }

  private async end(change: StatusChange, log: LogEntry, result?: TrainingResult): Promise<void> {
    // Only then the files: they are another runner's where the claim is void.
    if (await this.change(change, log, result)) await keepOnly(this.directory, this.checkpoints, result);
  }

  private async cancelFromCheckpoint(finishedAt: string): Promise<void> {
    const result = await keepWeights(this.job, this.checkpoints, this.directory);
    await this.end({ ...cancelledFrom(this.job.progress, result), finishedAt }, cancelledEntry, result ?? undefined);
  }

  private async putAside(reason: PauseReason): Promise<void> {
    await this.change({ state: 'paused', pause: reason, ...this.standing() }, pausedEntry(reason));
  }

  private async requeue(log: LogEntry, change: Omit<StatusChange, 'state'> = {}): Promise<void> {
    const restarts = this.job.restarts + 1;
    await this.change({ state: 'queued', restarts, ...this.standing(), ...change }, log);
  }

  private standing(): Partial<StatusChange> {
    return standingAt(this.job, this.checkpoints[0]);
  }

  private change(change: StatusChange, log: LogEntry, result?: TrainingResult): Promise<boolean> {
    return this.store.change(this.job.id, 'running', change, { claim: this.claim, result, log });
  }
}
