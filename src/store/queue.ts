import type { CheckpointNote } from '../training/protocol.ts';
import type { Claim, JobNews, PauseReason } from '../training/queueStore.ts';
import type { CheckpointStore } from './checkpoints.ts';
import { type Database, first, toJson } from './database.ts';
import type { DiagnosticsStore } from './diagnostics.ts';
import type { EventStore } from './events.ts';
import type { JobLogStore } from './jobLog.ts';
import { type JobRecord, parametersOf, type Row, selectStatusSql, toRecord, toStatus } from './jobRecord.ts';
import { told } from './jobs.ts';
import type { MetricStore } from './metrics.ts';

/** Generations of checkpoints of a job. */
const keptCheckpoints = 2;

interface Stores {
  checkpoints: CheckpointStore;
  metrics: MetricStore;
  diagnostics: DiagnosticsStore;
  events: EventStore;
  jobLog: JobLogStore;
}

export type QueueTables = ReturnType<typeof queueTables>;

/** Claims, leases, and what training processes tell. */
export function queueTables(db: Database, { checkpoints, metrics, diagnostics, events, jobLog }: Stores) {
  const next = db.prepare("SELECT * FROM jobs WHERE state = 'queued' ORDER BY priority DESC, seq LIMIT 1");
  const take = db.prepare(
    `UPDATE jobs SET state = 'running', runner = :runner, lease = :until, attempt = attempt + 1, pause = NULL,
       started_at = COALESCE(started_at, :now) WHERE id = :id`,
  );
  const statusById = db.prepare(selectStatusSql);
  const byId = db.prepare('SELECT * FROM jobs WHERE id = ?');
  const prolong = db.prepare(
    "UPDATE jobs SET lease = :until WHERE id = :job AND attempt = :attempt AND state = 'running'",
  );
  const abandoned = db.prepare(
    "SELECT * FROM jobs WHERE state = 'running' AND (runner IS NOT :runner OR lease < :now) ORDER BY seq",
  );
  const paused = db.prepare(
    "SELECT id FROM jobs WHERE state = 'paused' AND json_extract(pause, '$.code') = ? ORDER BY seq",
  );
  const advance = db.prepare(
    `UPDATE jobs SET progress = :progress, metrics = :metrics, best = :best, isa = COALESCE(:isa, isa),
       kernel_version = COALESCE(:kernelVersion, kernel_version), range_test = COALESCE(:rangeTest, range_test),
       normalization = COALESCE(:normalization, normalization), rate_changes = :rateChanges WHERE id = :id`,
  );

  const holds = ({ job, attempt }: Claim) => {
    const row = first<Row>(statusById, job);
    return row?.state === 'running' && row.attempt === attempt ? toStatus(row) : null;
  };

  return {
    claim(runner: string, until: number): JobRecord | null {
      const claimed = db
        .transaction(() => {
          const row = first<Row>(next);
          if (!row) return null;
          const id = row.id as string;
          take.run({ id, runner, until, now: new Date().toISOString() });
          const record = toRecord(first<Row>(byId, id)!);
          events.insertState(id, told(toStatus(first<Row>(statusById, id)!)));
          return record;
        })
        .immediate();
      if (claimed) events.wake(claimed.id);
      return claimed;
    },
    prolong: (claims: Claim[], until: number): Claim[] =>
      db
        .transaction(() => claims.filter(({ job, attempt }) => prolong.run({ job, attempt, until }).changes === 0))
        .immediate(),
    abandoned: (runner: string): JobRecord[] => (abandoned.all({ runner, now: Date.now() }) as Row[]).map(toRecord),
    paused: (code: PauseReason['code']) => (paused.all(code) as { id: string }[]).map(({ id }) => id),
    /** Stores news, and the events that tell of it. @returns the checkpoints that are kept; null where the claim is void */
    record(claim: Claim, news: JobNews): CheckpointNote[] | null {
      const { job } = claim;
      const time = new Date().toISOString();
      const kept = db
        .transaction(() => {
          const status = holds(claim);
          if (!status) return null;
          for (const row of news.rows) {
            const seq = metrics.insert(job, row, time);
            if (seq !== null && row.kind === 'epoch') events.insertEpoch(job, seq);
          }
          for (const row of news.diagnostics) {
            if (diagnostics.insert(job, row)) events.insertDiagnostics(job, row.epoch);
          }
          for (const file of news.damaged) checkpoints.removeFile(job, file);
          for (const note of news.checkpoints) checkpoints.insert(job, note, keptCheckpoints, time);
          for (const entry of news.log) jobLog.add(job, entry);
          const { progress, metrics: values, best, started, rangeTest, normalization } = news;
          const rateChanges = [...status.rateChanges, ...news.rateChanges];
          const { isa = null, kernelVersion = null } = started ?? {};
          const parameters = parametersOf({ id: job, progress, metrics: values, best, rateChanges });
          advance.run({
            ...parameters,
            isa,
            kernelVersion,
            rangeTest: toJson(rangeTest),
            normalization: toJson(normalization),
          });
          if (news.rateChanges.length > 0) events.insertState(job, told(holds(claim)!));
          return checkpoints.ofJob(job);
        })
        .immediate();
      events.wake(job);
      return kept;
    },
  };
}
