import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { importDataset, imports, importsWaiting } from '../../src/data/importer.ts';
import { datasetSpec, type Source } from '../../src/data/source.ts';
import { readRows } from '../../src/data/store.ts';
import { idx, limits, save, store, temporaryFolder, thrown } from '../helpers/data.ts';

const root = await temporaryFolder();

test('an import in a worker gives what reading here gives, in the final folder and nowhere else', async () => {
  const parent = join(root, 'good', 'datasets');
  const source = datasetSpec({ synthetic: { kind: 'circles', samples: 40 }, split: { test: 0.25 } });
  const here = await store(source, root);
  expect(await importDataset(source, join(parent, 'd1'), limits)).toEqual(here.info);
  expect(await readdir(parent)).toEqual(['d1']);
  const files = ['report.json', 'test.bin', 'train.bin', 'validation.bin'];
  expect((await readdir(join(parent, 'd1'))).sort()).toEqual(files);
  expect(await readRows(join(parent, 'd1'), here.info, 'test', 0, 10)).toEqual(
    await readRows(here.folder, here.info, 'test', 0, 10),
  );
  // What stands there is never overwritten.
  const other = datasetSpec({ synthetic: { kind: 'xor' } });
  await thrown('internal', () => importDataset(other, join(parent, 'd1'), limits));
  expect(await readRows(join(parent, 'd1'), here.info, 'test', 0, 10)).toHaveLength(10);
  expect(await readdir(parent)).toEqual(['d1']);
});

test('a failed import leaves nothing: what is wrong with the data comes through whole', async () => {
  const parent = join(root, 'bad');
  const error = await thrown('invalid-data', () =>
    importDataset(datasetSpec({ inputs: [[1, 2], [3]], targets: [1, 2] }), join(parent, 'd1'), limits),
  );
  expect(error.faults[0]).toMatchObject({ pointer: '/inputs/1', received: [3] });
  // Fails in the middle of writing: the labels are good, the last image is missing.
  const images = gzipSync(idx(8, [3, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]));
  const files = { images: await save(root, images), labels: await save(root, idx(8, [3], [0, 1, 2])) };
  await thrown('invalid-file', () => importDataset({ kind: 'idx', files }, join(parent, 'd2'), limits));
  expect(await readdir(parent)).toEqual([]);
});

test('a worker that fails by a bug is an internal error with its cause, and leaves nothing', async () => {
  const parent = join(root, 'bug');
  const error = await thrown('internal', () =>
    importDataset({ kind: 'no such kind' } as unknown as Source, join(parent, 'd1'), limits),
  );
  expect(error.message).not.toContain('no such kind');
  expect((error.cause as Error).message).toContain('is not a function');
  expect(await readdir(parent)).toEqual([]);
});

test('imports wait their turn, and beyond those that may wait they are refused at once', async () => {
  const parent = join(root, 'many');
  const source = datasetSpec({ synthetic: { kind: 'xor' } });
  const running = Array.from({ length: imports.concurrency }, (_, i) =>
    importDataset(source, join(parent, `r${i}`), limits),
  );
  // Which of these settle is not waited for: they are dropped below.
  for (let i = 0; i < importsWaiting; i++) void importDataset(source, join(parent, `w${i}`), limits);
  await thrown('unavailable', () => importDataset(source, join(parent, 'refused'), limits));
  imports.clearQueue();
  await Promise.all(running);
  expect((await readdir(parent)).sort()).toEqual(running.map((_, i) => `r${i}`));
});
