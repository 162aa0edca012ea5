// One measurement, in the form that every peer prints: one JSON object a line.
import { readFileSync } from 'node:fs';
import { median } from './measure.ts';

export interface OpRow {
  peer: string;
  op: 'gemm' | 'conv2d';
  shape: string;
  pass: 'forward' | 'backward-input' | 'backward-weight';
  threads: number;
  /** Of the direct algorithm's multiplications and additions, whatever algorithm runs. */
  gflops: number;
  us: number;
}

export interface WorkloadRow {
  peer: string;
  workload: string;
  threads: number;
  batch: number;
  mode: 'train' | 'predict-1';
  samples_per_s?: number;
  us?: number;
  /** Why there is no number. */
  error?: string;
}

export type Row = OpRow | WorkloadRow;

/** What more of is better: GFLOP/s, samples a second or predictions a second. */
export function speedOf(row: Row): number {
  if ('op' in row) return row.gflops;
  return row.samples_per_s ?? 1e6 / row.us!;
}

/** The first of some rows of the same thing, with the medians of all in the place of its numbers. */
export function medianRow<R extends Row>(rows: R[]): R {
  const number = (key: 'gflops' | 'us' | 'samples_per_s') => {
    const values = rows.map((row) => (row as Partial<Record<typeof key, number>>)[key]);
    return values[0] === undefined ? {} : { [key]: median(values as number[]) };
  };
  return { ...rows[0]!, ...number('gflops'), ...number('samples_per_s'), ...number('us') };
}

export const hebbVersion: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version;
