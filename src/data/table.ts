import type { Shape } from '../shape.ts';
import type { Task } from './dataset.ts';
import type { SplitKeys } from './split.ts';
import type { StoredRows } from './storeWriter.ts';
import type { Column } from './tables/columns.ts';

/** Most samples of a dataset: targets and the assignment to splits are held in memory while it is read. */
export const maxRows = 50_000_000;
/** Most elements of one sample. */
export const maxRowElements = 2 ** 24;

/** What a reader makes of a source: everything in memory but the inputs, which flow. */
export interface Table {
  task: Task;
  /** Shape of one sample, rank 1 to 4. */
  inputShape: Shape;
  inputType: 'uint8' | 'float32';
  /** [] for a class index. */
  targetShape: Shape;
  /** Class names in index order; null for a regression. */
  classes: string[] | null;
  /** Names of the inputs where the source has them; those of the request go before. */
  features?: string[];
  /** Of a table with columns: how they became inputs. Fills that are learnt stand there once `learn` is done. */
  columns?: Column[];
  /** What the reader found that is allowed, but most likely not meant. */
  warnings?: TableWarning[];
  /**
   * Learns what is learnt from the data, before the inputs are asked for.
   * @param isTraining whether a row of `train` is one to train on
   */
  learn?(isTraining: (row: number) => boolean): Promise<void>;
  train: Part;
  /** Where the source has validation samples of its own. */
  validation?: Part;
  /** Where the source has test samples of its own. */
  test?: Part;
}

export type TableWarning = { code: string; message: string };

/** Samples in the order of the source. */
export interface Part {
  rows: number;
  /** (rows) class indices, or (rows, elements per target) values. */
  targets: Int32Array | Float32Array;
  /** Where the first rows stand in a store already, as they are. */
  stored?: StoredRows;
  /** Of a table with a column that decides the splits: its values, one for each row. */
  keys?: SplitKeys;
  /** The inputs once more from the start: chunks of whole rows, row-major, channels last, little-endian. */
  inputs(): AsyncIterable<Uint8Array>;
}

/** Bytes of a typed array, little-endian as on every machine that Node runs on. */
export function bytesOf(array: Int32Array | Float32Array | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
