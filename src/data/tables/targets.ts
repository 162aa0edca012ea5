import type { TableOptions } from '../source.ts';
import type { Layout } from './layout.ts';
import type { Profile } from './profile.ts';
import type { RowSource } from './rows.ts';
import type { Targets } from './targetColumn.ts';

/**
 * The targets of a table: one column of classes or numbers, or several columns of numbers.
 * @param names of classes that are there already, for a table beside another one: its labels are among these
 * @throws HebbError('invalid-data') where a cell is not what the task takes
 */
export async function resolveTargets(
  source: RowSource,
  layout: Layout,
  profile: Profile,
  options: TableOptions,
  names?: string[],
): Promise<Targets> {
  const nameOf = (i: number) => layout.columns[layout.targets[i]!]!.name;
  const [single] = profile.targets;
  if (profile.targets.length === 1) return single!.resolve(source, nameOf(0), options, names);
  const width = profile.targets.length;
  let values = new Float32Array(0);
  for (const [i, column] of profile.targets.entries()) {
    const own = await column.resolve(source, nameOf(i), { ...options, task: 'regression' });
    if (i === 0) values = new Float32Array(own.values.length * width);
    for (let row = 0; row < own.values.length; row++) values[row * width + i] = own.values[row]!;
  }
  return { task: 'regression', targetShape: [width], classes: null, values, warnings: [] };
}
