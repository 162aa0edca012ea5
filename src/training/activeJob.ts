import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { HebbError, isNoSpace, type Problem, toProblem } from '../errors.ts';
import { historyFileOf } from './jobFiles.ts';
import type { CheckpointNote, Progress, RateChange, TrainingResult, TrainingTask } from './protocol.ts';
import type {
  JobNews,
  LiveProgress,
  LogEntry,
  PauseReason,
  QueuedJob,
  QueueStore,
  StatusChange,
} from './queueStore.ts';
import type { Death, Outcome, TrainingRun, Update } from './runner.ts';
import { refusal } from './states.ts';
import { keepWeights } from './storedWeights.ts';

/** A job whose training process died so often at one place fails. */
const mostDeaths = 3;
/** How long to wait for room on a full disk before the next try. */
const retryMs = 1000;

/** What a run was asked for: to end with what there is, to give its place to others, or to come back after a stop of the service. */
type Order = { type: 'cancel' } | { type: 'pause'; reason: PauseReason } | { type: 'stop' };

interface RateRequest {
  learningRate: number;
  resolve(change: RateChange): void;
  reject(error: unknown): void;
}

/** A job that is claimed here: what its training process tells goes to the store, and how that ends becomes the job's state. */
export class ActiveJob {
  readonly job: QueuedJob;
  live: LiveProgress;
  private readonly store: QueueStore;
  private readonly directory: string;
  private readonly logger: Logger;
  private run: TrainingRun | null = null;
  private order: Order | null = null;
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
    let outcome: Outcome;
    try {
      await mkdir(this.directory, { recursive: true });
      outcome = await this.follow(start, await task());
      this.logger.info({ outcome: outcome.type }, 'a run of the job ended');
    } catch (error) {
      this.logger.error({ err: error }, 'the job could not be run');
      this.kill();
      await this.run?.outcome;
      outcome = { type: 'failed', problem: toProblem(error) };
    }
    for (const { reject } of this.rateRequests.splice(0)) {
      reject(refusal('change the learning rate of', 'the training ended before the new rate was in force'));
    }
    while (!(await this.stored(outcome))) await sleep(retryMs);
  }

  /** Whether it is settled how the run ended: where the disk is full that is to be tried again. */
  private async stored(outcome: Outcome): Promise<boolean> {
    try {
      await this.finish(outcome);
      return true;
    } catch (error) {
      this.logger.error({ err: error }, 'the state of the job could not be stored');
      // Otherwise, and where the service stops: the lease runs out, and the job is taken up again.
      return !isNoSpace(error) || this.order?.type === 'stop';
    }
  }

  private async follow(start: (task: TrainingTask) => TrainingRun, task: TrainingTask): Promise<Outcome> {
    const { order } = this;
    if (order?.type === 'stop' || order?.type === 'pause') return { type: 'paused' };
    const run = start(task);
    this.run = run;
    if (this.cancelling) run.cancel();
    else if (this.order) run.pause();
    for (const { learningRate } of this.rateRequests.slice(0, 1)) run.setRate(learningRate);
    for await (const updates of run.updates()) await this.take(updates);
    return run.outcome;
  }

  /** Stores what is to be kept of the updates and tells the rest. */
  private async take(updates: Update[]): Promise<void> {
    const { store } = this;
    const { id } = this.job;
    const before = this.live;
    const news = this.gather(updates);
    const { rows, diagnostics, checkpoints, rateChanges, log, rangeTest } = news;
    if (rangeTest || [rows, diagnostics, checkpoints, rateChanges, log].some(({ length }) => length > 0)) {
      const kept = await store.record(this.claim, news);
      if (!kept) throw new HebbError('state-conflict', 'another runner has taken the job up');
      const old = this.checkpoints.filter(({ file }) => !kept.some((other) => other.file === file));
      this.checkpoints = kept;
      for (const { file } of old) await rm(join(this.directory, file), { force: true });
    }
    for (const change of rateChanges) {
      this.rateRequests.shift()?.resolve(change);
      if (this.rateRequests[0]) this.run?.setRate(this.rateRequests[0].learningRate);
    }
    if (this.live !== before) store.announce(id, this.live);
  }

  private gather(updates: Update[]): JobNews {
    const news: JobNews = {
      ...this.live,
      log: [],
      damaged: [],
      rateChanges: [],
      rows: [],
      diagnostics: [],
      checkpoints: [],
      best: this.best,
    };
    const log = (level: LogEntry['level'], event: string, message: string, data: LogEntry['data']) =>
      news.log.push({ level, event, message, data });
    for (const update of updates) {
      switch (update.type) {
        case 'started':
          news.started = update;
          log('info', 'started', `attempt ${this.job.attempt} began on ${update.isa}`, {
            attempt: this.job.attempt,
            isa: update.isa,
            kernelVersion: update.kernelVersion,
            pid: this.run?.pid,
          });
          break;
        case 'rangeTest':
          news.rangeTest = update.rangeTest;
          break;
        case 'resumed':
          for (const { file, problem } of update.damaged) {
            news.damaged.push(file);
            log('warn', 'checkpoint-damaged', `${file}: ${problem.detail}`, { file });
          }
          log('info', 'resumed', `the training goes on from step ${update.step ?? 0}`, { step: update.step ?? 0 });
          break;
        case 'checkpoint': {
          const { type: _, ...note } = update;
          news.checkpoints.push(note);
          log('info', 'checkpoint', `a checkpoint after step ${note.step}`, { step: note.step, bytes: note.bytes });
          break;
        }
        case 'checkpointFailed':
          log('warn', 'checkpoint-failed', update.problem.detail, { step: update.step });
          break;
        case 'rateChange':
          news.rateChanges.push(update.change);
          news.log.push(rateEntry(update.change));
          break;
        case 'diagnostics': {
          const { type: _, ...row } = update;
          news.diagnostics.push(row);
          break;
        }
        case 'row':
          news.rows.push(update.row);
          news.best = update.best;
          this.live = { progress: update.progress, metrics: update.row.values };
          break;
        case 'progress':
          this.live = { progress: update.progress, metrics: update.metrics };
      }
    }
    this.best = news.best;
    return { ...news, ...this.live };
  }

  private async finish(outcome: Outcome): Promise<void> {
    const finishedAt = new Date().toISOString();
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
        if (problem.code === 'no-space') return this.putAside(noSpace(problem.detail));
        const left = result && { metrics: result.metrics, best: result.best, weightsHash: result.weightsHash };
        return this.end({ state: 'failed', finishedAt, error: problem, ...left }, failed(problem), result);
      }
      case 'paused':
      case 'died':
        break;
    }
    const { order } = this;
    if (order?.type === 'cancel') return this.cancelFromCheckpoint(finishedAt);
    if (order?.type === 'pause') return this.putAside(order.reason);
    if (order?.type === 'stop' || outcome.type === 'paused') {
      return this.requeue({ level: 'info', event: 'requeued', message: 'the service stops' });
    }
    const deathStep = this.checkpoints[0]?.step ?? 0;
    const deaths = deathStep === this.job.deathStep ? this.job.deaths + 1 : 1;
    if (deaths < mostDeaths) return this.requeue(diedEntry(outcome), { deaths, deathStep });
    const error = deathProblem(outcome, deathStep);
    await this.end({ state: 'failed', finishedAt, error, deaths, deathStep }, failed(error));
  }

  private async end(change: StatusChange, log: LogEntry, result?: TrainingResult): Promise<void> {
    const kept = this.checkpoints.map(({ file }) => file);
    if (result) kept.push(result.weightsFile, historyFileOf(result.weightsFile));
    for (const name of await readdir(this.directory)) {
      if (!kept.includes(name)) await rm(join(this.directory, name), { force: true });
    }
    if (kept.length === 0) await rm(this.directory, { recursive: true, force: true });
    await this.change(change, log, result);
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

export const cancelledEntry: LogEntry = { level: 'info', event: 'cancelled', message: 'the job is cancelled' };

export function pausedEntry({ code, message }: PauseReason): LogEntry {
  return { level: code === 'asked' ? 'info' : 'warn', event: 'paused', message, data: { code } };
}

export function rateEntry(change: RateChange): LogEntry {
  const message = `the learning rate is ${change.learningRate} from step ${change.step} on`;
  return { level: 'info', event: 'learning-rate', message, data: { ...change } };
}

function failed({ code, detail }: Problem): LogEntry {
  return { level: 'error', event: 'failed', message: detail, data: { code } };
}

function diedEntry(death: Death): LogEntry {
  const { signal, exitCode, outOfMemory } = death;
  const message = `the training process ${howItDied(death)}`;
  return { level: 'warn', event: 'died', message, data: { signal, exitCode, outOfMemory } };
}

/** How a job stands that is to go on from a checkpoint, or from the start. */
export function standingAt(job: QueuedJob, checkpoint: CheckpointNote | undefined): Partial<StatusChange> {
  const { step, epoch, metrics, best } = checkpoint ?? { step: 0, epoch: 0, metrics: {}, best: null };
  const fraction = job.progress.steps > 0 ? step / job.progress.steps : 0;
  const progress: Progress = { ...job.progress, epoch, step, fraction, samplesPerSecond: null, etaSeconds: null };
  return { progress, metrics, best, ...(!checkpoint && { rangeTest: null }) };
}

/** The status of a job that was cancelled while no process had it. */
export function cancelledFrom(progress: Progress, result: TrainingResult | null): StatusChange {
  if (!result) return { state: 'cancelled' };
  const { metrics, best, weightsHash } = result;
  return { state: 'cancelled', progress: endOf(progress, 'cancelled', result), metrics, best, weightsHash };
}

/** How far a job came; one that was cut short is as far as the weights that are kept. */
function endOf(progress: Progress, state: 'completed' | 'cancelled', { step, best }: TrainingResult): Progress {
  if (state === 'completed') return { ...progress, fraction: 1, etaSeconds: 0 };
  const fraction = progress.steps > 0 ? step / progress.steps : 0;
  return { ...progress, epoch: best?.epoch ?? progress.epoch, step, fraction, etaSeconds: null };
}

export function noSpace(message: string): PauseReason {
  return { code: 'disk-space', message: `${message} The job goes on when there is room.` };
}

function howItDied({ signal, exitCode, outOfMemory }: Death): string {
  const how = signal
    ? `was killed by ${signal}`
    : exitCode === null
      ? 'could not be started'
      : `ended with exit code ${exitCode}`;
  return outOfMemory ? `${how}: there was not enough memory` : how;
}

function deathProblem(death: Death, step: number): Problem {
  const last = death.stderr.trim().split('\n').at(-1);
  const said = last ? `; its last words: ${last.slice(0, 300)}` : '';
  return new HebbError(
    'training-died',
    `the training process died ${mostDeaths} times after step ${step}; the last time it ${howItDied(death)}${said}`,
  ).toProblem();
}
