import { mkdirSync } from 'node:fs';
import { type CheckpointStore, checkpointStore } from './checkpoints.ts';
import { lockFolder, openDatabase } from './database.ts';
import { type DatasetStore, datasetStore } from './datasets.ts';
import { type DiagnosticsStore, diagnosticsStore } from './diagnostics.ts';
import { type EvaluationStore, evaluationStore } from './evaluations.ts';
import { type EventStore, eventStore } from './events.ts';
import { type IdempotencyStore, idempotencyStore } from './idempotency.ts';
import { type JobLogStore, jobLogStore } from './jobLog.ts';
import { type JobStore, jobStore } from './jobs.ts';
import { type MetricStore, metricStore } from './metrics.ts';
import { type ModelStore, modelStore } from './models.ts';
import { type QueueTables, queueTables } from './queue.ts';

import { type RetentionStore, retentionStore } from './retention.ts';

/** The metadata of a data directory. Every call is synchronous and short; a change is durable when it returns. */
export interface Store {
  datasets: DatasetStore;
  jobs: JobStore;
  queue: QueueTables;
  checkpoints: CheckpointStore;
  jobLog: JobLogStore;
  metrics: MetricStore;
  diagnostics: DiagnosticsStore;
  evaluations: EvaluationStore;
  events: EventStore;
  idempotency: IdempotencyStore;
  models: ModelStore;
  retention: RetentionStore;
  close(): void;
}

/**
 * Takes a data directory (made where it is missing) for this process and opens its database.
 * @throws Error where another server has the directory, or a newer program wrote the database
 */
export function openStore(dataDir: string): Store {
  mkdirSync(dataDir, { recursive: true });
  const lock = lockFolder(dataDir);
  try {
    const db = openDatabase(dataDir);
    const parts = {
      datasets: datasetStore(db),
      metrics: metricStore(db),
      events: eventStore(db),
      models: modelStore(db),
      diagnostics: diagnosticsStore(db),
      evaluations: evaluationStore(db),
      idempotency: idempotencyStore(db),
      checkpoints: checkpointStore(db),
      jobLog: jobLogStore(db),
      retention: retentionStore(db),
    };
    const close = () => {
      parts.events.close();
      db.close();
      lock.release();
    };
    return { ...parts, jobs: jobStore(db, parts), queue: queueTables(db, parts), close };
  } catch (error) {
    lock.release();
    throw error;
  }
}
