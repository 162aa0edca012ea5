import { type Fault, HebbError } from '../errors.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import { brief } from '../validate.ts';

/** More in one call would hold up all others. */
export const maxInstances = 1000;
const maxFaults = 100;

/**
 * Numbers of a call's instances, each nested as one of the shapes or flat.
 * @returns (instances, ...shape)
 * @throws HebbError('invalid-instance') that points at each one that does not fit
 */
export function readInstances(instances: unknown[], shapes: Shape[]): Float32Array {
  checkCount(instances.length);
  const [shape] = shapes as [Shape];
  const elements = elementCount(shape);
  const forms = [...shapes, [elements], ...(elements === 1 ? [[]] : [])];
  const values = new Float32Array(instances.length * elements);
  const faults: Fault[] = [];
  for (const [i, instance] of instances.entries()) {
    const form = forms.find((candidate) => outerFits(instance, candidate)) ?? shape;
    const fault = fill(instance, form, values, i * elements, `/instances/${i}`);
    if (!fault) continue;
    faults.push({ ...fault, expected: shape });
    if (faults.length === maxFaults) break;
  }
  const [first] = faults;
  if (!first) return values;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  const wanted = `an input is ${formatShape(shape)}, nested or as ${elements} numbers`;
  throw new HebbError('invalid-instance', `${first.pointer}: ${first.message}; ${wanted}${more}`, faults);
}

/** @throws HebbError('invalid-instance') for none or too many */
export function checkCount(count: number): void {
  if (count > 0 && count <= maxInstances) return;
  throw new HebbError('invalid-instance', `1 to ${maxInstances} inputs are expected in one call, got ${count}`);
}

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
  if (shape.length === 0) {
    if (typeof value === 'number' && Number.isFinite(Math.fround(value))) {
      to[offset] = value;
      return null;
    }
    const received = brief(value);
    return { pointer, message: `a finite number is expected, got ${JSON.stringify(received)}`, received };
  }
  const [size, ...rest] = shape as [number, ...number[]];
  if (!Array.isArray(value) || value.length !== size) {
    const received = Array.isArray(value) ? `an array of ${value.length}` : brief(value);
    const got = Array.isArray(value) ? received : JSON.stringify(received);
    return { pointer, message: `an array of ${size} is expected, got ${got}`, received };
  }
  const stride = elementCount(rest);
  for (let i = 0; i < size; i++) {
    const fault = fill(value[i], rest, to, offset + i * stride, `${pointer}/${i}`);
    if (fault) return fault;
  }
  return null;
}
