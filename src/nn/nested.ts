import { formatShape, type Shape } from '../shape.ts';

/** Numbers nested to any depth, as people write tensors. */
export type Nested = number | Nested[];

/** Rows (of any type of typed array) → arrays nested as the shape. */
export function toNested(values: ArrayLike<number>, shape: readonly number[], offset = 0): Nested {
  if (shape.length === 0) return values[offset]!;
  const [size, ...rest] = shape as [number, ...number[]];
  const nested = new Array<Nested>(size);
  if (rest.length === 0) {
    for (let i = 0; i < size; i++) nested[i] = values[offset + i]!;
    return nested;
  }
  const stride = rest.reduce((product, n) => product * n, 1);
  for (let i = 0; i < size; i++) nested[i] = toNested(values, rest, offset + i * stride);
  return nested;
}

/** Shape of nested arrays, going by the first element at each depth. */
export function nestedShape(value: unknown): Shape {
  const shape: Shape = [];
  for (let at = value; Array.isArray(at); at = at[0]) shape.push(at.length);
  return shape;
}

/**
 * Copies nested arrays of exactly this shape into `to`, from `offset` on.
 * @throws RangeError that says where the nesting differs or a value is no number
 */
export function fromNested(value: unknown, shape: readonly number[], to: Float32Array, offset = 0, at = 'value'): void {
  if (shape.length === 0) {
    if (typeof value !== 'number') throw new RangeError(`${at} must be a number, got ${JSON.stringify(value)}`);
    to[offset] = value;
    return;
  }
  if (!Array.isArray(value) || value.length !== shape[0]) {
    throw new RangeError(
      `${at} must be an array of ${shape[0]} (shape ${formatShape(shape)}), got ${Array.isArray(value) ? `one of ${value.length}` : typeof value}`,
    );
  }
  const rest = shape.slice(1);
  const stride = rest.reduce((product, n) => product * n, 1);
  for (let i = 0; i < value.length; i++) fromNested(value[i], rest, to, offset + i * stride, `${at}[${i}]`);
}
