import { type Fault, HebbError } from '../../errors.ts';
import { elementCount, formatShape, type Shape } from '../../shape.ts';
import { brief } from '../../words.ts';
import { resolveClasses } from '../classes.ts';
import type { JsonSource } from '../source.ts';
import { bytesOf, type Table } from '../table.ts';

/** Faults told at once: one ragged file can have as many as elements. */
const maxFaults = 20;
const maxRank = 4;

/**
 * Inline data: `inputs`, an array of samples, each a number or nested arrays of one shape, stored as float32; and
 * `targets`, one for each. Text and booleans are classes; numbers are a regression, or classes with
 * `task: "classification"`.
 *
 * @throws HebbError('invalid-data') with a JSON pointer for each of the first faults
 */
export function readJson(source: JsonSource): Table {
  const faults: Fault[] = [];
  const inputs = flatten(source.inputs, '/inputs', faults);
  const task = source.task ?? (isLabel(source.targets[0]) ? 'classification' : 'regression');
  const targets = task === 'classification' ? labels(source, faults) : flatten(source.targets, '/targets', faults);
  if (source.inputs.length !== source.targets.length) {
    const [expected, received] = [source.inputs.length, source.targets.length];
    const message = `as many targets as inputs are expected: ${expected}; got ${received}`;
    faults.push({ pointer: '/targets', message, expected, received });
  }
  if (task === 'regression' && source.classes) {
    const message = 'a regression has no classes; for numbers that are classes, say "task": "classification"';
    faults.push({ pointer: '/classes', message });
  }
  if (faults.length > 0) throw dataError(faults);
  return {
    task,
    inputShape: inputs.shape,
    inputType: 'float32',
    targetShape: targets.shape,
    classes: targets.classes ?? null,
    train: {
      rows: source.inputs.length,
      targets: targets.values,
      inputs: async function* () {
        yield bytesOf(inputs.values as Float32Array);
      },
    },
  };
}

function dataError(faults: Fault[]): HebbError {
  const more = faults.length >= maxFaults ? ' (and more)' : faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new HebbError('invalid-data', `${faults[0]!.pointer}: ${faults[0]!.message}${more}`, faults);
}

interface Flat {
  shape: Shape;
  values: Float32Array | Int32Array;
  classes?: string[];
}

/** Rows of numbers, all of the first one's shape, one behind the other. */
function flatten(rows: unknown[], pointer: string, faults: Fault[]): Flat {
  const shape = shapeOf(rows[0]);
  if (rows.length === 0 || shape.length > maxRank || shape.includes(0)) {
    const received = rows.length === 0 ? 'none' : formatShape(shape);
    const message = `samples are expected, each a number or arrays of up to ${maxRank} levels, none of them empty; got ${received}`;
    faults.push({ pointer: rows.length === 0 ? pointer : `${pointer}/0`, message, received });
    return { shape: [1], values: new Float32Array(0) };
  }
  const values = new Float32Array(rows.length * elementCount(shape));
  let filled = 0;
  const fault = (path: number[], expected: string, value: unknown) => {
    if (faults.length >= maxFaults) return;
    const received = typeof value === 'number' && !Number.isFinite(value) ? String(value) : brief(value);
    const message = `${expected} is expected; got ${typeof received === 'string' ? received : JSON.stringify(received)}`;
    faults.push({ pointer: [pointer, ...path].join('/'), message, expected, received });
  };
  const visit = (value: unknown, path: number[]): void => {
    const size = shape[path.length - 1];
    if (size === undefined) {
      values[filled] = value as number;
      if (typeof value !== 'number') fault(path, 'a number', value);
      else if (!Number.isFinite(values[filled])) fault(path, 'a finite number in the range of float32', value);
      filled += 1;
    } else if (!Array.isArray(value) || value.length !== size) {
      fault(path, `an array of ${size}, as in ${pointer}/0,`, value);
    } else {
      for (const [index, inner] of value.entries()) {
        path.push(index);
        visit(inner, path);
        path.pop();
      }
    }
  };
  for (const [index, row] of rows.entries()) visit(row, [index]);
  return { shape: shape.length === 0 ? [1] : shape, values };
}

/** Sizes of nested arrays along their first elements. */
function shapeOf(value: unknown): Shape {
  const shape: Shape = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  return shape;
}

const isLabel = (value: unknown): value is string | boolean => typeof value === 'string' || typeof value === 'boolean';

function labels({ targets, classes: given }: JsonSource, faults: Fault[]): Flat {
  const wrong = (index: number, expected: string, value: unknown): Fault => ({
    pointer: `/targets/${index}`,
    message: `${expected} is expected; got ${JSON.stringify(brief(value))}`,
    expected,
    received: brief(value),
  });
  const none: Flat = { shape: [], values: new Int32Array(0), classes: [] };
  // The first target says which kind the others are: 1 and "1" in one list are a slip.
  const kind = typeof targets[0];
  const expected = kind === 'string' ? 'a class name' : kind === 'boolean' ? 'true or false' : 'an integer class';
  const before = faults.length;
  for (const [index, target] of targets.entries()) {
    if (typeof target === kind && (isLabel(target) || Number.isSafeInteger(target))) continue;
    faults.push(wrong(index, expected, target));
    if (faults.length >= maxFaults) break;
  }
  if (faults.length > before || targets.length === 0) return none;
  const names = targets.map((target) => (typeof target === 'boolean' ? String(target) : (target as string | number)));
  const { classes, indices } = resolveClasses([names], given, ({ index, label, expected }) =>
    dataError([...faults, wrong(index, expected, label)]),
  );
  return { shape: [], values: indices[0]!, classes };
}
