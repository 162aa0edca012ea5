import { appendFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import { type HistoryPlan, HistoryWriter, planHistory, readHistory } from '../../src/training/history.ts';
import { historyFileOf } from '../../src/training/jobFiles.ts';
import { temporaryFolder } from '../helpers/service.ts';

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
