import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, setPriority } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Logger } from 'pino';
import type { Problem } from '../errors.ts';
import type { FromWorker, ToWorker, TrainingResult, TrainingTask } from './protocol.ts';

/** What a training process tells of a job under way. */
export type Update = Exclude<
  FromWorker,
  { type: 'ready' } | { type: 'completed' | 'cancelled' } | { type: 'paused' } | { type: 'failed' }
>;

/** How a job's run ended. `died`: the process ended before the job did, for want of memory where that is known. */
export type Outcome =
  | { type: 'completed' | 'cancelled'; result: TrainingResult }
  | { type: 'failed'; problem: Problem; result?: TrainingResult }
  | { type: 'paused' }
  | Death;

export interface Death {
  type: 'died';
  signal: NodeJS.Signals | null;
  exitCode: number | null;
  outOfMemory: boolean;
  stderr: string;
}

/** A process that is not ready after so long is ended. */
const readyTimeoutMs = 60_000;
/** A process that does not answer a cancel or a pause after so long is ended. */
const answerTimeoutMs = 120_000;
/** How long an idle process may take to leave. */
const leaveTimeoutMs = 1000;
/** Time between two batches of updates, so that quick epochs share a transaction. */
const batchEveryMs = 100;
/** Updates in a batch: so many rows are stored in a few milliseconds. */
const batchSize = 150;
const stderrBytes = 4096;

/** All that a training process needs of the environment; what it is to do comes by message. */
const environmentNames = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LD_LIBRARY_PATH', 'LD_PRELOAD', 'ASAN_OPTIONS'];

/** One job in one training process: its updates as values, and its end. */
export class TrainingRun {
  readonly outcome: Promise<Outcome>;
  private pending: Update[] = [];
  private ended = false;
  private settle!: (outcome: Outcome) => void;
  private wake: (what: 'update' | 'end') => void = () => {};
  private readonly process: TrainingProcess | null;

  constructor(process: TrainingProcess | null) {
    this.process = process;
    this.outcome = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** Id of the process; undefined where none could be started. */
  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** All updates in order, several at a time; ends with the run. For one reader. */
  async *updates(): AsyncGenerator<Update[], void, void> {
    for (;;) {
      if (this.pending.length === 0) {
        if (this.ended) return;
        await this.woken('update');
        continue;
      }
      const batch = this.pending.splice(0, batchSize);
      yield batch;
      // With a full batch there is a backlog: that waits for nothing but other work.
      if (!this.ended && batch.length < batchSize) await this.woken('end', batchEveryMs);
      await setImmediate();
    }
  }

  /** Resolves with the next update, or only with the end or after some time. */
  private woken(by: 'update' | 'end', timeoutMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
      this.wake = (what) => {
        if (by === 'end' && what === 'update') return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Asks the process to end the job with the weights that it has. */
  cancel(): void {
    this.ask({ type: 'cancel' });
  }

  /** Asks the process to write a checkpoint and to stop there. */
  pause(): void {
    this.ask({ type: 'pause' });
  }

  /** Asks the process for another learning rate; an update says from which step on it holds. */
  setRate(learningRate: number): void {
    this.send({ type: 'setRate', learningRate });
  }

  private ask(message: ToWorker): void {
    this.send(message);
    const timer = setTimeout(() => this.kill(), answerTimeoutMs);
    void this.outcome.then(() => clearTimeout(timer));
  }

  /** Ends the process; the outcome is then `died`. Does nothing where the job has ended. */
  kill(): void {
    if (!this.ended) this.process?.kill();
  }

  /** The process may have another job by now, which this is not meant for. */
  private send(message: ToWorker): void {
    if (!this.ended) this.process?.send(message);
  }

  /** For the process alone. */
  push(update: Update): void {
    this.pending.push(update);
    this.wake('update');
  }

  /** For the process alone. */
  end(outcome: Outcome): void {
    this.ended = true;
    this.settle(outcome);
    this.wake('end');
  }
}

/** The parent's side of one child process. */
class TrainingProcess {
  readonly exited: Promise<void>;
  private readonly child: ChildProcess;
  private readonly logger: Logger;
  private run: TrainingRun | null = null;
  private readonly outOfMemoryKills = outOfMemoryKills();
  private ready = false;
  private unsent: ToWorker[] = [];
  private stderr = '';

  constructor(entry: string, logger: Logger) {
    this.child = fork(entry, {
      execArgv: entry.endsWith('.ts') ? ['--import', typescriptLoader()] : [],
      env: Object.fromEntries(
        environmentNames.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
      ),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.logger = logger.child({ trainingPid: this.child.pid });
    try {
      setPriority(this.child.pid!, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch (error) {
      this.logger.debug({ err: error }, 'the priority of the training process could not be lowered');
    }
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-stderrBytes);
      this.logger.warn({ stderr: text.trimEnd() }, 'a training process wrote to its standard error');
    });
    this.child.on('message', (message) => this.receive(message as FromWorker));
    // A message that cannot be sent any more: the exit tells why.
    this.child.on('error', (error) => this.logger.debug({ err: error }, 'training process'));
    const timer = setTimeout(() => this.kill(), readyTimeoutMs);
    this.child.once('message', () => clearTimeout(timer));
    // 'close' comes after the last of stderr, 'disconnect' after the last message.
    const closed = new Promise<void>((resolve) => this.child.once('close', () => resolve()));
    const disconnected = new Promise<void>((resolve) => this.child.once('disconnect', () => resolve()));
    this.exited = Promise.all([closed, disconnected]).then(() => {
      clearTimeout(timer);
      this.finish(this.death());
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get idle(): boolean {
    return this.run === null && this.child.connected && this.child.exitCode === null && this.child.signalCode === null;
  }

  start(task: TrainingTask): TrainingRun {
    this.stderr = '';
    this.run = new TrainingRun(this);
    this.send({ type: 'start', task });
    return this.run;
  }

  /** Sends in order; before the process is ready messages wait. */
  send(message: ToWorker): void {
    if (!this.ready) this.unsent.push(message);
    else if (this.child.connected) this.child.send(message, () => {});
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Ends the process: an idle one leaves by itself, one with a job or not yet ready is killed. */
  async stop(): Promise<void> {
    if (this.run || !this.ready) this.kill();
    else if (this.child.connected) this.child.send({ type: 'leave' } satisfies ToWorker, () => {});
    const timer = setTimeout(() => this.kill(), leaveTimeoutMs);
    await this.exited;
    clearTimeout(timer);
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.ready = true;
        for (const unsent of this.unsent.splice(0)) this.send(unsent);
        return;
      case 'completed':
      case 'cancelled':
      case 'paused':
      case 'failed':
        this.finish(message);
        return;
      default:
        this.run?.push(message);
    }
  }

  private finish(outcome: Outcome): void {
    const { run } = this;
    this.run = null;
    run?.end(outcome);
  }

  private death(): Outcome {
    const { signalCode: signal, exitCode } = this.child;
    const killed = signal === 'SIGKILL' && outOfMemoryKills() > this.outOfMemoryKills;
    const outOfMemory = killed || /out of memory|bad_alloc/i.test(this.stderr);
    this.logger.info({ signal, exitCode, outOfMemory }, 'a training process ended');
    return { type: 'died', signal, exitCode, outOfMemory, stderr: this.stderr };
  }
}

/** The training processes of a service: at most `size`, each with one job at a time. */
export class TrainingProcesses {
  private readonly entry: string;
  private readonly size: number;
  private readonly logger: Logger;
  private readonly processes = new Set<TrainingProcess>();

  /** @param options entry: path of the worker's script; left out, Hebb's own. */
  constructor(options: { size: number; logger: Logger; entry?: string }) {
    this.size = options.size;
    this.logger = options.logger;
    this.entry = options.entry ?? ownEntry();
  }

  /** Ids of the processes that live. */
  get pids(): number[] {
    return [...this.processes].flatMap((process) => process.pid ?? []);
  }

  /** Starts a process ahead of the next job, where there is room and none waits. */
  warm(): void {
    if (this.processes.size >= this.size || this.idle()) return;
    try {
      this.spawn();
    } catch (error) {
      this.logger.warn({ err: error }, 'no training process could be started ahead');
    }
  }

  /** Runs a task in a process that waits, or in a new one. The caller sees to it that no more than `size` run at once. */
  run(task: TrainingTask): TrainingRun {
    try {
      return (this.idle() ?? this.spawn()).start(task);
    } catch (error) {
      // No process could be started, for want of memory or process ids: as good as one that died at once.
      this.logger.error({ err: error }, 'no training process could be started');
      const run = new TrainingRun(null);
      run.end({ type: 'died', signal: null, exitCode: null, outOfMemory: false, stderr: String(error) });
      return run;
    }
  }

  /** Ends all processes. */
  async close(): Promise<void> {
    await Promise.all([...this.processes].map((process) => process.stop()));
  }

  private idle(): TrainingProcess | undefined {
    return [...this.processes].find((process) => process.idle);
  }

  private spawn(): TrainingProcess {
    const process = new TrainingProcess(this.entry, this.logger);
    this.processes.add(process);
    void process.exited.then(() => this.processes.delete(process));
    return process;
  }
}

/** How many processes the kernel has killed for want of memory since it started, as far as that can be seen from here. */
function outOfMemoryKills(): number {
  const counts = ['/proc/vmstat', '/sys/fs/cgroup/memory.events'].map((path) => {
    try {
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  });
  return Math.max(...counts);
}

/** worker.ts beside this file's source, worker.js beside its compiled form. */
function ownEntry(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`./worker.${extension}`, import.meta.url));
}

/** tsx as seen from this file: the working directory may be anywhere. */
function typescriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
}
