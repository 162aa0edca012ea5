import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EventChannel, type EventPage } from '../../src/store/eventChannel.ts';
import type { StoredEvent } from '../../src/store/events.ts';
import { openStore } from '../../src/store/store.ts';
import { jobRecord, temporaryFolder } from '../helpers/service.ts';

const pageSize = 10;

/** A channel over events in memory that counts how often they are read. */
function channelOver(count: number) {
  const events: StoredEvent[] = [];
  const add = (more: number) => {
    for (let i = 0; i < more; i++) events.push({ id: events.length + 1, type: 'state', data: { state: 'running' } });
    channel.added();
  };
  let reads = 0;
  const read = (after: number): EventPage => {
    reads++;
    return events.slice(after, after + pageSize);
  };
  const channel = new EventChannel(read, pageSize);
  add(count);
  return { channel, add, reads: () => reads };
}

const next = async (pages: AsyncGenerator<EventPage>) => (await pages.next()).value as EventPage;
const idsOf = (pages: EventPage[]) => pages.flatMap((page) => page.map(({ id }) => id));
const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

test('those at the same place get the same objects, read once', async () => {
  const { channel, add, reads } = channelOver(3);
  const { signal } = new AbortController();
  const followers = Array.from({ length: 5 }, () => channel.follow(0, signal));
  const past = await Promise.all(followers.map(next));
  expect(idsOf([past[0]!])).toEqual([1, 2, 3]);
  for (const page of past) expect(page).toBe(past[0]);
  expect(reads()).toBe(1);

  const coming = Promise.all(followers.map(next));
  add(2);
  channel.announce({ epoch: 5 });
  const pages = await coming;
  expect(pages[0]).toEqual([
    { id: 4, type: 'state', data: { state: 'running' } },
    { id: 5, type: 'state', data: { state: 'running' } },
    { id: 5, type: 'progress', data: { epoch: 5 } },
  ]);
  for (const page of pages) expect(page).toBe(pages[0]);
  // Once when they looked and found nothing, once for what came.
  expect(reads()).toBe(3);

  const only = Promise.all(followers.map(next));
  channel.announce({ epoch: 6 });
  const progress = await only;
  expect(progress[0]).toEqual([{ id: 5, type: 'progress', data: { epoch: 6 } }]);
  for (const page of progress) expect(page).toBe(progress[0]);
  expect(reads()).toBe(4);
});

test('a slow one gets all of it, and holds up nobody', async () => {
  const { channel, add } = channelOver(0);
  const controller = new AbortController();
  const slow = channel.follow(0, controller.signal);
  const taken: EventPage[] = [];
  const quick = (async () => {
    for await (const page of channel.follow(0, controller.signal)) taken.push(page);
  })();
  for (let round = 0; round < 40; round++) {
    add(7);
    channel.wake();
    await sleep(1);
  }
  while (idsOf(taken).length < 280) await sleep(1);
  expect(idsOf(taken)).toEqual(upTo(280));
  const late: EventPage[] = [];
  while (idsOf(late).length < 280) late.push(await next(slow));
  expect(idsOf(late)).toEqual(upTo(280));
  controller.abort();
  await quick;
  expect((await slow.next()).done).toBe(true);
  expect(channel.empty).toBe(true);
});

test('hundreds get everything, though they are told in groups and not too often', async () => {
  const { channel, add } = channelOver(5);
  const seen = Array.from({ length: 300 }, () => [] as EventPage[]);
  const all = seen.map(async (pages) => {
    for await (const page of channel.follow(0, new AbortController().signal)) {
      pages.push(page);
      if (page.at(-1)!.id === 105) break;
    }
  });
  for (let round = 0; round < 20; round++) {
    add(5);
    channel.wake();
    await sleep(2);
  }
  await Promise.all(all);
  for (const pages of seen) expect(idsOf(pages)).toEqual(upTo(105));
  // Of twenty wake-ups within some milliseconds they were told of few.
  expect(seen[0]!.length).toBeLessThan(16);
  expect(channel.empty).toBe(true);
});

test('the end lets everybody have what there is; a closed channel reads nothing more', async () => {
  const ended = channelOver(25);
  const pages = ended.channel.follow(0, new AbortController().signal);
  const taken = [await next(pages)];
  ended.channel.end();
  for await (const page of pages) taken.push(page);
  expect(idsOf(taken)).toEqual(upTo(25));

  const closed = channelOver(25);
  const standing = closed.channel.follow(0, new AbortController().signal);
  const waiting = closed.channel.follow(25, new AbortController().signal).next();
  await next(standing);
  const before = closed.reads();
  closed.channel.close();
  expect((await standing.next()).done).toBe(true);
  expect((await waiting).done).toBe(true);
  expect(closed.reads()).toBe(before);
});

test('a store that is closed ends the streams of its followers', async () => {
  const store = openStore(await temporaryFolder());
  store.jobs.insert(jobRecord('a'));
  const followed = store.events.follow('a', 1, new AbortController().signal);
  const end = followed.next();
  store.close();
  expect((await end).done).toBe(true);
});
