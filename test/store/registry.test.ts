import { join } from 'node:path';
import Libsql from 'libsql';
import { expect, onTestFinished, test } from 'vitest';
import { mostChanges } from '../../src/store/aliases.ts';
import { migrations } from '../../src/store/migrations.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { jobRecord, modelRecord, temporaryFolder } from '../helpers/service.ts';

async function freshStore(): Promise<Store> {
  const store = openStore(await temporaryFolder());
  onTestFinished(() => store.close());
  return store;
}

function add(store: Store, id: string, name: string): void {
  store.jobs.insert(jobRecord(id));
  store.jobs.change(id, 'queued', { state: 'running' });
  store.jobs.change(id, 'running', { state: 'completed' }, { model: modelRecord(jobRecord(id), { name }) });
}

const everything = { before: Number.MAX_SAFE_INTEGER, limit: 10_000 };

test('models of a name are numbered in their order, and a number is given once', async () => {
  const store = await freshStore();
  const { models, jobs } = store;
  for (const id of ['a', 'b', 'c']) add(store, id, 'digits');
  add(store, 'd', 'other');
  expect(['a', 'b', 'c', 'd'].map((id) => models.get(id)!.version)).toEqual([1, 2, 3, 1]);
  jobs.deleteModel('b');
  jobs.delete('c');
  add(store, 'e', 'digits');
  expect(models.versionsOf('digits', 10)).toEqual([4, 1]);
  expect(models.versionOf('c')).toEqual({ model: 'c', name: 'digits', version: 3, present: false });
  expect(models.newestVersions(2)).toEqual([
    { model: 'e', name: 'digits', version: 4, present: true },
    { model: 'd', name: 'other', version: 1, present: true },
  ]);
  expect(models.list({ ...everything, name: 'digits' }).map(({ record }) => record.id)).toEqual(['e', 'a']);
  expect(
    ['digits@1', 'digits@3', 'digits@4', 'digits@01', 'digits@0', 'digits', '@1', 'x@1'].map(models.resolve),
  ).toEqual(['a', undefined, 'e', undefined, undefined, 'e', undefined, undefined]);
});

test('what is literally called like a version goes before it', async () => {
  const store = await freshStore();
  const { models } = store;
  add(store, 'a', 'digits');
  expect(models.resolve('digits@1')).toBe('a');
  add(store, 'b', 'digits@1');
  expect(models.resolve('digits@1')).toBe('b');
  expect(models.resolve('digits@1@1')).toBe('b');
  add(store, 'c', 'x');
  models.setAlias('digits@1', 'c');
  expect(models.resolve('digits@1')).toBe('c');
});

test('what is said of a model goes with it', async () => {
  const store = await freshStore();
  add(store, 'a', 'digits');
  store.models.describe('a', { notes: 'private', tags: ['x'] });
  expect(store.models.get('a')).toMatchObject({ notes: 'private', tags: ['x'] });
  store.jobs.deleteModel('a');
  expect(store.models.get('a')).toBeUndefined();
  add(store, 'b', 'digits');
  expect(store.models.get('b')).toMatchObject({ version: 2, notes: '', tags: [] });
});

test('an alias remembers where it pointed, within bounds; to point it where it points is no change', async () => {
  const store = await freshStore();
  const { models } = store;
  for (const id of ['a', 'b']) add(store, id, 'digits');
  models.setAlias('best', 'a');
  models.setAlias('best', 'a');
  models.setAlias('best', 'b');
  models.setAlias('other', 'a');
  expect(models.removeAlias('best')).toBe(true);
  expect(models.removeAlias('best')).toBe(false);
  const history = models.aliasHistory('best', everything).map(({ record }) => record);
  expect(history.map(({ action, model }) => [action, model])).toEqual([
    ['remove', 'b'],
    ['set', 'b'],
    ['set', 'a'],
  ]);
  expect(models.aliasSince('best')).toBeNull();
  expect(models.aliasSince('other')).toMatch(/^\d{4}-.*Z$/);
  for (let i = 0; i < mostChanges + 50; i++) models.setAlias('best', i % 2 ? 'a' : 'b');
  expect(models.aliasHistory('best', everything)).toHaveLength(mostChanges);
  expect(models.aliasHistory('other', everything)).toHaveLength(1);
});

test('a database of the version before gets versions and the aliases that it has', async () => {
  const folder = await temporaryFolder();
  const old = new Libsql(join(folder, 'hebb.db'));
  const before = migrations.findIndex((step) => step.includes('CREATE TABLE registry'));
  for (const step of migrations.slice(0, before)) old.exec(step);
  old.exec(`PRAGMA user_version = ${before}`);
  const { id: _, name: __, createdAt: ___, completed: ____, weightsFile: _____, ...info } = modelRecord(jobRecord('a'));
  for (const [id, name] of [
    ['a', 'digits'],
    ['b', 'other'],
    ['c', 'digits'],
  ]) {
    old
      .prepare(
        `INSERT INTO jobs (id, name, priority, network, training, traits, created_at, state, progress, metrics, model)
         VALUES (:id, :name, 0, '{}', '{}', '{}', 'then', 'completed', '{}', '{}', :id)`,
      )
      .run({ id, name });
    old
      .prepare(
        `INSERT INTO models (id, name, created_at, completed, weights_file, info) VALUES (:id, :name, 'then', 1, 'w', :info)`,
      )
      .run({ id, name, info: JSON.stringify(info) });
  }
  old.exec(`INSERT INTO aliases VALUES ('best', 'a')`);
  old.close();
  const store = openStore(folder);
  onTestFinished(() => store.close());
  const { models } = store;
  expect(['a', 'b', 'c'].map((id) => models.get(id)!.version)).toEqual([1, 1, 2]);
  expect(models.resolve('best')).toBe('a');
  expect(models.aliasHistory('best', everything).map(({ record }) => record)).toEqual([
    { action: 'set', model: 'a', time: null },
  ]);
  models.setAlias('best', 'c');
  expect(models.aliasHistory('best', everything)).toHaveLength(2);
  add(store, 'd', 'digits');
  expect(models.get('d')!.version).toBe(3);
});
