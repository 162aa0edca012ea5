import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { isas, kernelVersion, selectIsa } from '../native.ts';
import { openStore } from '../store/store.ts';
import { JobQueue } from '../training/queue.ts';
import { TrainingProcesses } from '../training/runner.ts';
import { createDatasets } from './datasets.ts';
import { diskSpaceOf } from './diskSpace.ts';
import { createHousekeeping } from './housekeeping.ts';
import { createInsight } from './insight.ts';
import { createJobs } from './jobs.ts';
import { createModels } from './models.ts';
import { createOpenInference } from './openInference.ts';
import { pathsOf } from './paths.ts';
import { createPredictions } from './predictions.ts';
import { presetService } from './presets.ts';
import { queueStore } from './queueStore.ts';
import { createServedModels } from './servedModels.ts';
import { tidy } from './tidy.ts';
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
    await tidy(store, paths, logger);
    const processes = new TrainingProcesses({ size: config.jobs, logger, entry: options.workerEntry });
    const queue = new JobQueue({
      store: queueStore(store),
      processes,
      jobs: config.jobs,
      threads: config.threads,
      isas: [isa, ...isas.filter((other) => other !== isa)],
      kernelVersion,
      datasetsDirectory: paths.datasets,
      modelsDirectory: paths.models,
      shortOfSpace: diskSpaceOf(config.dataDir, config.minFreeBytes),
      logger,
    });
    const datasets = createDatasets(store, paths, config);
    const predictions = createPredictions({ ...config, isa });
    const forgetModel = (id: string) => {
      served.forget(id);
      predictions.forget(id);
    };
    const models = createModels(store, paths, forgetModel);
    const served = createServedModels(store, paths, models);
    const settings = { isa, threads: config.threads };
    const jobs = createJobs({
      store,
      queue,
      datasets,
      models,
      paths,
      settings,
      logger,
      onModelDeleted: forgetModel,
    });
    const housekeeping = createHousekeeping({
      store,
      jobs,
      datasets,
      keep: config,
      modelsDirectory: paths.models,
      logger,
    });
    let open = true;
    let stopped: Promise<void> | null = null;
    let closed = false;
    const stop = () => {
      open = false;
      stopped ??= Promise.all([queue.close(), jobs.close(), housekeeping.close()]).then(() => {});
      return stopped;
    };
    await queue.start();
    jobs.forgetDeleted();
    housekeeping.start();
    return {
      datasets,
      jobs,
      presets: presetService,
      models,
      predictions: predictions.service(served),
      openInference: createOpenInference(store, models, served, predictions),
      insight: createInsight({ store, paths, models: served, predictions, findDataset: datasets.find }),
      ready: () => open,
      stop,
      async close() {
        if (closed) return;
        closed = true;
        await stop();
        predictions.close();
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}
