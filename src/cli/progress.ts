import type { Job } from '../client/index.ts';
import { cut, integer, metrics, percent, seconds, widthOf } from './text.ts';

type Known = Pick<Job, 'state' | 'progress' | 'metrics'>;

/** One line about how far a job is; what stands at its end goes first where there is no room. */
export function progressText(job: Known, width = Number.POSITIVE_INFINITY, samples = 'samples'): string {
  const { epoch, epochs, fraction, samplesPerSecond, etaSeconds } = job.progress;
  const parts = [bar(fraction, width < 100 ? 16 : 30), `epoch ${epoch}/${epochs}`];
  const { loss, accuracy, validationLoss, validationAccuracy } = job.metrics;
  if (loss !== undefined) parts.push(`loss ${loss.toFixed(4)}`);
  if (accuracy !== undefined) parts.push(`accuracy ${percent(accuracy)}`);
  if (validationAccuracy !== undefined) parts.push(`validation ${percent(validationAccuracy)}`);
  else if (validationLoss !== undefined) parts.push(`validation loss ${validationLoss.toFixed(4)}`);
  if (job.state === 'running' && samplesPerSecond !== null) {
    parts.push(`${integer(samplesPerSecond)} ${samples}/s`, `${seconds(Math.ceil(etaSeconds ?? 0))} left`);
  }
  if (job.state === 'queued' || job.state === 'paused') parts.push(job.state);
  while (parts.length > 2 && widthOf(parts.join('  ')) + 2 > width) parts.pop();
  return cut(`  ${parts.join('  ')}`, width);
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
    // At most some thirty lines, at ends of epochs.
    if (epoch === this.shownEpoch || (fraction < 1 && fraction - this.shownFraction < 1 / 30)) return;
    this.shownEpoch = epoch;
    this.shownFraction = fraction;
    if (epoch > 0) this.stream.write(`${progressText(job, undefined, this.samples)}\n`);
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
