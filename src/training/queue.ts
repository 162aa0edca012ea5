import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { HebbError } from '../errors.ts';
import { ActiveJob } from './activeJob.ts';
import { keepOnly } from './jobFiles.ts';
import { cancelledEntry, noSpace, pausedEntry, rateEntry } from './logEntries.ts';
import type { RateChange } from './protocol.ts';
import type { LiveProgress, LogEntry, QueuedJob } from './queueStore.ts';
import type { TrainingProcesses } from './runner.ts';
import { cancelledFrom, standingAt } from './standing.ts';
import { checkAction, refusal } from './states.ts';
import { keepWeights } from './storedWeights.ts';
import { obstacleTo, type TaskSettings, taskOf } from './task.ts';

export interface QueueOptions extends TaskSettings {
  processes: TrainingProcesses;
  /** Jobs that train at once. */
  jobs: number;
  /** What is wrong with the room on the disk; null: nothing. */
  shortOfSpace(): Promise<string | null>;
  logger: Logger;
}

/** A job whose runner has not been heard of for so long comes free. */
const leaseMs = 30_000;
/** How often leases are prolonged and abandoned jobs are looked for, and how often the disk is looked at. */
const heartbeatMs = 10_000;
const diskMs = 1000;
/** How long runs may take to write their checkpoint when the service stops. */
const stopMs = 5000;

/** Takes jobs from the store and has them trained, some at a time. What it knows is in the store: it may die at any moment. */
export class JobQueue {
  private readonly options: QueueOptions;
  private readonly runner = randomUUID();
  private readonly active = new Map<string, { job: ActiveJob; done: Promise<void> }>();
  /** Jobs that are being cancelled while no process has them. */
  private readonly cancelling = new Set<string>();
  private readonly timers: NodeJS.Timeout[] = [];
  private closing = false;
  /** No job starts: the disk is full, or has not been looked at. */
  private held = true;
  private claiming: Promise<void> | null = null;
  private claimAgain = false;
  private watching = false;

  constructor(options: QueueOptions) {
    this.options = options;
  }

  /** Puts jobs that were running when the service ended back into the queue, and begins. To be called once. */
  async start(): Promise<void> {
    // What fails now, on a full disk, is tried again and again.
    const tend = async (what: () => Promise<void>) => {
      if (this.closing) return;
      await what().catch((error) => this.options.logger.error({ err: error }, 'the queue could not be tended'));
    };
    const every = (ms: number, what: () => Promise<void>) => {
      this.timers.push(setInterval(() => void tend(what), ms).unref());
    };
    await tend(() => this.freeAbandoned());
    await tend(() => this.watchDisk());
    every(heartbeatMs, () => this.beat());
    every(diskMs, () => this.watchDisk());
    this.wake();
    if (!this.closing) this.options.processes.warm();
  }

  /** Looks for jobs to start; to be called when one was added. */
  wake(): void {
    this.claimAgain = true;
    this.claiming ??= this.claimAll().finally(() => {
      this.claiming = null;
      if (this.claimAgain && !this.closing) this.wake();
    });
  }

  private async claimAll(): Promise<void> {
    try {
      while (this.claimAgain && !this.closing) {
        this.claimAgain = false;
        while (!this.closing && !this.held && this.active.size < this.options.jobs) {
          const job = await this.options.store.claim(this.runner, Date.now() + leaseMs);
          if (!job) break;
          this.begin(job);
        }
      }
    } catch (error) {
      this.options.logger.error({ err: error }, 'no job could be taken from the queue');
    }
  }

  private begin(job: QueuedJob): void {
    const { store, processes, modelsDirectory } = this.options;
    const logger = this.options.logger.child({ job: job.id });
    const directory = join(modelsDirectory, job.id);
    const active = new ActiveJob(job, { store, directory, logger });
    const obstacle = obstacleTo(job, this.options);
    if (obstacle) active.pause(obstacle);
    const done = active
      .train(
        (task) => processes.run(task),
        () => taskOf(job, directory, this.options),
      )
      .then(() => {
        this.active.delete(job.id);
        this.wake();
        if (!this.closing) processes.warm();
      });
    this.active.set(job.id, { job: active, done });
  }

  /** How far a running job is: newer than what is stored. */
  progressOf(id: string): LiveProgress | undefined {
    return this.active.get(id)?.job.live;
  }

  /**
   * Cancels a job: a running one as soon as its training process has written what it has, others with the best weights of their
   * checkpoint.
   * @throws HebbError('state-conflict') where it has ended, ends meanwhile, or is being cancelled already
   */
  async cancel(id: string): Promise<void> {
    const active = await this.activeOf(id);
    if (active?.job.cancelling || this.cancelling.has(id)) {
      throw refusal('cancel', 'the job is being cancelled already');
    }
    if (active) {
      active.job.cancel();
      await active.done;
      const { state } = await this.find(id);
      if (state !== 'cancelled') throw refusal('cancel', `the job is ${state}`, state);
      return;
    }
    this.cancelling.add(id);
    try {
      await this.cancelIdle(id);
    } finally {
      this.cancelling.delete(id);
    }
  }

  /** Cancels a job that no process has. */
  private async cancelIdle(id: string): Promise<void> {
    const { store, modelsDirectory } = this.options;
    const { job, state } = await this.find(id);
    checkAction('cancel', state);
    // Out of the queue first, so that nobody takes it up meanwhile.
    const reason = { code: 'asked', message: 'The job is being cancelled.' } as const;
    if (
      state === 'running' ||
      (state === 'queued' && !(await store.change(id, state, { state: 'paused', pause: reason })))
    ) {
      throw refusal('cancel', 'the job changes hands just now');
    }
    const directory = join(modelsDirectory, id);
    const result = await keepWeights(job, job.checkpoints, directory);
    const change = { ...cancelledFrom(job.progress, result), finishedAt: new Date().toISOString() };
    if (!(await store.change(id, 'paused', change, { result: result ?? undefined, log: cancelledEntry }))) {
      throw refusal('cancel', 'the state of the job changed meanwhile');
    }
    await keepOnly(directory, job.checkpoints, result);
  }

  /**
   * Puts a job aside: a running one at its next step, with a checkpoint; its place goes to others.
   * @throws HebbError('state-conflict') where it is neither queued nor running, or is being cancelled
   */
  async pause(id: string): Promise<void> {
    const reason = { code: 'asked', message: 'The job was paused by hand.' } as const;
    const active = await this.activeOf(id);
    if (active) {
      if (active.job.cancelling) throw refusal('pause', 'the job is being cancelled');
      active.job.pause(reason);
      await active.done;
      const { state } = await this.find(id);
      if (state !== 'paused') throw refusal('pause', `the job is ${state}`, state);
      return;
    }
    const { store } = this.options;
    const { state } = await this.find(id);
    checkAction('pause', state);
    if (state === 'running') throw refusal('pause', 'the job changes hands just now');
    const change = { state: 'paused', pause: reason } as const;
    if (!(await store.change(id, 'queued', change, { log: pausedEntry(reason) }))) return this.pause(id);
  }

  /** @throws HebbError('state-conflict') where the job is not paused */
  async resume(id: string): Promise<void> {
    const { store } = this.options;
    const { state } = await this.find(id);
    checkAction('resume', state);
    const log: LogEntry = { level: 'info', event: 'resumed', message: 'the job was put back into the queue by hand' };
    if (!(await store.change(id, 'paused', { state: 'queued', pause: null }, { log }))) return this.resume(id);
    this.wake();
  }

  /**
   * Changes the learning rate of a job that runs or is paused. Resolves when the change is durable.
   * @returns from which step on it holds
   * @throws HebbError('state-conflict') in any other state, or where the training ends before
   */
  async setRate(id: string, learningRate: number): Promise<RateChange> {
    const active = await this.activeOf(id);
    if (active) return active.job.setRate(learningRate);
    const { store } = this.options;
    const { job, state } = await this.find(id);
    checkAction('change the learning rate of', state);
    // Behind all that was told: that stays true.
    const step = Math.max(job.checkpoints[0]?.step ?? 0, job.toldStep, job.rateChanges.at(-1)?.step ?? 0);
    const change = { step, learningRate };
    if (!(await store.setRate(id, change, rateEntry(change)))) return this.setRate(id, learningRate);
    return change;
  }

  /** The job where it is claimed here, also where that is happening just now. */
  private async activeOf(id: string) {
    await this.claiming;
    return this.active.get(id);
  }

  private async find(id: string) {
    const found = await this.options.store.job(id);
    if (!found) throw new HebbError('not-found', `there is no job ${id}`);
    return found;
  }

  /** Lets the jobs under way write a checkpoint, puts them back into the queue, and ends the training processes. */
  async close(): Promise<void> {
    this.closing = true;
    for (const timer of this.timers) clearInterval(timer);
    await this.claiming;
    const running = [...this.active.values()];
    for (const { job } of running) job.stop();
    const done = Promise.all(running.map(({ done }) => done));
    const late = new Promise<void>((resolve) => setTimeout(resolve, stopMs).unref());
    await Promise.race([done, late]);
    await this.options.processes.close();
    await done;
  }

  private async beat(): Promise<void> {
    const claims = [...this.active.values()].map(({ job }) => job.claim);
    const lost = claims.length > 0 ? await this.options.store.prolong(claims, Date.now() + leaseMs) : [];
    for (const { job, attempt } of lost) {
      const active = this.active.get(job)?.job;
      if (active?.claim.attempt === attempt) active.kill();
    }
    await this.freeAbandoned();
    // Also those that met a full disk before it was seen.
    if (!this.held) await this.releasePaused();
    this.wake();
  }

  /** Jobs that run according to the store, but nowhere: their runner died, or could not store how they ended. */
  private async freeAbandoned(): Promise<void> {
    const { store } = this.options;
    for (const job of await store.abandoned(this.runner)) {
      if (this.active.has(job.id)) continue;
      const change = { state: 'queued', restarts: job.restarts + 1, ...standingAt(job, job.checkpoints[0]) } as const;
      const claim = { job: job.id, attempt: job.attempt };
      const message = 'the runner of the job is gone: it goes on from its last checkpoint';
      const data = { step: job.checkpoints[0]?.step ?? 0 };
      const log: LogEntry = { level: 'warn', event: 'requeued', message, data };
      if (await store.change(job.id, 'running', change, { claim, log })) this.wake();
    }
  }

  /** Puts jobs aside while there is little room on the disk, and lets them go on when there is some again. */
  private async watchDisk(): Promise<void> {
    if (this.watching) return;
    this.watching = true;
    try {
      const { shortOfSpace, logger } = this.options;
      const shortage = await shortOfSpace();
      if (shortage !== null) {
        if (!this.held) logger.warn(shortage);
        this.held = true;
        for (const { job } of this.active.values()) if (!job.pausing) job.pause(noSpace(shortage));
        return;
      }
      if (!this.held) return;
      await this.releasePaused();
      this.held = false;
      this.wake();
    } finally {
      this.watching = false;
    }
  }

  private async releasePaused(): Promise<void> {
    const { store } = this.options;
    const log: LogEntry = { level: 'info', event: 'resumed', message: 'there is room on the disk again' };
    for (const id of await store.paused('disk-space')) {
      await store.change(id, 'paused', { state: 'queued', pause: null }, { log });
    }
  }
}
