import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';

const folder = new URL('../fixtures/torch/', import.meta.url);

/** The fixtures of a kind, by the name of their file. */
export function fixtures<Case>(kind: string): [name: string, cases: Case[]][] {
  const files = readdirSync(new URL(`${kind}/`, folder)).sort();
  return files.map((file) => [
    file.replace('.json', ''),
    JSON.parse(readFileSync(new URL(`${kind}/${file}`, folder), 'utf8')),
  ]);
}

/** Compares a tensor; the error is relative to the largest magnitude in it. */
export function expectClose(actual: ArrayLike<number>, expected: number[], what: string, tolerance: number): void {
  expect(actual.length, what).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs)) || 1;
  const error = expected.reduce((most, e, i) => Math.max(most, Math.abs(actual[i]! - e)), 0) / scale;
  expect(error, what).toBeLessThan(tolerance);
}
