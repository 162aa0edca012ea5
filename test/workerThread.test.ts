import { expect, test } from 'vitest';
import { runInThread, ThreadLostError } from '../src/workerThread.ts';

const entry = new URL('./helpers/lostThread', import.meta.url);

test('a thread that keeps busy without a pause is given up, one that works with pauses is not', async () => {
  await expect(runInThread(entry, { kind: 'busy' }, { stallMs: 8000 })).rejects.toThrow(ThreadLostError);
  expect(await runInThread(entry, { kind: 'patient' }, { stallMs: 8000 })).toBe('done');
}, 60_000);

test('a thread that takes too much memory ends alone', async () => {
  await expect(runInThread(entry, { kind: 'greedy' }, { heapMiB: 64 })).rejects.toThrow(ThreadLostError);
}, 60_000);
