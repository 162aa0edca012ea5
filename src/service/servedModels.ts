import { join } from 'node:path';
import { HebbError } from '../errors.ts';
import type { PredictorSource } from '../models/predictor.ts';
import { knownNormalization } from '../nn/normalization.ts';
import { readSafetensorsInto } from '../nn/weights.ts';
import type { ModelTraits } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import { newestUsable } from '../training/checkpoint.ts';
import { isFinal } from '../training/states.ts';
import type { Models } from './models.ts';
import type { Paths } from './paths.ts';

/** What answers: a model, or the newest checkpoint of a job that is not over. */
export interface ServedModel extends ModelTraits, PredictorSource {
  id: string;
  name: string;
  /** Other weights under the same id have another version. */
  version: string;
  /** Bytes that reading the weights takes meanwhile. */
  readingBytes: number;
}

export interface ServedModels {
  /**
   * A model's id, alias or name (its newest bearer), else the id or the name of a job that is not over.
   * @throws HebbError('not-found'), or 'state-conflict' for a job without a checkpoint
   */
  find(idOrName: string): ServedModel;
  /**
   * Does something with what `find` finds; where that goes before its weights are read, and the name means another by then, with
   * that one. So a request by an alias never fails because the alias was replaced.
   */
  withCurrent<Result>(idOrName: string, use: (model: ServedModel) => Promise<Result>): Promise<Result>;
  /** Drops what is known of a model that was deleted. */
  forget(id: string): void;
}

/** Descriptions that are kept, so that a prediction does not read JSON from the database. */
const mostKept = 1000;

export function createServedModels(store: Store, paths: Paths, models: Models): ServedModels {
  /** By id; what is described does not change within a version. The oldest first. */
  const kept = new Map<string, ServedModel>();

  function keep(served: ServedModel): ServedModel {
    kept.delete(served.id);
    kept.set(served.id, served);
    if (kept.size > mostKept) kept.delete(kept.keys().next().value!);
    return served;
  }

  function ofModel(id: string): ServedModel {
    const known = kept.get(id);
    if (known?.version === 'model') return known;
    const model = models.find(id);
    return keep({
      ...model,
      version: 'model',
      readingBytes: 0,
      async readWeights(network) {
        try {
          await readSafetensorsInto(models.pathOf(model), network.weights());
        } catch (error) {
          // Deleted while it was read: find tells so.
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') models.find(id);
          throw error;
        }
        return model.step;
      },
    });
  }

  function ofJob(id: string): ServedModel {
    const [newest] = store.checkpoints.ofJob(id);
    const known = kept.get(id);
    if (newest && known?.version === newest.file) return known;
    const job = store.jobs.get(id)!;
    if (!newest) {
      throw new HebbError(
        'state-conflict',
        `the job "${job.name}" is ${job.state} and has no checkpoint yet to predict with: ask again in a moment`,
      );
    }
    return keep({
      ...job.traits,
      id,
      name: job.name,
      // Told before the first checkpoint.
      normalization: job.normalization ?? knownNormalization(job.training.normalization)!,
      network: job.network,
      version: newest.file,
      readingBytes: newest.bytes,
      async readWeights(network) {
        const files = store.checkpoints.ofJob(id).map(({ file }) => file);
        const { content } = await newestUsable(join(paths.models, id), files, network.resolved, job.training.optimizer);
        if (!content) throw new HebbError('state-conflict', `no checkpoint of the job "${job.name}" can be read now`);
        network.restoreWeights(content.snapshot.memory.subarray(0, network.resolved.parameterFloats));
        return content.snapshot.step;
      },
    });
  }

  function find(idOrName: string): ServedModel {
    const model = store.models.resolve(idOrName);
    if (model !== undefined) return ofModel(model);
    const job = store.jobs.stateOf(idOrName);
    if (job && !isFinal(job.state)) return ofJob(job.id);
    models.find(idOrName); // tells what is missing
    throw new HebbError('not-found', `no model has the id, the alias or the name "${idOrName}"`);
  }

  return {
    find,
    async withCurrent(idOrName, use) {
      for (let model = find(idOrName); ; ) {
        try {
          return await use(model);
        } catch (error) {
          if (!(error instanceof HebbError && ['not-found', 'state-conflict'].includes(error.code))) throw error;
          const now = find(idOrName);
          if (now.id === model.id && now.version === model.version) throw error;
          model = now;
        }
      }
    },
    forget: (id) => kept.delete(id),
  };
}
