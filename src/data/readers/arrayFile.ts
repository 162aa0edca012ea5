import type { HebbError } from '../../errors.ts';
import { elementCount, type Shape } from '../../shape.ts';
import { bytesOf, type TableWarning } from '../table.ts';
import { bytesOfFile, type FileBytes, invalidFile } from './fileBytes.ts';

/** How an element stands in a file. */
export interface ElementType {
  name: string;
  bytes: number;
  integer: boolean;
  decode(view: DataView, offset: number, littleEndian: boolean): number;
}

/** A file of an array whose header has been read and fits it: behind the header samples, one after the other. */
export interface ArrayFile extends FileBytes {
  type: ElementType;
  littleEndian: boolean;
  /** Samples. */
  rows: number;
  /** Shape of one sample; [] in an array of rank 1. */
  shape: number[];
  dataOffset: number;
}

/** Targets of the parts of a table. */
export interface Targets {
  classes: string[] | null;
  shape: Shape;
  values: (Int32Array | Float32Array)[];
  warnings?: TableWarning[];
}

/** Bytes that the file has by its header. */
export function expectedBytes({ rows, shape, type, dataOffset }: ArrayFile): number {
  return dataOffset + rows * elementCount(shape) * type.bytes;
}

/**
 * The data behind the header in chunks of whole rows, as the file has it. Never unpacks more than a chunk beyond what the
 * header says.
 * @param wrongLength what is wrong with a file that ends after so many bytes, or has at least so many
 */
export async function* wholeRows(file: ArrayFile, wrongLength: (offset: number) => HebbError): AsyncGenerator<Buffer> {
  const rowBytes = elementCount(file.shape) * file.type.bytes;
  const expected = expectedBytes(file);
  let offset = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of bytesOfFile(file)) {
    const skipped = Math.min(chunk.length, Math.max(0, file.dataOffset - offset));
    offset += chunk.length;
    if (offset > expected) throw wrongLength(offset);
    pending.push(chunk.subarray(skipped));
    pendingBytes += chunk.length - skipped;
    if (pendingBytes < rowBytes) continue;
    const joined = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
    const whole = pendingBytes - (pendingBytes % rowBytes);
    yield joined.subarray(0, whole);
    pending = [joined.subarray(whole)];
    pendingBytes -= whole;
  }
  if (offset < expected) throw wrongLength(offset);
}

/**
 * Elements of whole rows as float32.
 * @param firstRow index of the first of them, for messages
 * @throws HebbError('invalid-file') for a value that is not finite in float32
 */
function decodeFloats(file: ArrayFile, rows: Buffer, firstRow: number): Float32Array {
  const { decode, bytes: size } = file.type;
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
  const values = new Float32Array(rows.length / size);
  for (let i = 0; i < values.length; i++) {
    values[i] = decode(view, i * size, file.littleEndian);
    if (!Number.isFinite(values[i])) {
      const elements = elementCount(file.shape);
      const [sample, element] = [firstRow + Math.floor(i / elements), i % elements];
      const value = String(decode(view, i * size, file.littleEndian));
      throw invalidFile(
        file.part,
        `element ${element} of sample ${sample} is ${value}; finite float32 numbers are expected`,
        'a finite float32',
        value,
      );
    }
  }
  return values;
}

async function* decoded(file: ArrayFile, rows: AsyncIterable<Buffer>): AsyncGenerator<Float32Array> {
  const elements = elementCount(file.shape);
  let row = 0;
  for await (const chunk of rows) {
    const values = decodeFloats(file, chunk, row);
    row += values.length / elements;
    yield values;
  }
}

/** Rows of a file as rows of float32. */
export async function* floatRows(file: ArrayFile, rows: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  for await (const values of decoded(file, rows)) yield bytesOf(values);
}

/** All elements of a file in memory. */
export async function allFloats(file: ArrayFile, rows: AsyncIterable<Buffer>): Promise<Float32Array> {
  const all = new Float32Array(file.rows * elementCount(file.shape));
  let filled = 0;
  for await (const values of decoded(file, rows)) {
    all.set(values, filled);
    filled += values.length;
  }
  return all;
}
