import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Libsql from 'libsql';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { StoredEvent } from '../../src/store/events.ts';
import { migrations } from '../../src/store/migrations.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { datasetInfo, jobRecord, modelRecord, tell, temporaryFolder } from '../helpers/service.ts';

async function freshStore(): Promise<Store> {
  const store = openStore(await temporaryFolder());
  onTestFinished(() => store.close());
  return store;
}

const progress = jobRecord('').progress;

describe('the database', () => {
  test('keeps what was stored when it is opened again', async () => {
    const folder = await temporaryFolder();
    const first = openStore(folder);
    const job = jobRecord('a', { best: { epoch: 1, loss: 0.5 } });
    const dataset = { id: 'd', name: 'xor', createdAt: job.createdAt, ...datasetInfo };
    first.jobs.insert(job);
    first.datasets.insert(dataset);
    first.close();

    const second = openStore(folder);
    expect(second.jobs.get('a')).toEqual(job);
    expect(second.datasets.get('d')).toEqual(dataset);
    expect(second.datasets.byName('xor')).toEqual(dataset);
    expect(second.datasets.byHash(datasetInfo.sha256)).toEqual([dataset]);
    second.close();
  });

  test('of a newer program is refused', async () => {
    const folder = await temporaryFolder();
    openStore(folder).close();
    const db = new Libsql(join(folder, 'hebb.db'));
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(() => openStore(folder)).toThrow(/schema 99.*newer version of hebb/);
    // A refusal leaves no lock behind.
    expect(() => openStore(folder)).toThrow(/schema 99/);
  });

  test('belongs to one server, and is free again when that is closed', async () => {
    const folder = await temporaryFolder();
    const store = openStore(folder);
    expect(() => openStore(folder)).toThrow(/in use by another hebb server/);
    store.close();
    openStore(folder).close();
  });

  test('is free again when a server is killed', async () => {
    const folder = await temporaryFolder();
    const script = join(folder, 'server.ts');
    const module = fileURLToPath(new URL('../../src/store/store.ts', import.meta.url));
    await writeFile(
      script,
      `import { openStore } from ${JSON.stringify(module)};
       globalThis.store = openStore(${JSON.stringify(join(folder, 'data'))});
       process.send('open');
       setInterval(() => {}, 1000);`,
    );
    const tsx = fileURLToPath(import.meta.resolve('tsx'));
    const server = fork(script, { execArgv: ['--import', tsx] });
    await once(server, 'message');
    expect(() => openStore(join(folder, 'data'))).toThrow(/in use by another hebb server/);
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
    openStore(join(folder, 'data')).close();
  });
});

describe('lists', () => {
  test('show the newest first, and names mean the newest bearer', async () => {
    const store = await freshStore();
    for (const id of ['a', 'b', 'c']) store.jobs.insert(jobRecord(id, { name: 'same' }));
    const page = store.jobs.list({ before: Number.MAX_SAFE_INTEGER, limit: 2 });
    expect(page.map(({ record }) => record.id)).toEqual(['c', 'b']);
    expect(store.jobs.list({ before: page[1]!.seq, limit: 2 }).map(({ record }) => record.id)).toEqual(['a']);
    expect(store.jobs.byName('same')?.id).toBe('c');
    store.jobs.change('b', 'queued', { state: 'running' });
    const running = store.jobs.list({ before: Number.MAX_SAFE_INTEGER, limit: 9, state: 'running' });
    expect(running.map(({ record }) => record.id)).toEqual(['b']);
  });

  test('of the queue go by priority, then age', async () => {
    const store = await freshStore();
    for (const [id, priority] of [
      ['a', 0],
      ['b', 5],
      ['c', 5],
      ['d', -1],
    ] as const) {
      store.jobs.insert(jobRecord(id, { priority }));
    }
    const order: string[] = [];
    for (let job = store.queue.claim('me', 0); job; job = store.queue.claim('me', 0)) order.push(job.id);
    expect(order).toEqual(['b', 'c', 'a', 'd']);
  });
});

describe('a change of state', () => {
  test('happens only from the state that it was meant for', async () => {
    const store = await freshStore();
    store.jobs.insert(jobRecord('a'));
    expect(store.jobs.change('a', 'running', { state: 'completed' })).toBeNull();
    expect(store.jobs.get('a')?.state).toBe('queued');
    expect(store.events.lastId('a')).toBe(1);
  });

  test('is stored with its event and its model, or not at all', async () => {
    const store = await freshStore();
    const job = jobRecord('a');
    store.jobs.insert(job);
    store.jobs.change('a', 'queued', { state: 'running' });
    // A model without its job breaks a foreign key in the middle of the transaction.
    const orphan = modelRecord(jobRecord('nobody'));
    expect(() => store.jobs.change('a', 'running', { state: 'completed' }, { model: orphan })).toThrow(/FOREIGN KEY/);
    expect(store.jobs.get('a')?.state).toBe('running');
    expect(store.events.lastId('a')).toBe(2);
    expect(store.models.files()).toEqual([]);

    store.jobs.change('a', 'running', { state: 'completed', model: 'a' }, { model: modelRecord(job) });
    expect(store.models.get('a')).toEqual({ ...modelRecord(job), version: 1, notes: '', tags: [] });
    expect(store.events.lastId('a')).toBe(3);
  });
});

test('models of databases from before keep their job, their aliases and their order', async () => {
  const folder = await temporaryFolder();
  const db = new Libsql(join(folder, 'hebb.db'));
  const before = migrations.findIndex((step) => step.includes('models_of_any_origin'));
  for (const step of migrations.slice(0, before)) db.exec(step);
  db.exec(`PRAGMA user_version = ${before}`);
  db.exec(`INSERT INTO jobs (id, name, priority, network, training, traits, created_at, state, progress, metrics)
    VALUES ('a', 'n', 0, '{}', '{}', '{}', 't', 'completed', '{}', '{}')`);
  db.exec(`INSERT INTO models (seq, id, name, created_at, completed, weights_file, info)
    VALUES (7, 'a', 'n', 't', 1, '0.safetensors', '{"job":"a","step":3}')`);
  db.exec(`INSERT INTO registry (model, name, version) VALUES ('a', 'n', 1)`);
  db.exec(`INSERT INTO aliases VALUES ('best', 'a')`);
  db.close();
  const store = openStore(folder);
  onTestFinished(() => store.close());
  expect(store.models.resolve('best')).toBe('a');
  expect(store.models.get('a')).toMatchObject({ id: 'a', job: 'a', step: 3, completed: true });
  expect(store.models.list({ before: 8, limit: 5 })[0]!.seq).toBe(7);
  // The references stand as before: an alias of a model that is gone, a model of a job that is gone.
  expect(() => store.models.setAlias('x', 'absent')).toThrow(/FOREIGN KEY/);
  expect(() => store.models.insert(modelRecord(jobRecord('absent')))).toThrow(/FOREIGN KEY/);
  store.models.insert({ ...modelRecord(jobRecord('from outside')), job: null, completed: false });
  expect(store.models.get('from outside')).toMatchObject({ job: null });
  expect(store.models.resolve('default')).toBe('a');
});

describe('aliases', () => {
  test('default follows the newest completed model until it is set by hand', async () => {
    const store = await freshStore();
    const add = (id: string, completed: boolean) => {
      store.jobs.insert(jobRecord(id));
      store.jobs.change(id, 'queued', { state: 'running' });
      store.jobs.change(id, 'running', { state: 'completed' }, { model: modelRecord(jobRecord(id), { completed }) });
    };
    expect(store.models.resolve('default')).toBeUndefined();
    add('a', true);
    add('b', true);
    add('c', false);
    expect(store.models.resolve('default')).toBe('b');
    expect(store.models.aliases()).toEqual([{ alias: 'default', model: 'b' }]);
    store.jobs.deleteModel('b');
    expect(store.models.resolve('default')).toBe('a');
    store.models.setAlias('default', 'c');
    add('d', true);
    expect(store.models.resolve('default')).toBe('c');
    expect(store.models.aliases()).toEqual([{ alias: 'default', model: 'c' }]);
    expect(store.models.aliasesOf('c')).toEqual(['default']);
  });

  test('a model is found by its id, else an alias, else its name', async () => {
    const store = await freshStore();
    for (const id of ['a', 'b', 'c']) {
      store.jobs.insert(jobRecord(id));
      store.jobs.change(id, 'queued', { state: 'running' });
      const model = modelRecord(jobRecord(id), { name: id === 'c' ? 'a' : 'same' });
      store.jobs.change(id, 'running', { state: 'completed' }, { model });
    }
    expect(store.models.resolve('a')).toBe('a');
    expect(store.models.resolve('same')).toBe('b');
    store.models.setAlias('same', 'c');
    expect(store.models.resolve('same')).toBe('c');
    expect(store.models.resolve('other')).toBeUndefined();
  });
});

describe('metrics', () => {
  const row = (epoch: number, loss: number) =>
    ({ kind: 'epoch', epoch, step: epoch * 10, values: { loss, accuracy: 0.5 } }) as const;

  test('a job that starts over leaves no gap and no doubling', async () => {
    const store = await freshStore();
    store.jobs.insert(jobRecord('a', { state: 'running' }));
    const news = { progress, metrics: {}, best: null };
    tell(store, 'a', { rows: [row(1, 3), row(2, 2)], ...news });
    tell(store, 'a', { rows: [row(1, 3), row(2, 2), row(3, 1)], ...news });
    const rows = store.metrics.after('a', 'epoch', 0);
    expect(rows.map(({ seq, epoch, loss }) => [seq, epoch, loss])).toEqual([
      [1, 1, 3],
      [2, 2, 2],
      [3, 3, 1],
    ]);
    expect(store.events.lastId('a')).toBe(4);
    expect(store.metrics.after('a', 'epoch', 2).map(({ seq }) => seq)).toEqual([3]);
    expect(store.metrics.after('a', 'step', 0)).toEqual([]);
  });

  test('thinning keeps first, last, and the extremes of each stretch', async () => {
    const store = await freshStore();
    store.jobs.insert(jobRecord('a', { state: 'running' }));
    const losses = Array.from({ length: 1000 }, (_, i) => (i === 321 ? 100 : i === 654 ? -100 : Math.sin(i)));
    const rows = losses.map((loss, i) => row(i + 1, loss));
    tell(store, 'a', { rows, progress, metrics: {}, best: null });
    const thin = store.metrics.thinned('a', 'epoch', 0, 42);
    const seqs = thin.map(({ seq }) => seq);
    expect(thin.length).toBeLessThanOrEqual(42);
    expect(thin.length).toBeGreaterThan(30);
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(seqs).toContain(1);
    expect(seqs).toContain(1000);
    for (let stretch = 0; stretch < 20; stretch++) {
      const part = losses.slice(stretch * 50, stretch * 50 + 50);
      expect(seqs).toContain(stretch * 50 + part.indexOf(Math.min(...part)) + 1);
      expect(seqs).toContain(stretch * 50 + part.indexOf(Math.max(...part)) + 1);
    }
    expect(store.metrics.thinned('a', 'epoch', 990, 42).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 10 }, (_, i) => 991 + i),
    );
    expect(store.metrics.thinned('a', 'step', 0, 42)).toEqual([]);
  });
});

describe('events', () => {
  const news = { progress, metrics: {}, best: null };
  const row = (epoch: number) => ({ kind: 'epoch', epoch, step: epoch, values: { loss: 1 } }) as const;
  const brief = ({ id, type, data }: StoredEvent) => [id, type, (data as { epoch?: number }).epoch];

  test('are replayed after an id, then come live; progress bears the id of what was kept before it', async () => {
    const store = await freshStore();
    store.jobs.insert(jobRecord('a', { state: 'running' }));
    tell(store, 'a', { rows: [row(1), row(2)], ...news });
    const controller = new AbortController();
    const events = store.events.follow('a', 1, controller.signal);
    const next = async () => brief((await events.next()).value as StoredEvent);
    expect(await next()).toEqual([2, 'epoch', 1]);
    expect(await next()).toEqual([3, 'epoch', 2]);
    const waiting = next();
    store.events.announceProgress('a', { epoch: 2 });
    expect(await waiting).toEqual([3, 'progress', 2]);
    store.events.announceProgress('a', { epoch: 7 });
    store.events.announceProgress('a', { epoch: 8 });
    tell(store, 'a', { rows: [row(3)], ...news });
    expect(await next()).toEqual([4, 'epoch', 3]);
    expect(await next()).toEqual([4, 'progress', 8]);
    const end = events.next();
    controller.abort();
    expect((await end).done).toBe(true);
  });

  test('come complete to a reader who is slower than they are', async () => {
    const store = await freshStore();
    store.jobs.insert(jobRecord('a', { state: 'running' }));
    const seen: number[] = [];
    const controller = new AbortController();
    for (let epoch = 1; epoch <= 500; epoch++) tell(store, 'a', { rows: [row(epoch)], ...news });
    for await (const event of store.events.follow('a', 0, controller.signal)) {
      seen.push(event.id);
      if (seen.length === 100) tell(store, 'a', { rows: [row(501)], ...news });
      if (event.id === 502) controller.abort();
    }
    expect(seen).toEqual(Array.from({ length: 502 }, (_, i) => i + 1));
  });

  test('end for those who follow a job that is deleted', async () => {
    const store = await freshStore();
    store.jobs.insert(jobRecord('a', { state: 'running' }));
    const events = store.events.follow('a', 1, new AbortController().signal);
    const end = events.next();
    store.jobs.delete('a');
    expect((await end).done).toBe(true);
  });
});

test('a deleted job goes at once, its history bit by bit', async () => {
  const store = await freshStore();
  for (const id of ['a', 'b']) {
    store.jobs.insert(jobRecord(id, { state: 'running' }));
    const rows = Array.from({ length: 2500 }, (_, i) => ({ kind: 'epoch', epoch: i, step: i, values: {} }) as const);
    tell(store, id, { rows, progress, metrics: {}, best: null });
  }
  store.jobs.delete('a');
  expect(store.jobs.get('a')).toBeUndefined();
  expect(store.jobs.deletions()).toEqual(['a']);
  let calls = 1;
  while (!store.jobs.forget('a')) calls++;
  expect(calls).toBeGreaterThan(3);
  expect(store.jobs.deletions()).toEqual([]);
  expect(store.metrics.after('a', 'epoch', 0)).toEqual([]);
  expect(store.events.lastId('a')).toBe(0);
  expect(store.metrics.after('b', 'epoch', 0)).toHaveLength(2500);
});

describe('diagnostics', () => {
  const diagnosed = (epoch: number, loss: number) => ({ epoch, loss, accuracy: null, layers: [] });
  const news = { rows: [], progress, metrics: {}, best: null };

  test('are kept by epoch without doubling, told as events, and go with the job', async () => {
    const store = await freshStore();
    for (const id of ['a', 'b']) store.jobs.insert(jobRecord(id, { state: 'running' }));
    const row = { kind: 'epoch', epoch: 1, step: 10, values: { loss: 3 } } as const;
    tell(store, 'a', { ...news, rows: [row], diagnostics: [diagnosed(1, 3)] });
    tell(store, 'a', { ...news, diagnostics: [diagnosed(1, 3), diagnosed(5, 2)] });
    tell(store, 'b', { ...news, diagnostics: [diagnosed(1, 9)] });
    expect(store.diagnostics.ofJob('a')).toEqual([diagnosed(1, 3), diagnosed(5, 2)]);
    const seen: StoredEvent[] = [];
    const controller = new AbortController();
    for await (const event of store.events.follow('a', 1, controller.signal)) {
      seen.push(event);
      if (event.id === 4) controller.abort();
    }
    expect(seen).toEqual([
      { id: 2, type: 'epoch', data: expect.objectContaining({ seq: 1, epoch: 1, step: 10, loss: 3 }) },
      { id: 3, type: 'diagnostics', data: diagnosed(1, 3) },
      { id: 4, type: 'diagnostics', data: diagnosed(5, 2) },
    ]);
    store.jobs.delete('a');
    while (!store.jobs.forget('a'));
    expect(store.diagnostics.ofJob('a')).toEqual([]);
    expect(store.diagnostics.ofJob('b')).toHaveLength(1);
  });

  test('come to a database that was made before there were any; its events stay', async () => {
    const folder = await temporaryFolder();
    const db = new Libsql(join(folder, 'hebb.db'));
    db.exec(migrations[0]!);
    db.exec(`INSERT INTO events (job, id, type, data) VALUES ('a', 1, 'state', '{"state":"queued"}')`);
    db.exec('PRAGMA user_version = 1');
    db.close();
    const store = openStore(folder);
    onTestFinished(() => store.close());
    expect(store.events.lastId('a')).toBe(1);
    store.jobs.insert(jobRecord('b', { state: 'running' }));
    tell(store, 'b', { ...news, diagnostics: [diagnosed(1, 3)] });
    expect(store.events.lastId('b')).toBe(2);
  });
});
