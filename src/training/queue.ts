import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { DatasetInfo } from '../data/dataset.ts';
import { HebbError, type Problem, toProblem } from '../errors.ts';
import { historyFileOf } from './history.ts';
import type { Best, DiagnosticsRow, MetricRow, Progress, TrainingResult, TrainingTask } from './protocol.ts';
import type { LiveProgress, QueuedJob, QueueStore, StatusChange } from './queueStore.ts';
import type { Outcome, TrainingProcesses, TrainingRun, Update } from './runner.ts';
import { isFinal, type JobState, mayFollow, statesBefore } from './states.ts';

export interface QueueOptions {
  store: QueueStore;
  processes: TrainingProcesses;
  /** Jobs that train at once. */
  jobs: number;
  threads: number;
  /** Instruction sets of this machine, the one to use first. */
  isas: readonly string[];
  /** Holds a folder for each dataset and for each model, named by id. */
  datasetsDirectory: string;
  modelsDirectory: string;
  logger: Logger;
}

interface Active {
  job: QueuedJob;
  run: TrainingRun | null;
  cancelling: boolean;
  live: LiveProgress;
  best: Best | null;
  done: Promise<void>;
}

/** A job whose training process died so often fails. */
const mostDeaths = 3;

/** Takes jobs from the store and has them trained, some at a time. What it knows is in the store: it may die at any moment. */
export class JobQueue {
  private readonly options: QueueOptions;
  private readonly active = new Map<string, Active>();
  private closing = false;

  constructor(options: QueueOptions) {
    this.options = options;
  }

  /** Puts jobs that were running when the service ended back into the queue, and begins. To be called once. */
  start(): void {
    for (const job of this.options.store.running()) this.requeue(job);
    this.wake();
    if (!this.closing) this.options.processes.warm();
  }

  /** Looks for jobs to start; to be called when one was added. */
  wake(): void {
    while (!this.closing && this.active.size < this.options.jobs) {
      const job = this.options.store.nextQueued();
      if (!job) return;
      const change: StatusChange = { state: 'running', startedAt: new Date().toISOString() };
      if (!this.change(job.id, 'queued', change)) return;
      const live = { progress: job.progress, metrics: {} };
      const active: Active = { job, run: null, cancelling: false, live, best: null, done: Promise.resolve() };
      this.active.set(job.id, active);
      active.done = this.train(active);
    }
  }

  /** How far a running job is: newer than what is stored. */
  progressOf(id: string): LiveProgress | undefined {
    return this.active.get(id)?.live;
  }

  /**
   * Cancels a queued job at once, a running one as soon as its training process has written what it has.
   * @throws HebbError('state-conflict') where it has ended, ends meanwhile, or is being cancelled already
   */
  async cancel(id: string, state: JobState): Promise<void> {
    const active = this.active.get(id);
    if (active) {
      if (active.cancelling) throw conflict('the job is being cancelled already');
      active.cancelling = true;
      active.run?.cancel();
      return active.done;
    }
    if (isFinal(state)) throw conflict(`the job is ${state}`);
    const change: StatusChange = { state: 'cancelled', finishedAt: new Date().toISOString() };
    if (!this.change(id, state, change)) throw conflict(`the job is not ${state} any more`);
  }

  /** Ends the training processes; their jobs go back into the queue. Takes about a second. */
  async close(): Promise<void> {
    this.closing = true;
    const running = [...this.active.values()];
    await this.options.processes.close();
    await Promise.all(running.map(({ done }) => done));
  }

  private async train(active: Active): Promise<void> {
    const { job } = active;
    const logger = this.options.logger.child({ job: job.id });
    try {
      const directory = join(this.options.modelsDirectory, job.id);
      await mkdir(directory, { recursive: true });
      const outcome = await this.runTask(active, this.taskOf(job, directory));
      logger.info({ outcome: outcome.type }, 'a run of the job ended');
      await this.finish(active, outcome, directory);
    } catch (error) {
      logger.error({ err: error }, 'the job could not be run');
      active.run?.kill();
      await active.run?.outcome;
      attempt(logger, () => this.fail(job, toProblem(error)));
    }
    this.active.delete(job.id);
    attempt(logger, () => this.wake());
    if (!this.closing) this.options.processes.warm();
  }

  private async runTask(active: Active, task: TrainingTask): Promise<Outcome> {
    if (this.closing) return { type: 'died', signal: null, exitCode: null, stderr: '' };
    const run = this.options.processes.run(task);
    active.run = run;
    if (active.cancelling) run.cancel();
    for await (const updates of run.updates()) this.take(active, updates);
    return run.outcome;
  }

  private taskOf(job: QueuedJob, outputDirectory: string): TrainingTask {
    const { isas, threads, datasetsDirectory, store } = this.options;
    const dataset = job.dataset === null ? noDataset(job) : store.dataset(job.dataset);
    if (!dataset) throw new HebbError('unknown-dataset', `the job's dataset ${job.dataset} is gone`);
    return {
      jobId: job.id,
      attempt: job.restarts,
      datasetDirectory: join(datasetsDirectory, job.dataset ?? ''),
      dataset,
      network: job.network,
      training: job.training,
      outputDirectory,
      initialWeights: this.initialWeightsOf(job),
      // A job that starts over gives the same bits only on the instruction set that it began with.
      isa: job.isa !== null && isas.includes(job.isa) ? job.isa : isas[0]!,
      threads,
    };
  }

  private initialWeightsOf({ initialWeights }: QueuedJob): TrainingTask['initialWeights'] {
    if (!initialWeights) return null;
    const { model, loaded } = initialWeights;
    const file = this.options.store.weightsFile(model);
    if (file === undefined) throw new HebbError('unknown-model', `the model ${model} that the job starts from is gone`);
    return { file: join(this.options.modelsDirectory, model, file), tensors: loaded };
  }

  /** Stores what is to be kept of the updates and tells the rest. */
  private take(active: Active, updates: Update[]): void {
    const { store } = this.options;
    const { id } = active.job;
    const rows: MetricRow[] = [];
    const diagnostics: DiagnosticsRow[] = [];
    const before = active.live;
    for (const update of updates) {
      if (update.type === 'started') {
        store.setIsa(id, update.isa);
        continue;
      }
      if (update.type === 'diagnostics') {
        const { type: _, ...row } = update;
        diagnostics.push(row);
        continue;
      }
      if (update.type === 'rangeTest') {
        store.setRangeTest(id, update.rangeTest);
        continue;
      }
      if (update.type === 'row') {
        rows.push(update.row);
        active.best = update.best;
      }
      const metrics = update.type === 'row' ? update.row.values : update.metrics;
      active.live = { progress: update.progress, metrics };
    }
    if (rows.length + diagnostics.length > 0)
      store.record(id, { rows, diagnostics, ...active.live, best: active.best });
    if (active.live !== before) store.announce(id, active.live);
  }

  private async finish(active: Active, outcome: Outcome, directory: string): Promise<void> {
    const { job } = active;
    const finishedAt = new Date().toISOString();
    switch (outcome.type) {
      case 'completed':
      case 'cancelled': {
        const { result, type: state } = outcome;
        await removeAllBut(directory, [result.weightsFile, historyFileOf(result.weightsFile)]);
        const { metrics, best, test, weightsHash } = result;
        const progress = endOf(active.live.progress, state, result);
        this.change(job.id, 'running', { state, finishedAt, progress, metrics, best, test, weightsHash }, result);
        return;
      }
      case 'failed': {
        const { result, problem } = outcome;
        if (!result) {
          await rm(directory, { recursive: true, force: true });
          return this.fail(job, problem);
        }
        await removeAllBut(directory, [result.weightsFile, historyFileOf(result.weightsFile)]);
        const { metrics, best, weightsHash } = result;
        const change = { state: 'failed', finishedAt, error: problem, metrics, best, weightsHash } as const;
        this.change(job.id, 'running', change, result);
        return;
      }
      case 'died':
        await rm(directory, { recursive: true, force: true });
        if (active.cancelling) {
          this.change(job.id, 'running', { state: 'cancelled', finishedAt });
        } else if (this.closing) {
          this.requeue(job);
        } else if (job.deaths + 1 < mostDeaths) {
          this.requeue({ ...job, deaths: job.deaths + 1 });
        } else {
          this.fail({ ...job, deaths: job.deaths + 1 }, deathProblem(outcome));
        }
    }
  }

  /** Back to the start: the weights begin anew, and being a function of the job they end the same. */
  private requeue(job: QueuedJob): void {
    this.change(job.id, 'running', {
      state: 'queued',
      startedAt: null,
      restarts: job.restarts + 1,
      deaths: job.deaths,
      progress: startOf(job.progress),
      metrics: {},
      best: null,
      rangeTest: null,
    });
  }

  private fail(job: QueuedJob, error: Problem): void {
    const finishedAt = new Date().toISOString();
    this.change(job.id, 'running', { state: 'failed', finishedAt, error, deaths: job.deaths });
  }

  private change(id: string, from: JobState, change: StatusChange, result?: TrainingResult): boolean {
    if (!mayFollow(from, change.state)) throw new Error(`a job does not go from ${from} to ${change.state}`);
    return this.options.store.change(id, from, change, result);
  }
}

/** A store that fails (a full disk) leaves a job as it is: the next start takes it up. */
function attempt(logger: Logger, change: () => void): void {
  try {
    change();
  } catch (error) {
    logger.error({ err: error }, 'the state of a job could not be stored');
  }
}

function conflict(what: string): HebbError {
  return new HebbError(
    'state-conflict',
    `${what}; only a job that is ${statesBefore('cancelled').join(', ')} can be cancelled`,
  );
}

function deathProblem({ signal, exitCode, stderr }: Extract<Outcome, { type: 'died' }>): Problem {
  const how = signal
    ? `was killed by ${signal}`
    : exitCode === null
      ? 'could not be started'
      : `ended with exit code ${exitCode}`;
  const why = signal === 'SIGKILL' ? " (most likely by the kernel's out-of-memory killer)" : '';
  const last = stderr.trim().split('\n').at(-1);
  const said = last ? `; its last words: ${last.slice(0, 300)}` : '';
  return new HebbError(
    'training-died',
    `the training process died ${mostDeaths} times; the last time it ${how}${why}${said}`,
  ).toProblem();
}

function startOf(progress: Progress): Progress {
  return { ...progress, epoch: 0, step: 0, fraction: 0, samplesPerSecond: null, etaSeconds: null };
}

/** How far a job came; one that was cut short is as far as the weights that are kept. */
function endOf(progress: Progress, state: 'completed' | 'cancelled', { step, best }: TrainingResult): Progress {
  if (state === 'completed') return { ...progress, fraction: 1, etaSeconds: 0 };
  const fraction = progress.steps > 0 ? step / progress.steps : 0;
  return { ...progress, epoch: best?.epoch ?? progress.epoch, step, fraction, etaSeconds: null };
}

async function removeAllBut(directory: string, files: string[]): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!files.includes(name)) await rm(join(directory, name), { force: true });
  }
}

/** What a job without a dataset trains on: nothing. */
function noDataset(job: QueuedJob): DatasetInfo {
  return {
    task: 'regression',
    inputShape: job.network.input,
    inputType: 'float32',
    targetShape: [],
    classes: null,
    features: null,
    samples: { train: 0, validation: 0, test: 0 },
    statistics: { min: 0, max: 0, mean: 0, standardDeviation: 0, classCounts: null },
    warnings: [],
    bytes: 0,
    sha256: '',
  };
}
