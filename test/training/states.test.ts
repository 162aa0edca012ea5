import { expect, test } from 'vitest';
import { actions, checkAction, isFinal, jobStates, mayFollow, transitions } from '../../src/training/states.ts';

const before = (to: (typeof jobStates)[number]) => jobStates.filter((from) => mayFollow(from, to));

test('a job ends completed, failed or cancelled, and from every other state it can be cancelled', () => {
  expect(jobStates.filter(isFinal)).toEqual(['completed', 'failed', 'cancelled']);
  expect(before('cancelled')).toEqual(['queued', 'running', 'paused']);
});

test('only a job that runs can complete or fail', () => {
  expect(before('completed')).toEqual(['running']);
  expect(before('failed')).toEqual(['running']);
  expect(mayFollow('queued', 'completed')).toBe(false);
});

test('every state can be reached', () => {
  const reached = new Set(Object.values(transitions).flat());
  expect(jobStates.filter((state) => !reached.has(state))).toEqual([]);
});

test('what may be done by hand agrees with the transitions', () => {
  expect(actions.cancel).toEqual(before('cancelled'));
  expect(actions.pause).toEqual(before('paused'));
  expect(actions.resume.every((state) => mayFollow(state, 'queued'))).toBe(true);
  expect(actions.delete).toEqual(jobStates.filter(isFinal));
});

test('a refusal names the states that would do', () => {
  expect(() => checkAction('pause', 'running')).not.toThrow();
  expect(() => checkAction('resume', 'running')).toThrow(/^the job is running: one can resume a job that is paused$/);
  expect(() => checkAction('cancel', 'failed')).toThrow(
    /is failed: one can cancel a job that is queued, running or paused$/,
  );
  try {
    checkAction('delete', 'queued');
  } catch (error) {
    expect(error).toMatchObject({ code: 'state-conflict', faults: [{ expected: actions.delete, received: 'queued' }] });
  }
});
