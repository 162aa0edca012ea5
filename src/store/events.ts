import type { DiagnosticsRow } from '../nn/progress.ts';
import { type Database, first } from './database.ts';
import { toDiagnosticsRow } from './diagnostics.ts';
import { EventChannel, type EventPage } from './eventChannel.ts';
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
  /** Of jobs that somebody follows. */
  const channels = new Map<string, EventChannel>();

  const read = (job: string, id: number): EventPage =>
    (after.all(job, id) as Row[]).map((row) => {
      if (row.type === 'state') return { id: row.id, type: 'state', data: JSON.parse(row.data!) };
      if (row.type === 'epoch') return { id: row.id, type: 'epoch', data: toStoredRow(row) };
      const data = toDiagnosticsRow({ epoch: row.diagnosed, layers: row.layers });
      return { id: row.id, type: 'diagnostics', data };
    });

  const add = (job: string, type: Row['type'], { data, row }: { data?: string; row?: number }) => {
    insert.run({ job, type, data: data ?? null, row: row ?? null });
    channels.get(job)?.added();
  };

  return {
    /** Keeps a state event; part of the transaction that changes the state. */
    insertState: (job: string, data: object) => add(job, 'state', { data: JSON.stringify(data) }),
    /** Keeps the event of an epoch whose row in the metrics is `row`. */
    insertEpoch: (job: string, row: number) => add(job, 'epoch', { row }),
    /** Keeps the event of an epoch whose layers are in the diagnostics. */
    insertDiagnostics: (job: string, epoch: number) => add(job, 'diagnostics', { row: epoch }),
    lastId: (job: string) => first<{ id: number }>(last, job)!.id,
    /** Tells those who follow the job that there are new events; to be called after the commit. */
    wake(job: string): void {
      channels.get(job)?.wake();
    },
    /** Tells those who follow the job how far it is; kept nowhere. */
    announceProgress(job: string, data: unknown): void {
      channels.get(job)?.announce(data);
    },
    /** Ends the streams of those who follow the job: it is deleted. */
    end(job: string): void {
      channels.get(job)?.end();
    },
    /** Ends all streams: the database is closed. */
    close(): void {
      for (const channel of channels.values()) channel.close();
    },
    /**
     * Events after the id, then what comes, several at a time, until the signal. Who is at the same place gets the same
     * objects. A reader takes at its own pace, so a slow one costs nothing; of progress it gets the newest.
     */
    async *followPages(job: string, id: number, signal: AbortSignal): AsyncGenerator<EventPage, void, void> {
      const channel = channels.get(job) ?? new EventChannel((after) => read(job, after), pageSize);
      channels.set(job, channel);
      try {
        yield* channel.follow(id, signal);
      } finally {
        if (channel.empty && channels.get(job) === channel) channels.delete(job);
      }
    },
    /** The same, one by one. */
    async *follow(job: string, id: number, signal: AbortSignal): AsyncGenerator<StoredEvent, void, void> {
      for await (const page of this.followPages(job, id, signal)) {
        for (const event of page) {
          yield event;
          if (signal.aborted) return;
        }
      }
    },
  };
}
