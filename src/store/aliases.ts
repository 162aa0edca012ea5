import { type Database, first } from './database.ts';
import type { Listed, PageRequest } from './datasets.ts';

export interface AliasRecord {
  alias: string;
  /** Id of the model. */
  model: string;
}

/** Something that happened to an alias. */
export interface AliasChange {
  action: 'set' | 'rollback' | 'remove';
  /** Id of the model that it points at from then on; of a removal the one that it pointed at. */
  model: string;
  /** null: before times were kept. */
  time: string | null;
}

/** An alias keeps so many of its newest changes. */
export const mostChanges = 1000;

/**
 * Aliases as they were set by hand, and what happened to them.
 * @param onChange called with every change
 */
export function aliasStore(db: Database, onChange: () => void) {
  const set = db.prepare(
    'INSERT INTO aliases (alias, model) VALUES (:alias, :model) ON CONFLICT (alias) DO UPDATE SET model = :model',
  );
  const remove = db.prepare('DELETE FROM aliases WHERE alias = ?');
  const get = db.prepare('SELECT model FROM aliases WHERE alias = ?');
  const all = db.prepare('SELECT alias, model FROM aliases ORDER BY alias');
  const ofModel = db.prepare('SELECT alias FROM aliases WHERE model = ? ORDER BY alias');
  const note = db.prepare('INSERT INTO alias_history (alias, action, model, time) VALUES (?, ?, ?, ?)');
  const forgetOld = db.prepare(
    `DELETE FROM alias_history WHERE alias = :alias AND seq <= (
       SELECT seq FROM alias_history WHERE alias = :alias ORDER BY seq DESC LIMIT 1 OFFSET ${mostChanges})`,
  );
  const history = db.prepare(
    'SELECT seq, action, model, time FROM alias_history WHERE alias = ? AND seq < ? ORDER BY seq DESC LIMIT ?',
  );

  const noted = (alias: string, action: AliasChange['action'], model: string) => {
    onChange();
    note.run(alias, action, model, new Date().toISOString());
    forgetOld.run({ alias });
  };
  const modelOf = (alias: string) => first<{ model: string }>(get, alias)?.model;
  return {
    /** Points an alias at a model; that it points there already is no change. */
    setAlias(alias: string, model: string, action: 'set' | 'rollback' = 'set'): void {
      db.transaction(() => {
        if (modelOf(alias) === model) return;
        set.run({ alias, model });
        noted(alias, action, model);
      }).immediate();
    },
    /** @returns whether there was one that was set by hand */
    removeAlias(alias: string): boolean {
      return db
        .transaction(() => {
          const model = modelOf(alias);
          if (model === undefined) return false;
          remove.run(alias);
          noted(alias, 'remove', model);
          return true;
        })
        .immediate();
    },
    /** Id of the model that an alias was set to by hand. */
    modelOfAlias: modelOf,
    /** When an alias came to point where it does; null: before times were kept, or it is not set by hand. */
    aliasSince(alias: string): string | null {
      const newest = first<AliasChange>(history, alias, Number.MAX_SAFE_INTEGER, 1);
      return newest && newest.action !== 'remove' ? newest.time : null;
    },
    handmadeAliases: () => all.all() as AliasRecord[],
    /** Aliases that were set by hand to this model. */
    aliasesOf: (id: string) => (ofModel.all(id) as { alias: string }[]).map((row) => row.alias),
    /** The newest first. */
    aliasHistory(alias: string, { before, limit }: PageRequest): Listed<AliasChange>[] {
      const rows = history.all(alias, before, limit) as (AliasChange & { seq: number })[];
      return rows.map(({ seq, action, model, time }) => ({ seq, record: { action, model, time } }));
    },
  };
}
