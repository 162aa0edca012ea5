import { parentPort, workerData } from 'node:worker_threads';
import { HebbError } from '../../errors.ts';
import { type ReportInfo, writeReport } from './report.ts';

/** The entry of the worker thread that looks at a dataset which has no report yet. */
const { folder, info } = workerData as { folder: string; info: ReportInfo };
try {
  await writeReport(folder, info);
  parentPort!.postMessage({});
} catch (error) {
  if (!(error instanceof HebbError)) throw error;
  parentPort!.postMessage({ problem: error.toProblem() });
}
