import type { CheckpointNote } from '../training/protocol.ts';
import { type Database, fromJson, toJson } from './database.ts';

/** A checkpoint as it is kept. */
export interface KeptCheckpoint extends CheckpointNote {
  time: string;
}

interface Row {
  step: number;
  epoch: number;
  file: string;
  bytes: number;
  time: string;
  metrics: string;
  best: string | null;
}

const toKept = ({ metrics, best, ...row }: Row): KeptCheckpoint => ({
  ...row,
  metrics: JSON.parse(metrics),
  best: fromJson(best),
});

export type CheckpointStore = ReturnType<typeof checkpointStore>;

/** Which checkpoints of a job there are; one a step. Files that are named nowhere here are nobody's. */
export function checkpointStore(db: Database) {
  const insert = db.prepare(
    `INSERT OR REPLACE INTO checkpoints (job, step, epoch, file, bytes, time, metrics, best)
     VALUES (:job, :step, :epoch, :file, :bytes, :time, :metrics, :best)`,
  );
  const ofJob = db.prepare(
    'SELECT step, epoch, file, bytes, time, metrics, best FROM checkpoints WHERE job = ? ORDER BY step DESC',
  );
  const prune = db.prepare(
    `DELETE FROM checkpoints WHERE job = :job AND step NOT IN
       (SELECT step FROM checkpoints WHERE job = :job ORDER BY step DESC LIMIT :kept)`,
  );
  const removeFile = db.prepare('DELETE FROM checkpoints WHERE job = ? AND file = ?');
  const remove = db.prepare('DELETE FROM checkpoints WHERE job = ?');
  const files = db.prepare('SELECT job, file FROM checkpoints');
  const outdated = db.prepare(
    `SELECT DISTINCT checkpoints.job FROM checkpoints JOIN jobs ON jobs.id = checkpoints.job
     WHERE jobs.state IN ('completed', 'failed', 'cancelled') AND jobs.finished_at < ?`,
  );

  return {
    /** Adds one, and forgets all but the newest `kept`. */
    insert(job: string, { metrics, best, ...note }: CheckpointNote, kept: number, time: string): void {
      insert.run({ job, ...note, time, metrics: JSON.stringify(metrics), best: toJson(best) });
      prune.run({ job, kept });
    },
    /** Newest first. */
    ofJob: (job: string) => (ofJob.all(job) as Row[]).map(toKept),
    removeFile(job: string, file: string): void {
      removeFile.run(job, file);
    },
    remove(job: string): void {
      remove.run(job);
    },
    files: () => files.all() as { job: string; file: string }[],
    /** Jobs that ended before a time and still have checkpoints. */
    outdated: (before: string) => (outdated.all(before) as { job: string }[]).map((row) => row.job),
  };
}
