import type { Problem } from '../errors.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { Best, DiagnosticsRow, MetricRow, MetricValues, Progress } from '../nn/progress.ts';
import type { RangeTest } from '../nn/rangeTest.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';
import type { Warning } from '../nn/warnings.ts';
import type { JobEvaluation } from '../training/protocol.ts';
import type { InitialWeights } from '../training/queueStore.ts';
import { type Database, first, fromJson, toJson } from './database.ts';
import type { Listed, PageRequest } from './datasets.ts';
import type { DiagnosticsStore } from './diagnostics.ts';
import type { EvaluationStore } from './evaluations.ts';
import type { EventStore } from './events.ts';
import type { IdempotencyKey, IdempotencyStore } from './idempotency.ts';
import type { JobLogStore } from './jobLog.ts';
import type { MetricStore } from './metrics.ts';
import type { ModelRecord, ModelStore, ModelTraits } from './models.ts';

type State = 'queued' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';

/** What a job was asked to do: never changes. */
export interface JobOrder {
  id: string;
  name: string;
  priority: number;
  dataset: string | null;
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  initialWeights: InitialWeights | null;
  /** Of the model that it will be. */
  traits: ModelTraits;
  /** What the plan said of it. */
  warnings: Warning[];
  createdAt: string;
}

/** How a job stands. */
export interface JobStatus {
  state: State;
  startedAt: string | null;
  finishedAt: string | null;
  progress: Progress;
  metrics: MetricValues;
  best: Best | null;
  test: MetricValues | null;
  error: Problem | null;
  restarts: number;
  /** How often its training process died; restarts of the service do not count. */
  deaths: number;
  isa: string | null;
  weightsHash: string | null;
  model: string | null;
  rangeTest: RangeTest | null;
}

export type JobRecord = JobOrder & JobStatus;

interface StatusRow {
  state: State;
  started_at: string | null;
  finished_at: string | null;
  progress: string;
  metrics: string;
  best: string | null;
  test: string | null;
  error: string | null;
  restarts: number;
  deaths: number;
  isa: string | null;
  weights_hash: string | null;
  model: string | null;
  range_test: string | null;
}

interface Row extends StatusRow {
  seq: number;
  id: string;
  name: string;
  priority: number;
  dataset: string | null;
  network: string;
  training: string;
  initial_weights: string | null;
  traits: string;
  warnings: string;
  created_at: string;
}

const toStatus = (row: StatusRow): JobStatus => ({
  state: row.state,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  progress: JSON.parse(row.progress),
  metrics: JSON.parse(row.metrics),
  best: fromJson(row.best),
  test: fromJson(row.test),
  error: fromJson(row.error),
  restarts: row.restarts,
  deaths: row.deaths,
  isa: row.isa,
  weightsHash: row.weights_hash,
  model: row.model,
  rangeTest: fromJson(row.range_test),
});

const toRecord = (row: Row): JobRecord => ({
  id: row.id,
  name: row.name,
  priority: row.priority,
  dataset: row.dataset,
  network: JSON.parse(row.network),
  training: JSON.parse(row.training),
  initialWeights: fromJson(row.initial_weights),
  traits: JSON.parse(row.traits),
  warnings: JSON.parse(row.warnings),
  createdAt: row.created_at,
  ...toStatus(row),
});

const statusParameters = (status: JobStatus) => ({
  state: status.state,
  startedAt: status.startedAt,
  finishedAt: status.finishedAt,
  progress: JSON.stringify(status.progress),
  metrics: JSON.stringify(status.metrics),
  best: toJson(status.best),
  test: toJson(status.test),
  error: toJson(status.error),
  restarts: status.restarts,
  deaths: status.deaths,
  isa: status.isa,
  weightsHash: status.weightsHash,
  model: status.model,
  rangeTest: toJson(status.rangeTest),
});

/** What a training process told since the last time. */
export interface JobNews {
  rows: MetricRow[];
  diagnostics?: DiagnosticsRow[];
  progress: Progress;
  metrics: MetricValues;
  best: Best | null;
}

/** So many rows of a deleted job go in one statement. */
const deletedAtOnce = 500;

export type JobStore = ReturnType<typeof jobStore>;

interface Stores {
  metrics: MetricStore;
  diagnostics: DiagnosticsStore;
  evaluations: EvaluationStore;
  events: EventStore;
  idempotency: IdempotencyStore;
  jobLog: JobLogStore;
  models: ModelStore;
}

export function jobStore(db: Database, stores: Stores) {
  const { metrics, diagnostics, evaluations, events, idempotency, jobLog, models } = stores;
  const insert = db.prepare(
    `INSERT INTO jobs (id, name, priority, dataset, network, training, initial_weights, traits, warnings, created_at, state,
       started_at, finished_at, progress, metrics, best, test, error, restarts, deaths, isa, weights_hash, model,
       range_test)
     VALUES (:id, :name, :priority, :dataset, :network, :training, :initialWeights, :traits, :warnings, :createdAt, :state,
       :startedAt, :finishedAt, :progress, :metrics, :best, :test, :error, :restarts, :deaths, :isa, :weightsHash, :model,
       :rangeTest)`,
  );
  const byId = db.prepare('SELECT * FROM jobs WHERE id = ?');
  const statusById = db.prepare(
    `SELECT state, started_at, finished_at, progress, metrics, best, test, error, restarts, deaths, isa, weights_hash,
       model, range_test FROM jobs WHERE id = ?`,
  );
  const byName = db.prepare('SELECT * FROM jobs WHERE name = ? ORDER BY seq DESC LIMIT 1');
  const page = db.prepare('SELECT * FROM jobs WHERE seq < ? ORDER BY seq DESC LIMIT ?');
  const pageOfState = db.prepare('SELECT * FROM jobs WHERE seq < ? AND state = ? ORDER BY seq DESC LIMIT ?');
  const nextQueued = db.prepare("SELECT * FROM jobs WHERE state = 'queued' ORDER BY priority DESC, seq LIMIT 1");
  const running = db.prepare("SELECT id FROM jobs WHERE state = 'running'");
  const unfinishedOf = db.prepare(
    "SELECT name FROM jobs WHERE dataset = ? AND state IN ('queued', 'running', 'paused') LIMIT 1",
  );
  const unfinishedFrom = db.prepare(
    `SELECT name FROM jobs WHERE state IN ('queued', 'running', 'paused') AND initial_weights IS NOT NULL
       AND json_extract(initial_weights, '$.model') = ? LIMIT 1`,
  );
  const update = db.prepare(
    `UPDATE jobs SET state = :state, started_at = :startedAt, finished_at = :finishedAt, progress = :progress,
       metrics = :metrics, best = :best, test = :test, error = :error, restarts = :restarts, deaths = :deaths,
       isa = :isa, weights_hash = :weightsHash, model = :model, range_test = :rangeTest WHERE id = :id`,
  );
  const advance = db.prepare('UPDATE jobs SET progress = :progress, metrics = :metrics, best = :best WHERE id = :id');
  const setIsa = db.prepare('UPDATE jobs SET isa = :isa WHERE id = :id');
  const setRangeTest = db.prepare('UPDATE jobs SET range_test = :rangeTest WHERE id = :id');
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
  const insertStateEvent = (id: string, { deaths: _, ...status }: JobStatus) => events.insertState(id, status);

  return {
    /** Stores a job, its first event and log entry, and the key that its request came with. */
    insert(job: JobRecord, key?: IdempotencyKey): void {
      const { id, name, priority, dataset, createdAt } = job;
      const network = JSON.stringify(job.network);
      const training = JSON.stringify(job.training);
      const initialWeights = toJson(job.initialWeights);
      const traits = JSON.stringify(job.traits);
      const warnings = JSON.stringify(job.warnings);
      db.transaction(() => {
        insert.run({
          id,
          name,
          priority,
          dataset,
          createdAt,
          network,
          training,
          initialWeights,
          traits,
          warnings,
          ...statusParameters(job),
        });
        if (key) idempotency.insert(key, id);
        insertStateEvent(id, toStatusOf(job));
        jobLog.add(id, { level: 'info', event: 'created', message: 'the job was created' });
      }).immediate();
    },
    get: (id: string) => one(first<Row>(byId, id)),
    /** The newest of this name. */
    byName: (name: string) => one(first<Row>(byName, name)),
    list({ before, limit, state }: PageRequest & { state?: State }): Listed<JobRecord>[] {
      const rows = state ? pageOfState.all(before, state, limit) : page.all(before, limit);
      return (rows as Row[]).map((row) => ({ seq: row.seq, record: toRecord(row) }));
    },
    /** The queued job of highest priority, of several the oldest. */
    nextQueued: () => one(first<Row>(nextQueued)),
    running: () => (running.all() as { id: string }[]).map((row) => row.id),
    /** Name of a job that still needs the dataset. */
    unfinishedOf: (dataset: string) => first<{ name: string }>(unfinishedOf, dataset)?.name,
    /** Name of a job that is still to start from the model, or may have to once more. */
    unfinishedFrom: (model: string) => first<{ name: string }>(unfinishedFrom, model)?.name,
    /**
     * Changes a job from one state to another, together with the event that tells of it, the model that it became and what was
     * measured of that.
     * @returns the new status, or null where the job is not in the state `from` any more
     */
    change(
      id: string,
      from: State,
      change: Partial<JobStatus>,
      model?: ModelRecord,
      evaluation?: JobEvaluation | null,
    ): JobStatus | null {
      const changed = db
        .transaction(() => {
          const row = first<StatusRow>(statusById, id);
          if (row?.state !== from) return null;
          const status = { ...toStatus(row), ...change };
          update.run({ id, ...statusParameters(status) });
          if (model) models.insert(model);
          if (evaluation) evaluations.insert(id, evaluation);
          insertStateEvent(id, status);
          return status;
        })
        .immediate();
      if (changed) events.wake(id);
      return changed;
    },
    setIsa(id: string, isa: string): void {
      setIsa.run({ id, isa });
    },
    setRangeTest(id: string, rangeTest: RangeTest): void {
      setRangeTest.run({ id, rangeTest: JSON.stringify(rangeTest) });
    },
    /** Stores rows, the events of the epochs among them, and how the job stands. */
    record(id: string, { rows, diagnostics: diagnosed = [], progress, metrics: newest, best }: JobNews): void {
      const time = new Date().toISOString();
      db.transaction(() => {
        for (const row of rows) {
          const seq = metrics.insert(id, row, time);
          if (seq !== null && row.kind === 'epoch') events.insertEpoch(id, seq);
        }
        for (const row of diagnosed) {
          if (diagnostics.insert(id, row)) events.insertDiagnostics(id, row.epoch);
        }
        advance.run({ id, progress: JSON.stringify(progress), metrics: JSON.stringify(newest), best: toJson(best) });
      }).immediate();
      events.wake(id);
    },
    /** Deletes a job and its model; `forget` removes the rest. */
    delete(id: string): void {
      db.transaction(() => {
        models.delete(id);
        idempotency.deleteOf(id);
        evaluations.remove(id);
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

function toStatusOf(job: JobRecord): JobStatus {
  const { id, name, priority, dataset, network, training, initialWeights, traits, warnings, createdAt, ...status } =
    job;
  return status;
}
