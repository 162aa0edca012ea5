import { type Database, first } from './database.ts';

/** A key that a client sent with a request, and the job that came of it. */
export interface IdempotencyKey {
  key: string;
  /** SHA-256 of the request. */
  hash: string;
}

/** How long a key is remembered. */
const keptMs = 24 * 60 * 60 * 1000;

export type IdempotencyStore = ReturnType<typeof idempotencyStore>;

export function idempotencyStore(db: Database) {
  const find = db.prepare('SELECT hash, job FROM idempotency WHERE key = ? AND created_at > ?');
  const insert = db.prepare('INSERT INTO idempotency (key, hash, job, created_at) VALUES (:key, :hash, :job, :now)');
  const removeOld = db.prepare('DELETE FROM idempotency WHERE created_at <= ?');
  const removeOf = db.prepare('DELETE FROM idempotency WHERE job = ?');
  const expired = (now: number) => new Date(now - keptMs).toISOString();

  return {
    /** The request that came with the key, and its job, if that was within a day. */
    find: (key: string, now = Date.now()) => first<{ hash: string; job: string }>(find, key, expired(now)),
    /** Remembers a key, and forgets those of yesterday. Belongs into the transaction that stores the job. */
    insert({ key, hash }: IdempotencyKey, job: string, now = Date.now()): void {
      removeOld.run(expired(now));
      insert.run({ key, hash, job, now: new Date(now).toISOString() });
    },
    /** Forgets the key of a job that is deleted. */
    deleteOf(job: string): void {
      removeOf.run(job);
    },
  };
}
