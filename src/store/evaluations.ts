import type { JobEvaluation } from '../training/protocol.ts';
import { type Database, first } from './database.ts';

export type EvaluationStore = ReturnType<typeof evaluationStore>;

/** What was measured of a model when its job completed. */
export function evaluationStore(db: Database) {
  const insert = db.prepare('INSERT OR REPLACE INTO evaluations (job, data) VALUES (?, ?)');
  const ofJob = db.prepare('SELECT data FROM evaluations WHERE job = ?');
  const remove = db.prepare('DELETE FROM evaluations WHERE job = ?');

  return {
    insert(job: string, evaluation: JobEvaluation): void {
      insert.run(job, JSON.stringify(evaluation));
    },
    ofJob(job: string): JobEvaluation | undefined {
      const row = first<{ data: string }>(ofJob, job);
      return row && (JSON.parse(row.data) as JobEvaluation);
    },
    remove(job: string): void {
      remove.run(job);
    },
  };
}
