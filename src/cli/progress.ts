import type { Job } from '../client/index.ts';
import { cut, integer, metrics, percent, seconds, widthOf } from './text.ts';

type Known = Pick<Job, 'state' | 'progress' | 'metrics'>;

/** One line about how far a job is; where there is no room, what matters least is left out. */
export function progressText(job: Known, width = Number.POSITIVE_INFINITY, samples = 'samples'): string {
  const { epoch, epochs, fraction, samplesPerSecond, etaSeconds } = job.progress;
  const { loss, accuracy, validationLoss, validationAccuracy } = job.metrics;
  const isRunning = job.state === 'running' && samplesPerSecond !== null;
  // Text, and how early it goes: the highest first.
  const parts: [text: string | false | undefined, rank: number][] = [
    [bar(fraction, width < 100 ? 16 : 30), 0],
    [`epoch ${epoch}/${epochs}`, 0],
    [loss !== undefined && `loss ${loss.toFixed(4)}`, 2],
    [accuracy !== undefined && `accuracy ${percent(accuracy)}`, 3],
    [validationAccuracy !== undefined && `validation ${percent(validationAccuracy)}`, 4],
    [
      validationAccuracy === undefined &&
        validationLoss !== undefined &&
        `validation loss ${validationLoss.toFixed(4)}`,
      4,
    ],
    [isRunning && `${integer(samplesPerSecond)} ${samples}/s`, 5],
    [isRunning && `${seconds(Math.ceil(etaSeconds ?? 0))} left`, 1],
    [(job.state === 'queued' || job.state === 'paused') && job.state, 1],
  ];
  const shown = parts.filter((part): part is [string, number] => typeof part[0] === 'string');
  const text = () => `  ${shown.map(([part]) => part).join('  ')}`;
  while (widthOf(text()) > width) {
    const least = Math.max(...shown.map(([, rank]) => rank));
    if (least === 0) break;
    shown.splice(
      shown.findIndex(([, rank]) => rank === least),
      1,
    );
  }
  return cut(text(), width);
}

export function bar(fraction: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}

export interface ProgressOptions {
  /** A terminal, whose line is written anew [whether the stream is one]. */
  interactive?: boolean;
  /** What samples are called ["samples"]. */
  samples?: string;
}

/** Shows how far a job is: a bar on a terminal, elsewhere a line now and then. */
export class ProgressLine {
  private readonly stream: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  private readonly interactive: boolean;
  private readonly samples: string;
  /** On the terminal, without an end yet. */
  private open = false;
  private shownFraction = -1;
  private shownEpoch = -1;
  private shownAt = 0;

  constructor(
    stream: NodeJS.WritableStream & { isTTY?: boolean; columns?: number },
    { interactive = Boolean(stream.isTTY), samples = 'samples' }: ProgressOptions = {},
  ) {
    this.stream = stream;
    this.interactive = interactive;
    this.samples = samples;
  }

  show(job: Known): void {
    if (this.interactive) {
      // One column less: a full line would wrap on some terminals.
      const width = (this.stream.columns || 80) - 1;
      this.stream.write(`\r${progressText(job, width, this.samples)}\u001b[K`);
      this.open = true;
      return;
    }
    const { epoch, fraction } = job.progress;
    // At ends of epochs: some thirty lines, and one every ten seconds of a long job.
    const isDue = fraction >= 1 || fraction - this.shownFraction >= 1 / 30 || Date.now() - this.shownAt >= 10_000;
    if (epoch === 0 || epoch === this.shownEpoch || !isDue) return;
    this.shownEpoch = epoch;
    this.shownFraction = fraction;
    this.shownAt = Date.now();
    this.stream.write(`${progressText(job, undefined, this.samples)}\n`);
  }

  /** A line that stays, above the bar. */
  note(text: string): void {
    if (this.open) this.stream.write('\r\u001b[K');
    this.stream.write(`${text}\n`);
    this.open = false;
  }

  end(): void {
    if (this.open) this.stream.write('\n');
    this.open = false;
  }
}

/** What a job came to, in one line. */
export function outcome(job: Job): string {
  const took =
    job.startedAt && job.finishedAt
      ? ` after ${seconds((+new Date(job.finishedAt) - +new Date(job.startedAt)) / 1000)}`
      : '';
  const why = job.error ? `: ${job.error.detail}` : '';
  const values = job.test ? `; test: ${metrics(job.test)}` : '';
  return `${job.name} ${job.state}${took}${why}${job.error ? '' : `: ${metrics(job.metrics)}${values}`}`;
}
