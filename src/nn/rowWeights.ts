import { HebbError } from '../errors.ts';
import { Memory, type Source } from '../native.ts';

export interface RowWeights {
  /** Class of each row. */
  classes?: Int32Array;
  /** Names of the classes, in index order. */
  names: readonly string[];
  /** By class name; a class without one weighs 1. */
  classWeights?: Record<string, number>;
  /** Of each row by itself. */
  sampleWeights?: ArrayLike<number>;
}

/**
 * How much each row counts in the loss of training, which is Σ weight · loss / rows, as in Keras: weights do not only shift the
 * balance, twice as large ones make steps twice as large.
 * @returns undefined where all count the same
 * @throws HebbError('invalid-data') for sample weights that are too few or too many, negative or not finite
 */
export function rowWeights(
  rows: number,
  { classes, names, classWeights, sampleWeights }: RowWeights,
): Source | undefined {
  if (sampleWeights) {
    if (sampleWeights.length !== rows) {
      throw new HebbError('invalid-data', `${rows} rows need ${rows} sample weights, got ${sampleWeights.length}`);
    }
    const bad = Array.prototype.findIndex.call(
      sampleWeights,
      (w: number) => !(w >= 0 && Number.isFinite(Math.fround(w))),
    );
    if (bad >= 0) {
      const message = `sampleWeights[${bad}] must be a finite number from 0, got ${sampleWeights[bad]}`;
      throw new HebbError('invalid-data', message);
    }
  }
  const byClass = classes && classWeights && names.map((name) => classWeights[name] ?? 1);
  if (!byClass && !sampleWeights) return undefined;
  const memory = new Memory(rows);
  const weights = memory.floats;
  for (let r = 0; r < rows; r++) weights[r] = (byClass ? byClass[classes[r]!]! : 1) * (sampleWeights?.[r] ?? 1);
  return { memory, offset: 0, type: 'float32', rows, elements: 1 };
}
