import { join } from 'node:path';
import { type Problem, toProblem } from '../errors.ts';
import type { CheckpointConfig } from '../nn/trainingConfig.ts';
import type { SnapshotMoment } from '../nn/trainingState.ts';
import { type CheckpointContent, encodeCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { checkpointFileOf } from './jobFiles.ts';
import type { CheckpointNote } from './protocol.ts';

/** Ends of epochs are so far apart at least that are taken. */
const leastSeconds = 1;
/** Checkpoints at ends of epochs take at most a share of 1 / this of the time. */
const mostShare = 25;

/** What came of writing a checkpoint. */
export type CheckpointEvent =
  | ({ type: 'checkpoint' } & CheckpointNote)
  | { type: 'checkpointFailed'; step: number; problem: Problem };

/** Says when a checkpoint is due, and writes it while the training goes on: one at a time. */
export class Checkpointer {
  private readonly directory: string;
  private readonly attempt: number;
  private readonly config: CheckpointConfig;
  private buffer: Buffer | undefined;
  private writing: Promise<void> | null = null;
  private news: CheckpointEvent[] = [];
  /** When the last one was begun, the step that it was taken at, and how long it took in all. */
  private begun = performance.now();
  private step: number;
  private cost = 0;

  /** @param step where the training begins or goes on */
  constructor(directory: string, attempt: number, config: CheckpointConfig, step: number) {
    this.directory = directory;
    this.attempt = attempt;
    this.config = config;
    this.step = step;
  }

  due({ step, epochEnd }: SnapshotMoment): boolean {
    if (step === this.step) return false;
    const { everySteps, everySeconds = Infinity } = this.config;
    // Exactly there, if the training has to wait for the one before.
    if (everySteps !== undefined) return Math.floor(step / everySteps) > Math.floor(this.step / everySteps);
    if (this.writing) return false;
    const seconds = (performance.now() - this.begun) / 1000;
    if (seconds >= everySeconds) return true;
    return epochEnd && seconds >= Math.max(leastSeconds, mostShare * this.cost);
  }

  /** Takes a copy of the content at once, and writes it by and by. */
  async begin(content: CheckpointContent): Promise<void> {
    await this.settle();
    const started = performance.now();
    this.begun = started;
    const { step, state, running } = content.snapshot;
    this.step = step;
    const encoded = encodeCheckpoint(content, this.buffer);
    if (encoded.buffer !== this.buffer?.buffer) this.buffer = Buffer.from(encoded.buffer);
    const file = checkpointFileOf(this.attempt, step);
    const { epoch, best } = state;
    const metrics = step > state.step ? running : state.metrics;
    this.writing = writeCheckpoint(join(this.directory, file), encoded)
      .then(
        () => {
          this.cost = (performance.now() - started) / 1000;
          this.news.push({ type: 'checkpoint', file, step, epoch, bytes: encoded.length, metrics, best });
        },
        (error) => {
          this.news.push({ type: 'checkpointFailed', step, problem: toProblem(error) });
        },
      )
      .finally(() => {
        this.writing = null;
      });
  }

  /** Resolves when nothing is being written. */
  async settle(): Promise<void> {
    await this.writing;
  }

  /** What there is to tell since the last time. */
  take(): CheckpointEvent[] {
    return this.news.length > 0 ? this.news.splice(0) : this.news;
  }
}
