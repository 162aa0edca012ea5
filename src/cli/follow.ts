import { type HebbClient, isFinal, type Job, type JobEvent } from '../client/index.ts';
import type { ExitCode } from './command.ts';
import type { Output } from './output.ts';
import { outcome, ProgressLine } from './progress.ts';

export interface FollowSettings {
  /** An interruption cancels the job in place of leaving it alone. */
  cancelOnInterrupt?: boolean;
  /** With --json: each event as a line, in place of the job at the end. */
  events?: boolean;
}

class Interrupted extends Error {}

/** Shows a job's progress until it is over. Ctrl-C leaves the job alone and says how to come back. */
export async function follow(
  client: HebbClient,
  job: Job,
  output: Output,
  { cancelOnInterrupt = false, events = false }: FollowSettings = {},
): Promise<ExitCode> {
  const line = new ProgressLine(output.stderr);
  const quiet = output.json && !output.stderr.isTTY;
  const controller = new AbortController();
  let cancelled: Promise<unknown> | undefined;
  const onInterrupt = () => {
    if (!cancelOnInterrupt || cancelled) {
      controller.abort(new Interrupted());
      return;
    }
    line.note(`cancelling ${job.name}; once more to leave it to the service`);
    // It may just be over.
    cancelled = client.jobs.cancel(job.id).catch(() => {});
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);

  let state: Job['state'] | undefined;
  const onProgress = (known: Job, event: JobEvent) => {
    if (events && output.json) output.line(event, () => '');
    if (quiet) return;
    if (known.state === 'paused' && state !== 'paused') line.note(known.pause?.message ?? `${known.name} is paused`);
    state = known.state;
    if (event.type !== 'diagnostics' && !isFinal(known.state)) line.show(known);
    if (isFinal(known.state) && known.progress.epoch > 0) line.show(known);
  };
  try {
    const over = await client.jobs.wait(job.id, { onProgress, signal: controller.signal });
    line.end();
    if (!(events && output.json)) output.result(over, () => finalText(over, output));
    if (cancelled && over.state === 'cancelled') return 130;
    return over.state === 'completed' ? 0 : 1;
  } catch (error) {
    line.end();
    if (!(error instanceof Interrupted)) throw error;
    output.note(
      `${job.name} goes on without you. Come back: hebb jobs watch ${job.id}   End it: hebb jobs cancel ${job.id}`,
    );
    return 130;
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
}

function finalText(job: Job, output: Output): string {
  const colour = job.state === 'completed' ? output.good : output.bad;
  const lines = [colour(outcome(job))];
  if (job.model) {
    lines.push(
      output.fields([
        ['model', job.model],
        ['SHA-256', job.weightsHash ?? undefined],
      ]),
    );
  }
  return lines.join('\n');
}
