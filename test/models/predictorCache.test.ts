import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PredictorCache } from '../../src/models/predictorCache.ts';

/** A cache that notes what is loaded and disposed of, and the most bytes that are held at a time. */
function cacheOf(limit: number) {
  const events: string[] = [];
  let held = 0;
  let most = 0;
  const hold = (bytes: number) => {
    held += bytes;
    most = Math.max(most, held);
  };
  const cache = new PredictorCache<{ key: string; dispose(): void }>(limit);
  const use = <T>(key: string, bytes: number, call: () => Promise<T>, version = '1', loadingBytes = 0) =>
    cache.use(
      key,
      version,
      () => ({
        version,
        bytes,
        loadingBytes,
        async load() {
          events.push(`+${key}${version}`);
          hold(bytes + loadingBytes);
          await turn();
          hold(-loadingBytes);
          return {
            key,
            dispose() {
              events.push(`-${key}${version}`);
              hold(-bytes);
            },
          };
        },
      }),
      call,
    );
  return { cache, events, use, most: () => most };
}

const nothing = async () => {};
/** A call that lasts until it is told to end. */
function lasting() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { call: () => ended, end };
}

test('what was not used for the longest time makes room', async () => {
  const { events, use, most } = cacheOf(100);
  for (const key of ['a', 'b', 'a', 'c', 'b']) await use(key, 40, nothing);
  expect(events).toEqual(['+a1', '+b1', '-b1', '+c1', '-a1', '+b1']);
  expect(most()).toBe(80);
});

test('what is in use stays, and who needs its room waits', async () => {
  const { cache, events, use, most } = cacheOf(100);
  const [first, second] = [lasting(), lasting()];
  const a = use('a', 60, first.call);
  const b = use('b', 60, second.call);
  const c = use('c', 30, nothing);
  await turn();
  await turn();
  // The small one could be loaded, but it does not overtake.
  expect(events).toEqual(['+a1']);
  first.end();
  await a;
  await turn();
  await turn();
  expect(events.slice(0, 3)).toEqual(['+a1', '-a1', '+b1']);
  second.end();
  await Promise.all([b, c]);
  expect(most()).toBeLessThanOrEqual(100);
  expect(cache.bytes).toBe(90);
});

test('calls at the same time share one loading', async () => {
  const { events, use } = cacheOf(100);
  await Promise.all(Array.from({ length: 10 }, () => use('a', 50, nothing)));
  expect(events).toEqual(['+a1']);
});

test('another version takes the place of the one before, which goes with its last call', async () => {
  const { cache, events, use } = cacheOf(100);
  const old = lasting();
  const call = use('a', 50, old.call);
  await turn();
  await use('a', 50, nothing, '2');
  expect(events).toEqual(['+a1', '+a2']);
  old.end();
  await call;
  await turn();
  expect(events).toEqual(['+a1', '+a2', '-a1']);
  expect(cache.bytes).toBe(50);
});

test('what is dropped while it is used or loaded goes afterwards', async () => {
  const { cache, events, use } = cacheOf(100);
  const call = use('a', 50, nothing);
  cache.drop('a');
  await call;
  await turn();
  expect(events).toEqual(['+a1', '-a1']);
  expect(cache.bytes).toBe(0);
  await use('a', 50, nothing);
  cache.clear();
  await turn();
  expect(events).toEqual(['+a1', '-a1', '+a1', '-a1']);
});

test('what is larger than the limit is refused, also for what its loading takes', async () => {
  const { cache, use } = cacheOf(100);
  await expect(use('a', 101, nothing)).rejects.toMatchObject({ code: 'model-too-large' });
  await expect(use('a', 60, nothing, '1', 60)).rejects.toThrow(/HEBB_MODEL_MEMORY_BYTES/);
  await use('a', 60, nothing, '1', 40);
  expect(cache.bytes).toBe(60);
});

test('a loading that fails gives its room back, fails its callers, and is tried again', async () => {
  const { cache, use } = cacheOf(100);
  const failing = () =>
    cache.use(
      'a',
      '1',
      () => ({ version: '1', bytes: 90, loadingBytes: 10, load: () => Promise.reject(new Error('no file')) }),
      nothing,
    );
  const results = await Promise.allSettled([failing(), failing()]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(cache.bytes).toBe(0);
  await use('a', 100, nothing);
  // A call that fails keeps what is loaded.
  await expect(use('a', 100, () => Promise.reject(new Error('call')))).rejects.toThrow('call');
  expect(cache.bytes).toBe(100);
});

test('random calls never hold more than the limit, and end with nothing in use', async () => {
  const { cache, use, most, events } = cacheOf(256);
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      for (let i = 0; i < 50; i++) {
        const key = random(20);
        await use(String(key), 20 + 5 * key, async () => {
          for (let k = random(3); k > 0; k--) await turn();
        });
        if (random(50) === 0) cache.drop(String(random(20)));
      }
    }),
  );
  expect(most()).toBeLessThanOrEqual(256);
  cache.clear();
  await turn();
  expect(cache.bytes).toBe(0);
  expect(events.filter((event) => event[0] === '+').length).toBe(events.filter((event) => event[0] === '-').length);
});
