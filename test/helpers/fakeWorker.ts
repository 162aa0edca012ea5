// Speaks the protocol of a training process without training: what it does goes by the job's seed.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type {
  FromWorker,
  MetricValues,
  Progress,
  ToWorker,
  TrainingResult,
  TrainingTask,
} from '../../src/training/protocol.ts';

/** Seeds and what the fake training process does for them; all others complete. */
export const behaviour = {
  /** Ends with exit code 3 after the first epoch, every time. */
  crash: 101,
  /** Kills itself with SIGKILL after the first epoch, every time. */
  sigkill: 102,
  /** The same in its first attempt only; then completes. */
  sigkillOnce: 103,
  /** Tells its first epoch, and goes on until it is cancelled. */
  endless: 104,
  /** Like endless, but deaf to a cancel. */
  deaf: 105,
  /** Fails as a training does that diverged. */
  diverge: 106,
  /** Completes and dies right after. */
  lastWords: 107,
} as const;

const entry = fileURLToPath(import.meta.url);

function send(message: FromWorker): void {
  process.send!(message);
}

let job = new AbortController();

async function start(task: TrainingTask): Promise<void> {
  job = new AbortController();
  const { signal } = job;
  const { seed, epochs } = task.training;
  const progressAt = (epoch: number): Progress => ({
    epoch,
    epochs,
    step: epoch * 10,
    steps: epochs * 10,
    fraction: epochs === 0 ? 1 : epoch / epochs,
    samplesPerSecond: 1000,
    etaSeconds: 1,
  });
  const resultAt = (epoch: number): TrainingResult => {
    mkdirSync(task.outputDirectory, { recursive: true });
    const weightsFile = `${task.attempt}.safetensors`;
    const weights = `weights of seed ${seed} after ${epoch} epochs`;
    writeFileSync(join(task.outputDirectory, weightsFile), weights);
    const weightsHash = createHash('sha256').update(weights).digest('hex');
    const metrics: MetricValues = epoch === 0 ? {} : { loss: 1 / epoch };
    const best = epoch === 0 ? null : { epoch, ...metrics };
    return { weightsFile, weightsHash, step: epoch * 10, metrics, best, test: null, evaluation: null, rangeTest: null };
  };
  const endless = seed === behaviour.endless || seed === behaviour.deaf;
  send({ type: 'started', isa: task.isa, kernelVersion: 'fake' });
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const values = { loss: 1 / epoch };
    const progress = progressAt(epoch);
    send({ type: 'progress', progress, metrics: values });
    const row = { kind: 'epoch', epoch, step: epoch * 10, values } as const;
    await new Promise<void>((resolve) =>
      process.send!(
        { type: 'row', row, progress, best: { epoch, ...values } } satisfies FromWorker,
        undefined,
        undefined,
        () => resolve(),
      ),
    );
    if (seed === behaviour.crash) {
      process.stderr.write('something is wrong\n', () => process.exit(3));
      return;
    }
    if (seed === behaviour.sigkill) process.kill(process.pid, 'SIGKILL');
    if (seed === behaviour.sigkillOnce && task.attempt === 0) process.kill(process.pid, 'SIGKILL');
    if (seed === behaviour.diverge) {
      send({
        type: 'failed',
        problem: { type: '', title: '', status: 422, detail: 'the loss is not finite', code: 'diverged' },
      });
      return;
    }
    if (endless) {
      await new Promise<void>((resolve) => {
        if (seed === behaviour.deaf) return;
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve());
      });
      send({ type: 'cancelled', result: resultAt(epoch) });
      return;
    }
  }
  const completed: FromWorker = { type: 'completed', result: resultAt(epochs) };
  if (seed === behaviour.lastWords) process.send!(completed, undefined, undefined, () => process.exit(0));
  else send(completed);
}

if (process.argv[1] === entry) {
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: ToWorker) => {
    if (message.type === 'start') void start(message.task);
    else if (message.type === 'cancel') job.abort();
    else process.exit(0);
  });
  send({ type: 'ready' });
}
