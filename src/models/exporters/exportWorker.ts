// The entry of the thread that one model is exported in.
import { readFile, writeFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { HebbError, isNoSpace, noSpaceError } from '../../errors.ts';
import { decodeSafetensors } from '../../nn/weights.ts';
import type { ExportResult, ExportTask } from './exporter.ts';
import { exportJson } from './json.ts';
import { exportOnnx } from './onnx.ts';
import { exportTypeScript } from './typescript.ts';

const exporters = { onnx: exportOnnx, json: exportJson, ts: exportTypeScript };

parentPort!.postMessage(await run(workerData as ExportTask));

async function run({ format, model, weightsFile, target }: ExportTask): Promise<ExportResult> {
  try {
    const tensors = decodeSafetensors(await readFile(weightsFile));
    await writeFile(target, exporters[format](model, tensors));
    return { done: true };
  } catch (error) {
    if (error instanceof HebbError) return { problem: error.toProblem() };
    if (isNoSpace(error)) return { problem: noSpaceError(error).toProblem() };
    const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (gone) return { problem: new HebbError('not-found', 'the model was deleted meanwhile').toProblem() };
    throw error;
  }
}
