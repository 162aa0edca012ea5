import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createDatasets } from '../../src/service/datasets.ts';
import { createHousekeeping } from '../../src/service/housekeeping.ts';
import { createJobs } from '../../src/service/jobs.ts';
import { pathsOf } from '../../src/service/paths.ts';
import type { JobRecord } from '../../src/store/jobs.ts';
import { openStore } from '../../src/store/store.ts';
import type { JobQueue } from '../../src/training/queue.ts';
import {
  datasetInfo,
  jobRecord,
  modelRecord,
  reached,
  silent,
  startServices,
  temporaryFolder,
} from '../helpers/service.ts';

const now = Date.parse('2026-06-30T00:00:00.000Z');
const daysAgo = (days: number) => new Date(now - days * 24 * 60 * 60 * 1000).toISOString();

/** A data directory whose rows are as old as a test wants, and the housekeeping of a service on a day of its own. */
async function house(keep: { jobs?: number; datasets?: number; checkpoints?: number }) {
  const dataDir = await temporaryFolder();
  const store = openStore(dataDir);
  onTestFinished(() => store.close());
  const paths = pathsOf(dataDir);
  const config = readConfig({
    HEBB_DATA_DIR: dataDir,
    HEBB_KEEP_JOBS_DAYS: String(keep.jobs ?? 0),
    HEBB_KEEP_DATASETS_DAYS: String(keep.datasets ?? 0),
    HEBB_KEEP_CHECKPOINTS_DAYS: String(keep.checkpoints ?? 7),
  });
  const datasets = createDatasets(store, paths, config);
  const gone: string[] = [];
  const jobs = createJobs({
    store,
    queue: {} as JobQueue,
    datasets,
    models: { find: () => expect.unreachable() },
    paths,
    settings: { isa: 'scalar', threads: 1 },
    logger: silent,
    onModelDeleted: (id) => gone.push(id),
  });
  const log: { msg: string; [key: string]: unknown }[] = [];
  const logger = pino(
    new Writable({
      write(line, _, done) {
        log.push(JSON.parse(line));
        done();
      },
    }),
  );
  const parts = { store, jobs, datasets, keep: config, modelsDirectory: paths.models, logger, now: () => now };

  return {
    store,
    jobs,
    log,
    gone,
    parts,
    housekeeping: createHousekeeping(parts),
    folderOf: (kind: 'datasets' | 'models', id: string) => join(paths[kind], id),
    async addDataset(id: string, madeDaysAgo: number) {
      store.datasets.insert({ id, name: id, createdAt: daysAgo(madeDaysAgo), ...datasetInfo });
      await mkdir(join(paths.datasets, id), { recursive: true });
      await writeFile(join(paths.datasets, id, 'train.bin'), '');
    },
    /** A job that ended so many days ago with a model, or one that is not over. */
    async addJob(id: string, endedDaysAgo: number | null, changes: Partial<JobRecord> = {}) {
      const job = jobRecord(id, changes);
      store.jobs.insert(job);
      store.jobs.change(id, 'queued', { state: 'running' });
      if (endedDaysAgo === null) return;
      const finishedAt = daysAgo(endedDaysAgo);
      store.jobs.change(id, 'running', { state: 'completed', finishedAt, model: id }, { model: modelRecord(job) });
      await mkdir(join(paths.models, id), { recursive: true });
      await writeFile(join(paths.models, id, '0.safetensors'), '');
    },
    jobIds: () => store.jobs.list({ before: Infinity, limit: 1000 }).map(({ record }) => record.id),
    datasetIds: () => store.datasets.ids().sort(),
  };
}

const from = (model: string) => ({ initialWeights: { model, loaded: [], missing: [], unused: [] } });

test('by default nothing is ever removed', async () => {
  const { housekeeping, addJob, addDataset, jobIds, datasetIds, log } = await house({});
  await addDataset('d', 30_000);
  await addJob('a', 20_000, { dataset: 'd' });
  await housekeeping.sweep();
  expect([jobIds(), datasetIds(), log]).toEqual([['a'], ['d'], []]);
});

test('jobs go with their models when they ended long enough ago and nobody needs them', async () => {
  const { store, housekeeping, jobs, addJob, jobIds, folderOf, log, gone } = await house({ jobs: 30 });
  await addJob('new', 29.9);
  await addJob('old', 30.1);
  await addJob('failed', 31);
  await addJob('aliased', 300);
  store.models.setAlias('best', 'aliased');
  await addJob('wanted', 300);
  await addJob('under way', null, from('wanted'));
  await addJob('over', 40, from('older'));
  await addJob('older', 50);
  await housekeeping.sweep();
  expect(jobIds().sort()).toEqual(['aliased', 'new', 'under way', 'wanted']);
  expect(existsSync(folderOf('models', 'old'))).toBe(false);
  expect(existsSync(folderOf('models', 'new'))).toBe(true);
  expect(gone.sort()).toEqual(['failed', 'old', 'older', 'over']);
  expect(log.map(({ job, name, since }) => [job, name, since]).sort()).toEqual(
    [
      ['failed', 'name-failed', daysAgo(31)],
      ['old', 'name-old', daysAgo(30.1)],
      ['older', 'name-older', daysAgo(50)],
      ['over', 'name-over', daysAgo(40)],
    ].sort(),
  );
  expect(log[0]!.msg).toBe('removed a job that was older than it is kept');
  await jobs.close();

  // What nobody needs any more goes the next time.
  store.models.removeAlias('best');
  await housekeeping.sweep();
  expect(jobIds().sort()).toEqual(['new', 'under way', 'wanted']);
});

test('the alias that follows the newest job by itself keeps none', async () => {
  const { store, housekeeping, addJob, jobIds } = await house({ jobs: 1 });
  await addJob('only', 2);
  expect(store.models.aliases()).toEqual([{ alias: 'default', model: 'only' }]);
  await housekeeping.sweep();
  expect(jobIds()).toEqual([]);
});

test('datasets go when they were made and last used long enough ago', async () => {
  const { housekeeping, addJob, addDataset, datasetIds, jobIds, folderOf, log } = await house({ datasets: 10 });
  for (const id of ['never used', 'used long ago', 'used lately', 'in use']) await addDataset(id, 20);
  await addDataset('new', 9);
  await addJob('a', 11, { dataset: 'used long ago' });
  await addJob('b', 12, { dataset: 'used lately' });
  await addJob('c', 9, { dataset: 'used lately' });
  await addJob('d', null, { dataset: 'in use' });
  await addJob('e', 12, { dataset: 'in use' });
  await housekeeping.sweep();
  expect(datasetIds()).toEqual(['in use', 'new', 'used lately']);
  expect(existsSync(folderOf('datasets', 'never used'))).toBe(false);
  expect(existsSync(folderOf('datasets', 'new'))).toBe(true);
  expect(jobIds()).toHaveLength(5);
  expect(log.map(({ dataset, since }) => [dataset, since])).toEqual([
    ['never used', daysAgo(20)],
    ['used long ago', daysAgo(11)],
  ]);
});

test('a dataset remembers the use of jobs that are deleted', async () => {
  const { store, housekeeping, jobs, addJob, addDataset, datasetIds, jobIds } = await house({ jobs: 5, datasets: 10 });
  for (const id of ['a', 'b']) await addDataset(id, 20);
  await addJob('a1', 8, { dataset: 'a' });
  await addJob('a2', 15, { dataset: 'a' });
  await addJob('b1', 15, { dataset: 'b' });
  await jobs.delete('a1');
  await jobs.delete('a2');
  await housekeeping.sweep();
  expect(jobIds()).toEqual([]);
  expect(datasetIds()).toEqual(['a']);
  expect(store.retention.datasetUses()).toEqual([{ seq: 1, id: 'a', name: 'a', usedAt: daysAgo(8) }]);
  await jobs.close();
});

test('hundreds go in small steps, and a stop comes in between', async () => {
  const { housekeeping, parts, jobs, addJob, jobIds } = await house({ jobs: 1 });
  for (let i = 0; i < 250; i++) await addJob(`job-${i}`, 2 + i);
  const closing = createHousekeeping({
    ...parts,
    jobs: {
      async delete(id) {
        await jobs.delete(id);
        if (jobIds().length === 240) void closing.close();
      },
    },
  });
  await closing.sweep();
  expect(jobIds()).toHaveLength(240);
  let turns = 0;
  let sweeping = true;
  const count = () => {
    turns++;
    if (sweeping) setImmediate(count);
  };
  count();
  await housekeeping.sweep();
  sweeping = false;
  expect(jobIds()).toEqual([]);
  expect(turns).toBeGreaterThan(240);
  await jobs.close();
});

test('what cannot be removed is told, and the rest goes', async () => {
  const { parts, jobs, addJob, jobIds, log } = await house({ jobs: 1 });
  for (const id of ['a', 'b', 'c']) await addJob(id, 2);
  const housekeeping = createHousekeeping({
    ...parts,
    jobs: {
      async delete(id) {
        if (id === 'b') throw new Error('the disk says no');
        await jobs.delete(id);
      },
    },
  });
  await housekeeping.sweep();
  expect(jobIds()).toEqual(['b']);
  expect(log.find(({ job }) => job === 'b')).toMatchObject({ msg: 'an old job could not be removed', level: 50 });
  await jobs.close();
});

test('a service sweeps when it starts', async () => {
  const dataDir = await temporaryFolder();
  const store = openStore(dataDir);
  for (const [id, days] of [
    ['old', 3],
    ['new', 1],
  ] as const) {
    store.jobs.insert(jobRecord(id));
    const finishedAt = new Date(Date.now() - days * 24 * 60 * 60 * 1000).toISOString();
    store.jobs.change(id, 'queued', { state: 'cancelled', finishedAt });
  }
  store.close();
  const services = await startServices(dataDir, { HEBB_KEEP_JOBS_DAYS: '2' });
  while (services.jobs.list({ limit: 10 }).items.length > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect((await reached(services, 'new')).state).toBe('cancelled');
  await services.close();
});

test('checkpoints of jobs that are over go after some days, those of others stay', async () => {
  for (const [days, left] of [
    [7, ['young', 'paused']],
    [0, ['old', 'young', 'paused']],
  ] as const) {
    const { housekeeping, addJob, store, folderOf } = await house({ checkpoints: days });
    await addJob('old', 8);
    await addJob('young', 6);
    await addJob('paused', null);
    store.jobs.change('paused', 'running', { state: 'paused' });
    for (const id of ['old', 'young', 'paused']) {
      const note = { file: '0-5.checkpoint', step: 5, epoch: 1, bytes: 1, metrics: {}, best: null };
      store.checkpoints.insert(id, note, 2, '2026-01-01T00:00:00.000Z');
      await mkdir(folderOf('models', id), { recursive: true });
      await writeFile(join(folderOf('models', id), note.file), '');
    }
    await housekeeping.sweep();
    expect(
      store.checkpoints
        .files()
        .map(({ job }) => job)
        .sort(),
    ).toEqual([...left].sort());
    for (const id of ['old', 'young', 'paused']) {
      const files = await readdir(folderOf('models', id));
      expect(files.includes('0-5.checkpoint')).toBe((left as readonly string[]).includes(id));
    }
    // The model stays.
    expect(store.models.get('old')).toBeDefined();
  }
});
