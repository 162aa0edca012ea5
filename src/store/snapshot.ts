import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import { type Database, databaseFile, schemaOf } from './database.ts';

/** Files that rows of a database name: complete, and never written to again. */
export interface NamedFiles {
  /** Ids: each has a folder with a file for every split. */
  datasets: string[];
  /** Files in the folders of jobs: weights and checkpoints. */
  jobs: { id: string; file: string }[];
}

/**
 * The database of a data directory, to be read beside a service that may be using it.
 * @throws Error where there is none, or a newer program wrote it
 */
export function openBeside(dataDir: string): Database {
  const path = join(dataDir, databaseFile);
  if (!existsSync(path)) throw new Error(`${dataDir} is no data directory of hebb: it has no ${databaseFile}`);
  const db = new Libsql(path, { timeout: 10_000 });
  try {
    schemaOf(db);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

export function namedFiles(db: Database): NamedFiles {
  const datasets = (db.prepare('SELECT id FROM datasets').all() as { id: string }[]).map(({ id }) => id);
  const jobs = db.prepare('SELECT id, weights_file AS file FROM models').all() as NamedFiles['jobs'];
  // A database that an older program wrote last has no such table.
  const hasCheckpoints = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'checkpoints'").all().length > 0;
  const checkpoints = hasCheckpoints ? db.prepare('SELECT job AS id, file FROM checkpoints').all() : [];
  return { datasets, jobs: [...jobs, ...(checkpoints as NamedFiles['jobs'])] };
}

/** Writes the database as it is at this moment into a new folder's database. Blocks; writers go on meanwhile. */
export function writeSnapshot(dataDir: string, targetDir: string): void {
  const db = openBeside(dataDir);
  try {
    db.prepare('VACUUM INTO ?').run(join(targetDir, databaseFile));
  } finally {
    db.close();
  }
}
