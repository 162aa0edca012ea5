import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AdditionOptions } from '../../src/data/addition.ts';
import { imageArchive, png } from '../helpers/images.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const options: AdditionOptions = { split: 'train', newClasses: false, replace: false, fit: 'contain', invert: false };
const points = {
  name: 'points',
  inputs: [
    [0, 0],
    [1, 1],
  ],
  targets: ['low', 'high'],
  features: ['x', 'y'],
};

describe('samples that are added', () => {
  test('make a new version, the newest by name; a job keeps the one that it was given', async () => {
    const folder = await temporaryFolder();
    const { datasets, jobs, ...rest } = await startServices(folder);
    const services = { datasets, jobs, ...rest };
    const first = await datasets.create(points);
    const job = await jobs.create({ dataset: 'points', network: { layers: [{ type: 'dense', units: 2 }] } });
    const second = await datasets.addSamples('points', { body: { inputs: [[2, 3]], targets: ['high'] } }, options);
    expect(second).toMatchObject({
      name: 'points',
      samples: { train: 3 },
      classes: ['high', 'low'],
      features: ['x', 'y'],
    });
    expect(second.id).not.toBe(first.id);
    expect(datasets.get('points').id).toBe(second.id);
    expect(datasets.get(first.id)).toEqual(first);
    expect((await reached(services, job.id)).dataset).toBe(first.id);
    const { items } = await datasets.samples('points', { split: 'train', offset: 0, limit: 9 });
    expect(items.map(({ input, target }) => [input, target])).toEqual([
      [[0, 0], 'low'],
      [[1, 1], 'high'],
      [[2, 3], 'high'],
    ]);
    // The very dataset that all of it at once is.
    const whole = await datasets.create({
      ...points,
      name: 'whole',
      inputs: [...points.inputs, [2, 3]],
      targets: [...points.targets, 'high'],
    });
    expect(second.sha256).toBe(whole.sha256);
    expect(second.statistics).toEqual(whole.statistics);
    for (const file of ['train.bin', 'validation.bin', 'test.bin']) {
      const [grown, made] = [second, whole].map(({ id }) => readFile(join(folder, 'datasets', id, file)));
      expect(await grown).toEqual(await made);
    }
    // By the id of an older version it is that one that grows.
    const third = await datasets.addSamples(
      first.id,
      { body: { inputs: [[9, 9]], targets: ['low'] } },
      { ...options, split: 'test' },
    );
    expect(third.samples).toEqual({ train: 2, validation: 0, test: 1 });
  });

  test('that come at the same time all arrive, one behind the other', async () => {
    const { datasets } = await startServices(await temporaryFolder());
    await datasets.create({ name: 'sums', inputs: [[0]], targets: [0] });
    await Promise.all(
      [1, 2, 3].map((i) => datasets.addSamples('sums', { body: { inputs: [[i]], targets: [i] } }, options)),
    );
    const { items } = await datasets.samples('sums', { split: 'train', offset: 0, limit: 9 });
    expect(items.map(({ input, target }) => [input, target])).toEqual([0, 1, 2, 3].map((i) => [[i], [i]]));
    expect(datasets.list({ limit: 9 }).items).toHaveLength(4);
  });

  test('replace the version before only where no job was given it', async () => {
    const folder = await temporaryFolder();
    const { datasets, jobs } = await startServices(folder);
    const first = await datasets.create(points);
    await jobs.create({ dataset: 'points', network: { layers: [{ type: 'dense', units: 2 }] } });
    const body = { inputs: [[2, 3]], targets: ['high'] };
    const replacing = { ...options, replace: true };
    const second = await datasets.addSamples('points', { body }, replacing);
    const third = await datasets.addSamples('points', { body }, replacing);
    expect(datasets.list({ limit: 9 }).items.map(({ id }) => id)).toEqual([third.id, first.id]);
    expect((await readdir(join(folder, 'datasets'))).sort()).toEqual([first.id, third.id].sort());
    expect(() => datasets.get(second.id)).toThrow(/no dataset/);
  });

  test('keep a dataset from being deleted while it is read', async () => {
    const { datasets } = await startServices(await temporaryFolder());
    const { id } = await datasets.create(points);
    const added = datasets.addSamples(id, { body: { inputs: [[2, 3]], targets: ['high'] } }, options);
    await new Promise((resolve) => setImmediate(resolve));
    await expect(datasets.delete(id)).rejects.toMatchObject({ code: 'in-use' });
    await added;
    await datasets.delete(id);
  });

  test('that do not fit are told, and leave nothing', async () => {
    const folder = await temporaryFolder();
    const { datasets } = await startServices(folder);
    await datasets.create(points);
    const add = (body: unknown, more: Partial<AdditionOptions> = {}) =>
      datasets.addSamples('points', { body }, { ...options, ...more });
    await expect(add({ inputs: [[1, 2]] })).rejects.toThrow(/"targets" is missing/);
    await expect(add({ inputs: [[1, 2, 3]], targets: ['low'] })).rejects.toThrow(
      /\/inputs\/0: the dataset's samples are \(2\); got \(3\)/,
    );
    await expect(add({ inputs: [[1, 'x']], targets: ['low'] })).rejects.toThrow(/\/inputs\/0\/1: a number is expected/);
    await expect(add({ inputs: [[1, 2]], targets: ['lw'] })).rejects.toThrow(
      /\/targets\/0: must be one of the classes high, low.*got "lw" \(newClasses=true takes it as a new class\)/,
    );
    await expect(add({ inputs: [[1, 2]], targets: ['low', 'low'] })).rejects.toThrow(/as many targets as inputs/);
    await expect(add({ inputs: [[1, 2]], targets: [null] })).rejects.toThrow(/a class is expected/);
    await expect(datasets.addSamples('none', { body: { inputs: [], targets: [] } }, options)).rejects.toMatchObject({
      code: 'not-found',
    });
    const images = [{ path: join(folder, 'x.png'), label: 'low' }];
    await expect(datasets.addSamples('points', { images }, options)).rejects.toThrow(/Only images/);
    expect(await readdir(join(folder, 'datasets'))).toHaveLength(1);
    const { classes } = await add(
      {
        inputs: [
          [1, 2],
          [3, 4],
        ],
        targets: ['middle', 'average'],
      },
      { newClasses: true },
    );
    expect(classes).toEqual(['high', 'low', 'average', 'middle']);
  });
});

test('images grow a set of images, in its size and channels', async () => {
  const folder = await temporaryFolder();
  const { datasets } = await startServices(folder);
  const file = join(folder, 'set.zip');
  await writeFile(file, await imageArchive({ 'a/1.png': [2, 2, [1, 2, 3, 4]], 'b/1.png': [2, 2, [5, 6, 7, 8]] }));
  await datasets.createFromFiles({ name: 'drawings' }, { file });
  const [good, broken] = [join(folder, 'new.png'), join(folder, 'broken.png')];
  await writeFile(good, await png(4, 4, 90));
  await writeFile(broken, 'no image');
  const grown = await datasets.addSamples(
    'drawings',
    { images: [{ path: good, label: 'b' }] },
    { ...options, invert: true },
  );
  expect(grown).toMatchObject({ inputShape: [2, 2, 1], samples: { train: 3 } });
  const { items } = await datasets.samples('drawings', { split: 'train', offset: 2, limit: 1 });
  expect(items[0]).toEqual({
    index: 2,
    input: [
      [[165], [165]],
      [[165], [165]],
    ],
    target: 'b',
  });
  const images = [good, broken].map((path) => ({ path, label: 'a' }));
  await expect(datasets.addSamples('drawings', { images }, options)).rejects.toMatchObject({
    code: 'invalid-image',
    faults: [{ pointer: '/image/1', message: expect.stringContaining('got text that begins with "no image"') }],
  });
  const bytes = {
    inputs: [
      [
        [[1], [2]],
        [[3], [256]],
      ],
    ],
    targets: ['a'],
  };
  await expect(datasets.addSamples('drawings', { body: bytes }, options)).rejects.toThrow(
    /whole numbers from 0 to 255/,
  );
  const flat = await datasets.addSamples('drawings', { body: { inputs: [[9, 8, 7, 6]], targets: [0] } }, options);
  expect(flat.statistics.classCounts).toEqual([2, 2]);

  const report = await datasets.report('drawings');
  expect(report).toMatchObject({ dataset: flat.id, name: 'drawings', sha256: flat.sha256 });
  expect(report.inputs.items[0]).toMatchObject({ name: 'grey', min: 1, max: 165 });
  expect(await datasets.histogram('drawings', 'grey')).toMatchObject({
    dataset: 'drawings',
    items: [{ name: 'grey' }],
  });
  await expect(datasets.histogram('drawings', 'red')).rejects.toMatchObject({ code: 'not-found' });
  const sheet = { split: 'train', rows: 1, columns: 5, offset: 0 } as const;
  expect((await datasets.sheet('drawings', { ...sheet, class: 'b' })).subarray(1, 4).toString()).toBe('PNG');
  await expect(datasets.sheet('drawings', { ...sheet, class: 'c' })).rejects.toThrow(/no class "c"; classes: a, b/);
});

test('rows grow a table by the names of its columns, and what they mean stays with it', async () => {
  const folder = await temporaryFolder();
  const { datasets } = await startServices(folder);
  const file = join(folder, 'shirts.csv');
  await writeFile(file, 'size,colour,price,sold\n38,red,9.5,yes\n40,blue,,no\n42,red,12,yes\n');
  const meta = { name: 'shirts', missing: 'mean' };
  const { features, columns, inputShape } = await datasets.createFromFiles(meta, { file });
  const report = await datasets.report('shirts');
  expect(report.missing).toEqual([{ column: 'price', rows: 1 }]);
  expect(report.inputs.items.map(({ name }) => name)).toEqual(features);
  const body = { inputs: [{ size: 44, colour: 'blue', price: 20 }], targets: ['no'] };
  const grown = await datasets.addSamples('shirts', { body }, options);
  expect(grown).toMatchObject({ features, columns, inputShape, samples: { train: 4 } });
  const { items } = await datasets.samples('shirts', { split: 'train', offset: 3, limit: 1 });
  const named = Object.fromEntries(features!.map((name, i) => [name, (items[0]!.input as number[])[i]]));
  expect(named).toMatchObject({ size: 44, price: 20 });
  const wrong = { inputs: [{ size: 44, colour: 'green', price: 20 }], targets: ['no'] };
  await expect(datasets.addSamples('shirts', { body: wrong }, options)).rejects.toMatchObject({
    code: 'invalid-data',
    faults: [{ pointer: '/inputs/0/colour' }],
  });
});

test('of the versions that nobody was given, the newest few stay', async () => {
  const folder = await temporaryFolder();
  const { datasets, jobs } = await startServices(folder, { HEBB_KEEP_VERSIONS: '2' });
  const first = await datasets.create(points);
  const grow = (name = 'points') =>
    datasets.addSamples(name, { body: { inputs: [[2, 3]], targets: ['high'] } }, options);
  const trained = await grow();
  await jobs.create({ dataset: 'points', network: { layers: [{ type: 'dense', units: 2 }] } });
  const versions = [];
  for (let i = 0; i < 4; i++) versions.push(await grow());
  const [, , third, fourth] = versions;
  const kept = [fourth!.id, third!.id, trained.id, first.id];
  expect(datasets.list({ limit: 9 }).items.map(({ id }) => id)).toEqual(kept);
  expect((await readdir(join(folder, 'datasets'))).sort()).toEqual([...kept].sort());
  // What has another name, or was uploaded by the same, is none of them.
  const again = await datasets.create(points);
  await grow();
  expect(datasets.get(again.id).samples.train).toBe(2);
  expect(datasets.get(trained.id)).toEqual(trained);
});

test('a start leaves a dataset its report', async () => {
  const folder = await temporaryFolder();
  const before = await startServices(folder);
  const { id } = await before.datasets.create(points);
  await before.close();
  await writeFile(join(folder, 'datasets', id, 'report.json.partial'), 'half');
  await startServices(folder);
  expect((await readdir(join(folder, 'datasets', id))).sort()).toEqual([
    'report.json',
    'test.bin',
    'train.bin',
    'validation.bin',
  ]);
});
