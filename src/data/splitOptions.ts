import { type Fault, HebbError } from '../errors.ts';
import type { SplitOptions } from './splitSchema.ts';

const deciding = ['column', 'time', 'group'] as const;
type Deciding = (typeof deciding)[number];
/** What says nothing beside a column that decides. */
const idle: Record<Deciding, readonly (keyof SplitOptions)[]> = {
  column: ['validation', 'test', 'seed', 'stratify'],
  time: ['seed', 'stratify'],
  group: ['stratify'],
};

/** The column that decides the splits, where there is one. */
export function decidingColumn(split: SplitOptions | undefined): { by: Deciding; name: string } | undefined {
  const by = deciding.find((key) => split?.[key] !== undefined);
  return by && { by, name: split![by]! };
}

/** @throws HebbError('invalid-request') for fractions that leave nothing, and for options that say nothing together */
export function checkSplit(split: SplitOptions = {}): void {
  const faults: Fault[] = [];
  const sum = (split.validation ?? 0) + (split.test ?? 0);
  if (sum >= 1) {
    const message = `validation and test must leave something to train on: together below 1, got ${sum}`;
    faults.push({ pointer: '/split', message, expected: '< 1', received: sum });
  }
  const decides = decidingColumn(split);
  const others = deciding.filter((key) => key !== decides?.by && split[key] !== undefined);
  for (const key of others) {
    const message = `one column decides the splits: "${decides!.by}" or "${key}", not both`;
    faults.push({ pointer: `/split/${key}`, message, received: split[key] });
  }
  for (const key of decides ? idle[decides.by] : []) {
    if (split[key] === undefined) continue;
    const message = `"${key}" says nothing where the column "${decides!.name}" decides (${decides!.by})`;
    faults.push({ pointer: `/split/${key}`, message, received: split[key] });
  }
  if (decides && decides.by !== 'column' && sum === 0) {
    const message = `"validation" or "test" is expected beside "${decides.by}": the share of the samples that is split off`;
    faults.push({ pointer: '/split', message, expected: ['validation', 'test'] });
  }
  if (faults.length === 0) return;
  const text = faults.map(({ pointer, message }) => `${pointer}: ${message}`).join('; ');
  throw new HebbError('invalid-request', text, faults);
}

/** What a request says of columns that decide, where the data have none. */
export function splitColumnFaults(split: SplitOptions | undefined, what: string): Fault[] {
  const decides = decidingColumn(split);
  if (!decides) return [];
  const message = `"${decides.by}" names a column of a table; ${what} have none`;
  return [{ pointer: `/split/${decides.by}`, message, received: decides.name }];
}
