import type { Task } from '../data/dataset.ts';
import type { Column } from '../data/tables/columns.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { Normalization } from '../nn/normalization.ts';
import type { MetricValues } from '../nn/progress.ts';
import type { LossName } from '../nn/trainingConfig.ts';
import type { Shape } from '../shape.ts';
import { type Database, first } from './database.ts';
import type { Listed, PageRequest } from './datasets.ts';

/** What of a model is known before its job has run. */
export interface ModelTraits {
  task: Task;
  loss: LossName | null;
  inputShape: Shape;
  inputType: 'uint8' | 'float32';
  outputShape: Shape;
  classes: string[] | null;
  columns: Column[] | null;
  parameters: number;
}

export interface ModelRecord extends ModelTraits {
  id: string;
  name: string;
  createdAt: string;
  job: string;
  dataset: string | null;
  normalization: Normalization;
  network: NetworkConfig & { input: number[] };
  metrics: MetricValues;
  test: MetricValues | null;
  step: number;
  isa: string;
  weightsHash: string;
  /** Name of the file in the model's folder. */
  weightsFile: string;
  /** False for what a cancelled job left. */
  completed: boolean;
}

interface Row {
  seq: number;
  id: string;
  name: string;
  created_at: string;
  completed: number;
  weights_file: string;
  info: string;
}

const toRecord = (row: Row): ModelRecord => ({
  // Rows that were written before there were tables do not say that they are of none.
  columns: null,
  ...(JSON.parse(row.info) as Omit<ModelRecord, 'id' | 'name' | 'createdAt' | 'completed' | 'weightsFile' | 'columns'>),
  id: row.id,
  name: row.name,
  createdAt: row.created_at,
  completed: row.completed === 1,
  weightsFile: row.weights_file,
});

export type ModelStore = ReturnType<typeof modelStore>;

export function modelStore(db: Database) {
  const insert = db.prepare(
    `INSERT INTO models (id, name, created_at, completed, weights_file, info)
     VALUES (:id, :name, :createdAt, :completed, :weightsFile, :info)`,
  );
  const byId = db.prepare('SELECT * FROM models WHERE id = ?');
  const page = db.prepare('SELECT * FROM models WHERE seq < ? ORDER BY seq DESC LIMIT ?');
  const idOf = db.prepare('SELECT id FROM models WHERE id = ?');
  const idOfAlias = db.prepare(
    'SELECT models.id FROM aliases JOIN models ON models.id = aliases.model WHERE alias = ?',
  );
  const newestCompleted = db.prepare('SELECT id FROM models WHERE completed = 1 ORDER BY seq DESC LIMIT 1');
  const idOfName = db.prepare('SELECT id FROM models WHERE name = ? ORDER BY seq DESC LIMIT 1');
  const files = db.prepare('SELECT id, weights_file AS weightsFile FROM models');
  const remove = db.prepare('DELETE FROM models WHERE id = ?');
  const setAlias = db.prepare(
    'INSERT INTO aliases (alias, model) VALUES (:alias, :model) ON CONFLICT (alias) DO UPDATE SET model = :model',
  );
  const removeAlias = db.prepare('DELETE FROM aliases WHERE alias = ?');
  const aliases = db.prepare('SELECT alias, model FROM aliases ORDER BY alias');
  const aliasesOf = db.prepare('SELECT alias FROM aliases WHERE model = ? ORDER BY alias');

  /** What names stood for when they were last asked for; emptied by every change. */
  const resolved = new Map<string, string | undefined>();
  const mostResolved = 10_000;

  const one = (row: Row | undefined) => row && toRecord(row);
  return {
    insert({ id, name, createdAt, completed, weightsFile, ...info }: ModelRecord): void {
      resolved.clear();
      insert.run({ id, name, createdAt, completed: completed ? 1 : 0, weightsFile, info: JSON.stringify(info) });
    },
    get: (id: string) => one(first<Row>(byId, id)),
    /** Id of the model that has this id, else the alias, else the name (the newest); undefined where there is none. */
    resolve(idOrName: string): string | undefined {
      if (resolved.has(idOrName)) return resolved.get(idOrName);
      if (resolved.size >= mostResolved) resolved.clear();
      const found =
        first<{ id: string }>(idOf, idOrName) ??
        first<{ id: string }>(idOfAlias, idOrName) ??
        (idOrName === 'default' ? first<{ id: string }>(newestCompleted) : undefined) ??
        first<{ id: string }>(idOfName, idOrName);
      resolved.set(idOrName, found?.id);
      return found?.id;
    },
    list({ before, limit }: PageRequest): Listed<ModelRecord>[] {
      return (page.all(before, limit) as Row[]).map((row) => ({ seq: row.seq, record: toRecord(row) }));
    },
    files: () => files.all() as { id: string; weightsFile: string }[],
    delete(id: string): void {
      resolved.clear();
      remove.run(id);
    },
    setAlias(alias: string, model: string): void {
      resolved.clear();
      setAlias.run({ alias, model });
    },
    /** @returns whether there was one that was set by hand */
    removeAlias(alias: string): boolean {
      resolved.clear();
      return removeAlias.run(alias).changes > 0;
    },
    /** All aliases, `default` too where it follows the newest completed model. */
    aliases(): { alias: string; model: string }[] {
      const set = aliases.all() as { alias: string; model: string }[];
      const newest = set.some(({ alias }) => alias === 'default') ? undefined : first<{ id: string }>(newestCompleted);
      return newest ? [{ alias: 'default', model: newest.id }, ...set] : set;
    },
    /** Aliases that were set by hand to this model. */
    aliasesOf: (id: string) => (aliasesOf.all(id) as { alias: string }[]).map((row) => row.alias),
  };
}
