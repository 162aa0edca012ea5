import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { idx } from '../helpers/data.ts';
import { behaviour } from '../helpers/fakeWorker.mjs';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const xor = { name: 'xor', synthetic: { kind: 'xor' } };

describe('a dataset', () => {
  test('is still there when the service comes back, by id and by name', async () => {
    const folder = await temporaryFolder();
    const before = await startServices(folder);
    const dataset = await before.datasets.create(xor);
    expect(dataset).toMatchObject({ name: 'xor', inputShape: [2], classes: ['0', '1'], samples: { train: 4 } });
    await before.close();
    const after = await startServices(folder);
    expect(after.datasets.get(dataset.id)).toEqual(dataset);
    expect(after.datasets.get('xor')).toEqual(dataset);
    expect(after.datasets.list({ limit: 5 })).toEqual({ items: [dataset], next: null });
    expect(() => after.datasets.get('nand')).toThrow(/no dataset/);
  });

  test('shows its samples page by page', async () => {
    const { datasets } = await startServices(await temporaryFolder());
    await datasets.create(xor);
    const first = await datasets.samples('xor', { split: 'train', offset: 0, limit: 3 });
    expect(first).toMatchObject({ total: 4, next: 3 });
    expect(first.items[1]).toEqual({ index: 1, input: [0, 1], target: '1' });
    expect(await datasets.samples('xor', { split: 'train', offset: 3, limit: 3 })).toMatchObject({
      items: [{ index: 3 }],
      next: null,
    });
    expect(await datasets.samples('xor', { split: 'train', offset: 9, limit: 3 })).toMatchObject({
      items: [],
      next: null,
    });
    expect(await datasets.samples('xor', { split: 'test', offset: 0, limit: 3 })).toEqual({
      items: [],
      total: 0,
      next: null,
    });
    await expect(datasets.samplePng('xor', 'train', 99)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('that is wrong leaves nothing behind', async () => {
    const folder = await temporaryFolder();
    const { datasets } = await startServices(folder);
    await expect(datasets.create({ name: 'x', inputs: [[1], [1, 2]], targets: [0, 1] })).rejects.toThrow();
    await expect(datasets.create({ inputs: [[1]], targets: [0] })).rejects.toMatchObject({ code: 'invalid-request' });
    expect(datasets.list({ limit: 5 }).items).toEqual([]);
    expect(await readdir(join(folder, 'datasets'))).toEqual([]);
  });

  test('is kept while a job needs it', async () => {
    const folder = await temporaryFolder();
    const { datasets, jobs, ...rest } = await startServices(folder);
    const services = { datasets, jobs, ...rest };
    await datasets.create(xor);
    const network = { layers: [{ type: 'dense', units: 2 }] };
    const job = await jobs.create({ dataset: 'xor', network, training: { seed: behaviour.endless } });
    await reached(services, job.id, 'running');
    await expect(datasets.delete('xor')).rejects.toMatchObject({ code: 'in-use' });
    await jobs.cancel(job.id);
    await datasets.delete('xor');
    expect(await readdir(join(folder, 'datasets'))).toEqual([]);
    expect(jobs.get(job.id).dataset).toBe(job.dataset);
    expect(services.models.get(job.id).classes).toEqual(['0', '1']);
  });
});

test('uploads are read from files in a folder on the same disk', async () => {
  const folder = await temporaryFolder();
  const { datasets } = await startServices(folder);
  const upload = await datasets.uploadFolder();
  expect(upload.startsWith(folder)).toBe(true);
  const images = join(upload, 'images');
  const labels = join(upload, 'labels');
  await writeFile(images, Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4]));
  await writeFile(labels, Buffer.from([0, 0, 8, 1, 0, 0, 0, 2, 5, 7]));
  const dataset = await datasets.createFromFiles({ name: 'tiny' }, { images, labels });
  expect(dataset).toMatchObject({ name: 'tiny', inputType: 'uint8', samples: { train: 2 } });
  expect((await datasets.samplePng('tiny', 'train', 1)).subarray(1, 4).toString()).toBe('PNG');
  await expect(datasets.createFromFiles({ name: 'tiny' }, { images })).rejects.toThrow(/labels/);
});

test('a start removes what a killed service left half done, and nothing else', async () => {
  const folder = await temporaryFolder();
  const before = await startServices(folder);
  const dataset = await before.datasets.create(xor);
  const job = await before.jobs.create({ dataset: 'xor', network: { layers: [{ type: 'dense', units: 2 }] } });
  await reached(before, job.id);
  await before.close();
  for (const left of ['datasets/half', `datasets/${dataset.id}.partial-1`, 'models/half', 'tmp/upload']) {
    await mkdir(join(folder, left), { recursive: true });
  }
  await writeFile(join(folder, 'models', job.id, '7.safetensors'), 'stale');
  await startServices(folder);
  expect(await readdir(join(folder, 'datasets'))).toEqual([dataset.id]);
  expect(await readdir(join(folder, 'models'))).toEqual([job.id]);
  expect(await readdir(join(folder, 'models', job.id))).toEqual(['0.safetensors']);
  expect(await readdir(join(folder, 'tmp'))).toEqual([]);
});

test('a second service on the same folder is refused', async () => {
  const folder = await temporaryFolder();
  await startServices(folder);
  await expect(startServices(folder)).rejects.toThrow(/in use by another hebb server/);
});

describe('a builtin dataset', () => {
  test('mnist comes from HEBB_MNIST_DIR where it is set', async () => {
    const mnist = await temporaryFolder();
    const parts = { 'train-images-idx3': 3, 'train-labels-idx1': 1, 't10k-images-idx3': 3, 't10k-labels-idx1': 1 };
    for (const [name, rank] of Object.entries(parts)) {
      const bytes = rank === 3 ? idx(8, [2, 2, 2], new Uint8Array(8)) : idx(8, [2], [0, 1]);
      await writeFile(join(mnist, `${name}-ubyte`), bytes);
    }
    const { datasets } = await startServices(await temporaryFolder(), { HEBB_MNIST_DIR: mnist });
    const dataset = await datasets.create({ name: 'tiny', builtin: 'mnist' });
    expect(dataset).toMatchObject({ inputShape: [2, 2, 1], samples: { train: 2, test: 2 } });
  });

  test('is called as it is when it comes with a job; a part of it is not, and both are stored once', async () => {
    const { datasets, jobs } = await startServices(await temporaryFolder());
    const network = { layers: [{ type: 'dense', units: 3 }] };
    const named = async (dataset: object) => datasets.get((await jobs.create({ dataset, network })).dataset!);
    const whole = await named({ builtin: 'iris' });
    const part = await named({ builtin: 'iris', limit: { train: 60 } });
    expect(whole.name).toBe('iris');
    expect(part.name).toMatch(/^iris-[0-9a-f]{8}$/);
    expect(await named({ builtin: 'iris' })).toEqual(whole);
    expect(await named({ builtin: 'iris', limit: { train: 60 } })).toEqual(part);
    expect(datasets.list({ limit: 9 }).items).toHaveLength(2);
  });
});
