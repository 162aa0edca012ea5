import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Batcher } from '../../src/models/batcher.ts';

/** A batcher of rows of two numbers that gives their sum; runs end when they are told to. */
function batcherOfSums(options: { mostRows: number; delayMs: number }) {
  const runs: { rows: number; end(error?: Error): void }[] = [];
  const batcher = new Batcher(
    (inputs, rows) =>
      new Promise((resolve, reject) => {
        const sums = Float32Array.from({ length: rows }, (_, i) => inputs[2 * i]! + inputs[2 * i + 1]!);
        runs.push({ rows, end: (error) => (error ? reject(error) : resolve(sums)) });
      }),
    { elements: 2, ...options },
  );
  const add = (...numbers: number[]) => batcher.add(Float32Array.from(numbers), numbers.length / 2);
  return { batcher, runs, add };
}

test('the first goes at once, and those that come meanwhile go together after it', async () => {
  const { batcher, runs, add } = batcherOfSums({ mostRows: 64, delayMs: 0 });
  expect(batcher.idle).toBe(true);
  const first = add(1, 2);
  const others = [add(3, 4, 5, 6), add(7, 8)];
  expect(batcher.idle).toBe(false);
  expect(runs.map(({ rows }) => rows)).toEqual([1]);
  runs[0]!.end();
  expect([...(await first)]).toEqual([3]);
  await sleep(0);
  expect(runs.map(({ rows }) => rows)).toEqual([1, 3]);
  runs[1]!.end();
  expect((await Promise.all(others)).map((sums) => [...sums])).toEqual([[7, 11], [15]]);
  await sleep(0);
  expect(batcher.idle).toBe(true);
});

test('a run has no more rows than are worth it, unless one request has', async () => {
  const { runs, add } = batcherOfSums({ mostRows: 3, delayMs: 0 });
  const requests = [add(1, 1), add(1, 1, 2, 2), add(3, 3), add(4, 4), add(...Array(10).fill(5)), add(6, 6)];
  for (let i = 0; i < 5; i++) {
    await sleep(0);
    runs[i]?.end();
  }
  expect((await Promise.all(requests)).map((sums) => [...sums])).toEqual([
    [2],
    [2, 4],
    [6],
    [8],
    [10, 10, 10, 10, 10],
    [12],
  ]);
  expect(runs.map(({ rows }) => rows)).toEqual([1, 3, 1, 5, 1]);
});

test('with a delay the first waits for others, but not once they fill a run', async () => {
  const { runs, add } = batcherOfSums({ mostRows: 3, delayMs: 40 });
  const early = [add(1, 1), add(2, 2)];
  await sleep(0);
  expect(runs).toEqual([]);
  await sleep(80);
  expect(runs.map(({ rows }) => rows)).toEqual([2]);
  runs[0]!.end();
  await Promise.all(early);
  const full = [add(1, 1), add(2, 2), add(3, 3)];
  expect(runs.map(({ rows }) => rows)).toEqual([2, 3]);
  runs[1]!.end();
  await Promise.all(full);
});

test('a run that fails fails its own requests, and the next goes on', async () => {
  const { runs, add } = batcherOfSums({ mostRows: 64, delayMs: 0 });
  const requests = [add(1, 1), add(2, 2), add(3, 3)];
  const settled = Promise.allSettled(requests);
  runs[0]!.end();
  await sleep(0);
  runs[1]!.end(new Error('lost'));
  expect((await settled).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  const next = add(4, 4);
  runs[2]!.end();
  expect([...(await next)]).toEqual([8]);
});
