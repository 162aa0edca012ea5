// Tensors of ONNX files, and what of a graph can be worked out from constants alone.
import type { TensorProto } from 'onnx-buf';
import { TensorProto_DataLocation as DataLocation, TensorProto_DataType as DataType } from 'onnx-buf';
import { HebbError } from '../../../errors.ts';
import { elementCount, formatShape } from '../../../shape.ts';

/** A tensor that is known before anything runs. */
export interface Constant {
  kind: 'constant';
  dims: number[];
  /** Floats, or whole numbers; NaN stands for the number of rows. */
  values: Float32Array | Float64Array;
}

/** What stands for the number of rows in a shape that the graph works out. */
export const rows = Number.NaN;

const mostElements = 2 ** 31;
/** Whole numbers are shapes and places; they take eight bytes each. */
const mostIntegers = 2 ** 24;

const floatTypes = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];
const integerBytes: Partial<Record<DataType, number>> = {
  [DataType.INT64]: 8,
  [DataType.INT32]: 4,
  [DataType.UINT8]: 1,
  [DataType.INT8]: 1,
  [DataType.BOOL]: 1,
};
const floatBytes: Partial<Record<DataType, number>> = {
  [DataType.FLOAT]: 4,
  [DataType.DOUBLE]: 8,
  [DataType.FLOAT16]: 2,
  [DataType.BFLOAT16]: 2,
};

/**
 * Reads a tensor; floats of other widths become float32.
 * @param where how messages call it, as: initializer "c1.weight"
 * @throws HebbError('invalid-file') where its data are elsewhere, of another length than its shape says, or of a type that is none of numbers
 */
export function readTensor(tensor: TensorProto, where: string): Constant {
  const wrong = (what: string) => new HebbError('invalid-file', `${where} ${what}`);
  if (tensor.dataLocation === DataLocation.EXTERNAL || tensor.externalData.length > 0) {
    throw wrong('has its data in another file: save the model with all weights inside');
  }
  if (tensor.segment) throw wrong('comes in segments, which nobody writes');
  const dims = tensor.dims.map(Number);
  const count = elementCount(dims);
  if (!dims.every((size) => Number.isSafeInteger(size) && size >= 0) || !(count <= mostElements)) {
    throw wrong(`has the shape ${formatShape(dims)}: sizes from 0 and at most 2³¹ numbers in all were expected`);
  }
  const type = tensor.dataType as DataType;
  const isFloat = floatTypes.includes(type);
  const width = isFloat ? floatBytes[type] : integerBytes[type];
  if (width === undefined) {
    throw wrong(
      `has the type ${DataType[type] ?? type}: FLOAT, DOUBLE, FLOAT16, BFLOAT16 or whole numbers were expected`,
    );
  }
  const raw = tensor.rawData;
  const typed: ArrayLike<number | bigint> =
    type === DataType.FLOAT
      ? tensor.floatData
      : type === DataType.DOUBLE
        ? tensor.doubleData
        : type === DataType.INT64
          ? tensor.int64Data
          : tensor.int32Data;
  const came = raw.length > 0 ? raw.length / width : typed.length;
  if (came !== count) {
    throw wrong(`has ${came} numbers, its shape ${formatShape(dims)} ${count}`);
  }
  if (!isFloat && count > mostIntegers) throw wrong(`has ${count} whole numbers, at most ${mostIntegers} are read`);
  const values = isFloat ? new Float32Array(count) : new Float64Array(count);
  if (raw.length > 0) readRaw(raw, type, values);
  else for (let i = 0; i < count; i++) values[i] = isHalf(type) ? half(Number(typed[i]), type) : Number(typed[i]);
  return { kind: 'constant', dims, values };
}

const isHalf = (type: DataType) => type === DataType.FLOAT16 || type === DataType.BFLOAT16;

function readRaw(raw: Uint8Array, type: DataType, to: Float32Array | Float64Array): void {
  if (type === DataType.FLOAT) {
    // The bytes need not lie at a multiple of four.
    new Uint8Array(to.buffer).set(raw);
    return;
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  for (let i = 0; i < to.length; i++) {
    if (type === DataType.DOUBLE) to[i] = view.getFloat64(8 * i, true);
    else if (isHalf(type)) to[i] = half(view.getUint16(2 * i, true), type);
    else if (type === DataType.INT64) to[i] = Number(view.getBigInt64(8 * i, true));
    else if (type === DataType.INT32) to[i] = view.getInt32(4 * i, true);
    else to[i] = type === DataType.INT8 ? view.getInt8(i) : view.getUint8(i);
  }
}

const bits = new DataView(new ArrayBuffer(4));

/** A number of 16 bits, IEEE 754 binary16 or the upper half of a float32. */
function half(value: number, type: DataType): number {
  if (type === DataType.BFLOAT16) {
    bits.setUint32(0, (value << 16) >>> 0);
    return bits.getFloat32(0);
  }
  const sign = value & 0x8000 ? -1 : 1;
  const exponent = (value >> 10) & 31;
  const fraction = value & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A list of whole numbers. */
export const integers = (values: number[], dims = [values.length]): Constant => ({
  kind: 'constant',
  dims,
  values: Float64Array.from(values),
});

/** Numbers as float32: the array itself where they are that. Nobody changes them. */
export const floatsOf = (values: Constant['values']): Float32Array =>
  values instanceof Float32Array ? values : new Float32Array(values);
