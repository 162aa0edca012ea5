import { HebbError } from '../errors.ts';
import { Memory, type Source } from '../native.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import type { TrainingSplit } from './evaluate.ts';
import { fromNested, type Nested, nestedShape } from './nested.ts';
import type { TargetKind } from './programs.ts';

/** Samples for the library's calls: rows nested as the network's input, or all in one typed array. */
export type Rows = Nested[] | Float32Array;

/** One target a row: class indices as an Int32Array, or values as numbers, nested arrays or a Float32Array. */
export type Targets = Nested[] | Float32Array | Int32Array;

interface Shapes {
  inputShape: Shape;
  outputShape: Shape;
}

export function kindOf(targets: Targets): TargetKind {
  return targets instanceof Int32Array ? 'classes' : 'values';
}

/** What the classes of targets are called, where they have no names: "0", "1" and so on; null of values. */
export function classNames(targets: Targets, { outputShape }: Pick<Shapes, 'outputShape'>): string[] | null {
  if (kindOf(targets) === 'values') return null;
  return Array.from({ length: Math.max(elementCount(outputShape), 2) }, (_, i) => String(i));
}

/**
 * All rows in one array, (rows, ...inputShape).
 * @throws HebbError('invalid-instance') where they do not fit the network's input
 */
export function toRows(inputs: Rows, { inputShape }: Pick<Shapes, 'inputShape'>): Float32Array {
  const elements = elementCount(inputShape);
  if (inputs instanceof Float32Array && inputs.length > 0 && inputs.length % elements === 0) return inputs;
  const what = `the network takes rows of ${formatShape(inputShape)}`;
  if (!(inputs instanceof Float32Array)) return flatten(inputs, inputShape, what, 'inputs');
  throw new HebbError('invalid-instance', `${what}: ${elements} numbers each; got ${inputs.length} numbers`);
}

/**
 * Inputs and targets in native memory.
 * @throws HebbError('invalid-instance' | 'invalid-data') where they do not fit the network or each other
 */
export function toSplit({ inputs, targets }: { inputs: Rows; targets: Targets }, shapes: Shapes): TrainingSplit {
  const rows = toRows(inputs, shapes);
  const inputElements = elementCount(shapes.inputShape);
  const values = toTargets(targets, shapes.outputShape);
  const elements = targets instanceof Int32Array ? 1 : elementCount(shapes.outputShape);
  const wanted = (rows.length / inputElements) * elements;
  if (values.length !== wanted) {
    const message = `${rows.length / inputElements} rows need ${wanted} target numbers, got ${values.length}`;
    throw new HebbError('invalid-data', message);
  }
  return { inputs: memorySource(rows, inputElements), targets: memorySource(values, elements) };
}

function toTargets(targets: Targets, outputShape: Shape): Float32Array | Int32Array {
  if (targets instanceof Float32Array) return targets;
  if (!(targets instanceof Int32Array)) {
    const what = `a target has the network's output shape ${formatShape(outputShape)}`;
    return flatten(targets, outputShape, what, 'targets');
  }
  const last = Math.max(elementCount(outputShape), 2) - 1;
  const outside = targets.findIndex((index) => index < 0 || index > last);
  if (outside < 0) return targets;
  const message = `targets[${outside}] must be a class index from 0 to ${last}, got ${targets[outside]}`;
  throw new HebbError('invalid-data', message);
}

function memorySource(values: Float32Array | Int32Array, elements: number): Source {
  const memory = new Memory(values.length);
  const type = values instanceof Int32Array ? 'int32' : 'float32';
  const view = memory.floats;
  new Uint8Array(view.buffer).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return { memory, offset: 0, type, rows: values.length / elements, elements };
}

/** Nested rows as one array; a row may be nested as the shape, or flat, or a bare number where the shape has one element. */
function flatten(rows: Nested[], shape: Shape, what: string, name: string): Float32Array {
  const elements = elementCount(shape);
  const values = new Float32Array(rows.length * elements);
  if (rows.length === 0) throw new HebbError('invalid-instance', `${what}; got no rows`);
  const [, ...found] = nestedShape(rows);
  const actual =
    found.length === 1 && found[0] === elements ? [elements] : found.length === 0 && elements === 1 ? [] : shape;
  try {
    fromNested(rows, [rows.length, ...actual], values, 0, name);
  } catch (error) {
    throw new HebbError('invalid-instance', `${what}; ${(error as Error).message}`, undefined, { cause: error });
  }
  return values;
}
