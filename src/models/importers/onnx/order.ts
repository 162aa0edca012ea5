// In which order the numbers of a value lie: ONNX files have channels first, Hebb has them last.
import { elementCount, type Shape } from '../../../shape.ts';
import type { Conversion, Dynamic } from './conversion.ts';

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Axes of the graph in the order in which the layer has them, without those of a single element. */
const laidOut = (shape: Shape, axes: number[]): number[] =>
  range(shape.length)
    .sort((a, b) => axes[a]! - axes[b]!)
    .filter((axis) => shape[axis] !== 1);

const same = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((x, i) => x === b[i]);

/** Which of a layer's axes each axis of the graph is, channels first in the graph and last in the layer. */
export const channelsLastAxes = (rank: number): number[] => (rank === 0 ? [] : [rank - 1, ...range(rank - 1)]);

/** The layer's shape for a shape of the graph. */
function shapeBy(shape: Shape, axes: number[]): Shape {
  const hebb: Shape = [];
  for (const [axis, place] of axes.entries()) hebb[place] = shape[axis]!;
  return hebb;
}

/** The value with its layer's axes in another order, where that moves no number; else null. */
function viewed(conversion: Conversion, value: Dynamic, axes: number[]): Dynamic | null {
  if (same(value.axes, axes)) return value;
  if (!same(laidOut(value.shape, value.axes), laidOut(value.shape, axes))) return null;
  return {
    ...conversion.emit({ type: 'reshape', shape: shapeBy(value.shape, axes) }, [value]),
    shape: value.shape,
    axes,
  };
}

/** The value with channels first in the graph, last in the layer: what convolutions and the like take. */
export function channelsFirst(conversion: Conversion, value: Dynamic, rank = value.shape.length): Dynamic {
  if (value.shape.length !== rank) {
    throw conversion.unsuitable(`it gets ${value.shape.length + 1} dimensions, ${rank + 1} were expected`);
  }
  const made = viewed(conversion, value, channelsLastAxes(rank));
  if (made) return made;
  throw conversion.unsuitable(
    'it takes its channels from what Hebb does not have as the last dimension: a true transposition, for which there is no layer',
  );
}

/** The value as the layer has it: every axis at the same place. */
export function asLaidOut(conversion: Conversion, value: Dynamic): Dynamic {
  const made = value.order === null ? viewed(conversion, value, range(value.shape.length)) : null;
  if (made) return made;
  throw conversion.unsuitable(
    'it takes an image in the order of channels, height, width, which Hebb has channels last',
  );
}

/** A value's shape changed as Reshape, Flatten, Squeeze and Unsqueeze do. */
export function reshaped(conversion: Conversion, value: Dynamic, shape: Shape): Dynamic {
  if (elementCount(shape) !== elementCount(value.shape)) {
    throw conversion.wrong(`(${value.shape}) cannot become (${shape}): the numbers of elements differ`);
  }
  if (same(shape, value.shape)) return value;
  if (shape.length === 0) throw conversion.unsuitable('it leaves a single number without a dimension');
  const layout = laidOut(value.shape, value.axes);
  const isFlat = value.order !== null;
  if (shape.length === 1 && !isFlat) return flattened(conversion, value);
  const natural =
    !isFlat &&
    same(
      layout,
      [...layout].sort((a, b) => a - b),
    );
  const kept = shape.filter((size) => size !== 1);
  if (
    !isFlat &&
    same(
      kept,
      value.shape.filter((size) => size !== 1),
    ) &&
    !natural
  ) {
    // Only dimensions of one element come and go: the others keep their order, and those come first.
    const places = range(shape.length).filter((axis) => shape[axis] !== 1);
    const before = range(value.shape.length).filter((axis) => value.shape[axis] !== 1);
    const ordered = layout.map((axis) => places[before.indexOf(axis)]!);
    const all = [...range(shape.length).filter((axis) => shape[axis] === 1), ...ordered];
    const axes: number[] = [];
    for (const [place, axis] of all.entries()) axes[axis] = place;
    return { ...conversion.emit({ type: 'reshape', shape: shapeBy(shape, axes) }, [value]), shape, axes };
  }
  if (!natural) {
    throw conversion.unsuitable(
      `it views an image of channels, height, width as (${shape}), which Hebb has channels last`,
    );
  }
  if (shape.length > 4) throw conversion.unsuitable(`it has ${shape.length + 1} dimensions, at most 5 were expected`);
  return conversion.emit({ type: 'reshape', shape }, [value]);
}

function flattened(conversion: Conversion, value: Dynamic): Dynamic {
  const { shape, axes, hebb } = value;
  const flat = conversion.emit({ type: 'flatten' }, [value]);
  const layout = laidOut(shape, axes);
  if (
    same(
      layout,
      [...layout].sort((a, b) => a - b),
    )
  )
    return flat;
  const strides = hebb.map((_, axis) => elementCount(hebb.slice(axis + 1)));
  const order = new Int32Array(elementCount(shape));
  const index = shape.map(() => 0);
  let place = 0;
  for (let i = 0; i < order.length; i++) {
    order[i] = place;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axes[axis]!]!;
      place += stride;
      if (++index[axis]! < shape[axis]!) break;
      place -= stride * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { ...flat, order };
}

/** Numbers for the elements of a flat value, or for its channels, as the layer has them. */
export function inOrder(value: Dynamic, values: ArrayLike<number>): Float32Array {
  const result = new Float32Array(values);
  if (value.order) for (const [i, place] of value.order.entries()) result[place] = values[i]!;
  return result;
}
