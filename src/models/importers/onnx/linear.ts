// Products with matrices, and normalisations.
import { transpose } from '../../onnxTensors.ts';
import type { Conversion, Dynamic } from './conversion.ts';
import { affine } from './elementwise.ts';
import { asLaidOut, channelsFirst, inOrder } from './order.ts';
import type { Operator } from './shapes.ts';
import { type Constant, floatsOf } from './tensors.ts';

/** A matrix (inputs, units) with its rows where a flat value has its elements. */
function rowsInOrder(value: Dynamic, matrix: Float32Array, units: number): Float32Array {
  if (!value.order) return matrix;
  const result = new Float32Array(matrix.length);
  for (const [i, place] of value.order.entries()) {
    result.set(matrix.subarray(i * units, (i + 1) * units), place * units);
  }
  return result;
}

/** A matrix as (inputs, units), in float32. */
function matrixOf(
  c: Conversion,
  { dims, values }: Constant,
  transposed: boolean,
  scale = 1,
): { weight: Float32Array; inputs: number; units: number } {
  if (dims.length !== 2) throw c.unsuitable(`its matrix has ${dims.length} dimensions, 2 were expected`);
  const floats = scale === 1 ? floatsOf(values) : Float32Array.from(values, (value) => value * scale);
  const weight = transposed ? transpose(floats, dims, [1, 0]) : floats;
  const [inputs, units] = transposed ? [dims[1]!, dims[0]!] : [dims[0]!, dims[1]!];
  return { weight, inputs, units };
}

function dense(c: Conversion, value: Dynamic, matrix: ReturnType<typeof matrixOf>, bias: Float32Array | null): Dynamic {
  const { units, inputs } = matrix;
  const width = value.shape.at(-1);
  if (width !== inputs) throw c.wrong(`its matrix takes ${inputs} numbers, it gets ${width}`);
  const tensors = { weight: rowsInOrder(value, matrix.weight, units), ...(bias && { bias }) };
  const more = bias ? {} : { bias: false };
  if (value.shape.length === 1) return c.emit({ type: 'dense', units, ...more }, [value], tensors);
  // At each position: a convolution whose kernel is one.
  const laidOut = asLaidOut(c, value);
  if (laidOut.shape.length === 2)
    return c.emit({ type: 'conv1d', filters: units, kernel: 1, ...more }, [laidOut], tensors);
  if (laidOut.shape.length === 3)
    return c.emit({ type: 'conv2d', filters: units, kernel: 1, ...more }, [laidOut], tensors);
  throw c.unsuitable(`it gets ${value.shape.length + 1} dimensions, at most 4 were expected`);
}

export const linearOperators: Record<string, Operator> = {
  Gemm(c) {
    if (c.int('transA', 0) !== 0) throw c.unsuitable('it transposes its rows');
    const value = c.dynamic();
    if (value.shape.length !== 1) throw c.wrong('it takes rows of numbers');
    const matrix = matrixOf(c, c.constant(1, 'matrix'), c.int('transB', 0) === 1, c.float('alpha', 1));
    let bias: Float32Array | null = null;
    if (c.has(2)) {
      const { values, dims } = c.constant(2, 'bias');
      const beta = c.float('beta', 1);
      const fits = values.length === 1 || (values.length === matrix.units && (dims.at(-1) ?? 1) === matrix.units);
      if (!fits) throw c.unsuitable(`its bias of (${dims}) is not one number for each of ${matrix.units} units`);
      bias = new Float32Array(matrix.units).map((_, i) => beta * values[values.length === 1 ? 0 : i]!);
    }
    c.set(dense(c, value, matrix, bias));
  },
  MatMul: (c) => c.set(dense(c, c.dynamic(), matrixOf(c, c.constant(1, 'matrix'), false), null)),
  BatchNormalization(c) {
    if (c.int('training_mode', 0) !== 0) throw c.unsuitable('it measures its batch, as in training');
    const value = c.dynamic();
    const image = value.shape.length === 1 ? value : channelsFirst(c, value);
    const epsilon = c.float('epsilon', 1e-5);
    const channels = image.hebb.at(-1)!;
    const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((input) => {
      const { values } = c.constant(input, ['scale', 'bias', 'mean', 'variance'][input - 1]!);
      if (values.length !== channels)
        throw c.wrong(`its input ${input} has ${values.length} numbers for ${channels} channels`);
      return inOrder(image, values);
    }) as [Float32Array, Float32Array, Float32Array, Float32Array];
    if (variance.some((v) => !(v >= 0))) throw c.wrong('a variance is below 0 or no number');
    if (epsilon > 0) {
      return c.set(c.emitLike({ type: 'batchNorm', epsilon }, image, { gamma, beta, mean, variance }));
    }
    // Hebb's has an epsilon above 0.
    const scale = gamma.map((g, i) => g / Math.sqrt(variance[i]!));
    c.set(
      affine(
        c,
        image,
        scale,
        beta.map((b, i) => b - mean[i]! * scale[i]!),
      ),
    );
  },
  LayerNormalization(c) {
    const value = c.dynamic();
    const axis = c.int('axis', -1);
    const rank = value.shape.length + 1;
    if ((axis < 0 ? axis + rank : axis) !== rank - 1) throw c.unsuitable('it runs over more than the last dimension');
    const laidOut = value.shape.length === 1 ? value : asLaidOut(c, value);
    const gamma = inOrder(laidOut, c.constant(1, 'scale').values);
    const more = c.has(2) ? { beta: inOrder(laidOut, c.constant(2, 'bias').values) } : null;
    const config = { type: 'layerNorm', epsilon: c.float('epsilon', 1e-5), ...(!more && { center: false }) };
    c.set(c.emitLike(config, laidOut, { gamma, ...more }));
  },
};
