// Targets that are one-hot rows, and arrays of validation and test samples.
import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { uploadSource } from '../../../src/data/source.ts';
import { readRows } from '../../../src/data/store.ts';
import { save, store, temporaryFolder, thrown } from '../../helpers/data.ts';

const folder = await temporaryFolder();

/** An array as the description of the format has it, written without regard to the reader. */
function npy(type: '<f4' | '<f8' | '|u1' | '<i4' | '|b1', shape: number[], values: number[]): Buffer {
  const tuple = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  const arrays = { '<f4': Float32Array, '<f8': Float64Array, '|u1': Uint8Array, '<i4': Int32Array, '|b1': Uint8Array };
  return Buffer.concat([start, Buffer.from(header), Buffer.from(arrays[type].from(values).buffer)]);
}

async function uploaded(meta: object, files: Record<string, Buffer>) {
  const paths: Record<string, string> = {};
  for (const [part, bytes] of Object.entries(files)) paths[part] = await save(folder, bytes);
  const { info, folder: where } = await store(uploadSource({ name: 'n', ...meta }, paths), folder);
  const targets = async (split: 'train' | 'validation' | 'test') =>
    (await readRows(where, info, split, 0, 100)).map(({ target }) => target);
  return { info, warnings: info.warnings.map(({ code }) => code), targets };
}

const inputs = npy('<f4', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
const oneHot = [0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0, 0];
const labels = npy('<i4', [4], [2, 0, 1, 0]);

test.each(['<f4', '<f8', '|u1', '<i4', '|b1'] as const)('rows of one 1 and zeros, as %s, are classes', async (type) => {
  const given = { inputs, targets: npy(type, [4, 3], oneHot) };
  const { info, warnings, targets } = await uploaded({}, given);
  expect(info).toMatchObject({ task: 'classification', targetShape: [], classes: ['0', '1', '2'] });
  expect(await targets('train')).toEqual(['2', '0', '1', '0']);
  expect(warnings).toContain('one-hot-targets');
  // The very dataset that the same classes as whole numbers are.
  expect(info.sha256).toBe((await uploaded({}, { inputs, targets: labels })).info.sha256);
  const named = await uploaded({ classes: ['a', 'b', 'c'] }, given);
  expect(await named.targets('train')).toEqual(['c', 'a', 'b', 'a']);
  const numbers = await uploaded({ task: 'regression' }, given);
  expect(numbers.info).toMatchObject({ task: 'regression', targetShape: [3], classes: null });
  expect((await thrown('invalid-data', () => uploaded({ classes: ['a', 'b'] }, given))).message).toContain(
    '3 names are expected, one for each column of one-hot targets; got 2',
  );
});

test('other rows are numbers, or refused as classes', async () => {
  const half = npy('<f4', [4, 3], oneHot.with(0, 0.5));
  expect((await uploaded({}, { inputs, targets: half })).info.targetShape).toEqual([3]);
  const twice = npy('<i4', [4, 3], oneHot.with(0, 1));
  const { message } = await thrown('invalid-file', () => uploaded({}, { inputs, targets: twice }));
  expect(message).toContain('one class for each sample, or a row of one 1 and zeros, is expected; got int32 (3)');
  // One-hot by chance: nothing is of the last class, so a word is needed.
  const chance = npy('<f4', [4, 3], [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0]);
  expect((await uploaded({}, { inputs, targets: chance })).info.task).toBe('regression');
  const asked = await uploaded({ task: 'classification' }, { inputs, targets: chance });
  expect(asked.info.classes).toEqual(['0', '1', '2']);
  expect(asked.warnings).toContain('empty-class');
});

test('validation and test samples come in arrays of their own', async () => {
  const files = {
    inputs,
    targets: labels,
    validationInputs: npy('<f4', [2, 2], [9, 9, 8, 8]),
    validationTargets: npy('<i4', [2], [1, 1]),
    testInputs: npy('<f4', [2, 2], [7, 7, 6, 6]),
    testTargets: npy('<i4', [2], [2, 0]),
  };
  const { info, targets } = await uploaded({}, files);
  expect(info.samples).toEqual({ train: 4, validation: 2, test: 2 });
  expect([await targets('validation'), await targets('test')]).toEqual([
    ['1', '1'],
    ['2', '0'],
  ]);
  const archive = (names: string[]) =>
    Buffer.from(zipSync(Object.fromEntries(names.map((name, i) => [`${name}.npy`, Object.values(files)[i]!]))));
  for (const names of [
    ['x_train', 'y_train', 'x_val', 'y_val', 'x_test', 'y_test'],
    ['X_train', 'y_train', 'X_valid', 'y_valid', 'X_test', 'y_test'],
    ['train_images', 'train_labels', 'val_images', 'val_labels', 'test_images', 'test_labels'],
    Object.keys(files),
  ]) {
    expect((await uploaded({}, { file: archive(names) })).info.sha256, names.join()).toBe(info.sha256);
  }
  const faults = async (meta: object, parts: Partial<typeof files>) =>
    (await thrown('invalid-request', () => uploaded(meta, parts as typeof files))).faults.map(({ pointer }) => pointer);
  const { validationTargets: _, ...lacking } = files;
  expect(await faults({}, lacking)).toEqual(['/validationTargets']);
  expect(await faults({ split: { validation: 0.5 } }, files)).toEqual(['/split/validation']);
  expect(await faults({ split: { time: 'day', test: 0.5 } }, { inputs, targets: labels })).toEqual(['/split/time']);
});
