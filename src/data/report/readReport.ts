import { readFile } from 'node:fs/promises';
import { HebbError, type Problem } from '../../errors.ts';
import { runInThread } from '../../workerThread.ts';
import { imports, importsWaiting } from '../importer.ts';
import { parseReport, type ReportInfo, reportPath } from './report.ts';
import type { DatasetReport } from './types.ts';

const underWay = new Map<string, Promise<void>>();

/**
 * The report in a dataset's folder; where there is none it is made first, in a worker thread.
 * @throws HebbError('unavailable') where too many datasets are being read; HebbError('internal') for damaged files
 */
export async function readReport(folder: string, info: ReportInfo): Promise<DatasetReport> {
  const found = await readKept(folder);
  if (found) return found;
  let made = underWay.get(folder);
  if (!made) {
    if (imports.pendingCount >= importsWaiting) {
      throw new HebbError('unavailable', `${importsWaiting} datasets are waiting to be read: try again later`);
    }
    made = imports(() => make(folder, info)).finally(() => underWay.delete(folder));
    underWay.set(folder, made);
  }
  await made;
  const report = await readKept(folder);
  if (!report) throw new HebbError('internal', 'The report of the dataset was made, but is not there.');
  return report;
}

async function readKept(folder: string): Promise<DatasetReport | undefined> {
  try {
    return parseReport(await readFile(reportPath(folder), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function make(
  folder: string,
  { task, inputShape, inputType, targetShape, classes, features, samples, columns }: ReportInfo,
) {
  const info: ReportInfo = { task, inputShape, inputType, targetShape, classes, features, samples, columns };
  const entry = new URL('./reportWorker', import.meta.url);
  const result = await runInThread<{ problem?: Problem }>(entry, { folder, info });
  if (result.problem) throw HebbError.fromProblem(result.problem);
}
