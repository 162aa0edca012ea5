import { parentPort, workerData } from 'node:worker_threads';
import { HebbError } from '../errors.ts';
import { answerPings } from '../workerThread.ts';
import type { ImportResult, ImportTask } from './importer.ts';
import { readSource } from './readers/index.ts';
import { writeReport } from './report/report.ts';
import { writeDataset } from './writeDataset.ts';

/** The entry of the worker thread that one import runs in. */
answerPings(workerData);
const { source, folder, limits } = workerData as ImportTask;
parentPort!.postMessage(await run());

async function run(): Promise<ImportResult> {
  try {
    const info = await writeDataset(await readSource(source, limits), source, folder);
    info.warnings.push(...(await writeReport(folder, info)).warnings);
    return { info };
  } catch (error) {
    // Anything else ends the thread, and reaches the importer with its stack.
    if (error instanceof HebbError) return { problem: error.toProblem() };
    throw error;
  }
}
