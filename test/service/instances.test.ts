import { expect, test } from 'vitest';
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
