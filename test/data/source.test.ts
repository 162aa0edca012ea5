import { expect, test } from 'vitest';
import { datasetMetaSchema, datasetRequestSchema, datasetSpec, uploadSource } from '../../src/data/source.ts';
import { assertValid, compileSchema } from '../../src/validate.ts';
import { thrown } from '../helpers/data.ts';

const pointers = async (action: () => unknown) =>
  (await thrown('invalid-request', action)).faults.map(({ pointer }) => pointer);

test('a request becomes the source that it describes', () => {
  expect(datasetSpec({ name: 'n', inputs: [[1]], targets: [1], split: { test: 0.5 } })).toEqual({
    kind: 'json',
    inputs: [[1]],
    targets: [1],
    split: { test: 0.5 },
  });
  expect(datasetSpec({ synthetic: { kind: 'xor' } })).toEqual({ kind: 'synthetic', synthetic: { kind: 'xor' } });
  expect(uploadSource({ name: 'n', format: 'idx', shape: [4] }, { images: 'a', labels: 'b' })).toEqual({
    kind: 'idx',
    files: { images: 'a', labels: 'b' },
    shape: [4],
  });
});

test('anything but exactly one kind of source is one clear fault', async () => {
  for (const body of [
    {},
    { inputs: [1] },
    { targets: [1] },
    { inputs: [1], targets: [1], synthetic: { kind: 'xor' } },
    { targets: [1], synthetic: { kind: 'xor' } },
    { builtin: 'iris', synthetic: { kind: 'xor' } },
    { inputs: [1], targets: [1], builtin: 'iris' },
  ]) {
    const error = await thrown('invalid-request', () => datasetSpec(body));
    expect(error.faults).toHaveLength(1);
    expect(error.message).toContain('one of "inputs" with "targets", "synthetic" and "builtin" is expected');
    for (const key of Object.keys(body)) expect(error.faults[0]!.received).toContain(key);
  }
});

test('misspelt keys and unknown kinds are named', async () => {
  expect(await pointers(() => datasetSpec({ synthetic: { kind: 'xor', sampels: 3 } }))).toEqual(['/synthetic/sampels']);
  expect(await pointers(() => datasetSpec({ synthetic: { kind: 'xor', factor: 0.5 } }))).toEqual(['/synthetic/factor']);
  const unknown = await thrown('invalid-request', () => datasetSpec({ synthetic: { kind: 'blob' } }));
  expect(unknown.message).toContain('did you mean "blobs"?');
  expect(await pointers(() => datasetSpec({ synthetic: {} }))).toEqual(['/synthetic/kind']);
  expect(await pointers(() => datasetSpec({ synthetic: { kind: 'xor' }, lable: 1, limit: { trian: 1 } }))).toEqual([
    '/lable',
    '/limit/trian',
  ]);
  expect(await pointers(() => datasetSpec({ synthetic: { kind: 'xor' }, split: { test: 1 } }))).toEqual([
    '/split/test',
  ]);
  const split = { validation: 0.5, test: 0.5 };
  expect(await pointers(() => datasetSpec({ synthetic: { kind: 'xor' }, split }))).toEqual(['/split']);
});

test('names have 1 to 200 characters and no control characters', () => {
  const check = (schema: typeof datasetRequestSchema | typeof datasetMetaSchema, value: object) => {
    const validate = compileSchema(schema);
    return () => assertValid(validate, value);
  };
  for (const schema of [datasetRequestSchema, datasetMetaSchema]) {
    for (const name of ['x', 'Ünï 😀', 'n'.repeat(200)]) check(schema, { name })();
    for (const name of ['', 'n'.repeat(201), 'a\nb', 'a\u0000', '\u0085', 3]) {
      expect(check(schema, { name })).toThrow('/name');
    }
    expect(check(schema, {})).toThrow('"name" is missing');
  }
});

test('what goes with images is refused elsewhere, and a size has two sides', async () => {
  const idx = { images: 'a', labels: 'b' };
  const meta = { name: 'a', image: { channels: 1 }, broken: 'skip' };
  expect(await pointers(() => uploadSource(meta, idx))).toEqual(['/image', '/broken']);
  const images = { name: 'a', format: 'images' };
  expect(await pointers(() => uploadSource({ ...images, image: { width: 3 } }, { file: 'a' }))).toEqual([
    '/image/height',
  ]);
  expect(await pointers(() => uploadSource(images, idx))).toEqual(['/file', '/images']);
});

test('an upload needs its files, in pairs', async () => {
  const meta = { name: 'n' };
  expect(await pointers(() => uploadSource(meta, {}))).toEqual(['/images', '/labels']);
  expect(await pointers(() => uploadSource(meta, { images: 'a', labels: 'b', testImages: 'c' }))).toEqual([
    '/testLabels',
  ]);
  expect(await pointers(() => uploadSource(meta, { images: 'a', labels: 'b', testLabels: 'c' }))).toEqual([
    '/testImages',
  ]);
  expect(await pointers(() => uploadSource(meta, { images: 'a', labels: 'b', file: 'c' }))).toEqual(['/file']);
  expect(await pointers(() => uploadSource({ name: 'n', format: 'csv' }, { images: 'a', labels: 'b' }))).toEqual([
    '/format',
  ]);
  const files = { images: 'a', labels: 'b', testImages: 'c', testLabels: 'd' };
  expect(await pointers(() => uploadSource({ ...meta, split: { test: 0.1 } }, files))).toEqual(['/split/test']);
});

test('what decides the splits is one thing, and fits the data', async () => {
  const split = (split: object) => pointers(() => uploadSource({ name: 'n', split }, { file: import.meta.filename }));
  expect(await split({ column: 'set', time: 'day', test: 0.1 })).toEqual(['/split/time', '/split/test']);
  expect(await split({ column: 'set', seed: 1 })).toEqual(['/split/seed']);
  expect(await split({ time: 'day', test: 0.1, seed: 1, stratify: true })).toEqual(['/split/seed', '/split/stratify']);
  expect(await split({ group: 'patient' })).toEqual(['/split']);
  expect(await split({ validation: 0.5, test: 0.5 })).toEqual(['/split']);
  const inline = { inputs: [1], targets: [1], split: { column: 'set' } };
  expect(await pointers(() => datasetSpec(inline))).toEqual(['/split/column']);
  const idx = { images: 'a', labels: 'b' };
  expect(await pointers(() => uploadSource({ name: 'n', split: { group: 'g', test: 0.1 } }, idx))).toEqual([
    '/split/group',
  ]);
});
