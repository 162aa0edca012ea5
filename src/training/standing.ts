import type { CheckpointNote, Progress, TrainingResult } from './protocol.ts';
import type { QueuedJob, StatusChange } from './queueStore.ts';

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
export function endOf(progress: Progress, state: 'completed' | 'cancelled', { step, best }: TrainingResult): Progress {
  if (state === 'completed') return { ...progress, fraction: 1, etaSeconds: 0 };
  const fraction = progress.steps > 0 ? step / progress.steps : 0;
  return { ...progress, epoch: best?.epoch ?? progress.epoch, step, fraction, etaSeconds: null };
}
