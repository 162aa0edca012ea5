// Speaks the protocol of a training process without training: what it does goes by the job's seed. In plain JavaScript, so that
// it starts at once.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Seeds and what the fake training process does for them; all others complete. */
export const behaviour = {
  /** Ends with exit code 3 after the first epoch, every time. */
  crash: 101,
  /** Kills itself with SIGKILL after the first epoch, every time. */
  sigkill: 102,
  /** The same in its first attempt only; then completes. */
  sigkillOnce: 103,
  /** Tells its first epoch, and goes on until it is cancelled or paused. */
  endless: 104,
  /** Like endless, but deaf. */
  deaf: 105,
  /** Fails as a training does that diverged. */
  diverge: 106,
  /** Completes and dies right after. */
  lastWords: 107,
  /** Writes a checkpoint one epoch further and kills itself, in its first four attempts; then completes. */
  creep: 108,
  /** Writes a checkpoint of its first epoch, and kills itself in the second, every time. */
  stuck: 109,
  /** Fails for want of room in its first attempt; then completes. */
  noSpaceOnce: 110,
  /** Like endless, but fails for want of room when it is paused or cancelled. */
  noSpaceAtEnd: 111,
};

/** @returns {Promise<void>} when it is on its way, so that a death right after loses nothing */
const send = (message) => new Promise((resolve) => process.send(message, undefined, undefined, () => resolve()));

const problem = (code, status, detail) => ({ type: '', title: '', status, detail, code });
const noSpace = { type: 'failed', problem: problem('no-space', 503, 'There is no room.') };

/** What the job under way is asked, one thing after the other. */
let asked = [];
let wake = () => {};

async function nextAsked() {
  while (asked.length === 0) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
  return asked.shift();
}

/** Copies the checkpoint of an epoch that the test has laid beside the folders of the jobs. */
function writeCheckpoint({ attempt, outputDirectory }, epoch) {
  const step = epoch * 10;
  const file = `${attempt}-${step}.checkpoint`;
  const path = join(outputDirectory, file);
  copyFileSync(join(outputDirectory, '..', '..', 'checkpoints', `${epoch}`), `${path}.tmp`);
  renameSync(`${path}.tmp`, path);
  const metrics = { loss: 1 / epoch };
  return { file, step, epoch, bytes: statSync(path).size, metrics, best: { epoch, ...metrics } };
}

async function start(task) {
  asked = [];
  const { seed, epochs } = task.training;
  const progressAt = (epoch) => ({
    epoch,
    epochs,
    step: epoch * 10,
    steps: epochs * 10,
    fraction: epochs === 0 ? 1 : epoch / epochs,
    samplesPerSecond: 1000,
    etaSeconds: 1,
  });
  const resultAt = (epoch) => {
    mkdirSync(task.outputDirectory, { recursive: true });
    const weightsFile = `${task.attempt}.safetensors`;
    const weights = `weights of seed ${seed} after ${epoch} epochs`;
    writeFileSync(join(task.outputDirectory, weightsFile), weights);
    const weightsHash = createHash('sha256').update(weights).digest('hex');
    const metrics = epoch === 0 ? {} : { loss: 1 / epoch };
    const best = epoch === 0 ? null : { epoch, ...metrics };
    return { weightsFile, weightsHash, step: epoch * 10, metrics, best, test: null, evaluation: null, rangeTest: null };
  };
  const endless = [behaviour.endless, behaviour.deaf, behaviour.noSpaceAtEnd].includes(seed);
  send({ type: 'started', isa: task.isa, kernelVersion: 'fake' });
  if (seed === behaviour.noSpaceOnce && task.attempt === 0) return send(noSpace);
  const [newest] = task.checkpoints;
  const from = newest === undefined ? 0 : Number(/-(\d+)\./.exec(newest)[1]) / 10;
  if (newest !== undefined) send({ type: 'resumed', step: from * 10, damaged: [] });
  for (let epoch = from + 1; epoch <= epochs; epoch++) {
    if (seed === behaviour.stuck && epoch === 2) process.kill(process.pid, 'SIGKILL');
    const values = { loss: 1 / epoch };
    const progress = progressAt(epoch);
    send({ type: 'progress', progress, metrics: values });
    const row = { kind: 'epoch', epoch, step: epoch * 10, values };
    await send({ type: 'row', row, progress, best: { epoch, ...values } });
    if (seed === behaviour.crash) {
      process.stderr.write('something is wrong\n', () => process.exit(3));
      return;
    }
    if (seed === behaviour.sigkill) process.kill(process.pid, 'SIGKILL');
    if (seed === behaviour.sigkillOnce && task.attempt === 0) process.kill(process.pid, 'SIGKILL');
    if (seed === behaviour.stuck || (seed === behaviour.creep && task.attempt < 4)) {
      await send({ type: 'checkpoint', ...writeCheckpoint(task, epoch) });
      if (seed === behaviour.creep) process.kill(process.pid, 'SIGKILL');
    }
    if (seed === behaviour.diverge) {
      return send({ type: 'failed', problem: problem('diverged', 422, 'the loss is not finite') });
    }
    for (let changes = 0; endless; ) {
      const message = await nextAsked();
      if (seed === behaviour.deaf) continue;
      if (message.type === 'setRate') {
        const { learningRate } = message;
        send({ type: 'rateChange', change: { step: epoch * 10 + changes++, learningRate } });
        continue;
      }
      if (seed === behaviour.noSpaceAtEnd) return send(noSpace);
      if (message.type === 'cancel') return send({ type: 'cancelled', result: resultAt(epoch) });
      send({ type: 'checkpoint', ...writeCheckpoint(task, epoch) });
      return send({ type: 'paused' });
    }
  }
  await send({ type: 'completed', result: resultAt(epochs) });
  if (seed === behaviour.lastWords) process.exit(0);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message) => {
    if (message.type === 'start') start(message.task);
    else if (message.type === 'leave') process.exit(0);
    else {
      asked.push(message);
      wake();
    }
  });
  send({ type: 'ready' });
}
