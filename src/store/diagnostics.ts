import type { DiagnosticsRow } from '../nn/progress.ts';
import type { Database } from './database.ts';

export type DiagnosticsStore = ReturnType<typeof diagnosticsStore>;

interface Row {
  epoch: number;
  layers: string;
}

/** A row as it is kept: the column `layers` holds all but the epoch. */
export function toDiagnosticsRow({ epoch, layers }: Row): DiagnosticsRow {
  return { epoch, ...(JSON.parse(layers) as Omit<DiagnosticsRow, 'epoch'>) };
}

export function diagnosticsStore(db: Database) {
  const insert = db.prepare('INSERT OR IGNORE INTO diagnostics (job, epoch, layers) VALUES (?, ?, ?)');
  const ofJob = db.prepare('SELECT epoch, layers FROM diagnostics WHERE job = ? ORDER BY epoch');
  const remove = db.prepare('DELETE FROM diagnostics WHERE job = ?');

  return {
    /** Adds a row unless it is there; whether it was added. */
    insert(job: string, { epoch, ...rest }: DiagnosticsRow): boolean {
      return insert.run(job, epoch, JSON.stringify(rest)).changes > 0;
    },
    /** All rows of a job: some hundreds at most. */
    ofJob: (job: string) => (ofJob.all(job) as Row[]).map(toDiagnosticsRow),
    /** Removes the rows of a job; whether there were any. */
    remove: (job: string) => remove.run(job).changes > 0,
  };
}
