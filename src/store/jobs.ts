import type { CheckpointNote, JobEvaluation } from '../training/protocol.ts';
import type { JobState } from '../training/states.ts';
import type { CheckpointStore } from './checkpoints.ts';
import { type Database, first } from './database.ts';
import type { Listed, PageRequest } from './datasets.ts';
import type { DiagnosticsStore } from './diagnostics.ts';
import type { EvaluationStore } from './evaluations.ts';
import type { EventStore } from './events.ts';
import type { IdempotencyKey, IdempotencyStore } from './idempotency.ts';
import type { JobLogStore, LogMessage } from './jobLog.ts';
import {
  insertJobSql,
  type JobRecord,
  type JobStatus,
  parametersOf,
  type Row,
  selectStatusSql,
  statusOf,
  toRecord,
  toStatus,
  updateStatusSql,
} from './jobRecord.ts';
import type { ModelRecord, ModelStore } from './models.ts';
import type { RetentionStore } from './retention.ts';

export type { JobOrder, JobRecord, JobStatus } from './jobRecord.ts';

/** So many rows of a deleted job go in one statement. */
const deletedAtOnce = 500;

/** What goes with a change of a job's state. */
interface ChangeDetails {
  /** The change is made where this holds of the job, too. */
  only?: (status: JobStatus) => boolean;
  model?: ModelRecord;
  evaluation?: JobEvaluation | null;
  log?: LogMessage;
}

export type JobStore = ReturnType<typeof jobStore>;

interface Stores {
  checkpoints: CheckpointStore;
  diagnostics: DiagnosticsStore;
  evaluations: EvaluationStore;
  events: EventStore;
  idempotency: IdempotencyStore;
  jobLog: JobLogStore;
  models: ModelStore;
  retention: RetentionStore;
}

export function jobStore(db: Database, stores: Stores) {
  const { checkpoints, diagnostics, evaluations, events, idempotency, jobLog, models, retention } = stores;
  const insert = db.prepare(insertJobSql);
  const byId = db.prepare('SELECT * FROM jobs WHERE id = ?');
  const statusById = db.prepare(selectStatusSql);
  const byName = db.prepare('SELECT * FROM jobs WHERE name = ? ORDER BY seq DESC LIMIT 1');
  const stateOf = db.prepare(
    'SELECT id, state FROM jobs WHERE id = :job OR name = :job ORDER BY id = :job DESC, seq DESC LIMIT 1',
  );
  const page = db.prepare('SELECT * FROM jobs WHERE seq < ? ORDER BY seq DESC LIMIT ?');
  const pageOfState = db.prepare('SELECT * FROM jobs WHERE seq < ? AND state = ? ORDER BY seq DESC LIMIT ?');
  const unfinishedOf = db.prepare(
    "SELECT name FROM jobs WHERE dataset = ? AND state IN ('queued', 'running', 'paused') LIMIT 1",
  );
  const unfinishedFrom = db.prepare(
    `SELECT name FROM jobs WHERE state IN ('queued', 'running', 'paused') AND initial_weights IS NOT NULL
       AND json_extract(initial_weights, '$.model') = ? LIMIT 1`,
  );
  const update = db.prepare(updateStatusSql);
  const clearModel = db.prepare('UPDATE jobs SET model = NULL WHERE id = ?');
  const remove = db.prepare('DELETE FROM jobs WHERE id = ?');
  const insertDeletion = db.prepare('INSERT INTO deletions (job) VALUES (?)');
  const deletions = db.prepare('SELECT job FROM deletions');
  const removeDeletion = db.prepare('DELETE FROM deletions WHERE job = ?');
  const removeEvents = db.prepare(
    `DELETE FROM events WHERE job = :job AND id IN (SELECT id FROM events WHERE job = :job LIMIT ${deletedAtOnce})`,
  );
  const removeMetrics = db.prepare(
    `DELETE FROM metrics WHERE job = :job AND seq IN (SELECT seq FROM metrics WHERE job = :job LIMIT ${deletedAtOnce})`,
  );

  const one = (row: Row | undefined) => row && toRecord(row);
  const inState = (row: Row & { seq: number }) => ({ seq: row.seq, record: toRecord(row) });

  return {
    /** Stores a job, its first event and log entry, the key that its request came with, and the checkpoint that it begins at. */
    insert(job: JobRecord, { key, checkpoint }: { key?: IdempotencyKey; checkpoint?: CheckpointNote } = {}): void {
      const { id } = job;
      db.transaction(() => {
        insert.run(parametersOf(job));
        if (key) idempotency.insert(key, id);
        if (checkpoint) checkpoints.insert(id, checkpoint, 1, job.createdAt);
        events.insertState(id, told(statusOf(job)));
        jobLog.add(id, { level: 'info', event: 'created', message: 'the job was created' });
      }).immediate();
    },
    get: (id: string) => one(first<Row>(byId, id)),
    /** The newest of this name. */
    byName: (name: string) => one(first<Row>(byName, name)),
    /** Of the job that has this id, else this name (the newest). */
    stateOf: (idOrName: string) => first<{ id: string; state: JobState }>(stateOf, { job: idOrName }),
    list({ before, limit, state }: PageRequest & { state?: JobState }): Listed<JobRecord>[] {
      const rows = state ? pageOfState.all(before, state, limit) : page.all(before, limit);
      return (rows as (Row & { seq: number })[]).map(inState);
    },
    /** Name of a job that still needs the dataset. */
    unfinishedOf: (dataset: string) => first<{ name: string }>(unfinishedOf, dataset)?.name,
    /** Name of a job that is still to start from the model, or may have to once more. */
    unfinishedFrom: (model: string) => first<{ name: string }>(unfinishedFrom, model)?.name,
    /**
     * Changes a job from one state to another, together with the event that tells of it, the model that it became and what was
     * measured of that.
     * @returns the new status, or null where the job is not in the state `from` any more
     */
    change(id: string, from: JobState, change: Partial<JobStatus>, more: ChangeDetails = {}): JobStatus | null {
      const { only, model, evaluation, log } = more;
      const changed = db
        .transaction(() => {
          const row = first<Row>(statusById, id);
          if (row?.state !== from) return null;
          const before = toStatus(row);
          if (only && !only(before)) return null;
          const status = { ...before, ...change };
          if (status.state !== 'paused') status.pause = null;
          update.run({ id, ...parametersOf(status) });
          if (model) models.insert(model);
          if (evaluation) evaluations.insert(id, evaluation);
          if (status.state !== from || change.rateChanges) events.insertState(id, told(status));
          if (log) jobLog.add(id, log);
          return status;
        })
        .immediate();
      if (changed) events.wake(id);
      return changed;
    },
    /** Deletes a job and its model; `forget` removes the rest. */
    delete(id: string): void {
      db.transaction(() => {
        retention.noteUse(id);
        models.delete(id);
        idempotency.deleteOf(id);
        evaluations.remove(id);
        checkpoints.remove(id);
        remove.run(id);
        insertDeletion.run(id);
      }).immediate();
      events.end(id);
    },
    /** Deletes the model alone. */
    deleteModel(id: string): void {
      db.transaction(() => {
        models.delete(id);
        clearModel.run(id);
      }).immediate();
    },
    deletions: () => (deletions.all() as { job: string }[]).map((row) => row.job),
    /** Removes a part of a deleted job's history; true when nothing is left. */
    forget(id: string): boolean {
      if (removeEvents.run({ job: id }).changes > 0) return false;
      if (removeMetrics.run({ job: id }).changes > 0) return false;
      if (diagnostics.remove(id)) return false;
      if (jobLog.remove(id)) return false;
      removeDeletion.run(id);
      return true;
    },
  };
}

/** What of a status its event tells. */
export function told({ attempt: _, deaths: __, deathStep: ___, normalization: ____, ...status }: JobStatus): object {
  return status;
}
