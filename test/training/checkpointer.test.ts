import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CheckpointConfig } from '../../src/nn/trainingConfig.ts';
import type { SnapshotMoment } from '../../src/nn/trainingState.ts';
import { readCheckpoint } from '../../src/training/checkpoint.ts';
import { Checkpointer } from '../../src/training/checkpointer.ts';
import { jobRecord, temporaryFolder } from '../helpers/service.ts';
import { snapshotOf } from '../helpers/snapshots.ts';

const { network, training } = jobRecord('any');

/** A checkpointer in a folder of its own, and a clock that stands still unless it is moved. */
async function set(config: CheckpointConfig, step = 0) {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const folder = join(await temporaryFolder(), 'job');
  await mkdir(folder);
  const checkpointer = new Checkpointer(folder, 2, config, step);
  const begin = (at: number, running = {}) => {
    const snapshot = { ...snapshotOf(network, training, { epoch: 1, step: at }), running };
    return checkpointer.begin({ snapshot, history: null });
  };
  return { checkpointer, folder, begin, pass: (seconds: number) => vi.advanceTimersByTime(1000 * seconds) };
}

const within = (step: number): SnapshotMoment => ({ step, epochEnd: false, last: false });
const atEnd = (step: number): SnapshotMoment => ({ step, epochEnd: true, last: false });

describe('a checkpoint is due', () => {
  test('after so many seconds, wherever the training stands', async () => {
    const { checkpointer, begin, pass } = await set({ everySeconds: 30 });
    pass(29.9);
    expect(checkpointer.due(within(5))).toBe(false);
    pass(0.1);
    expect(checkpointer.due(within(5))).toBe(true);
    await begin(5);
    await checkpointer.settle();
    expect(checkpointer.due(within(6))).toBe(false);
    pass(30);
    expect(checkpointer.due(within(6))).toBe(true);
    // Nothing has happened since.
    expect(checkpointer.due(atEnd(5))).toBe(false);
  });

  test('at an end of an epoch after a second', async () => {
    const { checkpointer, pass } = await set({ everySeconds: 30 });
    pass(0.9);
    expect(checkpointer.due(atEnd(10))).toBe(false);
    pass(0.1);
    expect(checkpointer.due(atEnd(10))).toBe(true);
    expect(checkpointer.due(within(10))).toBe(false);
  });

  test('at an end of an epoch not more often than in a share of the time', async () => {
    const { checkpointer, begin, pass } = await set({ everySeconds: 30 });
    pass(1);
    await begin(10);
    // Writing takes 0.4 s.
    pass(0.4);
    await checkpointer.settle();
    pass(9.5);
    expect(checkpointer.due(atEnd(20))).toBe(false);
    pass(0.1);
    expect(checkpointer.due(atEnd(20))).toBe(true);
    await begin(20);
    // 25 times as long would be longer than what was asked for.
    pass(5);
    await checkpointer.settle();
    pass(24.9);
    expect(checkpointer.due(atEnd(30))).toBe(false);
    pass(0.1);
    expect(checkpointer.due(atEnd(30))).toBe(true);
  });

  test('more often than once a second only where that was asked for', async () => {
    const { checkpointer, pass } = await set({ everySeconds: 0.1 });
    pass(0.1);
    expect(checkpointer.due(atEnd(10))).toBe(true);
    expect(checkpointer.due(within(10))).toBe(true);
  });

  test('after so many steps, whatever the time', async () => {
    const { checkpointer, begin, pass } = await set({ everySteps: 10 }, 25);
    pass(1e6);
    expect(checkpointer.due(atEnd(29))).toBe(false);
    expect(checkpointer.due(within(30))).toBe(true);
    await begin(33);
    expect(checkpointer.due(atEnd(39))).toBe(false);
    // Also while the one before is being written: the training waits for it.
    expect(checkpointer.due(within(41))).toBe(true);
    await checkpointer.settle();
    expect(checkpointer.due(within(41))).toBe(true);
  });

  test('only when the one before is written', async () => {
    const { checkpointer, begin, pass } = await set({ everySeconds: 1 });
    pass(1);
    await begin(10);
    pass(10);
    expect(checkpointer.due(within(20))).toBe(false);
    await checkpointer.settle();
    expect(checkpointer.due(within(20))).toBe(true);
  });
});

describe('what becomes of it', () => {
  test('is told once it stands on the disk, one at a time, in order', async () => {
    const { checkpointer, begin, folder } = await set({ everySeconds: 1 });
    await begin(10);
    expect(checkpointer.take()).toEqual([]);
    // Waits for the first.
    await begin(13, { loss: 0.25 });
    expect(await readdir(folder)).toContain('2-10.checkpoint');
    await checkpointer.settle();
    const news = checkpointer.take();
    expect(news).toMatchObject([
      { type: 'checkpoint', file: '2-10.checkpoint', step: 10, epoch: 1, metrics: { loss: 1 }, best: { epoch: 1 } },
      { type: 'checkpoint', file: '2-13.checkpoint', step: 13 },
    ]);
    expect(checkpointer.take()).toEqual([]);
    expect((await readdir(folder)).sort()).toEqual(['2-10.checkpoint', '2-13.checkpoint']);
    expect((await readCheckpoint(join(folder, '2-13.checkpoint'))).snapshot).toMatchObject({
      step: 13,
      running: { loss: 0.25 },
    });
  });

  test('where it cannot be written is told, and the next one is tried', async () => {
    const { checkpointer, begin, folder, pass } = await set({ everySeconds: 1 });
    await mkdir(join(folder, '2-10.checkpoint'));
    await begin(10);
    await checkpointer.settle();
    expect(checkpointer.take()).toMatchObject([{ type: 'checkpointFailed', step: 10, problem: { code: 'internal' } }]);
    pass(1);
    expect(checkpointer.due(within(11))).toBe(true);
    await begin(11);
    await checkpointer.settle();
    expect(checkpointer.take()).toMatchObject([{ type: 'checkpoint', step: 11 }]);
  });
});
