import sharp from 'sharp';
import { expect, test } from 'vitest';
import { samplePng } from '../../src/data/samplePng.ts';
import type { JsonSource } from '../../src/data/source.ts';
import { idx, save, store, temporaryFolder, thrown } from '../helpers/data.ts';

const folder = await temporaryFolder();

async function decode(png: Buffer) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return { pixels: [...data], width: info.width, height: info.height, channels: info.channels };
}

test.each([1, 3, 4])('uint8 images of %i channels come back as they are', async (channels) => {
  const pixels = Array.from({ length: 2 * 2 * 3 * channels }, (_, i) => (i * 37) % 256);
  const files = {
    images: await save(folder, idx(8, [2, 2, 3, channels], pixels)),
    labels: await save(folder, idx(8, [2], [0, 1])),
  };
  const { info, folder: dataset } = await store({ kind: 'idx', files }, folder);
  const picture = await decode(await samplePng(dataset, info, 'train', 1));
  expect(picture).toMatchObject({ width: 3, height: 2 });
  const kept = picture.channels;
  const expected = pixels.slice(6 * channels);
  // A decoder may give grey as three equal channels.
  expect(picture.pixels.filter((_, i) => channels !== 1 || i % kept === 0)).toEqual(expected);
  await thrown('not-found', () => samplePng(dataset, info, 'train', 2));
  await thrown('not-found', () => samplePng(dataset, info, 'test', 0));
});

test('float32 images are scaled from the range of the training split', async () => {
  const source: JsonSource = { kind: 'json', inputs: [[[[-1], [1]]], [[[0], [0.5]]]], targets: [0, 1] };
  const { info, folder: dataset } = await store(source, folder);
  const { pixels, channels } = await decode(await samplePng(dataset, info, 'train', 1));
  expect(pixels.filter((_, i) => i % channels === 0)).toEqual([128, 191]);
  const flat = await store({ ...source, shape: [2] }, folder);
  await thrown('invalid-request', () => samplePng(flat.folder, flat.info, 'train', 0));
  const two = await store({ ...source, shape: [1, 1, 2] }, folder);
  await thrown('invalid-request', () => samplePng(two.folder, two.info, 'train', 0));
});
