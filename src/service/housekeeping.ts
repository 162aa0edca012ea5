import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { HebbError } from '../errors.ts';
import type { DatasetUse, EndedJob } from '../store/retention.ts';
import type { Store } from '../store/store.ts';

const dayMs = 24 * 60 * 60 * 1000;
const sweepEveryMs = 60 * 60 * 1000;

export interface Housekeeping {
  /** Sweeps now and every hour. */
  start(): void;
  /** Removes what is older than it is kept; resolves when that is done. */
  sweep(): Promise<void>;
  /** Resolves when a sweep under way has stopped, which is soon. */
  close(): Promise<void>;
}

interface Parts {
  store: Store;
  jobs: { delete(id: string): Promise<void> };
  datasets: { delete(id: string): Promise<void> };
  /** 0 days: for ever. */
  keep: Pick<Config, 'keepJobsDays' | 'keepDatasetsDays' | 'keepCheckpointsDays'>;
  /** Holds a folder for each job. */
  modelsDirectory: string;
  logger: Logger;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/**
 * Removes old jobs with their models, then old datasets and checkpoints, one at a time and by the same rules as a client does: what is still
 * needed stays.
 */
export function createHousekeeping(parts: Parts): Housekeeping {
  const { store, jobs, datasets, keep, modelsDirectory, logger, now = Date.now } = parts;
  let closing = false;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const daysAgo = (days: number) => new Date(now() - days * dayMs).toISOString();

  /** Goes through pages of rows and does something with each. */
  async function eachOf<Row>(page: (after?: Row) => Row[], each: (row: Row) => Promise<void>): Promise<void> {
    for (let rows = page(); rows.length > 0; rows = page(rows.at(-1))) {
      for (const row of rows) {
        if (closing) return;
        await each(row);
      }
      await setImmediate();
    }
  }

  async function remove(what: string, id: string, name: string, since: string, deletion: () => Promise<void>) {
    try {
      await deletion();
      logger.info({ [what]: id, name, since }, `removed a ${what} that was older than it is kept`);
    } catch (error) {
      // Something still needs it, or it went meanwhile.
      if (!(error instanceof HebbError))
        logger.error({ err: error, [what]: id }, `an old ${what} could not be removed`);
    }
    await setImmediate();
  }

  async function sweepNow(): Promise<void> {
    if (keep.keepJobsDays > 0) {
      const before = daysAgo(keep.keepJobsDays);
      await eachOf<EndedJob>(
        (after) => store.retention.endedJobs(before, after),
        ({ id, name, finishedAt }) => remove('job', id, name, finishedAt, () => jobs.delete(id)),
      );
    }
    if (keep.keepDatasetsDays > 0) {
      const before = daysAgo(keep.keepDatasetsDays);
      await eachOf<DatasetUse>(
        (after) => store.retention.datasetUses(after),
        async ({ id, name, usedAt }) => {
          if (usedAt !== null && usedAt < before) {
            await remove('dataset', id, name, usedAt, () => datasets.delete(id));
          }
        },
      );
    }
    if (keep.keepCheckpointsDays > 0) {
      for (const job of store.checkpoints.outdated(daysAgo(keep.keepCheckpointsDays))) {
        if (closing) return;
        await removeCheckpoints(job);
        await setImmediate();
      }
    }
  }

  /** Of jobs that are over: nobody but a fork has a use for them. */
  async function removeCheckpoints(job: string): Promise<void> {
    const files = store.checkpoints.ofJob(job).map(({ file }) => file);
    store.checkpoints.remove(job);
    for (const file of files) await rm(join(modelsDirectory, job, file), { force: true });
    logger.info({ job, files }, 'removed checkpoints that were older than they are kept');
  }

  function sweep(): Promise<void> {
    sweeping = sweeping.then(sweepNow).catch((error) => {
      logger.error({ err: error }, 'a sweep for what is too old failed');
    });
    return sweeping;
  }

  return {
    sweep,
    start() {
      void sweep();
      timer = setInterval(() => void sweep(), sweepEveryMs).unref();
    },
    async close() {
      closing = true;
      clearInterval(timer);
      await sweeping;
    },
  };
}
