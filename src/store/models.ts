import type { Task } from '../data/dataset.ts';
import type { Column } from '../data/tables/columns.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { Normalization } from '../nn/normalization.ts';
import type { MetricValues } from '../nn/progress.ts';
import type { LossName } from '../nn/trainingConfig.ts';
import type { Shape } from '../shape.ts';
import { aliasStore } from './aliases.ts';
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
  /** null: it came from outside. */
  job: string | null;
  dataset: string | null;
  normalization: Normalization;
  network: NetworkConfig & { input: number[] };
  metrics: MetricValues;
  test: MetricValues | null;
  step: number;
  /** That it was trained on; null: it came from outside. */
  isa: string | null;
  weightsHash: string;
  /** Name of the file in the model's folder. */
  weightsFile: string;
  /** False for what a cancelled job left, or came from outside: `default` does not follow it. */
  completed: boolean;
}

/** A model as it stands in the registry. */
export interface RegisteredModel extends ModelRecord {
  /** Its place among all models that ever had its name, from 1 on. */
  version: number;
  notes: string;
  tags: string[];
}

/** What stays of a model, even when it is deleted. */
export interface ModelVersion {
  model: string;
  name: string;
  version: number;
  /** Whether the model is there. */
  present: boolean;
}

interface Row {
  seq: number;
  id: string;
  name: string;
  created_at: string;
  completed: number;
  weights_file: string;
  info: string;
  version: number;
  notes: string;
  tags: string;
  job: string | null;
}

const toRecord = (row: Row): RegisteredModel => ({
  // Rows that were written before there were tables do not say that they are of none.
  columns: null,
  ...(JSON.parse(row.info) as Omit<
    ModelRecord,
    'id' | 'name' | 'job' | 'createdAt' | 'completed' | 'weightsFile' | 'columns'
  >),
  id: row.id,
  name: row.name,
  job: row.job,
  createdAt: row.created_at,
  completed: row.completed === 1,
  weightsFile: row.weights_file,
  version: row.version,
  notes: row.notes,
  tags: JSON.parse(row.tags),
});

const select =
  'SELECT models.*, registry.version, registry.notes, registry.tags FROM models JOIN registry ON registry.model = models.id';

export type ModelStore = ReturnType<typeof modelStore>;

export function modelStore(db: Database) {
  const insert = db.prepare(
    `INSERT INTO models (id, name, created_at, completed, weights_file, info, job)
     VALUES (:id, :name, :createdAt, :completed, :weightsFile, :info, :job)`,
  );
  const register = db.prepare(
    `INSERT OR IGNORE INTO registry (model, name, version)
     SELECT :id, :name, COALESCE(MAX(version), 0) + 1 FROM registry WHERE name = :name`,
  );
  const byId = db.prepare(`${select} WHERE models.id = ?`);
  const page = db.prepare(`${select} WHERE seq < ? ORDER BY seq DESC LIMIT ?`);
  const pageOfName = db.prepare(`${select} WHERE models.name = ? AND seq < ? ORDER BY seq DESC LIMIT ?`);
  const idOf = db.prepare('SELECT id FROM models WHERE id = ?');
  const newestCompleted = db.prepare('SELECT id FROM models WHERE completed = 1 ORDER BY seq DESC LIMIT 1');
  const idOfName = db.prepare('SELECT id FROM models WHERE name = ? ORDER BY seq DESC LIMIT 1');
  const idOfVersion = db.prepare(
    'SELECT models.id FROM registry JOIN models ON models.id = registry.model WHERE registry.name = ? AND version = ?',
  );
  const versionOf = db.prepare(
    `SELECT model, name, version, EXISTS (SELECT 1 FROM models WHERE id = model) AS present
     FROM registry WHERE model = ?`,
  );
  const versionsOf = db.prepare(
    `SELECT version FROM registry JOIN models ON models.id = registry.model
     WHERE registry.name = ? ORDER BY version DESC LIMIT ?`,
  );
  const newest = db.prepare(
    `SELECT model, registry.name, version, 1 AS present FROM models JOIN registry ON registry.model = models.id
     ORDER BY seq DESC LIMIT ?`,
  );
  const describe = db.prepare('UPDATE registry SET notes = :notes, tags = :tags WHERE model = :id');
  const files = db.prepare('SELECT id, weights_file AS weightsFile FROM models');
  const remove = db.prepare('DELETE FROM models WHERE id = ?');

  /** What names stood for when they were last asked for; emptied by every change. */
  const resolved = new Map<string, string | undefined>();
  const mostResolved = 10_000;

  const one = (row: Row | undefined) => row && toRecord(row);
  const toVersion = (row: ModelVersion): ModelVersion => ({ ...row, present: Boolean(row.present) });
  const aliases = aliasStore(db, () => resolved.clear());

  /** `NAME@VERSION` */
  function idOfNumbered(text: string): { id: string } | undefined {
    const [, name, version] = /^(.+)@([1-9]\d{0,8})$/s.exec(text) ?? [];
    return name === undefined ? undefined : first<{ id: string }>(idOfVersion, name, Number(version));
  }

  function lookUp(reference: string): string | undefined {
    if (first<{ id: string }>(idOf, reference)) return reference;
    const found =
      aliases.modelOfAlias(reference) ??
      (reference === 'default' ? first<{ id: string }>(newestCompleted)?.id : undefined);
    return found ?? (first<{ id: string }>(idOfName, reference) ?? idOfNumbered(reference))?.id;
  }

  return {
    ...aliases,
    /** Stores a model under the next version of its name. */
    insert({ id, name, createdAt, completed, weightsFile, job, ...info }: ModelRecord): void {
      resolved.clear();
      // First, so that no model is without one; a version that nobody bears does no harm.
      register.run({ id, name });
      insert.run({ id, name, createdAt, completed: completed ? 1 : 0, weightsFile, info: JSON.stringify(info), job });
    },
    get: (id: string) => one(first<Row>(byId, id)),
    /**
     * Id of the model that has this id, else the alias, else the name (the newest), else is NAME@VERSION; undefined where there
     * is none.
     */
    resolve(reference: string): string | undefined {
      if (resolved.has(reference)) return resolved.get(reference);
      if (resolved.size >= mostResolved) resolved.clear();
      const found = lookUp(reference);
      resolved.set(reference, found);
      return found;
    },
    /** The model of a name and version; undefined where there is none. */
    ofVersion: (name: string, version: number) => first<{ id: string }>(idOfVersion, name, version)?.id,
    /** Name and version of a model, deleted or not. */
    versionOf(id: string): ModelVersion | undefined {
      const row = first<ModelVersion>(versionOf, id);
      return row && toVersion(row);
    },
    /** The newest versions of a name whose models are there, the newest first. */
    versionsOf: (name: string, limit: number) =>
      (versionsOf.all(name, limit) as { version: number }[]).map(({ version }) => version),
    /** The newest models. */
    newestVersions: (limit: number) => (newest.all(limit) as ModelVersion[]).map(toVersion),
    list({ before, limit, name }: PageRequest & { name?: string }): Listed<RegisteredModel>[] {
      const rows = (name === undefined ? page.all(before, limit) : pageOfName.all(name, before, limit)) as Row[];
      return rows.map((row) => ({ seq: row.seq, record: toRecord(row) }));
    },
    files: () => files.all() as { id: string; weightsFile: string }[],
    /** What people say of a model. */
    describe(id: string, { notes, tags }: { notes: string; tags: string[] }): void {
      describe.run({ id, notes, tags: JSON.stringify(tags) });
    },
    /** Its version stays given; what was said of it goes. */
    delete(id: string): void {
      resolved.clear();
      remove.run(id);
      describe.run({ id, notes: '', tags: '[]' });
    },
    /** All aliases, `default` too where it follows the newest completed model. */
    aliases(): { alias: string; model: string }[] {
      const set = aliases.handmadeAliases();
      const newest = set.some(({ alias }) => alias === 'default') ? undefined : first<{ id: string }>(newestCompleted);
      return newest ? [{ alias: 'default', model: newest.id }, ...set] : set;
    },
  };
}
