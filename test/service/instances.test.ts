import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/data/tables/columns.ts';
import type { HebbError } from '../../src/errors.ts';
import { maxInstances, readInstances } from '../../src/service/instances.ts';

const faultsOf = (instances: unknown[], ...shapes: number[][]) => {
  try {
    readInstances(instances, shapes);
  } catch (error) {
    return (error as { faults?: { pointer: string; message: string }[] }).faults;
  }
  throw new Error('nothing was wrong');
};

test('instances come nested as one of the shapes, or flat', () => {
  const nested = [
    [1, 2],
    [3, 4],
  ];
  const deeper = [
    [[1], [2]],
    [[3], [4]],
  ];
  const values = readInstances(
    [nested, [1, 2, 3, 4], deeper],
    [
      [2, 2],
      [2, 2, 1],
    ],
  );
  expect([...values]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
  expect([...readInstances([[5]], [[1]])]).toEqual([5]);
});

test('each instance that does not fit is pointed at, down to the number', () => {
  const wrong = [[1, 2], [1, '2'], [1], 'text', [1, null], [1e39, 0], { a: 1 }];
  const faults = faultsOf(wrong, [2])!;
  expect(faults.map(({ pointer }) => pointer)).toEqual([
    '/instances/1/1',
    '/instances/2',
    '/instances/3',
    '/instances/4/1',
    '/instances/5/0',
    '/instances/6',
  ]);
  expect(faults[0]!.message).toBe('a finite number is expected, got "2"');
  expect(faults[1]!.message).toBe('an array of 2 is expected, got an array of 1');
  expect(faultsOf([[[1, 2], [3]]], [2, 2])![0]!.pointer).toBe('/instances/0/1');
});

test('a call takes one instance at least, and not too many', () => {
  expect(() => readInstances([], [[1]])).toThrow(/1 to 1000/);
  expect(() => readInstances(Array(maxInstances + 1).fill([1]), [[1]])).toThrow(/got 1001/);
});

describe('a row of a table', () => {
  const columns: Column[] = [
    { name: 'a/b', type: 'numeric', missing: 1, fill: 2.5 },
    {
      name: 'colour',
      type: 'categorical',
      encoding: 'oneHot',
      categories: ['1', 'blue', 'red'],
      missing: 0,
      fill: null,
    },
    { name: 'note', type: 'ignored' },
    { name: 'size', type: 'categorical', encoding: 'ordinal', categories: ['s', 'm'], missing: 0, fill: 'm' },
    { name: 'tame', type: 'boolean', missing: 0, fill: null },
    { name: 'kind', type: 'target' },
  ];
  const read = (...rows: unknown[]) => [...readInstances(rows, [[6]], columns)];

  test('becomes the inputs that it became in training', () => {
    const row = { 'a/b': 1.5, colour: 'red', size: 's', tame: true };
    expect(read(row)).toEqual([1.5, 0, 0, 1, 0, 1]);
    expect(read({ ...row, note: 'x', kind: 'cat' }, [1, 2, 3, 4, 5, 6])).toEqual([
      1.5, 0, 0, 1, 0, 1, 1, 2, 3, 4, 5, 6,
    ]);
    // What was filled in training is filled again; a number may be the name of a category.
    expect(read({ colour: 1, size: null, tame: 0 })).toEqual([2.5, 1, 0, 0, 1, 0]);
    expect(read({ 'a/b': null, colour: 'blue', tame: 'no' })).toEqual([2.5, 0, 1, 0, 1, 0]);
  });

  test('that does not fit is told column by column', () => {
    const wrong: object[] = [
      { 'a/b': '1', colour: 'rde', size: 's', tame: 2, Colour: 1 },
      { 'a/b': 1e39, size: 'xl', tame: null },
      { 'a/b': [1], colour: { x: 1 }, tame: 'maybe', __proto__: 1, toString: 1 },
    ];
    let error: HebbError | undefined;
    try {
      read({ colour: 'red', tame: true }, ...wrong);
    } catch (thrown) {
      error = thrown as HebbError;
    }
    expect(error!.code).toBe('invalid-instance');
    expect(error!.faults!.map(({ pointer, message }) => `${pointer}: ${message}`)).toEqual([
      '/instances/1/Colour: the model knows no column "Colour" (did you mean "colour"?); its columns: a/b, colour, size, tame',
      '/instances/1/a~1b: a number is expected, got "1"',
      '/instances/1/colour: one of the categories 1, blue, red is expected, got "rde" (did you mean "red"?)',
      '/instances/1/tame: true or false is expected, got 2',
      '/instances/2/a~1b: a finite number in the range of float32 is expected, got 1e+39',
      '/instances/2/colour: the column "colour" is missing',
      '/instances/2/size: one of the categories s, m is expected, got "xl"',
      '/instances/2/tame: a value is expected, got null',
      '/instances/3/toString: the model knows no column "toString"; its columns: a/b, colour, size, tame',
      '/instances/3/a~1b: a number is expected, got [1]',
      '/instances/3/colour: the name of a category is expected, got "an object {x}"',
      '/instances/3/tame: true or false is expected, got "maybe"',
    ]);
  });

  test('is no input of a model without columns', () => {
    expect(faultsOf([{ a: 1 }], [1])![0]!.message).toContain('a finite number is expected');
  });
});
