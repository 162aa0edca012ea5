import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { HebbError } from '../errors.ts';
import type { ModelRecord, RegisteredModel } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import { isFinal } from '../training/states.ts';
import { createAliases } from './aliases.ts';
import { compareModels } from './compareModels.ts';
import { pageOf } from './lists.ts';
import { modelCard } from './modelCard.ts';
import { exportedModel, importedModel } from './modelFiles.ts';
import type { Paths } from './paths.ts';
import type { Model, ModelService } from './types.ts';

export interface Models extends ModelService {
  /** @throws HebbError('not-found'), or 'state-conflict' where a job of this id or name has no model yet */
  find(idOrName: string): RegisteredModel;
  /** The model of a name, or of an id or alias that is of this version. @throws HebbError('not-found') */
  ofVersion(reference: string, version: string): RegisteredModel;
  pathOf(model: ModelRecord): string;
}

export function createModels(store: Store, paths: Paths, onModelDeleted: (id: string) => void): Models {
  const pathOf = ({ id, weightsFile }: ModelRecord) => join(paths.models, id, weightsFile);
  const lookUp = (name: string) => {
    const id = store.models.resolve(name);
    return id === undefined ? undefined : store.models.get(id);
  };

  function find(idOrName: string): RegisteredModel {
    const model = lookUp(idOrName);
    if (model) return model;
    const job = store.jobs.get(idOrName) ?? store.jobs.byName(idOrName);
    if (job && !isFinal(job.state)) {
      throw new HebbError(
        'state-conflict',
        `the job "${job.name}" is ${job.state} and has no model yet: wait for it to be completed, or cancel it`,
      );
    }
    if (job) throw new HebbError('not-found', `the job "${job.name}" is ${job.state} and has no model`);
    if (idOrName === 'default') {
      throw new HebbError('not-found', 'there is no default model: no job has been completed yet');
    }
    throw new HebbError('not-found', `no model has the id, the alias or the name "${idOrName}"`);
  }

  function ofVersion(reference: string, version: string): RegisteredModel {
    const number = /^[1-9]\d{0,8}$/.test(version) ? Number(version) : 0;
    const found = lookUp(reference);
    if (found?.version === number) return found;
    const id = store.models.ofVersion(reference, number);
    if (id !== undefined) return store.models.get(id)!;
    const known = store.models.versionsOf(reference, 20);
    const isName = known.length > 0;
    if (!found) find(reference); // tells what is missing
    const has = isName
      ? `its versions: ${known.join(', ')}`
      : `"${reference}" is version ${found!.version} of "${found!.name}"`;
    throw new HebbError('not-found', `the model "${reference}" has no version "${version.slice(0, 60)}"; ${has}`);
  }

  return {
    find,
    ofVersion,
    pathOf,
    list: ({ name, ...query }) => pageOf(query, (page) => store.models.list({ ...page, name }), present),
    get: (id) => present(find(id)),
    async delete(id) {
      const model = find(id);
      const [alias] = store.models.aliasesOf(model.id);
      if (alias !== undefined) {
        throw new HebbError(
          'in-use',
          `the alias "${alias}" points at the model: remove it, or point it at another one first`,
        );
      }
      refuseWhileWanted(store, model.id);
      store.jobs.deleteModel(model.id);
      onModelDeleted(model.id);
      await rm(join(paths.models, model.id), { recursive: true, force: true });
    },
    describe(id, { notes, tags }) {
      const model = find(id);
      store.models.describe(model.id, { notes: notes ?? model.notes, tags: tags ?? model.tags });
      return present(find(model.id));
    },
    compare: async (a, b) => compareModels(store, pathOf, find(a), find(b)),
    card: (id) => modelCard(store, find(id)),
    ...createAliases(store, lookUp),
    async export(id, format) {
      const model = find(id);
      return exportedModel(model, pathOf(model), format, paths);
    },
    async uploadFolder() {
      const folder = join(paths.tmp, `model-${uuidv7()}`);
      await mkdir(folder, { recursive: true });
      return folder;
    },
    import: async (parts) => present(find((await importedModel(parts, store, paths)).id)),
  };
}

/** @throws HebbError('in-use') while a job that is not over starts from the model: a restart reads its weights again */
export function refuseWhileWanted(store: Store, id: string): void {
  const job = store.jobs.unfinishedFrom(id);
  if (job === undefined) return;
  throw new HebbError('in-use', `the job "${job}" starts from the model's weights: wait for its end, or cancel it`);
}

function present(record: RegisteredModel): Model {
  const { weightsFile: _, completed: __, ...model } = record;
  return model;
}
