import type { Database } from './database.ts';

/** Rows looked at in one statement. */
const lookedAtOnce = 100;

export interface EndedJob {
  seq: number;
  id: string;
  name: string;
  finishedAt: string;
}

export interface DatasetUse {
  seq: number;
  id: string;
  name: string;
  /** When it was made, or last used by a job; null while a job that is not over needs it. */
  usedAt: string | null;
}

export type RetentionStore = ReturnType<typeof retentionStore>;

/** What of the stored is how old. Each call looks at a hundred rows at most. */
export function retentionStore(db: Database) {
  const ended = db.prepare(
    `SELECT seq, id, name, finished_at AS finishedAt FROM jobs
     WHERE finished_at IS NOT NULL AND finished_at < :before AND (finished_at, seq) > (:finishedAt, :seq)
     ORDER BY finished_at, seq LIMIT ${lookedAtOnce}`,
  );
  const uses = db.prepare(
    `SELECT seq, id, name, created_at AS createdAt, used_at AS usedAt,
       (SELECT MAX(finished_at) FROM jobs WHERE dataset = datasets.id) AS finishedAt,
       EXISTS (SELECT 1 FROM jobs WHERE dataset = datasets.id AND finished_at IS NULL) AS needed
     FROM datasets WHERE seq > ? ORDER BY seq LIMIT ${lookedAtOnce}`,
  );
  const noteUse = db.prepare(
    `UPDATE datasets SET used_at = MAX(COALESCE(used_at, ''), jobs.finished_at) FROM jobs
     WHERE jobs.id = ? AND datasets.id = jobs.dataset AND jobs.finished_at IS NOT NULL`,
  );

  return {
    /** Jobs that ended before a time, the oldest first, from behind one on. */
    endedJobs: (before: string, after?: EndedJob): EndedJob[] =>
      (ended.all({ before, finishedAt: after?.finishedAt ?? '', seq: after?.seq ?? 0 }) as EndedJob[]).map(
        ({ seq, id, name, finishedAt }) => ({ seq, id, name, finishedAt }),
      ),
    /** All datasets, from behind one on. */
    datasetUses: (after?: DatasetUse): DatasetUse[] =>
      (uses.all(after?.seq ?? 0) as UseRow[]).map(({ seq, id, name, createdAt, usedAt, finishedAt, needed }) => {
        const newest = [createdAt, usedAt ?? '', finishedAt ?? ''].reduce((a, b) => (a > b ? a : b));
        return { seq, id, name, usedAt: needed ? null : newest };
      }),
    /** Keeps in mind when the dataset of a job was used; to be called before the job is deleted. */
    noteUse(job: string): void {
      noteUse.run(job);
    },
  };
}

interface UseRow {
  seq: number;
  id: string;
  name: string;
  createdAt: string;
  usedAt: string | null;
  finishedAt: string | null;
  needed: number;
}
