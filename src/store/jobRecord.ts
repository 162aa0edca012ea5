import type { Problem } from '../errors.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { Normalization } from '../nn/normalization.ts';
import type { Best, MetricValues, Progress } from '../nn/progress.ts';
import type { RangeTest } from '../nn/rangeTest.ts';
import type { TrainingConfig } from '../nn/trainingConfig.ts';
import type { RateChange } from '../nn/trainingState.ts';
import type { Warning } from '../nn/warnings.ts';
import type { InitialWeights, PauseReason } from '../training/queueStore.ts';
import type { JobState } from '../training/states.ts';
import type { ModelTraits } from './models.ts';

/** What a job was asked to do: never changes. */
export interface JobOrder {
  id: string;
  name: string;
  priority: number;
  dataset: string | null;
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  initialWeights: InitialWeights | null;
  /** The job and the step of its checkpoint that this one goes on from. */
  fork: { job: string; step: number } | null;
  /** Of the model that it will be. */
  traits: ModelTraits;
  /** What the plan said of it. */
  warnings: Warning[];
  createdAt: string;
}

/** How a job stands. */
export interface JobStatus {
  state: JobState;
  startedAt: string | null;
  finishedAt: string | null;
  progress: Progress;
  metrics: MetricValues;
  best: Best | null;
  test: MetricValues | null;
  error: Problem | null;
  /** Why it is paused; null where it is not. */
  pause: PauseReason | null;
  restarts: number;
  isa: string | null;
  kernelVersion: string | null;
  weightsHash: string | null;
  model: string | null;
  rangeTest: RangeTest | null;
  /** Where it was to be worked out on the training samples. */
  normalization: Normalization | null;
  /** Learning rates that were set by hand, in order of their steps. */
  rateChanges: RateChange[];
  /** Number of the newest attempt, from 0 on; -1 before the first. */
  attempt: number;
  /** How often its training process died since the checkpoint of `deathStep`; stops of the service do not count. */
  deaths: number;
  deathStep: number;
}

export type JobRecord = JobOrder & JobStatus;

/** The column of a property, and whether it holds JSON. */
interface Column {
  name: string;
  json?: boolean;
}

const orderColumns: Record<keyof JobOrder, Column> = {
  id: { name: 'id' },
  name: { name: 'name' },
  priority: { name: 'priority' },
  dataset: { name: 'dataset' },
  network: { name: 'network', json: true },
  training: { name: 'training', json: true },
  initialWeights: { name: 'initial_weights', json: true },
  fork: { name: 'fork', json: true },
  traits: { name: 'traits', json: true },
  warnings: { name: 'warnings', json: true },
  createdAt: { name: 'created_at' },
};

const statusColumns: Record<keyof JobStatus, Column> = {
  state: { name: 'state' },
  startedAt: { name: 'started_at' },
  finishedAt: { name: 'finished_at' },
  progress: { name: 'progress', json: true },
  metrics: { name: 'metrics', json: true },
  best: { name: 'best', json: true },
  test: { name: 'test', json: true },
  error: { name: 'error', json: true },
  pause: { name: 'pause', json: true },
  restarts: { name: 'restarts' },
  isa: { name: 'isa' },
  kernelVersion: { name: 'kernel_version' },
  weightsHash: { name: 'weights_hash' },
  model: { name: 'model' },
  rangeTest: { name: 'range_test', json: true },
  normalization: { name: 'normalization', json: true },
  rateChanges: { name: 'rate_changes', json: true },
  attempt: { name: 'attempt' },
  deaths: { name: 'deaths' },
  deathStep: { name: 'death_step' },
};

const jobColumns: Record<keyof JobRecord, Column> = { ...orderColumns, ...statusColumns };

export type Row = Record<string, unknown>;

function read<T>(columns: Record<string, Column>, row: Row): T {
  const entries = Object.entries(columns).map(([key, { name, json }]) => {
    const value = row[name];
    return [key, json && value !== null ? JSON.parse(value as string) : value];
  });
  return Object.fromEntries(entries) as T;
}

function write(columns: Record<string, Column>, record: object): Row {
  const given = Object.entries(record).filter(([key, value]) => columns[key] && value !== undefined);
  return Object.fromEntries(
    given.map(([key, value]) => [key, columns[key]!.json && value !== null ? JSON.stringify(value) : value]),
  );
}

export const toRecord = (row: Row): JobRecord => read(jobColumns, row);
export const toStatus = (row: Row): JobStatus => read(statusColumns, row);
/** Parameters of the statements below, named as the properties. */
export const parametersOf = (record: Partial<JobRecord>): Row => write(jobColumns, record);

/** The status within a record. */
export function statusOf(record: JobRecord): JobStatus {
  return Object.fromEntries(Object.keys(statusColumns).map((key) => [key, record[key as keyof JobStatus]])) as never;
}

const names = (columns: Record<string, Column>) => Object.values(columns).map(({ name }) => name);

export const insertJobSql = `INSERT INTO jobs (${names(jobColumns).join(', ')})
  VALUES (${Object.keys(jobColumns)
    .map((key) => `:${key}`)
    .join(', ')})`;
export const selectStatusSql = `SELECT ${names(statusColumns).join(', ')} FROM jobs WHERE id = ?`;
export const updateStatusSql = `UPDATE jobs SET ${Object.entries(statusColumns)
  .map(([key, { name }]) => `${name} = :${key}`)
  .join(', ')} WHERE id = :id`;
