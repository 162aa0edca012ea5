import { type Database, fromJson, toJson } from './database.ts';

export type LogLevel = 'info' | 'warn' | 'error';

/** What is written to the log of a job. */
export interface LogMessage {
  level: LogLevel;
  /** A short code that stays: what a program may test. */
  event: string;
  /** The same in plain words. */
  message: string;
  data?: Record<string, unknown> | null;
}

/** An entry of a job's log; `seq` grows by one per entry of a job. */
export interface LogEntry extends LogMessage {
  seq: number;
  time: string;
  data: Record<string, unknown> | null;
}

interface Row extends Omit<LogEntry, 'data'> {
  data: string | null;
}

/** A job keeps its newest entries: so many. */
export const mostEntries = 10_000;
const deletedAtOnce = 500;

export type JobLogStore = ReturnType<typeof jobLogStore>;

/** What happened to a job and what was done about it, for people and programs that look back. */
export function jobLogStore(db: Database) {
  // From the table of jobs: one that is deleted gets no entry, which nobody would ever remove.
  const insert = db.prepare(
    `INSERT INTO job_log (job, seq, time, level, event, message, data)
     SELECT id, COALESCE((SELECT MAX(seq) FROM job_log WHERE job = :job), 0) + 1, :time, :level, :event, :message, :data
     FROM jobs WHERE id = :job`,
  );
  const removeOld = db.prepare(
    `DELETE FROM job_log WHERE job = :job AND seq <= (SELECT MAX(seq) FROM job_log WHERE job = :job) - ${mostEntries}`,
  );
  const after = db.prepare(
    'SELECT seq, time, level, event, message, data FROM job_log WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?',
  );
  const remove = db.prepare(
    `DELETE FROM job_log WHERE job = :job AND seq IN (SELECT seq FROM job_log WHERE job = :job LIMIT ${deletedAtOnce})`,
  );

  return {
    /** Adds an entry and drops those that are too old. May be a part of the transaction that does what it tells of. */
    add(job: string, { level, event, message, data }: LogMessage): void {
      insert.run({ job, time: new Date().toISOString(), level, event, message, data: toJson(data) });
      removeOld.run({ job });
    },
    /** The first entries after `since`, at most `limit`. */
    after: (job: string, since: number, limit: number): LogEntry[] =>
      (after.all(job, since, limit) as Row[]).map((row) => ({
        seq: row.seq,
        time: row.time,
        level: row.level,
        event: row.event,
        message: row.message,
        data: fromJson(row.data),
      })),
    /** Removes a part of a job's log; whether there was any. */
    remove: (job: string) => remove.run({ job }).changes > 0,
  };
}
