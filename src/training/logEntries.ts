import { HebbError, type Problem } from '../errors.ts';
import type { RateChange } from './protocol.ts';
import type { LogEntry, PauseReason } from './queueStore.ts';
import type { Death } from './runner.ts';

/** A job whose training process died so often at one place fails. */
export const mostDeaths = 3;

export const cancelledEntry: LogEntry = { level: 'info', event: 'cancelled', message: 'the job is cancelled' };

export function pausedEntry({ code, message }: PauseReason): LogEntry {
  return { level: code === 'asked' ? 'info' : 'warn', event: 'paused', message, data: { code } };
}

export function rateEntry(change: RateChange): LogEntry {
  const message = `the learning rate is ${change.learningRate} from step ${change.step} on`;
  return { level: 'info', event: 'learning-rate', message, data: { ...change } };
}

export function failedEntry({ code, detail }: Problem): LogEntry {
  return { level: 'error', event: 'failed', message: detail, data: { code } };
}

export function diedEntry(death: Death): LogEntry {
  const { signal, exitCode, outOfMemory } = death;
  const message = `the training process ${howItDied(death)}`;
  return { level: 'warn', event: 'died', message, data: { signal, exitCode, outOfMemory } };
}

export function noSpace(message: string): PauseReason {
  return { code: 'disk-space', message: `${message} The job goes on when there is room.` };
}

function howItDied({ signal, exitCode, outOfMemory }: Death): string {
  const how = signal
    ? `was killed by ${signal}`
    : exitCode === null
      ? 'could not be kept at work'
      : `ended with exit code ${exitCode}`;
  return outOfMemory ? `${how}: there was not enough memory` : how;
}

export function deathProblem(death: Death, step: number): Problem {
  const last = death.stderr.trim().split('\n').at(-1);
  const said = last ? `; its last words: ${last.slice(0, 300)}` : '';
  return new HebbError(
    'training-died',
    `the training process died ${mostDeaths} times after step ${step}; the last time it ${howItDied(death)}${said}`,
  ).toProblem();
}
