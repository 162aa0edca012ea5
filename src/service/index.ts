import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { isas, selectIsa } from '../native.ts';
import { openStore, type Store } from '../store/store.ts';
import { historyFileOf } from '../training/history.ts';
import { JobQueue } from '../training/queue.ts';
import { TrainingProcesses } from '../training/runner.ts';
import { createDatasets } from './datasets.ts';
import { createJobs } from './jobs.ts';
import { createModels } from './models.ts';
import { type Paths, pathsOf } from './paths.ts';
import { createPredictions } from './predictions.ts';
import { presetService } from './presets.ts';
import { queueStore } from './queueStore.ts';
import type { Services } from './types.ts';

/**
 * Opens the data directory, tidies it, and goes on with the jobs that it finds.
 * @param options workerEntry: path of the training process's script; left out, Hebb's own
 * @throws Error where another server has the data directory, or a newer program wrote it
 */
export async function createServices(
  config: Config,
  logger: Logger,
  options: { workerEntry?: string } = {},
): Promise<Services> {
  const isa = selectIsa(config.isa);
  const store = openStore(config.dataDir);
  try {
    const paths = pathsOf(config.dataDir);
    await tidy(store, paths);
    const processes = new TrainingProcesses({ size: config.jobs, logger, entry: options.workerEntry });
    const queue = new JobQueue({
      store: queueStore(store),
      processes,
      jobs: config.jobs,
      threads: config.threads,
      isas: [isa, ...isas.filter((other) => other !== isa)],
      datasetsDirectory: paths.datasets,
      modelsDirectory: paths.models,
      logger,
    });
    const datasets = createDatasets(store, paths, config);
    const predictions = createPredictions({ isa, threads: config.threads });
    const models = createModels(store, paths, predictions.forget);
    const settings = { isa, threads: config.threads };
    const jobs = createJobs({
      store,
      queue,
      datasets,
      models,
      paths,
      settings,
      logger,
      onModelDeleted: predictions.forget,
    });
    let open = true;
    queue.start();
    jobs.forgetDeleted();
    return {
      datasets,
      jobs,
      presets: presetService,
      models,
      predictions: predictions.service(models),
      ready: () => open,
      async close() {
        if (!open) return;
        open = false;
        await Promise.all([queue.close(), jobs.close()]);
        predictions.close();
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Makes the folders, and removes what a service that was killed left half done: what has no row was never promised. */
async function tidy(store: Store, paths: Paths): Promise<void> {
  await rm(paths.tmp, { recursive: true, force: true });
  for (const path of Object.values(paths)) await mkdir(path, { recursive: true });
  await removeAllBut(paths.datasets, new Set(store.datasets.ids()));
  const weightsFiles = new Map(store.models.files().map(({ id, weightsFile }) => [id, weightsFile]));
  await removeAllBut(paths.models, new Set(weightsFiles.keys()));
  for (const name of await readdir(paths.models)) {
    const weightsFile = weightsFiles.get(name)!;
    await removeAllBut(join(paths.models, name), new Set([weightsFile, historyFileOf(weightsFile)]));
  }
}

async function removeAllBut(folder: string, kept: Set<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!kept.has(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
