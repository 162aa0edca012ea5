import type { Cell } from '../data/tables/cells.ts';
import type { Column } from '../data/tables/columns.ts';
import { RowEncoder } from '../data/tables/encode.ts';
import { type Fault, HebbError } from '../errors.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import { brief, didYouMean, escapePointer } from '../validate.ts';

/** More in one call would hold up all others. */
export const maxInstances = 1000;
const maxFaults = 100;

/**
 * Numbers of a call's instances, each nested as one of the shapes or flat, or, where the model has learnt from a table, an
 * object of raw values by the names of its columns.
 * @param taker who takes them, as a message calls it
 * @returns (instances, ...shape)
 * @throws HebbError('invalid-instance') that points at each one that does not fit
 */
export function readInstances(
  instances: unknown[],
  shapes: Shape[],
  columns: Column[] | null = null,
  taker = 'the model',
): Float32Array {
  checkCount(instances.length);
  const [shape] = shapes as [Shape];
  const elements = elementCount(shape);
  const forms = [...shapes, [elements], ...(elements === 1 ? [[]] : [])];
  const values = new Float32Array(instances.length * elements);
  const faults: Fault[] = [];
  const rows = columns && rowReader(columns);
  for (const [i, instance] of instances.entries()) {
    if (rows && isObject(instance)) {
      const wrong = rows(instance, values, i * elements, `/instances/${i}`);
      faults.push(...wrong);
      if (faults.length >= maxFaults) break;
      continue;
    }
    const form = forms.find((candidate) => outerFits(instance, candidate)) ?? shape;
    const fault = fill(instance, form, values, i * elements, `/instances/${i}`);
    if (!fault) continue;
    faults.push({ ...fault, expected: shape });
    if (faults.length === maxFaults) break;
  }
  const [first] = faults;
  if (!first) return values;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  const byName = rows ? ', or objects with the columns of its table' : '';
  const image = couldBeImage(shape) ? 'images or ' : '';
  const wanted = `${taker} takes ${image}arrays of ${formatShape(shape)}, nested or as ${elements} numbers${byName}`;
  throw new HebbError('invalid-instance', `${first.pointer}: ${first.message}; ${wanted}${more}`, faults);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads rows of a table: writes one's inputs, and tells what is wrong with it. */
function rowReader(columns: Column[]) {
  const encoder = new RowEncoder(columns);
  const names = new Set(columns.map(({ name }) => name));
  const known = encoder.slots.map(({ column }) => column.name);
  return (row: Record<string, unknown>, to: Float32Array, offset: number, pointer: string): Fault[] => {
    const faults: Fault[] = [];
    // The target and ignored columns may stay in a row that was copied from the table.
    for (const name of Object.keys(row)) {
      if (names.has(name)) continue;
      const message = `the model knows no column "${brief(name)}"${didYouMean(name, known)}; its columns: ${brieflyListed(known)}`;
      faults.push({ pointer: `${pointer}/${escapePointer(name)}`, message, expected: known, received: name });
    }
    for (const slot of encoder.slots) {
      const { column } = slot;
      const cell = Object.hasOwn(row, column.name) ? row[column.name] : undefined;
      const taken = cell === null || cell === undefined || takesType(column, cell);
      const expected = taken
        ? encoder.encodeCell(slot, cell as Cell | undefined, to, offset + slot.offset)
        : column.type;
      if (expected === undefined) continue;
      const received = brief(cell);
      const at = `${pointer}/${escapePointer(column.name)}`;
      if (cell === undefined) {
        faults.push({ pointer: at, message: `the column "${column.name}" is missing`, expected: column.type });
        continue;
      }
      const wanted = taken ? expected : wantedOf[column.type];
      const hint = column.type === 'categorical' && typeof cell === 'string' ? didYouMean(cell, column.categories) : '';
      const message = `${wanted} is expected, got ${JSON.stringify(received)}${hint}`;
      faults.push({ pointer: at, message, expected: wanted, received });
    }
    return faults;
  };
}

const wantedOf = {
  numeric: 'a number',
  boolean: 'true or false',
  categorical: 'the name of a category',
} as const;

/** Bodies are not coerced: "3" is no number, but 3 may be the name of a category. */
function takesType({ type }: Column, cell: unknown): cell is Cell {
  if (type === 'numeric') return typeof cell === 'number';
  return ['string', 'number', 'boolean'].includes(typeof cell);
}

function brieflyListed(names: string[]): string {
  return names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
}

/** @throws HebbError('invalid-instance') for none or too many */
export function checkCount(count: number): void {
  if (count > 0 && count <= maxInstances) return;
  throw new HebbError('invalid-instance', `1 to ${maxInstances} inputs are expected in one call, got ${count}`);
}

const couldBeImage = (shape: Shape) => shape.length === 3 && [1, 3, 4].includes(shape[2]!);

/** Whether the lengths of the first elements at each depth are those of the shape. */
function outerFits(value: unknown, shape: Shape): boolean {
  let at = value;
  for (const size of shape) {
    if (!Array.isArray(at) || at.length !== size) return false;
    at = at[0];
  }
  return !Array.isArray(at);
}

function fill(value: unknown, shape: Shape, to: Float32Array, offset: number, pointer: string): Fault | null {
  if (shape.length === 0) return fillNumber(value, to, offset) ? null : noNumber(value, pointer);
  const [size, ...rest] = shape as [number, ...number[]];
  if (!Array.isArray(value) || value.length !== size) {
    const received = Array.isArray(value) ? `an array of ${value.length}` : brief(value);
    const got = Array.isArray(value) ? received : JSON.stringify(received);
    return { pointer, message: `an array of ${size} is expected, got ${got}`, received };
  }
  if (rest.length === 0) {
    for (let i = 0; i < size; i++) {
      if (!fillNumber(value[i], to, offset + i)) return noNumber(value[i], `${pointer}/${i}`);
    }
    return null;
  }
  const stride = elementCount(rest);
  for (let i = 0; i < size; i++) {
    const fault = fill(value[i], rest, to, offset + i * stride, `${pointer}/${i}`);
    if (fault) return fault;
  }
  return null;
}

/** @returns whether the value is a number that a float32 can hold */
function fillNumber(value: unknown, to: Float32Array, offset: number): boolean {
  if (typeof value !== 'number') return false;
  to[offset] = value;
  return Number.isFinite(to[offset]);
}

function noNumber(value: unknown, pointer: string): Fault {
  const received = brief(value);
  return { pointer, message: `a finite number is expected, got ${JSON.stringify(received)}`, received };
}
