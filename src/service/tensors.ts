import { HebbError } from '../errors.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import { brief } from '../validate.ts';
import { checkCount } from './instances.ts';

/** Numbers of one call: converting and checking them takes the event loop's time. */
const mostNumbers = 2 ** 21;

interface Datatype {
  bytes: number;
  /** Little-endian bytes → numbers, copied. */
  read(bytes: Uint8Array): ArrayLike<number>;
  /** Ends of what an integer may be; undefined: any number. */
  range?: [number, number];
}

type NumberArray = new (buffer: ArrayBuffer) => ArrayLike<number>;

/** A copy, for the bytes need not lie at a multiple of their size. */
const copied = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;

const numbers = (Type: NumberArray, bytes: number, range?: [number, number]): Datatype => ({
  bytes,
  range,
  read: (from) => new Type(copied(from)),
});

/** Exact up to 2⁵³, which a float32 is not anyway. */
const longs = (range: [number, number], high: (bytes: ArrayBuffer) => Int32Array | Uint32Array): Datatype => ({
  bytes: 8,
  range,
  read(from) {
    const bytes = copied(from);
    const [low, upper] = [new Uint32Array(bytes), high(bytes)];
    const values = new Float32Array(low.length / 2);
    for (let i = 0; i < values.length; i++) values[i] = upper[2 * i + 1]! * 2 ** 32 + low[2 * i]!;
    return values;
  },
});

const unsigned = (bits: number): [number, number] => [0, 2 ** bits - 1];
const signed = (bits: number): [number, number] => [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];

/** Datatypes of the protocol that inputs may come in; all become float32. */
const datatypes: Record<string, Datatype> = {
  FP32: numbers(Float32Array, 4),
  UINT8: numbers(Uint8Array, 1, unsigned(8)),
  FP64: numbers(Float64Array, 8),
  INT8: numbers(Int8Array, 1, signed(8)),
  INT16: numbers(Int16Array, 2, signed(16)),
  UINT16: numbers(Uint16Array, 2, unsigned(16)),
  INT32: numbers(Int32Array, 4, signed(32)),
  UINT32: numbers(Uint32Array, 4, unsigned(32)),
  INT64: longs(signed(64), (bytes) => new Int32Array(bytes)),
  UINT64: longs(unsigned(64), (bytes) => new Uint32Array(bytes)),
};

/** An input of a request, as the protocol calls its parts. */
export interface InputTensor {
  name: string;
  shape: number[];
  datatype: string;
  /** Flat, or nested as the shape. */
  data?: unknown[];
  parameters?: { binary_data_size?: number; [key: string]: unknown };
}

/**
 * Values of an input tensor.
 * @param binary what followed the JSON of the request
 * @param shapes of one row as the model takes it, the first being the one to tell of
 * @returns (rows, ...shape)
 * @throws HebbError('invalid-request') where sizes and types do not agree, 'invalid-instance' where the model takes no such rows
 */
export function readTensor(tensor: InputTensor, binary: Uint8Array, shapes: Shape[]): Float32Array {
  const what = `input "${tensor.name}"`;
  const datatype = Object.hasOwn(datatypes, tensor.datatype) ? datatypes[tensor.datatype]! : undefined;
  if (!datatype) {
    const known = Object.keys(datatypes).join(', ');
    throw refused('/datatype', `${what} has the datatype "${brief(tensor.datatype)}"; it can be one of ${known}`);
  }
  checkShape(tensor.shape, shapes, what);
  const count = elementCount(tensor.shape);
  if (count > mostNumbers) {
    const message = `${what} has ${count} numbers, one call takes at most ${mostNumbers}: send fewer rows at a time`;
    throw new HebbError('invalid-instance', message);
  }
  const size = tensor.parameters?.binary_data_size;
  if (tensor.parameters?.shared_memory_region !== undefined) {
    throw refused('/parameters', `${what} is in shared memory, which this server has none of: send its data`);
  }
  if ((size === undefined) === (tensor.data === undefined)) {
    throw refused('', `${what} must have either "data" or the parameter "binary_data_size"`);
  }
  if (size === undefined) {
    if (binary.length > 0)
      throw refused('', `${binary.length} bytes follow the JSON, but no input is said to be there`);
    return fromJson(tensor, datatype, count, what);
  }
  if (size !== count * datatype.bytes) {
    const needed = `${count} numbers of ${tensor.datatype} are ${count * datatype.bytes} bytes`;
    throw refused('/parameters/binary_data_size', `${what} is said to be ${size} bytes, but ${needed}`);
  }
  if (binary.length !== size) {
    throw refused('', `${what} is said to be ${size} bytes, but ${binary.length} bytes follow the JSON`);
  }
  return checkFinite(datatype.read(binary), tensor.shape[0]!, what);
}

function refused(pointer: string, message: string): HebbError {
  return new HebbError('invalid-request', message, [{ pointer: `/inputs/0${pointer}`, message }]);
}

function checkShape(shape: number[], shapes: Shape[], what: string): void {
  const [rows = 0, ...row] = shape;
  const [expected] = shapes as [Shape];
  const elements = elementCount(expected);
  const forms = [...shapes, [elements], ...(elements === 1 ? [[]] : [])];
  const fits = forms.some((form) => form.length === row.length && form.every((size, i) => size === row[i]));
  if (shape.length === 0 || !fits) {
    const wanted = `(rows, ${expected.join(', ')})${expected.length > 1 ? ` or (rows, ${elements})` : ''}`;
    const message = `${what} has the shape ${formatShape(shape)}, the model takes ${wanted}`;
    throw new HebbError('invalid-instance', message, [
      { pointer: '/inputs/0/shape', message, expected: [-1, ...expected], received: shape.slice(0, 8) },
    ]);
  }
  checkCount(rows);
}

function fromJson({ data = [], shape }: InputTensor, { range }: Datatype, count: number, what: string): Float32Array {
  const values = new Float32Array(count);
  const sizes = Array.isArray(data[0]) ? shape : [count];
  const depth = sizes.length;
  /** Where the walk is; texts are made of it only where something is wrong. */
  const path: number[] = [];
  let at = 0;
  const wrong = (level: number, wanted: string, got: unknown) => {
    const pointer = path
      .slice(0, level)
      .map((i) => `/${i}`)
      .join('');
    return refused(`/data${pointer}`, `${what}: ${wanted} is expected at data${pointer}, got ${got}`);
  };
  const put = (value: unknown) => {
    const fits =
      typeof value === 'number' && (!range || (Number.isInteger(value) && value >= range[0] && value <= range[1]));
    values[at] = fits ? value : Number.NaN;
    if (Number.isFinite(values[at++])) return;
    const wanted = range ? `an integer from ${range[0]} to ${range[1]}` : 'a finite number';
    throw wrong(depth, wanted, JSON.stringify(brief(value)));
  };
  const walk = (value: unknown, level: number) => {
    const size = sizes[level]!;
    if (!Array.isArray(value) || value.length !== size) {
      throw wrong(
        level,
        `an array of ${size}`,
        Array.isArray(value) ? `one of ${value.length}` : JSON.stringify(brief(value)),
      );
    }
    for (let i = 0; i < size; i++) {
      path[level] = i;
      if (level === depth - 1) put(value[i]);
      else walk(value[i], level + 1);
    }
  };
  walk(data, 0);
  return values;
}

function checkFinite(numbers: ArrayLike<number>, rows: number, what: string): Float32Array {
  const values = numbers instanceof Float32Array ? numbers : new Float32Array(numbers);
  const elements = values.length / rows;
  for (let i = 0; i < values.length; i++) {
    // NaN and ±∞ differ from themselves when they are subtracted from themselves.
    if (values[i]! - values[i]! === 0) continue;
    const place = `number ${i % elements} of row ${Math.floor(i / elements)}`;
    throw new HebbError('invalid-instance', `${what}: ${place} is ${numbers[i]}, which is no finite float32`);
  }
  return values;
}

/** Texts as the protocol's BYTES: each one's length as a little-endian 32-bit number, then its UTF-8. */
export function bytesOf(texts: string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const content = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(content.length);
      return [length, content];
    }),
  );
}
