import { HebbError, type Problem } from '../errors.ts';
import type { Network } from '../nn/network.ts';
import type { Normalization } from '../nn/normalization.ts';
import { type TrainingData, type TrainingEvent, type TrainingOutcome, train } from '../nn/trainer.ts';
import { defaultCheckpoint } from '../nn/trainingConfig.ts';
import { newestUsable } from './checkpoint.ts';
import { type CheckpointEvent, Checkpointer } from './checkpointer.ts';
import { openHistory } from './history.ts';
import type { TrainingTask } from './protocol.ts';

/** How a task is told what to do while it runs. */
export interface TaskControl {
  /** Ends the job with the weights that it has. */
  cancel: AbortSignal;
  /** Whether the job is to stop at the next step, and to leave a checkpoint. */
  pausing(): boolean;
  /** A learning rate that was asked for since the last time. */
  takeRate(): number | null;
}

export type ResumableEvent =
  | Exclude<TrainingEvent, { type: 'snapshot' }>
  | CheckpointEvent
  | { type: 'normalization'; normalization: Normalization }
  /** Where the training goes on, null: from the start; and the checkpoints that could not be used. */
  | { type: 'resumed'; step: number | null; damaged: { file: string; problem: Problem }[] };

/**
 * A training that can be taken up again: goes on from the newest checkpoint that can be used, writes checkpoints, and the
 * history of a small network.
 * @returns how it ended, or 'paused' with a checkpoint left where that could be written
 * @throws HebbError('invalid-file') where the task must not start over and no checkpoint can be used
 */
export async function* trainResumably(
  network: Network,
  data: TrainingData,
  task: TrainingTask,
  control: TaskControl,
): AsyncGenerator<ResumableEvent, TrainingOutcome | 'paused'> {
  const { training, outputDirectory, attempt, checkpoints } = task;
  const { content, damaged } = await newestUsable(outputDirectory, checkpoints, network.resolved, training.optimizer);
  if (checkpoints.length > 0) {
    if (!content && task.mustResume) throw HebbError.fromProblem(damaged[0]!.problem);
    yield { type: 'resumed', step: content?.snapshot.step ?? null, damaged };
  }
  const history = await openHistory({
    resolved: network.resolved,
    epochs: training.epochs,
    directory: outputDirectory,
    attempt,
    content,
  });
  const { checkpoint = defaultCheckpoint } = training;
  const checkpointer = new Checkpointer(outputDirectory, attempt, checkpoint, content?.snapshot.step ?? 0);
  const events = train(network, data, training, {
    signal: control.cancel,
    diagnostics: true,
    resume: content?.snapshot,
    rateChanges: task.rateChanges,
    takeRate: control.takeRate,
    toldStep: task.toldStep,
    stopEverySteps: checkpoint.everySteps,
    snapshotDue: (at) => at.last || control.pausing() || checkpointer.due(at),
  });
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (done) {
        await checkpointer.settle();
        yield* checkpointer.take();
        return value;
      }
      if (value.type === 'snapshot') {
        const { snapshot } = value;
        const mark = history && { file: history.file, bytes: await history.writer.sync() };
        await checkpointer.begin({ snapshot, history: mark });
        if (control.pausing()) {
          await checkpointer.settle();
          yield* checkpointer.take();
          return 'paused';
        }
      } else {
        // The training waits here: these are the weights at the end of the epoch.
        if (value.type === 'row' && value.row.kind === 'epoch') {
          await history?.writer.add(value.row.epoch, network.weights());
        }
        yield value;
      }
      yield* checkpointer.take();
    }
  } finally {
    await events.return(undefined as never);
    await checkpointer.settle();
    await history?.writer.close();
  }
}
