import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JsonSource } from '../../src/data/source.ts';
import { openSplit, readRows } from '../../src/data/store.ts';
import { SplitWriter } from '../../src/data/storeWriter.ts';
import { store, temporaryFolder, thrown } from '../helpers/data.ts';

const folder = await temporaryFolder();
const source: JsonSource = {
  kind: 'json',
  inputs: [
    [[1.5], [-2]],
    [[3], [4]],
    [[5], [6]],
  ],
  targets: ['b', 'a', 'b'],
};

test('a file holds its rows where the header says, little-endian and aligned', async () => {
  const { folder: dataset, info } = await store(source, folder);
  const split = openSplit(dataset, 'train');
  expect(split).toMatchObject({ rows: 3, inputType: 'float32', inputElements: 2, inputsOffset: 4096 });
  expect(split).toMatchObject({ targetType: 'class', targetElements: 1, targetsOffset: 4096 + 64 });
  const bytes = readFileSync(split.path);
  expect(bytes.subarray(0, 8).toString()).toBe('HEBBDATA');
  expect([0, 1, 2, 3, 4, 5].map((i) => bytes.readFloatLE(4096 + 4 * i))).toEqual([1.5, -2, 3, 4, 5, 6]);
  expect([0, 1, 2].map((i) => bytes.readInt32LE(4160 + 4 * i))).toEqual([1, 0, 1]);
  expect(bytes.length).toBe(4160 + 12);
  expect(info.bytes).toBe(4160 + 12 + 4096 + 4096);
  expect(openSplit(dataset, 'test').rows).toBe(0);
});

test('sha256 is that of the documented text, worked out here by hand', async () => {
  const { info } = await store(source, folder);
  const hash = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
  const inputs = hash(new Uint8Array(Float32Array.of(1.5, -2, 3, 4, 5, 6).buffer));
  const targets = hash(new Uint8Array(Int32Array.of(1, 0, 1).buffer));
  const none = `{"rows":0,"inputs":"${hash('')}","targets":"${hash('')}"}`;
  const text =
    '{"version":1,"task":"classification","inputShape":[2,1],"inputType":"float32","targetShape":[],"classes":2,' +
    `"splits":[{"rows":3,"inputs":"${inputs}","targets":"${targets}"},${none},${none}]}`;
  expect(info.sha256).toBe(hash(text));
});

test('sha256 looks at data and shapes, not at names', async () => {
  const sha256 = async (changes: Partial<JsonSource>) => (await store({ ...source, ...changes }, folder)).info.sha256;
  const original = await sha256({});
  expect(await sha256({ targets: ['dog', 'cat', 'dog'] })).toBe(original);
  expect(await sha256({ targets: ['a', 'b', 'b'] })).not.toBe(original);
  expect(await sha256({ shape: [1, 2] })).not.toBe(original);
  expect(
    await sha256({
      inputs: [
        [[1.5], [-2]],
        [[3], [4]],
        [[5], [6.5]],
      ],
    }),
  ).not.toBe(original);
  expect(await sha256({ limit: { train: 2 } })).not.toBe(original);
});

test('any damage to the header, and any other length, is refused', async () => {
  const { folder: dataset } = await store(source, folder);
  const path = join(dataset, 'train.bin');
  const good = readFileSync(path);
  for (let byte = 0; byte < 96; byte++) {
    const bad = Buffer.from(good);
    bad[byte]! ^= 1 << (byte % 8);
    writeFileSync(path, bad);
    await thrown('internal', () => openSplit(dataset, 'train'));
  }
  for (const length of [0, 8, 95, 4095, 4096, good.length - 1]) {
    writeFileSync(path, good.subarray(0, length));
    await thrown('internal', () => openSplit(dataset, 'train'));
    await thrown('internal', () => readRows(dataset, { inputShape: [2], targetShape: [], classes: [] }, 'train', 0, 1));
  }
  writeFileSync(path, Buffer.concat([good, Buffer.alloc(1)]));
  await thrown('internal', () => openSplit(dataset, 'train'));
  writeFileSync(path, good);
  expect(openSplit(dataset, 'train').rows).toBe(3);
  await thrown('internal', () => openSplit(join(dataset, 'nowhere'), 'train'));
});

test('readRows gives a page of nested values, fewer at the end', async () => {
  const { folder: dataset, info } = await store(source, folder);
  expect(await readRows(dataset, info, 'train', 1, 5)).toEqual([
    { index: 1, input: [[3], [4]], target: 'a' },
    { index: 2, input: [[5], [6]], target: 'b' },
  ]);
  expect(await readRows(dataset, info, 'train', 0, 1)).toEqual([{ index: 0, input: [[1.5], [-2]], target: 'b' }]);
  expect(await readRows(dataset, info, 'train', 3, 5)).toEqual([]);
  expect(await readRows(dataset, info, 'train', 300, 5)).toEqual([]);
  expect(await readRows(dataset, info, 'validation', 0, 5)).toEqual([]);
  const numbers = await store({ kind: 'json', inputs: [1, 2], targets: [[[1, 2]], [[3, 4]]] }, folder);
  expect(await readRows(numbers.folder, numbers.info, 'train', 1, 1)).toEqual([
    { index: 1, input: [2], target: [[3, 4]] },
  ]);
});

test('a writer takes exactly the announced rows, and leaves no header before it is finished', async () => {
  const contents = { rows: 2, inputType: 'uint8', inputElements: 3, targetType: 'class', targetElements: 1 } as const;
  const writer = new SplitWriter(join(folder, 'train.bin'), contents);
  writer.append(Uint8Array.of(1, 2, 3), new Uint8Array(4));
  expect(() => writer.finish()).toThrow('2 rows were announced');
  await thrown('internal', () => openSplit(folder, 'train'));
  writer.append(Uint8Array.of(4, 5, 6), new Uint8Array(4));
  writer.finish();
  const split = openSplit(folder, 'train');
  expect([...readFileSync(split.path).subarray(4096, 4102)]).toEqual([1, 2, 3, 4, 5, 6]);
  expect(() => new SplitWriter(join(folder, 'train.bin'), contents)).toThrow('EEXIST');
});
