import type { DatasetReport, ValuesReport } from '../data/report/types.ts';
import { HebbError } from '../errors.ts';
import type { Dataset, DatasetHistogram } from './types.ts';

/** What was found when the dataset was read, and what the report finds, each once. */
export function allWarnings({ warnings }: Dataset, report: DatasetReport): DatasetReport['warnings'] {
  const known = new Set(warnings.map(({ message }) => message));
  return [...warnings, ...report.warnings.filter(({ message }) => !known.has(message))];
}

/** @throws HebbError('invalid-request') where the dataset has no such class */
export function classIndexOf({ classes }: Dataset, name: string): number {
  const index = classes?.indexOf(name) ?? -1;
  if (index >= 0) return index;
  const known = classes
    ? `classes: ${classes.slice(0, 20).join(', ')}${classes.length > 20 ? ', …' : ''}`
    : 'it has none';
  throw new HebbError('invalid-request', `/class: the dataset has no class "${name}"; ${known}`, [
    { pointer: '/class', message: `no class "${name}"; ${known}`, received: name },
  ]);
}

/**
 * The values of one feature or channel, by its name or else by its place; left out: the first feature, or all channels.
 * @throws HebbError('not-found') where there is none
 */
export function histogramOf(
  dataset: string,
  { inputs, targets }: DatasetReport,
  feature: string | undefined,
): DatasetHistogram {
  const known = [...inputs.items, ...(targets ?? [])];
  if (feature === undefined) {
    const all = inputs.kind === 'channel' ? inputs.items : inputs.items.slice(0, 1);
    return { dataset, kind: inputs.kind, items: all };
  }
  const place = /^\d+$/.test(feature) ? inputs.items[Number(feature)] : undefined;
  const item: ValuesReport | undefined = known.find(({ name }) => name === feature) ?? place;
  if (item) return { dataset, kind: inputs.kind, items: [item] };
  const names = known.slice(0, 20).map(({ name }) => name);
  const more = known.length > names.length ? ', …' : '';
  const described =
    inputs.count > inputs.items.length ? `; the first ${inputs.items.length} features are described` : '';
  throw new HebbError(
    'not-found',
    `there is no feature "${feature}"; expected one of ${names.join(', ')}${more}, or its place from 0 on${described}`,
  );
}
