import type { DatasetInfo } from '../data/dataset.ts';
import { type Database, first } from './database.ts';

export interface DatasetRecord extends DatasetInfo {
  id: string;
  name: string;
  createdAt: string;
}

/** Where a page of a list begins: only rows that came before the one of this number. */
export interface PageRequest {
  before: number;
  limit: number;
}

/** A row of a list with the number that the next page begins at. */
export type Listed<T> = { seq: number; record: T };

interface Row {
  seq: number;
  id: string;
  name: string;
  created_at: string;
  info: string;
}

const toRecord = (row: Row): DatasetRecord => ({
  id: row.id,
  name: row.name,
  createdAt: row.created_at,
  // Rows that were written before there were tables do not say that they are of none.
  columns: null,
  ...(JSON.parse(row.info) as Omit<DatasetInfo, 'columns'>),
});

export type DatasetStore = ReturnType<typeof datasetStore>;

export function datasetStore(db: Database) {
  const insert = db.prepare(
    'INSERT INTO datasets (id, name, created_at, sha256, info, grown) VALUES (:id, :name, :createdAt, :sha256, :info, :grown)',
  );
  const byId = db.prepare('SELECT * FROM datasets WHERE id = ?');
  const byName = db.prepare('SELECT * FROM datasets WHERE name = ? ORDER BY seq DESC LIMIT 1');
  const byHash = db.prepare('SELECT * FROM datasets WHERE sha256 = ? ORDER BY seq DESC');
  const page = db.prepare('SELECT * FROM datasets WHERE seq < ? ORDER BY seq DESC LIMIT ?');
  const ids = db.prepare('SELECT id FROM datasets');
  const anyJob = db.prepare('SELECT 1 FROM jobs WHERE dataset = ? LIMIT 1');
  const outgrown = db.prepare(
    `SELECT id FROM (SELECT id FROM datasets WHERE name = :name AND grown = 1 ORDER BY seq DESC LIMIT -1 OFFSET :kept) AS older
     WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.dataset = older.id)`,
  );
  const remove = db.prepare('DELETE FROM datasets WHERE id = ?');

  const one = (row: Row | undefined) => row && toRecord(row);
  return {
    /** @param grown whether it is another one with samples added */
    insert({ id, name, createdAt, ...info }: DatasetRecord, grown = false): void {
      insert.run({ id, name, createdAt, sha256: info.sha256, info: JSON.stringify(info), grown: Number(grown) });
    },
    /** Those that have grown to be of this name, but the newest few, that no job was given: the newest first. */
    outgrown: (name: string, kept: number) => (outgrown.all({ name, kept }) as { id: string }[]).map((row) => row.id),
    get: (id: string) => one(first<Row>(byId, id)),
    /** The newest of this name. */
    byName: (name: string) => one(first<Row>(byName, name)),
    /** All with this data, newest first; their names may differ, and so may their class and feature names. */
    byHash: (sha256: string) => (byHash.all(sha256) as Row[]).map(toRecord),
    list({ before, limit }: PageRequest): Listed<DatasetRecord>[] {
      return (page.all(before, limit) as Row[]).map((row) => ({ seq: row.seq, record: toRecord(row) }));
    },
    ids: () => (ids.all() as { id: string }[]).map((row) => row.id),
    /** Whether any job, finished or not, was given it. */
    hasJob: (id: string) => anyJob.get(id) !== undefined,
    delete(id: string): void {
      remove.run(id);
    },
  };
}
