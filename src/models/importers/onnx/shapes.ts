// Operators that move numbers or work with shapes, most of them for constants, too: exporters leave such arithmetic in their files.
import { elementCount } from '../../../shape.ts';
import { transpose } from '../../onnxTensors.ts';
import type { Conversion, Dynamic } from './conversion.ts';
import { asLaidOut, channelsFirst, reshaped } from './order.ts';
import { type Constant, floatsOf, integers, rows } from './tensors.ts';

export type Operator = (conversion: Conversion) => void;

const mostFolded = 2 ** 20;

const whole = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

/** Places of axes of a value in the graph as places without the rows. */
export function innerAxes(c: Conversion, axes: number[], value: Dynamic): number[] {
  const rank = value.shape.length + 1;
  return axes.map((axis) => {
    const place = whole(axis, rank);
    if (place === 0) throw c.unsuitable('it works across rows');
    if (!(place > 0 && place < rank)) throw c.wrong(`it has no dimension ${axis}`);
    return place - 1;
  });
}

/** The shape that a list asks for, with its first number, that of the rows, taken off. */
function targetShape(c: Conversion, value: Dynamic, target: number[]): number[] {
  const elements = elementCount(value.shape);
  const [first, ...rest] = target;
  if (first === undefined) throw c.wrong('its shape is empty');
  const zeros = c.int('allowzero', 0) === 0;
  const sizes = rest.map((size, i) => (size === 0 && zeros ? (value.shape[i] ?? 0) : size));
  const open = sizes.filter((size) => size === -1).length;
  const known = elementCount(sizes.filter((size) => size !== -1));
  if (open > 1 || !Number.isSafeInteger(known) || known < 1)
    throw c.wrong(`it cannot make (${target}) of (${value.shape})`);
  const shape = sizes.map((size) => (size === -1 ? elements / known : size));
  if (!shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw c.wrong(`it cannot make (${target}) of (${value.shape})`);
  }
  if (elementCount(shape) !== elements)
    throw c.unsuitable(`it moves numbers between rows: (${target}) of rows of (${value.shape})`);
  return shape;
}

const reshapeConstant = (c: Conversion, { dims, values }: Constant, target: number[]): Constant => {
  const known = elementCount(target.filter((size) => size !== -1));
  const shape = target.map((size, i) => (size === -1 ? values.length / known : size === 0 ? dims[i]! : size));
  if (elementCount(shape) !== values.length) throw c.wrong(`it cannot make (${target}) of (${dims})`);
  return { kind: 'constant', dims: shape, values };
};

function squeezeConstant(c: Conversion, value: Constant): Constant {
  const given = c.list(1, 'axes')?.map((axis) => whole(axis, value.dims.length));
  const dims = value.dims.filter((size, axis) => (given ? !given.includes(axis) : size !== 1));
  return { ...value, dims };
}

function unsqueezedDims(c: Conversion, dims: number[]): number[] {
  const given = c.list(1, 'axes');
  if (!given) throw c.wrong('it has no axes');
  const rank = dims.length + given.length;
  const result = [...dims];
  for (const axis of given.map((one) => whole(one, rank)).sort((a, b) => a - b)) result.splice(axis, 0, 1);
  return result;
}

function transposeConstant(c: Conversion, { dims, values }: Constant): Constant {
  const perm = c.ints(
    'perm',
    dims.map((_, i) => dims.length - 1 - i),
  );
  if (new Set(perm).size !== dims.length || !perm.every((axis) => axis in dims)) throw c.wrong(`its perm is (${perm})`);
  const shape = perm.map((axis) => dims[axis]!);
  if (dims.length < 2) return { kind: 'constant', dims, values };
  const result = transpose(values, dims, perm);
  return { kind: 'constant', dims: shape, values: result };
}

/** Whole rows of a constant, from its first dimension. */
function takeRows(c: Conversion, { dims, values }: Constant, indices: number[]): Constant {
  const [count = 0, ...rest] = dims;
  const size = elementCount(rest);
  const result = values.slice(0, 0);
  const all = Array.from(result);
  for (const given of indices) {
    const at = whole(given, count);
    if (!(at >= 0 && at < count)) throw c.wrong(`it takes row ${given} of ${count}`);
    for (let k = 0; k < size; k++) all.push(values[at * size + k]!);
    if (all.length > mostFolded) throw c.unsuitable('it works with a large constant');
  }
  return {
    kind: 'constant',
    dims: [indices.length, ...rest],
    values: values instanceof Float32Array ? Float32Array.from(all) : Float64Array.from(all),
  };
}

export const shapeOperators: Record<string, Operator> = {
  Identity: (c) => c.set(c.input(0).kind === 'constant' ? c.input(0) : c.dynamic()),
  Dropout: (c) => c.set(c.dynamic()),
  Constant(c) {
    const attribute = c.node.attribute[0];
    if (attribute?.name === 'value_int') c.set(integers([Number(attribute.i)], []));
    else if (attribute?.name === 'value_ints') c.set(integers(attribute.ints.map(Number)));
    else if (attribute?.name === 'value_float')
      c.set({ kind: 'constant', dims: [], values: Float32Array.of(attribute.f) });
    else if (attribute?.name === 'value_floats')
      c.set({ kind: 'constant', dims: [attribute.floats.length], values: Float32Array.from(attribute.floats) });
    else c.set(c.tensorAttribute('value'));
  },
  ConstantOfShape(c) {
    const dims = Array.from(c.constant(0, 'shape').values);
    const count = elementCount(dims);
    if (!(count >= 0 && count <= mostFolded)) throw c.unsuitable(`it makes a constant of the shape (${dims})`);
    const one = c.attribute('value') ? c.tensorAttribute('value').values : new Float32Array(1);
    const values = one instanceof Float32Array ? new Float32Array(count) : new Float64Array(count);
    c.set({ kind: 'constant', dims, values: values.fill(one[0] ?? 0) });
  },
  Shape: (c) => c.set(integers([rows, ...c.dynamic().shape])),
  Cast(c) {
    const value = c.input(0);
    const to = c.int('to', 1);
    const isFloat = [1, 10, 11, 16].includes(to);
    if (value.kind === 'constant') {
      return c.set({
        ...value,
        values: isFloat ? Float32Array.from(value.values) : Float64Array.from(value.values, Math.trunc),
      });
    }
    // Whole numbers that came in as such stay what they are; others would be cut off.
    if (!isFloat && value.layer >= 0)
      throw c.unsuitable('it cuts off the fractions of a value, for which there is no layer');
    c.set(c.dynamic());
  },
  Reshape(c) {
    const value = c.input(0);
    const target = Array.from(c.constant(1, 'shape').values);
    if (value.kind === 'constant') return c.set(reshapeConstant(c, value, target));
    c.set(reshaped(c, c.dynamic(), targetShape(c, value, target)));
  },
  Flatten(c) {
    const value = c.dynamic();
    if (whole(c.int('axis', 1), value.shape.length + 1) !== 1)
      throw c.unsuitable('its axis is not 1: it works across rows');
    c.set(reshaped(c, value, [elementCount(value.shape)]));
  },
  Squeeze(c) {
    const value = c.input(0);
    if (value.kind === 'constant') return c.set(squeezeConstant(c, value));
    const given = c.list(1, 'axes');
    const axes = given && innerAxes(c, given, value);
    const shape = value.shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1));
    c.set(reshaped(c, c.dynamic(), shape));
  },
  Unsqueeze(c) {
    const value = c.input(0);
    if (value.kind === 'constant') return c.set({ ...value, dims: unsqueezedDims(c, value.dims) });
    const [first, ...shape] = unsqueezedDims(c, [-1, ...value.shape]);
    if (first !== -1) throw c.unsuitable('it works across rows');
    c.set(reshaped(c, c.dynamic(), shape));
  },
  Transpose(c) {
    const value = c.input(0);
    if (value.kind === 'constant') return c.set(transposeConstant(c, value));
    const rank = value.shape.length + 1;
    const perm = c.ints(
      'perm',
      Array.from({ length: rank }, (_, i) => rank - 1 - i),
    );
    if (perm[0] !== 0) throw c.unsuitable('it works across rows');
    const inner = innerAxes(c, perm.slice(1), value);
    if (new Set(inner).size !== inner.length) throw c.wrong(`its perm is (${perm})`);
    const { shape, axes } = value;
    c.set({ ...c.dynamic(), shape: inner.map((axis) => shape[axis]!), axes: inner.map((axis) => axes[axis]!) });
  },
  Concat(c) {
    const all = c.node.input.map((_, i) => c.input(i));
    if (all.every((value) => value.kind === 'constant')) {
      const [{ dims, values }] = all as [Constant];
      if (c.int('axis', 0) !== 0) throw c.unsuitable('it joins constants along another dimension than the first');
      const numbers = all.flatMap((value) => Array.from(value.values));
      const joined = values instanceof Float32Array ? Float32Array.from(numbers) : Float64Array.from(numbers);
      const count = all.reduce((sum, value) => sum + (value.dims[0] ?? 0), 0);
      return c.set({ kind: 'constant', dims: [count, ...dims.slice(1)], values: joined });
    }
    const values = all.map((_, i) => c.dynamic(i));
    if (values.length === 1) return c.set(values[0]!);
    const [axis] = innerAxes(c, [c.int('axis', 1)], values[0]!);
    c.set(joined(c, values, axis!));
  },
  Gather(c) {
    const table = c.constant(0, 'table');
    const indices = c.input(1);
    if (c.int('axis', 0) !== 0) throw c.unsuitable('it takes from another dimension than the first');
    if (indices.kind === 'constant') {
      const taken = takeRows(c, table, Array.from(indices.values));
      return c.set({ ...taken, dims: [...indices.dims, ...table.dims.slice(1)] });
    }
    if (table.dims.length !== 2) throw c.unsuitable(`its table has ${table.dims.length} dimensions, 2 were expected`);
    const [vocabulary, units] = table.dims as [number, number];
    const value = asLaidOut(c, c.dynamic(1));
    c.set(c.emit({ type: 'embedding', vocabulary, units }, [value], { weight: floatsOf(table.values) }));
  },
  Slice(c) {
    const value = c.input(0);
    const starts = c.list(1, 'starts') ?? [];
    const ends = c.list(2, 'ends') ?? [];
    const axes = c.list(3, 'axes') ?? starts.map((_, i) => i);
    const steps = c.list(4, 'steps') ?? starts.map(() => 1);
    if (value.kind === 'constant') return c.set(sliceConstant(c, value, { starts, ends, axes, steps }));
    const cut = value.shape.map(() => [0, 0] as [number, number]);
    for (const [i, axis] of innerAxes(c, axes, value).entries()) {
      const size = value.shape[axis]!;
      const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
      const [from, to] = [clamp(starts[i]!), clamp(ends[i] ?? size)];
      if (steps[i] !== 1 || !(to > from))
        throw c.unsuitable(
          `it takes ${starts[i]} to ${ends[i]} in steps of ${steps[i]}: only croppings can be expressed`,
        );
      cut[axis] = [from, size - to];
    }
    c.set(framed(c, c.dynamic(), cut, 'cropping2d'));
  },
};

function sliceConstant(
  c: Conversion,
  value: Constant,
  { starts, ends, axes, steps }: Record<'starts' | 'ends' | 'axes' | 'steps', number[]>,
): Constant {
  if (axes.length !== 1 || axes[0] !== 0)
    throw c.unsuitable('it cuts a constant along another dimension than the first');
  const size = value.dims[0] ?? 0;
  const [step] = steps as [number];
  if (!Number.isInteger(step) || step === 0) throw c.wrong(`its step is ${step}`);
  const clamp = (at: number) =>
    Math.min(Math.max(at < 0 ? at + size : at, step < 0 ? -1 : 0), step < 0 ? size - 1 : size);
  const indices: number[] = [];
  const end = clamp(ends[0]!);
  for (let at = clamp(starts[0]!); step > 0 ? at < end : at > end; at += step) indices.push(at);
  return takeRows(c, value, indices);
}

/** Values side by side along their channels. */
function joined(c: Conversion, values: Dynamic[], axis: number): Dynamic {
  const [first] = values as [Dynamic];
  const rank = first.shape.length;
  // Where the layers have the joined dimension last as it is, in whatever order the graph has the others.
  const alike = values.every((value) => value.axes.join() === first.axes.join()) && first.axes[axis] === rank - 1;
  const parts =
    alike || rank === 1 ? values : values.map((value) => (axis === 0 ? channelsFirst(c, value) : asLaidOut(c, value)));
  if (parts[0]!.axes[axis] !== rank - 1) throw c.unsuitable('it joins along another dimension than the channels');
  const made = c.emit({ type: 'concatenate' }, parts);
  const shape = [...first.shape];
  shape[axis] = values.reduce((sum, value) => sum + value.shape[axis]!, 0);
  let order: Int32Array | null = null;
  if (rank === 1 && parts.some((part) => part.order)) {
    order = new Int32Array(shape[0]!);
    let at = 0;
    for (const part of parts) {
      const size = part.shape[0]!;
      for (let i = 0; i < size; i++) order[at + i] = at + (part.order ? part.order[i]! : i);
      at += size;
    }
  }
  return { ...made, shape, axes: parts[0]!.axes, order };
}

/** An image with a frame of zeros more, or without a frame; `sides`: before and after, by dimension of the graph. */
export function framed(
  c: Conversion,
  value: Dynamic,
  sides: [number, number][],
  type: 'zeroPadding2d' | 'cropping2d',
): Dynamic {
  if (sides.every(([before, after]) => before === 0 && after === 0)) return value;
  const key = type === 'cropping2d' ? 'cropping' : 'padding';
  const rank = value.shape.length;
  const channels = sides[value.axes.indexOf(rank - 1)] ?? [0, 0];
  if (rank < 2 || rank > 3 || channels[0] !== 0 || channels[1] !== 0) {
    throw c.unsuitable('it changes the number of channels or features, for which there is no layer');
  }
  // By dimension of the layer.
  const along = value.hebb.slice(0, -1).map((_, axis) => sides[value.axes.indexOf(axis)]!);
  const sign = type === 'cropping2d' ? -1 : 1;
  const shape = value.shape.map((size, axis) => size + sign * (sides[axis]![0] + sides[axis]![1]));
  if (rank === 3) {
    return { ...c.emit({ type, [key]: along.flat() }, [value]), shape, axes: value.axes };
  }
  // A sequence is an image of one column.
  const image = c.emit({ type: 'reshape', shape: [value.hebb[0]!, 1, value.hebb[1]!] }, [value]);
  const changed = c.emit({ type, [key]: [...along[0]!, 0, 0] }, [image]);
  const back = c.emit({ type: 'reshape', shape: [changed.hebb[0]!, changed.hebb[2]!] }, [changed]);
  return { ...back, shape, axes: value.axes };
}
