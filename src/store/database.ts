import { closeSync, fsyncSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Libsql from 'libsql';
import { migrations } from './migrations.ts';

export type Database = Libsql.Database;
export type Statement = Libsql.Statement;

/** Its name in a data directory. */
export const databaseFile = 'hebb.db';

/** How long a statement waits for another connection, such as a backup that reads. */
const busyTimeoutMs = 2000;

/**
 * Opens the metadata database of a data directory and brings it to the newest schema.
 * @throws Error where the database was written by a newer program
 */
export function openDatabase(dataDir: string): Database {
  const db = new Libsql(join(dataDir, databaseFile), { timeout: busyTimeoutMs });
  try {
    db.pragma('journal_mode = WAL');
    // In WAL mode only FULL makes a commit survive a power failure.
    db.pragma('synchronous = FULL');
    db.pragma('foreign_keys = ON');
    migrate(db);
  } catch (error) {
    db.close();
    throw error;
  }
  syncFolder(dataDir);
  return db;
}

/**
 * The steps of the schema that a database has seen.
 * @throws Error where a newer program wrote it
 */
export function schemaOf(db: Database): number {
  const version = first<{ user_version: number }>(db.prepare('PRAGMA user_version'))!.user_version;
  if (version > migrations.length) {
    throw new Error(
      `the database ${db.name} has schema ${version}, this program knows schemas up to ${migrations.length}: ` +
        'it was written by a newer version of hebb, which is needed to open it',
    );
  }
  return version;
}

/** Runs the migrations that the database has not seen, each in a transaction with its version number. */
function migrate(db: Database): void {
  const version = schemaOf(db);
  for (let next = version; next < migrations.length; next++) {
    db.transaction(() => {
      db.exec(migrations[next]!);
      db.exec(`PRAGMA user_version = ${next + 1}`);
    }).immediate();
  }
}

/**
 * Takes the data directory for this process. The lock is an open transaction on a database of its own: the kernel
 * releases it with the process, however that ends.
 * @throws Error where another process has it
 */
export function lockFolder(dataDir: string): { release(): void } {
  const path = join(dataDir, 'hebb.lock');
  const lock = new Libsql(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new Error(
      `the data directory ${dataDir} is in use by another hebb server (it holds ${path}): ` +
        'stop that one, or set HEBB_DATA_DIR to another folder',
    );
  }
  return { release: () => lock.close() };
}

/** The first row, or undefined. `.get()` would add a `_metadata` key to it. */
export function first<Row>(statement: Statement, ...parameters: unknown[]): Row | undefined {
  return statement.all(...parameters)[0] as Row | undefined;
}

export function toJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

export function fromJson<T>(text: string | null): T {
  return (text === null ? null : JSON.parse(text)) as T;
}

/** Makes names that were added to a folder survive a power failure. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
