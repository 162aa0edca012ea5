import { HebbError } from '../errors.ts';

/** The states of a job, and from each those that may follow. */
export const transitions = {
  queued: ['running', 'paused', 'cancelled'],
  // Back to queued: its training process died, or the service stopped.
  running: ['queued', 'paused', 'completed', 'failed', 'cancelled'],
  paused: ['queued', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<string, readonly string[]>;

export type JobState = keyof typeof transitions;

export const jobStates = Object.keys(transitions) as JobState[];

/** What may be done with a job by hand, and in which states. */
export const actions = {
  cancel: ['queued', 'running', 'paused'],
  pause: ['queued', 'running'],
  resume: ['paused'],
  'change the learning rate of': ['running', 'paused'],
  fork: jobStates,
  delete: ['completed', 'failed', 'cancelled'],
} as const satisfies Record<string, readonly JobState[]>;

export type Action = keyof typeof actions;

/** Whether nothing follows. */
export function isFinal(state: JobState): boolean {
  return transitions[state].length === 0;
}

export function mayFollow(from: JobState, to: JobState): boolean {
  return (transitions[from] as readonly JobState[]).includes(to);
}

/** @throws HebbError('state-conflict') that names the states that would do */
export function checkAction(action: Action, state: JobState): void {
  if ((actions[action] as readonly JobState[]).includes(state)) return;
  throw refusal(action, `the job is ${state}`, state);
}

/** Why something cannot be done with a job now. */
export function refusal(action: Action, why: string, state?: JobState): HebbError {
  const wanted = actions[action];
  const message = `${why}: one can ${action} a job that is ${[wanted.slice(0, -1).join(', '), wanted.at(-1)].filter(Boolean).join(' or ')}`;
  return new HebbError('state-conflict', message, [{ pointer: '/state', message, expected: wanted, received: state }]);
}
