import { expect, test } from 'vitest';
import { isFinal, jobStates, mayFollow, statesBefore, transitions } from '../../src/training/states.ts';

test('a job ends completed, failed or cancelled, and from every other state it can be cancelled', () => {
  expect(jobStates.filter(isFinal)).toEqual(['completed', 'failed', 'cancelled']);
  expect(statesBefore('cancelled')).toEqual(['queued', 'running', 'paused']);
});

test('only a job that runs can complete or fail', () => {
  expect(statesBefore('completed')).toEqual(['running']);
  expect(statesBefore('failed')).toEqual(['running']);
  expect(mayFollow('queued', 'completed')).toBe(false);
});

test('every state but the first can be reached', () => {
  const reached = new Set(Object.values(transitions).flat());
  expect(jobStates.filter((state) => !reached.has(state))).toEqual([]);
});
