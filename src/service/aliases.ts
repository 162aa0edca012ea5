import { HebbError } from '../errors.ts';
import { type AliasChange, type AliasRecord, mostChanges } from '../store/aliases.ts';
import type { RegisteredModel } from '../store/models.ts';
import type { Store } from '../store/store.ts';
import { pageOf } from './lists.ts';
import type { Alias, AliasEvent, ModelService } from './types.ts';

type AliasService = Pick<
  ModelService,
  'setAlias' | 'removeAlias' | 'aliases' | 'alias' | 'aliasHistory' | 'rollBackAlias'
>;

/**
 * Names that are pointed at models by hand, and where they pointed before.
 * @param lookUp the model of an id, an alias or a name
 */
export function createAliases(store: Store, lookUp: (reference: string) => RegisteredModel | undefined): AliasService {
  const { models } = store;
  const handmade = (alias: string) => models.modelOfAlias(alias) !== undefined;

  function present({ alias, model }: AliasRecord): Alias {
    const { name, version } = models.versionOf(model)!;
    return { alias, model, name, version, since: models.aliasSince(alias) };
  }

  function presentChange({ action, model, time }: AliasChange): AliasEvent {
    const { name, version, present } = models.versionOf(model)!;
    return { action, model, name, version, exists: present, time };
  }

  function changesOf(alias: string): AliasChange[] {
    const newestFirst = models.aliasHistory(alias, { before: Number.MAX_SAFE_INTEGER, limit: mostChanges });
    return newestFirst.map(({ record }) => record).reverse();
  }

  function unknown(alias: string): HebbError {
    return new HebbError('not-found', `there is no alias "${alias}"`);
  }

  return {
    setAlias(alias, reference) {
      const model = lookUp(reference);
      if (!model) {
        const message = `no model has the id, the alias or the name "${reference}"`;
        throw new HebbError('unknown-model', message, [{ pointer: '/model', message, received: reference }]);
      }
      // An id goes before an alias, so this one would never be asked.
      if (models.get(alias)) throw new HebbError('in-use', `"${alias}" is the id of a model and cannot be an alias`);
      models.setAlias(alias, model.id);
      return present({ alias, model: model.id });
    },
    removeAlias(alias) {
      if (!models.removeAlias(alias)) throw new HebbError('not-found', `no alias "${alias}" was set by hand`);
    },
    aliases: () => models.aliases().map(present),
    alias(alias) {
      const model =
        models.modelOfAlias(alias) ?? models.aliases().find((candidate) => candidate.alias === alias)?.model;
      if (model === undefined) throw unknown(alias);
      return present({ alias, model });
    },
    aliasHistory(alias, query) {
      const page = pageOf(query, (page) => models.aliasHistory(alias, page), presentChange);
      if (page.items.length === 0 && query.cursor === undefined && alias !== 'default') throw unknown(alias);
      return page;
    },
    rollBackAlias(alias) {
      const changes = changesOf(alias);
      if (changes.length === 0 && alias !== 'default') throw unknown(alias);
      const from = models.modelOfAlias(alias) ?? null;
      const before = earlierModels(changes, handmade(alias)).map((model) => models.versionOf(model)!);
      const target = before.find(({ present }) => present);
      const gone = target ? before.slice(0, before.indexOf(target)) : before;
      const listed = gone.map(({ name, version }) => `"${name}" version ${version}`).join(', ');
      if (!target) {
        const why =
          gone.length > 0 ? `those that it pointed at before are deleted: ${listed}` : 'it never pointed at another';
        const hint = alias === 'default' ? '; without being set by hand it follows the newest completed job' : '';
        throw new HebbError('state-conflict', `"${alias}" cannot be rolled back: ${why}${hint}`);
      }
      models.setAlias(alias, target.model, 'rollback');
      const skipped = gone.map(({ model, name, version }) => ({ model, name, version }));
      const passed = gone.length > 0 ? `; passed over, for they are deleted: ${listed}` : '';
      const message = `"${alias}" points at "${target.name}" version ${target.version} again${passed}`;
      return { ...present({ alias, model: target.model }), from, skipped, message };
    },
  };
}

/**
 * Models that an alias pointed at before, the newest first. A roll-back takes back what came after its model, so that the
 * next one goes further.
 * @param changes in their order
 * @param isSet whether it points at one by hand now, which is then left out
 */
export function earlierModels(changes: Pick<AliasChange, 'action' | 'model'>[], isSet: boolean): string[] {
  let stack: string[] = [];
  for (const { action, model } of changes) {
    if (action === 'rollback') stack = stack.slice(0, Math.max(0, stack.lastIndexOf(model)));
    if (action !== 'remove' && stack.at(-1) !== model) stack.push(model);
  }
  if (isSet) stack.pop();
  return stack.reverse();
}
