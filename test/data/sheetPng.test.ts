import sharp from 'sharp';
import { expect, test } from 'vitest';
import { sheetPng } from '../../src/data/sheetPng.ts';
import { idx, save, store, temporaryFolder } from '../helpers/data.ts';

const root = await temporaryFolder();

async function dataset(shape: number[], pixels: number[][], labels: number[]) {
  const files = {
    images: await save(root, idx(8, [pixels.length, ...shape], pixels.flat())),
    labels: await save(root, idx(8, [labels.length], labels)),
  };
  return store({ kind: 'idx', files }, root);
}

async function pixelsOf(png: Buffer) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return {
    ...info,
    at: (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)],
  };
}

test('samples stand in rows and columns, those of a class alone where that is asked for', async () => {
  const side = 28;
  const flat = (value: number) => Array(side * side).fill(value);
  const { info, folder } = await dataset([side, side], [10, 20, 30, 40, 250].map(flat), [0, 1, 0, 1, 0]);
  const options = { split: 'train', rows: 2, columns: 2, offset: 0 } as const;
  const all = await pixelsOf(await sheetPng(folder, info, options));
  expect([all.width, all.height, all.channels]).toEqual([62, 62, 3]);
  const middles = (sheet: Awaited<ReturnType<typeof pixelsOf>>) => [
    sheet.at(16, 16)[0],
    sheet.at(46, 16)[0],
    ...(sheet.height > 40 ? [sheet.at(16, 46)[0], sheet.at(46, 46)[0]] : []),
  ];
  expect(middles(all)).toEqual([10, 20, 30, 40]);
  expect(all.at(0, 0)).toEqual([128, 128, 128]);
  expect(all.at(30, 30)).toEqual([128, 128, 128]);
  expect(middles(await pixelsOf(await sheetPng(folder, info, { ...options, offset: 1 })))).toEqual([20, 30, 40, 250]);
  // Fewer than asked for: what is left of the last row stays empty.
  expect(middles(await pixelsOf(await sheetPng(folder, info, { ...options, classIndex: 0 })))).toEqual([
    10, 30, 250, 128,
  ]);
  const second = await pixelsOf(await sheetPng(folder, info, { ...options, classIndex: 1 }));
  expect([middles(second), second.height]).toEqual([[20, 40], 32]);
  const none = await pixelsOf(await sheetPng(folder, info, { ...options, offset: 100 }));
  expect(none.at(5, 5)).toEqual([128, 128, 128]);
});

test('large images are made smaller, tiny ones larger, dark ones visible', async () => {
  const large = await dataset([200, 100, 3], [Array.from({ length: 60_000 }, (_, i) => [200, 100, 50][i % 3]!)], [0]);
  const sheet = await pixelsOf(
    await sheetPng(large.folder, large.info, { split: 'train', rows: 1, columns: 1, offset: 0 }),
  );
  expect([sheet.width, sheet.height]).toEqual([48 + 4, 96 + 4]);
  expect(sheet.at(20, 50)).toEqual([200, 100, 50]);
  const tiny = await dataset([2, 2], [[0, 16, 8, 0]], [0]);
  const enlarged = await pixelsOf(
    await sheetPng(tiny.folder, tiny.info, { split: 'train', rows: 1, columns: 1, offset: 0 }),
  );
  expect([enlarged.width, enlarged.height]).toEqual([32, 32]);
  expect([enlarged.at(3, 3), enlarged.at(28, 3), enlarged.at(3, 28)]).toEqual([
    [0, 0, 0],
    [255, 255, 255],
    [128, 128, 128],
  ]);
});

test('samples that are no images have no sheet', async () => {
  const { info, folder } = await dataset([4], [[1, 2, 3, 4]], [0]);
  await expect(sheetPng(folder, info, { split: 'train', rows: 1, columns: 1, offset: 0 })).rejects.toMatchObject({
    code: 'invalid-request',
  });
});
