// The entry of the thread that one model is read in.
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { writeDurably } from '../../data/durableFile.ts';
import { HebbError, isNoSpace, noSpaceError } from '../../errors.ts';
import { answerPings } from '../../workerThread.ts';
import { importedWeightsFile, type ModelImportResult, type ModelImportTask } from './importer.ts';
import { readModel } from './readModel.ts';

answerPings(workerData);
const { parts, folder } = workerData as ModelImportTask;
parentPort!.postMessage(await run());

async function run(): Promise<ModelImportResult> {
  try {
    const { model, weights } = await readModel(parts);
    await writeDurably(join(folder, importedWeightsFile), weights);
    return { model };
  } catch (error) {
    // Anything else ends the thread, and reaches the importer with its stack.
    if (error instanceof HebbError) return { problem: error.toProblem() };
    if (isNoSpace(error)) return { problem: noSpaceError(error).toProblem() };
    throw error;
  }
}
