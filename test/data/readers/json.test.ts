import { expect, test } from 'vitest';
import type { JsonSource } from '../../../src/data/source.ts';
import { readRows } from '../../../src/data/store.ts';
import { store, temporaryFolder, thrown } from '../../helpers/data.ts';

const folder = await temporaryFolder();

async function read(source: Omit<JsonSource, 'kind'>) {
  const { info, folder: dataset } = await store({ kind: 'json', ...source }, folder);
  return { info, samples: await readRows(dataset, info, 'train', 0, 100) };
}

const faultsOf = async (source: Omit<JsonSource, 'kind'>) =>
  (await thrown('invalid-data', () => read(source))).faults.map(({ pointer, message }) => `${pointer} ${message}`);

const four = [[0], [1], [2], [3]];

test('numbers are a regression, with the shapes that the arrays have', async () => {
  const scalars = await read({ inputs: [1, 2, 3], targets: [0.5, 1.5, -1] });
  expect(scalars.info).toMatchObject({ task: 'regression', inputShape: [1], targetShape: [1], classes: null });
  expect(scalars.info).toMatchObject({ inputType: 'float32', samples: { train: 3, validation: 0, test: 0 } });
  expect(scalars.samples[2]).toEqual({ index: 2, input: [3], target: [-1] });
  const nested = await read({
    inputs: [[[[1], [2]]], [[[3], [4]]]],
    targets: [
      [1, 2, 3],
      [4, 5, 6],
    ],
  });
  expect(nested.info).toMatchObject({ inputShape: [1, 2, 1], targetShape: [3] });
  expect(nested.samples[1]).toEqual({ index: 1, input: [[[3], [4]]], target: [4, 5, 6] });
  // Two passes over the values, in another order than the store's.
  expect(nested.info.statistics).toEqual({
    min: 1,
    max: 4,
    mean: 2.5,
    standardDeviation: Math.sqrt(1.25),
    classCounts: null,
  });
});

test.each([
  [['b', 'a', '10', 'b'], undefined, ['10', 'a', 'b'], ['b', 'a', '10', 'b']],
  [['10', '9', '-1', '9'], undefined, ['-1', '9', '10'], ['10', '9', '-1', '9']],
  [['é', 'z', '😀', '\uffee'], undefined, ['z', 'é', '\uffee', '😀'], ['é', 'z', '😀', '\uffee']],
  [[true, false, true, true], undefined, ['false', 'true'], ['true', 'false', 'true', 'true']],
  [
    ['a', 'b', 'a', 'b'],
    ['b', 'c', 'a'],
    ['b', 'c', 'a'],
    ['a', 'b', 'a', 'b'],
  ],
  [
    [true, false, true, true],
    ['true', 'false'],
    ['true', 'false'],
    ['true', 'false', 'true', 'true'],
  ],
])('text and booleans %j with classes %j are classes %j', async (targets, classes, expected, names) => {
  const { info, samples } = await read({ inputs: four, targets, classes });
  expect(info).toMatchObject({ task: 'classification', targetShape: [], classes: expected });
  expect(samples.map(({ target }) => target)).toEqual(names);
});

test('integers are classes where the task says so: names, or indices into the names given', async () => {
  const targets = [2, 0, 10, 2];
  const sorted = await read({ inputs: four, targets, task: 'classification' });
  expect(sorted.info.classes).toEqual(['0', '2', '10']);
  expect(sorted.samples.map(({ target }) => target)).toEqual(['2', '0', '10', '2']);
  const named = await read({ inputs: four, targets: [2, 0, 1, 2], task: 'classification', classes: ['x', 'y', 'z'] });
  expect(named.samples.map(({ target }) => target)).toEqual(['z', 'x', 'y', 'z']);
  const numbers = await read({ inputs: four, targets, task: 'classification', classes: ['10', '2', '0'] });
  expect(numbers.info.statistics.classCounts).toEqual([1, 2, 1]);
  expect(numbers.samples.map(({ target }) => target)).toEqual(['2', '0', '10', '2']);
});

test('faults in the inputs, each with its pointer', async () => {
  const targets = [1, 2, 3, 4];
  expect(await faultsOf({ inputs: [[0, 1], [0], [1, 'x'], [null, 1]], targets })).toEqual([
    '/inputs/1 an array of 2, as in /inputs/0, is expected; got [0]',
    '/inputs/2/1 a number is expected; got x',
    '/inputs/3/0 a number is expected; got null',
  ]);
  const ragged = await faultsOf({
    inputs: [
      [[1], [2]],
      [[1], [2]],
      [[1], [2]],
      [[1], [2, 3]],
    ],
    targets,
  });
  expect(ragged).toEqual(['/inputs/3/1 an array of 1, as in /inputs/0, is expected; got [2,3]']);
  const infinite = JSON.parse('[[1], [1e999], [-1e39], [3.4e38]]');
  expect(await faultsOf({ inputs: infinite, targets })).toEqual([
    '/inputs/1/0 a finite number in the range of float32 is expected; got Infinity',
    '/inputs/2/0 a finite number in the range of float32 is expected; got -1e+39',
  ]);
  expect(await faultsOf({ inputs: [1, [2], {}, true], targets })).toHaveLength(3);
  expect((await faultsOf({ inputs: [[[[[[1]]]]]], targets: [1] }))[0]).toContain('/inputs/0 samples are expected');
  expect((await faultsOf({ inputs: [[], []], targets: [1, 2] }))[0]).toContain('none of them empty');
  expect((await faultsOf({ inputs: [], targets: [] }))[0]).toContain('/inputs ');
  const many = Array.from({ length: 1000 }, () => 'x');
  expect(await faultsOf({ inputs: many, targets: many.map(() => 1) })).toHaveLength(20);
});

test('faults in the targets, together with those in the inputs', async () => {
  const [inputs] = [four];
  expect(await faultsOf({ inputs: ['no', [1], [2], [3]], targets: ['a', 1, null, 'b'] })).toEqual(
    [
      '/inputs/1 a number is expected; got [1]',
      '/inputs/2 a number is expected; got [2]',
      '/inputs/3 a number is expected; got [3]',
      '/targets/1 a class name is expected; got 1',
      '/targets/2 a class name is expected; got null',
    ].toSpliced(0, 0, '/inputs/0 a number is expected; got no'),
  );
  expect(await faultsOf({ inputs, targets: [1, 2, 3] })).toEqual([
    '/targets as many targets as inputs are expected: 4; got 3',
  ]);
  expect(await faultsOf({ inputs, targets: [1, 2.5, 3, 4], task: 'classification' })).toEqual([
    '/targets/1 an integer class is expected; got 2.5',
  ]);
  expect(await faultsOf({ inputs, targets: [[1], [0], [1], [0]], task: 'classification' })).toHaveLength(4);
  expect(await faultsOf({ inputs, targets: ['a', 'b', 'a', 'b'], task: 'regression' })).toHaveLength(4);
  expect((await faultsOf({ inputs, targets: [1, 2, 3, 4], classes: ['a'] }))[0]).toContain(
    '/classes a regression has no classes',
  );
  expect(await faultsOf({ inputs, targets: ['cat', 'dog', 'dgo', 'cat'], classes: ['cat', 'dog'] })).toEqual([
    '/targets/2 one of the classes cat, dog (did you mean "dog"?) is expected; got "dgo"',
  ]);
  expect(await faultsOf({ inputs, targets: [0, 1, 2, 0], classes: ['cat', 'dog'], task: 'classification' })).toEqual([
    '/targets/2 a class index from 0 to 1 is expected; got 2',
  ]);
});
