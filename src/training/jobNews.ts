import { rateEntry } from './logEntries.ts';
import type { Best } from './protocol.ts';
import type { JobNews, LiveProgress, LogEntry } from './queueStore.ts';
import type { Update } from './runner.ts';

/** What of news is stored; progress alone is only told. */
export function isToBeStored(news: JobNews): boolean {
  const { rows, diagnostics, checkpoints, rateChanges, log, rangeTest, normalization } = news;
  if (rangeTest !== undefined || normalization !== undefined) return true;
  return [rows, diagnostics, checkpoints, rateChanges, log].some(({ length }) => length > 0);
}

/**
 * What updates of a training process say together.
 * @param before how the job stood
 * @param run of which attempt, in which process
 */
export function newsOf(
  updates: Update[],
  before: LiveProgress & { best: Best | null },
  run: { attempt: number; pid: number | undefined },
): JobNews {
  const { progress, metrics, best } = before;
  const news: JobNews = {
    progress,
    metrics,
    best,
    log: [],
    damaged: [],
    rateChanges: [],
    rows: [],
    diagnostics: [],
    checkpoints: [],
  };
  const log = (level: LogEntry['level'], event: string, message: string, data: LogEntry['data']) =>
    news.log.push({ level, event, message, data });
  for (const update of updates) {
    switch (update.type) {
      case 'started': {
        const { isa, kernelVersion } = update;
        news.started = { isa, kernelVersion };
        log('info', 'started', `attempt ${run.attempt} began on ${isa}`, { ...run, isa, kernelVersion });
        break;
      }
      case 'rangeTest':
        news.rangeTest = update.rangeTest;
        break;
      case 'normalization':
        news.normalization = update.normalization;
        break;
      case 'resumed':
        for (const { file, problem } of update.damaged) {
          news.damaged.push(file);
          log('warn', 'checkpoint-damaged', `${file}: ${problem.detail}`, { file });
        }
        log('info', 'resumed', `the training goes on from step ${update.step ?? 0}`, { step: update.step ?? 0 });
        break;
      case 'checkpoint': {
        const { type: _, ...note } = update;
        news.checkpoints.push(note);
        log('info', 'checkpoint', `a checkpoint after step ${note.step}`, { step: note.step, bytes: note.bytes });
        break;
      }
      case 'checkpointFailed':
        log('warn', 'checkpoint-failed', update.problem.detail, { step: update.step });
        break;
      case 'rateChange':
        news.rateChanges.push(update.change);
        news.log.push(rateEntry(update.change));
        break;
      case 'diagnostics': {
        const { type: _, ...row } = update;
        news.diagnostics.push(row);
        break;
      }
      case 'row':
        news.rows.push(update.row);
        Object.assign(news, { best: update.best, progress: update.progress, metrics: update.row.values });
        break;
      case 'progress':
        Object.assign(news, { progress: update.progress, metrics: update.metrics });
    }
  }
  return news;
}
