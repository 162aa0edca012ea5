import type { MetricRow, MetricValues } from '../nn/progress.ts';
import { type Database, first } from './database.ts';

/** A row of a job's curves: `seq` grows by one per row of a job; one key more for each metric. */
export type StoredRow = { seq: number; time: string; epoch: number; step: number } & {
  [metric: string]: number | string;
};

/** Rows read at once: so many take a few milliseconds of the event loop. */
export const maxRows = 2500;

interface Row {
  seq: number;
  time: string;
  epoch: number;
  step: number;
  metrics: string;
}

export function toStoredRow({ seq, time, epoch, step, metrics }: Row): StoredRow {
  return { seq, time, epoch, step, ...(JSON.parse(metrics) as MetricValues) };
}

export type MetricStore = ReturnType<typeof metricStore>;

export function metricStore(db: Database) {
  const insert = db.prepare(
    `INSERT OR IGNORE INTO metrics (job, seq, kind, epoch, step, time, loss, metrics)
     SELECT :job, COALESCE(MAX(seq), 0) + 1, :kind, :epoch, :step, :time, :loss, :metrics
     FROM metrics WHERE job = :job`,
  );
  const lastStep = db.prepare(
    "SELECT MAX(step) AS step FROM metrics WHERE job = :job AND kind = 'epoch' UNION ALL SELECT MAX(step) FROM metrics WHERE job = :job AND kind = 'step'",
  );
  const lastSeq = db.prepare('SELECT MAX(seq) AS seq FROM metrics WHERE job = ?');
  const after = db.prepare(
    'SELECT seq, time, epoch, step, metrics FROM metrics WHERE job = ? AND kind = ? AND seq > ? ORDER BY seq LIMIT ?',
  );
  const range = db.prepare(
    'SELECT MIN(seq) AS first, MAX(seq) AS last, COUNT(*) AS count FROM metrics WHERE job = ? AND kind = ? AND seq > ?',
  );
  // With MIN or MAX in a query SQLite takes the other columns from the row that has it.
  const extremes = (which: 'MIN' | 'MAX') => `
    SELECT seq, ${which}(loss) FROM metrics
    WHERE job = :job AND kind = :kind AND seq BETWEEN :first AND :last AND loss IS NOT NULL
    GROUP BY CAST((seq - :first) * :stretches / (:last - :first + 1) AS INTEGER)`;
  const thinned = db.prepare(
    `SELECT seq, time, epoch, step, metrics FROM metrics WHERE job = :job AND seq IN (
       SELECT :first UNION SELECT :last
       UNION SELECT seq FROM (${extremes('MIN')})
       UNION SELECT seq FROM (${extremes('MAX')})
     ) ORDER BY seq`,
  );

  return {
    /** Adds a row unless it is there: a job that starts over writes the same rows again. Returns its seq, or null. */
    insert(job: string, row: MetricRow, time: string): number | null {
      const { kind, epoch, step, values } = row;
      const parameters = { job, kind, epoch, step, time, loss: values.loss ?? null, metrics: JSON.stringify(values) };
      if (insert.run(parameters).changes === 0) return null;
      return first<{ seq: number }>(lastSeq, job)!.seq;
    },
    /** Step of the newest row; 0 where there is none. */
    lastStep: (job: string) =>
      Math.max(0, ...(lastStep.all({ job }) as { step: number | null }[]).map(({ step }) => step ?? 0)),
    /** The first rows after `since`, at most `maxRows`. */
    after: (job: string, kind: MetricRow['kind'], since: number): StoredRow[] =>
      (after.all(job, kind, since, maxRows) as Row[]).map(toStoredRow),
    /** About so many of the rows after `since`: first, last, and those of least and greatest loss of each stretch. */
    thinned(job: string, kind: MetricRow['kind'], since: number, points: number): StoredRow[] {
      const found = first<{ first: number; last: number; count: number }>(range, job, kind, since)!;
      const wanted = Math.min(points, maxRows);
      if (found.count <= wanted) return this.after(job, kind, since);
      const stretches = Math.max(1, Math.floor((wanted - 2) / 2));
      const rows = thinned.all({ job, kind, first: found.first, last: found.last, stretches }) as Row[];
      return rows.map(toStoredRow);
    },
  };
}
