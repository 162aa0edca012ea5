/** The states of a job, and from each those that may follow. */
export const transitions = {
  queued: ['running', 'cancelled'],
  // Back to queued: its training process died, or the service stopped.
  running: ['queued', 'paused', 'completed', 'failed', 'cancelled'],
  paused: ['queued', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<string, readonly string[]>;

export type JobState = keyof typeof transitions;

export const jobStates = Object.keys(transitions) as JobState[];

/** Whether nothing follows. */
export function isFinal(state: JobState): boolean {
  return transitions[state].length === 0;
}

export function mayFollow(from: JobState, to: JobState): boolean {
  return (transitions[from] as readonly JobState[]).includes(to);
}

/** The states from which a job may come to this one. */
export function statesBefore(to: JobState): JobState[] {
  return jobStates.filter((from) => mayFollow(from, to));
}
