import { HebbError } from '../errors.ts';
import { didYouMean } from '../words.ts';

/** Most classes of a dataset. */
export const maxClasses = 65_536;

const integerName = /^(0|-?[1-9]\d*)$/;

/** Class names in their order: as integers if all are, else by code point. */
export function sortClasses(names: Iterable<string>): string[] {
  const list = [...names];
  if (list.every((name) => integerName.test(name))) {
    return list.sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  }
  // Not the default order, which is that of UTF-16 code units.
  return list.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

const fewClasses = 20;

/** Whether so many classes are most likely a mistake: names or amounts that were taken for classes. */
export function unlikeClasses(classes: number, samples: number): boolean {
  return classes > fewClasses && 2 * classes > samples;
}

/** A label without a class: its place in the list that it came from. */
export type UnknownLabel = { list: number; index: number; label: string | number; expected: string };

/**
 * Class names, and the labels of each list as indices into them. Without `given`, the classes are the union of all
 * labels, sorted. With it, its order stands; a text label is a name, and an integer is an index, unless all of the
 * given names are integers: then it is a name too.
 *
 * @param fault makes the error for a label that is none of the given classes
 * @throws HebbError('invalid-data') for more than `maxClasses`
 */
export function resolveClasses(
  lists: readonly ArrayLike<string | number>[],
  given: string[] | undefined,
  fault: (unknown: UnknownLabel) => HebbError,
): { classes: string[]; indices: Int32Array[] } {
  const classes = given ?? sortClasses(distinctNames(lists));
  const indexOf = new Map<string | number, number>(classes.map((name, index) => [name, index]));
  const byIndex = given !== undefined && !given.every((name) => integerName.test(name));
  for (const [index, name] of classes.entries()) {
    // Integer labels are looked up as numbers: no text is made for each of millions.
    if (byIndex) indexOf.set(index, index);
    else if (integerName.test(name)) indexOf.set(Number(name), index);
  }
  const indices = lists.map((labels, list) => {
    const result = new Int32Array(labels.length);
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]!;
      const index = indexOf.get(label);
      if (index === undefined) throw fault({ list, index: i, label, expected: describe(classes, byIndex, label) });
      result[i] = index;
    }
    return result;
  });
  return { classes, indices };
}

function distinctNames(lists: readonly ArrayLike<string | number>[]): Set<string> {
  const labels = new Set<string | number>();
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) {
      labels.add(list[i]!);
      if (labels.size > maxClasses) {
        throw new HebbError(
          'invalid-data',
          `the targets have more than ${maxClasses} different values: more than a classification takes; for numbers, say "task": "regression"`,
        );
      }
    }
  }
  return new Set([...labels].map(String));
}

function describe(classes: string[], byIndex: boolean, label: string | number): string {
  if (byIndex && typeof label === 'number') return `a class index from 0 to ${classes.length - 1}`;
  const listed = classes.slice(0, 20).join(', ') + (classes.length > 20 ? ', …' : '');
  return `one of the classes ${listed}${typeof label === 'string' ? didYouMean(label, classes) : ''}`;
}
