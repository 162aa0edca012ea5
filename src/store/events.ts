import type { DiagnosticsRow } from '../nn/progress.ts';
import { type Database, first } from './database.ts';
import { toDiagnosticsRow } from './diagnostics.ts';
import { type StoredRow, toStoredRow } from './metrics.ts';

/** What happened to a job. Ids of kept events grow by one; a progress event bears the id of the kept one before it. */
export type StoredEvent =
  | { id: number; type: 'state'; data: { state: string } & Record<string, unknown> }
  | { id: number; type: 'epoch'; data: StoredRow }
  | { id: number; type: 'diagnostics'; data: DiagnosticsRow }
  | { id: number; type: 'progress'; data: unknown };

interface Row {
  id: number;
  type: 'state' | 'epoch' | 'diagnostics';
  data: string | null;
  seq: number;
  time: string;
  epoch: number;
  step: number;
  metrics: string;
  diagnosed: number;
  layers: string;
}

/** Events read at once by one who follows. */
const pageSize = 100;

/** One who follows a job's events: woken when there is something new, and holding no more than the newest progress. */
interface Follower {
  progress: { data: unknown } | null;
  ended: boolean;
  wake: () => void;
}

export type EventStore = ReturnType<typeof eventStore>;

export function eventStore(db: Database) {
  const insert = db.prepare(
    `INSERT INTO events (job, id, type, data, row)
     SELECT :job, COALESCE(MAX(id), 0) + 1, :type, :data, :row FROM events WHERE job = :job`,
  );
  const after = db.prepare(
    `SELECT id, type, data, seq, time, metrics.epoch, step, metrics, diagnostics.epoch AS diagnosed, layers
     FROM events
     LEFT JOIN metrics ON events.type = 'epoch' AND metrics.job = events.job AND metrics.seq = events.row
     LEFT JOIN diagnostics
       ON events.type = 'diagnostics' AND diagnostics.job = events.job AND diagnostics.epoch = events.row
     WHERE events.job = ? AND id > ? ORDER BY id LIMIT ${pageSize}`,
  );
  const last = db.prepare('SELECT COALESCE(MAX(id), 0) AS id FROM events WHERE job = ?');
  const followers = new Map<string, Set<Follower>>();

  const read = (job: string, id: number): StoredEvent[] =>
    (after.all(job, id) as Row[]).map((row) => {
      if (row.type === 'state') return { id: row.id, type: 'state', data: JSON.parse(row.data!) };
      if (row.type === 'epoch') return { id: row.id, type: 'epoch', data: toStoredRow(row) };
      const data = toDiagnosticsRow({ epoch: row.diagnosed, layers: row.layers });
      return { id: row.id, type: 'diagnostics', data };
    });

  return {
    /** Keeps a state event; part of the transaction that changes the state. */
    insertState(job: string, data: object): void {
      insert.run({ job, type: 'state', data: JSON.stringify(data), row: null });
    },
    /** Keeps the event of an epoch whose row in the metrics is `row`. */
    insertEpoch(job: string, row: number): void {
      insert.run({ job, type: 'epoch', data: null, row });
    },
    /** Keeps the event of an epoch whose layers are in the diagnostics. */
    insertDiagnostics(job: string, epoch: number): void {
      insert.run({ job, type: 'diagnostics', data: null, row: epoch });
    },
    lastId: (job: string) => first<{ id: number }>(last, job)!.id,
    /** Tells those who follow the job that there are new events; to be called after the commit. */
    wake(job: string): void {
      for (const follower of followers.get(job) ?? []) follower.wake();
    },
    /** Tells those who follow the job how far it is; kept nowhere. */
    announceProgress(job: string, data: unknown): void {
      for (const follower of followers.get(job) ?? []) {
        follower.progress = { data };
        follower.wake();
      }
    },
    /** Ends the streams of those who follow the job: it is deleted. */
    end(job: string): void {
      for (const follower of followers.get(job) ?? []) {
        follower.ended = true;
        follower.wake();
      }
    },
    /**
     * Events after the id, then what comes, until the signal. A reader takes from the database at its own pace, so a
     * slow one costs nothing; of progress it gets the newest.
     */
    async *follow(job: string, id: number, signal: AbortSignal): AsyncGenerator<StoredEvent, void, void> {
      let wakeUp = () => {};
      let awake = true;
      const wake = () => {
        awake = true;
        wakeUp();
      };
      const follower: Follower = { progress: null, ended: false, wake };
      const ofJob = followers.get(job) ?? new Set();
      followers.set(job, ofJob.add(follower));
      signal.addEventListener('abort', wake);
      let at = id;
      try {
        while (!signal.aborted) {
          awake = false;
          const events = read(job, at);
          for (const event of events) {
            at = event.id;
            yield event;
            if (signal.aborted) return;
          }
          if (events.length === pageSize) continue;
          if (follower.progress) {
            const { data } = follower.progress;
            follower.progress = null;
            yield { id: at, type: 'progress', data };
            continue;
          }
          if (follower.ended) return;
          if (awake) continue;
          await new Promise<void>((resolve) => {
            wakeUp = resolve;
          });
        }
      } finally {
        signal.removeEventListener('abort', wake);
        ofJob.delete(follower);
        if (ofJob.size === 0 && followers.get(job) === ofJob) followers.delete(job);
      }
    },
  };
}
