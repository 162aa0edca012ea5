import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { resolveNetwork } from '../../src/nn/resolve.ts';
import type { TrainingSnapshot } from '../../src/nn/trainingState.ts';
import {
  type CheckpointContent,
  encodeCheckpoint,
  newestUsable,
  readCheckpoint,
  writeCheckpoint,
} from '../../src/training/checkpoint.ts';
import { forkFileOf } from '../../src/training/jobFiles.ts';
import { jobRecord, temporaryFolder } from '../helpers/service.ts';
import { snapshotOf } from '../helpers/snapshots.ts';

const { network, training } = jobRecord('any');
const resolved = resolveNetwork(network, { checked: true });
const adam = { type: 'adam', learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

function contentAt(step: number, changes: Partial<TrainingSnapshot> = {}): CheckpointContent {
  const snapshot = { ...snapshotOf(network, { optimizer: adam }, { epoch: 1, step }), ...changes };
  return { snapshot, history: { file: '0.history', bytes: 12 } };
}

async function written(content: CheckpointContent, file = '0-10.checkpoint'): Promise<string> {
  const path = join(await temporaryFolder(), file);
  await writeCheckpoint(path, encodeCheckpoint(content));
  return path;
}

const refused = { code: 'invalid-file' };

describe('a checkpoint', () => {
  test('gives back all of a snapshot, to the last bit', async () => {
    const content = contentAt(10, {
      running: { loss: 0.1 + 0.2, 'größe “x”': -1e-300 },
      mean: { rows: 7, loss: 1 / 3, correct: 2 },
      plateau: { metric: 'loss', best: 0.1, waited: 2, rate: 1e-4 },
    });
    content.snapshot.memory.set([Number.NaN, -0, Number.MAX_VALUE, 1e-45]);
    content.snapshot.kept.last.set([3, 2, 1]);
    const read = await readCheckpoint(await written(content));
    expect(read).toEqual(content);
    expect(Object.is(read.snapshot.memory[1], -0)).toBe(true);
    const without = contentAt(10, { kept: { last: content.snapshot.kept.last, best: null } });
    expect(await readCheckpoint(await written({ ...without, history: null }))).toEqual({ ...without, history: null });
  });

  test('is taken as it is when it is encoded, into a buffer that is used again', async () => {
    const content = contentAt(10);
    const first = encodeCheckpoint(content);
    const copy = structuredClone(content);
    content.snapshot.memory.fill(99);
    const path = join(await temporaryFolder(), 'a');
    await writeCheckpoint(path, first);
    expect(await readCheckpoint(path)).toEqual(copy);
    const room = Buffer.alloc(10_000, 255);
    const small = encodeCheckpoint(contentAt(10), room);
    expect(small.buffer).toBe(room.buffer);
    await writeCheckpoint(path, small);
    expect(await readCheckpoint(path)).toEqual(contentAt(10));
  });

  test('with any bit turned over, or cut off anywhere, is refused', async () => {
    const snapshot = snapshotOf(network, training, { epoch: 1, step: 10 });
    const content = { snapshot: { ...snapshot, kept: { ...snapshot.kept, best: null } }, history: null };
    const path = await written(content);
    const whole = await readFile(path);
    const code = () =>
      readCheckpoint(path).then(
        () => 'taken',
        (error) => error.code,
      );
    const file = await open(path, 'r+');
    const taken: string[] = [];
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const at = bit >> 3;
      await file.write(Buffer.of(whole[at]! ^ (1 << (bit & 7))), 0, 1, at);
      if ((await code()) !== 'invalid-file') taken.push(`bit ${bit}`);
      await file.write(whole, at, 1, at);
    }
    expect(await code()).toBe('taken');
    await file.write(Buffer.of(0), 0, 1, whole.length);
    if ((await code()) !== 'invalid-file') taken.push('a byte more');
    for (let length = whole.length - 1; length >= 0; length--) {
      await file.truncate(length);
      if ((await code()) !== 'invalid-file') taken.push(`${length} bytes`);
    }
    await file.close();
    expect(taken).toEqual([]);
  });

  test('is watched over at every place of a long file, too', async () => {
    const content = contentAt(10);
    content.snapshot.memory = new Float32Array(1.2 * 2 ** 20).fill(1);
    const path = await written(content);
    const file = await open(path, 'r+');
    for (const at of [2 ** 21 - 1, 2 ** 21, 2 ** 21 + 1, 2 ** 22 - 1, 2 ** 22]) {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
      await file.write(Buffer.of(buffer[0]! ^ 1), 0, 1, at);
      await expect(readCheckpoint(path), `byte ${at}`).rejects.toThrow(/SHA-256/);
      await file.write(buffer, 0, 1, at);
    }
    await file.close();
    const { memory } = (await readCheckpoint(path)).snapshot;
    expect(Buffer.compare(Buffer.from(memory.buffer), Buffer.from(content.snapshot.memory.buffer))).toBe(0);
  });

  test('says what is wrong with it', async () => {
    const folder = await temporaryFolder();
    await expect(readCheckpoint(join(folder, 'absent'))).rejects.toThrow(/the file is missing/);
    await expect(readCheckpoint(folder)).rejects.toMatchObject(refused);
    await writeFile(join(folder, 'short'), 'HEBB');
    await expect(readCheckpoint(join(folder, 'short'))).rejects.toThrow(/only 4 bytes/);
    const encoded = encodeCheckpoint(contentAt(10));
    encoded.write('HEBBCKP9');
    await writeCheckpoint(join(folder, 'newer'), encoded);
    await expect(readCheckpoint(join(folder, 'newer'))).rejects.toThrow(/another version/);
  });

  test('that cannot be written leaves nothing', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'a'));
    await expect(writeCheckpoint(join(folder, 'a'), encodeCheckpoint(contentAt(10)))).rejects.toThrow();
    await expect(stat(join(folder, 'a.tmp'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the newest that can be used', () => {
  test('is the one before where the newest is damaged, missing or of another network', async () => {
    const path = await written(contentAt(10));
    const folder = join(path, '..');
    await writeFile(join(folder, '0-20.checkpoint'), (await readFile(path)).subarray(1));
    await writeCheckpoint(
      join(folder, '0-30.checkpoint'),
      encodeCheckpoint({ snapshot: snapshotOf(network, training, { epoch: 3, step: 30 }), history: null }),
    );
    const files = ['0-40.checkpoint', '0-30.checkpoint', '0-20.checkpoint', '0-10.checkpoint'];
    const { content, damaged } = await newestUsable(folder, files, resolved, adam);
    expect(content).toEqual(contentAt(10));
    expect(damaged.map(({ file, problem }) => [file, problem.detail])).toEqual([
      ['0-40.checkpoint', expect.stringMatching(/missing/)],
      ['0-30.checkpoint', expect.stringMatching(/another network/)],
      ['0-20.checkpoint', expect.stringMatching(/SHA-256/)],
    ]);
    expect(await newestUsable(folder, files.slice(0, 3), resolved, adam)).toMatchObject({ content: null });
    expect(await newestUsable(folder, [], resolved, adam)).toEqual({ content: null, damaged: [] });
  });

  test('knows no history where it came from another job', async () => {
    const path = await written(contentAt(10), forkFileOf(10));
    const { content } = await newestUsable(join(path, '..'), [forkFileOf(10)], resolved, adam);
    expect(content).toEqual({ ...contentAt(10), history: null });
  });
});
