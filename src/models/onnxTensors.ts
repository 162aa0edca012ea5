// How Hebb's tensors lie in ONNX files: a kernel is (filters, channels, height, width) there, here (height, width, channels, filters).
import { elementCount, type Shape } from '../shape.ts';

/** Which of Hebb's axes each axis of the ONNX tensor is, for a parameter of so many dimensions. */
export function weightAxes(rank: number): number[] {
  if (rank === 4) return [3, 2, 0, 1];
  if (rank === 3) return [2, 1, 0];
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** The axes that undo others. */
export function inverseAxes(axes: readonly number[]): number[] {
  const inverse: number[] = [];
  for (const [to, from] of axes.entries()) inverse[from] = to;
  return inverse;
}

/** (…shape) → (…shape[axes]), as numpy's transpose. */
export function transpose<Values extends Float32Array | Float64Array>(
  values: Values,
  shape: Shape,
  axes: readonly number[],
): Values {
  if (axes.every((axis, i) => axis === i)) return values;
  const strides = shape.map((_, i) => elementCount(shape.slice(i + 1)));
  const sizes = axes.map((axis) => shape[axis]!);
  const steps = axes.map((axis) => strides[axis]!);
  const result = values.slice() as Values;
  const last = sizes.length - 1;
  const index = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; ) {
    for (let i = 0; i < sizes[last]!; i++) result[to++] = values[from + i * steps[last]!]!;
    let axis = last - 1;
    for (; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      index[axis] = 0;
    }
    if (axis < 0) break;
  }
  return result;
}
