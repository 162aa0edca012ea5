import { appendFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import { type HistoryPlan, HistoryWriter, openHistory, planHistory, readHistory } from '../../src/training/history.ts';
import { historyFileOf } from '../../src/training/jobFiles.ts';
import { jobRecord, temporaryFolder } from '../helpers/service.ts';
import { snapshotOf } from '../helpers/snapshots.ts';

const dense = (inputs: number, units: number) =>
  new Network({ input: [inputs], layers: [{ type: 'dense', units }, { type: 'batchNorm' }] }).resolved;

const tensor = (...values: number[]) => ({ name: 't', shape: [values.length], values: Float32Array.from(values) });

async function written(plan: HistoryPlan, epochs: number): Promise<string> {
  const path = join(await temporaryFolder(), '0.history');
  const writer = await HistoryWriter.create(path, plan);
  for (let epoch = 1; epoch <= epochs; epoch++) await writer.add(epoch, [tensor(epoch, -epoch), tensor(epoch / 2)]);
  await writer.close();
  return path;
}

describe('the plan', () => {
  test('counts all tensors, keeps every epoch of a short job, and is none for a network of a megabyte', () => {
    expect(planHistory(dense(2, 3), 100)).toEqual({ floats: 9 + 4 * 3, every: 1 });
    expect(planHistory(dense(509, 509), 1)).not.toBeNull();
    expect(planHistory(dense(512, 512), 1)).toBeNull();
  });

  test('keeps the file under 64 MiB, whatever the number of epochs', () => {
    for (const epochs of [1000, 100_000, 1_000_000]) {
      const { floats, every } = planHistory(dense(100, 100), epochs)!;
      const bytes = (epochs / every) * (4 + 4 * floats);
      expect(bytes).toBeLessThanOrEqual(64 * 2 ** 20);
      expect(bytes).toBeGreaterThan(30 * 2 ** 20);
    }
  });
});

describe('a history', () => {
  test('gives back the weights of every epoch, and the newest where none is asked for', async () => {
    const plan = { floats: 3, every: 1 };
    const path = await written(plan, 1000);
    for (const epoch of [1, 2, 17, 999, 1000]) {
      expect(await readHistory(path, plan, epoch)).toEqual({
        epoch,
        weights: Float32Array.of(epoch, -epoch, epoch / 2),
      });
    }
    expect((await readHistory(path, plan))?.epoch).toBe(1000);
    expect((await readHistory(path, plan, 5000))?.epoch).toBe(1000);
    expect(await readHistory(path, plan, 0)).toBeNull();
  });

  test('that is thinned has the first and the last, and answers with the nearest kept epoch at or below', async () => {
    const plan = { floats: 3, every: 10 };
    const path = await written(plan, 47);
    expect((await stat(path)).size).toBe(16 * 6);
    const kept = async (epoch: number) => (await readHistory(path, plan, epoch))?.epoch;
    expect(await Promise.all([1, 9, 10, 19, 40, 46, 47].map(kept))).toEqual([1, 1, 10, 10, 40, 40, 47]);
    expect((await readHistory(path, plan, 47))?.weights).toEqual(Float32Array.of(47, -47, 23.5));
  });

  test('that is being written, or not there, gives what is whole', async () => {
    const plan = { floats: 3, every: 1 };
    const path = await written(plan, 5);
    await appendFile(path, Buffer.alloc(11, 255));
    expect((await readHistory(path, plan))?.epoch).toBe(5);
    expect(await readHistory(`${path}.absent`, plan)).toBeNull();
    expect(historyFileOf('3.safetensors')).toBe('3.history');
  });
});

describe('a history that is taken up again', () => {
  const { network, training } = jobRecord('any');
  const { resolved } = new Network(network);

  /** Attempt 0 writes some epochs, and tells how much of its file belongs to a checkpoint after the epoch `from`. */
  async function interrupted(epochs: number, { from, until }: { from: number; until: number }) {
    const directory = await temporaryFolder();
    const job = { resolved, epochs, directory };
    const first = (await openHistory({ ...job, attempt: 0, content: null }))!;
    let bytes = 0;
    for (let epoch = 1; epoch <= until; epoch++) {
      await first.writer.add(epoch, weights(epoch));
      if (epoch === from) bytes = await first.writer.sync();
    }
    await first.writer.close();
    const snapshot = snapshotOf(network, training, { epoch: from, step: 10 * from });
    const content = { snapshot, history: { file: first.file, bytes } };
    const path = (file: string) => join(directory, file);
    return { job: { ...job, attempt: 1, content }, path };
  }
  const weights = (epoch: number) => [tensor(...new Array(6).fill(epoch))];
  const plan = planHistory(resolved, 10)!;

  test('holds the epochs up to the checkpoint, and then its own', async () => {
    const { job, path } = await interrupted(10, { from: 3, until: 7 });
    const { file, writer } = (await openHistory(job))!;
    expect(file).toBe('1.history');
    expect(await readHistory(path(file), plan)).toMatchObject({ epoch: 3 });
    for (let epoch = 4; epoch <= 6; epoch++) await writer.add(epoch, [tensor(...new Array(6).fill(-epoch))]);
    await writer.close();
    for (const [epoch, value] of [
      [1, 1],
      [3, 3],
      [4, -4],
      [6, -6],
    ] as const) {
      expect(await readHistory(path(file), plan, epoch)).toEqual({ epoch, weights: new Float32Array(6).fill(value) });
    }
    expect((await stat(path(file))).size).toBe(6 * 28);
    // The one before is as it was: whoever still writes to it spoils nothing.
    expect((await readHistory(path('0.history'), plan))?.epoch).toBe(7);
  });

  test('that is thinned has the last epoch before, where it ends there', async () => {
    const epochs = 5_000_000;
    const { every } = planHistory(resolved, epochs)!;
    expect(every).toBe(3);
    const { job, path } = await interrupted(epochs, { from: 4, until: 4 });
    const ended = (await openHistory(job))!;
    await ended.writer.close();
    expect(await readHistory(path(ended.file), plan)).toEqual({ epoch: 4, weights: new Float32Array(6).fill(4) });
    // Where it goes on, that epoch is one like others: it makes room.
    const longer = (await openHistory({ ...job, attempt: 2 }))!;
    await longer.writer.add(5, weights(5));
    await longer.writer.add(6, weights(6));
    await longer.writer.close();
    const kept = async (epoch: number) => (await readHistory(path(longer.file), plan, epoch))?.epoch;
    expect(await Promise.all([2, 3, 4, 5, 6].map(kept))).toEqual([1, 3, 3, 3, 6]);
  });

  test('begins anew where the file before is missing, and has no holes where it is short', async () => {
    const { job, path } = await interrupted(10, { from: 3, until: 3 });
    await truncate(path('0.history'), 28 + 5);
    const short = (await openHistory(job))!;
    await short.writer.add(4, weights(4));
    await short.writer.close();
    expect((await stat(path(short.file))).size).toBe(2 * 28);
    expect(await readHistory(path(short.file), plan, 3)).toMatchObject({ epoch: 1 });
    const content = { ...job.content, history: { file: 'absent.history', bytes: 84 } };
    const anew = (await openHistory({ ...job, attempt: 2, content }))!;
    await anew.writer.add(4, weights(4));
    await anew.writer.close();
    expect(await readHistory(path(anew.file), plan, 3)).toBeNull();
    expect(await readHistory(path(anew.file), plan)).toMatchObject({ epoch: 4 });
    const large = { ...job, resolved: dense(512, 512) };
    expect(await openHistory(large)).toBeNull();
  });
});
