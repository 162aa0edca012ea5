import { join } from 'node:path';
import Libsql from 'libsql';
import { expect, onTestFinished, test } from 'vitest';
import { openStore, type Store } from '../../src/store/store.ts';
import { jobRecord, temporaryFolder } from '../helpers/service.ts';

async function storeWith(...jobs: string[]): Promise<{ store: Store; folder: string }> {
  const folder = await temporaryFolder();
  const store = openStore(folder);
  onTestFinished(() => store.close());
  for (const id of jobs) store.jobs.insert(jobRecord(id));
  return { store, folder };
}

/** Gives the job "a", which has one entry, all up to this one: one by one they would take a minute of fsync. */
function fill(folder: string, last: number): void {
  const db = new Libsql(join(folder, 'hebb.db'));
  db.exec(`WITH RECURSIVE n (seq) AS (SELECT 2 UNION ALL SELECT seq + 1 FROM n WHERE seq < ${last})
    INSERT INTO job_log SELECT 'a', seq, '2026-01-01T00:00:00.000Z', 'info', 'tick', seq, NULL FROM n`);
  db.close();
}

const time = expect.stringMatching(/^\d{4}-.*Z$/);

test('a job is made with its first entry, and others follow in order', async () => {
  const { store } = await storeWith('a', 'b');
  store.jobLog.add('a', { level: 'warn', event: 'restarted', message: 'from the start', data: { signal: 'SIGKILL' } });
  store.jobLog.add('a', { level: 'error', event: 'failed', message: 'three times', data: null });
  const entries = [
    { seq: 1, time, level: 'info', event: 'created', message: 'the job was created', data: null },
    { seq: 2, time, level: 'warn', event: 'restarted', message: 'from the start', data: { signal: 'SIGKILL' } },
    { seq: 3, time, level: 'error', event: 'failed', message: 'three times', data: null },
  ];
  expect(store.jobLog.after('a', 0, 10)).toEqual(entries);
  expect(store.jobLog.after('a', 1, 1)).toEqual([entries[1]]);
  expect(store.jobLog.after('a', 3, 10)).toEqual([]);
  expect(store.jobLog.after('b', 0, 10)).toHaveLength(1);
});

test('a job keeps its newest ten thousand entries, and numbers go on', async () => {
  const { store, folder } = await storeWith('a', 'b');
  fill(folder, 10_002);
  store.jobLog.add('a', { level: 'info', event: 'tick', message: '10003' });
  const kept = store.jobLog.after('a', 0, 20_000);
  expect(kept).toHaveLength(10_000);
  expect([kept[0]!.seq, kept.at(-1)!.seq]).toEqual([4, 10_003]);
  expect(kept[0]!.message).toBe('4');
  expect(store.jobLog.after('b', 0, 10)).toHaveLength(1);
});

test('the log of a deleted job goes in small steps, and nothing is added to it any more', async () => {
  const { store, folder } = await storeWith('a', 'b');
  fill(folder, 1201);
  store.jobs.delete('a');
  store.jobLog.add('a', { level: 'info', event: 'late', message: 'after the deletion' });
  expect(store.jobLog.after('a', 0, 2000)).toHaveLength(1201);
  const left: number[] = [];
  while (!store.jobs.forget('a')) left.push(store.jobLog.after('a', 0, 2000).length);
  expect(left.filter((count, i) => count !== left[i - 1])).toEqual([1201, 701, 201, 0]);
  expect(store.jobs.deletions()).toEqual([]);
  expect(store.jobLog.after('b', 0, 10)).toHaveLength(1);
});

test('an entry of a transaction that fails is not there', async () => {
  const { store } = await storeWith('a');
  expect(() => store.jobs.insert(jobRecord('a'))).toThrow(/UNIQUE/);
  expect(store.jobLog.after('a', 0, 10)).toHaveLength(1);
});
