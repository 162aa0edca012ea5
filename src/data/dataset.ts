import type { Shape } from '../shape.ts';
import type { Column } from './tables/columns.ts';

export type Task = 'classification' | 'regression';
export type SplitName = 'train' | 'validation' | 'test';
export const splitNames: readonly SplitName[] = ['train', 'validation', 'test'];

const splitsByName = new Map<string, SplitName>([
  ['train', 'train'],
  ['training', 'train'],
  ['validation', 'validation'],
  ['valid', 'validation'],
  ['val', 'validation'],
  ['test', 'test'],
  ['testing', 'test'],
]);

/** The split that a folder or a cell is named after, in any case of letters. */
export function splitOf(name: string): SplitName | undefined {
  return splitsByName.get(name.toLowerCase());
}

/** Range and moments of all input elements of the training split. */
export interface Statistics {
  min: number;
  max: number;
  mean: number;
  standardDeviation: number;
  /** Samples of the training split per class, in the order of `classes`; null for a regression. */
  classCounts: number[] | null;
}

/** What is known of a dataset once it stands in the binary store. Names and ids are the database's matter. */
export interface DatasetInfo {
  task: Task;
  /** Shape of one sample. */
  inputShape: Shape;
  inputType: 'uint8' | 'float32';
  /** Shape of one target: [] for a class index, otherwise that of a row of float32. */
  targetShape: Shape;
  /** Class names in index order; null for a regression. */
  classes: string[] | null;
  features: string[] | null;
  /** How the columns of a table became inputs; null for what is no table. */
  columns: Column[] | null;
  samples: Record<SplitName, number>;
  statistics: Statistics;
  warnings: { code: string; message: string }[];
  /** Bytes of the store's files. */
  bytes: number;
  /** SHA-256 in hex over shapes, types and data, not names. */
  sha256: string;
}
