// Models that go out as files, and come in as such.
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { syncPath } from '../data/durableFile.ts';
import { HebbError, isNoSpace, noSpaceError } from '../errors.ts';
import { describe } from '../models/description.ts';
import { exportModel } from '../models/exporters/exporter.ts';
import { importedWeightsFile, importModel, type ModelParts } from '../models/importers/importer.ts';
import type { ModelRecord } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import { memoryLimitBytes } from './jobRequest.ts';
import type { Paths } from './paths.ts';
import type { ExportedModel, ModelService } from './types.ts';

export { type ExportFormat, exportFormats, exportVersion } from '../models/exporters/exporter.ts';
export { mostModelBytes } from '../models/importers/importer.ts';
export { modelMetaSchema } from '../models/importers/traits.ts';

/** An open file stays whole, even if its name goes while it is on its way. */
async function opened(name: string, path: string): Promise<ExportedModel> {
  try {
    const file = await open(path);
    const { size } = await file.stat();
    return { name, content: file.createReadStream(), bytes: size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new HebbError('not-found', `the model "${name}" was deleted meanwhile`, undefined, { cause: error });
  }
}

/** @param weightsFile path of a model's safetensors file */
export async function exportedModel(
  model: ModelRecord,
  weightsFile: string,
  format: Parameters<ModelService['export']>[1],
  paths: Paths,
): Promise<ExportedModel> {
  if (format === 'safetensors') return opened(model.name, weightsFile);
  const target = join(paths.tmp, `export-${uuidv7()}`);
  try {
    await exportModel({ format, model: describe(model), weightsFile, target });
    return await opened(model.name, target);
  } finally {
    await rm(target, { force: true });
  }
}

/** A file is in memory several times while it is read: as it came, decoded, turned, and as what is written. */
const memoryPerByte = 6;

/** @throws HebbError('too-large') where reading the files would take more than half of the memory that there is */
async function checkMemory({ weights, file }: ModelParts): Promise<void> {
  const { size } = await stat((file ?? weights)!);
  const available = memoryLimitBytes() / 2;
  if (memoryPerByte * size <= available) return;
  throw new HebbError(
    'too-large',
    `the file of ${size} bytes takes about ${memoryPerByte * size} bytes of memory to be read, half of what there is are ${available}`,
  );
}

/**
 * Reads a model and stores it. Its folder is there before its row: what is left of one that was not finished goes at the next start.
 */
export async function importedModel(parts: ModelParts, store: Store, paths: Paths): Promise<ModelRecord> {
  await checkMemory(parts);
  const id = uuidv7();
  const folder = join(paths.models, id);
  try {
    await mkdir(folder);
    const { name, ...model } = await importModel(parts, folder);
    await syncPath(paths.models);
    const record: ModelRecord = {
      ...model,
      id,
      name: name ?? `model-${id.slice(-8)}`,
      createdAt: new Date().toISOString(),
      job: null,
      dataset: null,
      metrics: {},
      test: null,
      isa: null,
      weightsFile: importedWeightsFile,
      completed: false,
    };
    store.models.insert(record);
    return record;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw isNoSpace(error) ? noSpaceError(error) : error;
  }
}
