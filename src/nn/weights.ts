import { open } from 'node:fs/promises';
import { HebbError } from '../errors.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import type { ResolvedNetwork } from './resolve.ts';

/** A named array of float32. */
export interface NamedTensor {
  name: string;
  shape: Shape;
  values: Float32Array;
}

/** Views of a network's tensors in layer order; `floats` holds the weights as the network's memory does. */
export function tensorsOf({ layers }: ResolvedNetwork, floats: Float32Array): NamedTensor[] {
  return layers.flatMap(({ parameters }) =>
    parameters.map(({ tensorName, shape, offset, count }) => ({
      name: tensorName,
      shape,
      values: floats.subarray(offset, offset + count),
    })),
  );
}

/**
 * The tensors as a safetensors file: 8 bytes of header length, JSON header, data; in the given order, without padding
 * and without metadata, so that equal weights are equal bytes.
 * Format: https://huggingface.co/docs/safetensors
 */
export function encodeSafetensors(tensors: NamedTensor[]): Uint8Array {
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let at = 8 + text.length;
  for (const { values } of tensors) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return file;
}

/** Where a tensor lies in a safetensors file. */
export interface PlacedTensor {
  name: string;
  shape: Shape;
  /** Bytes from the start of the data. */
  from: number;
  to: number;
}

const wrongFile = (text: string) => new HebbError('invalid-file', `not a safetensors file: ${text}`);

/**
 * Length of the header that the first 8 bytes of a safetensors file tell.
 * @throws HebbError('invalid-file') where the file of so many bytes cannot hold it
 */
export function safetensorsHeaderLength(start: Uint8Array, fileLength: number): number {
  if (start.length < 8) throw wrongFile(`${fileLength} bytes are too few for a header`);
  const length = Number(new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true));
  if (length > fileLength - 8) throw wrongFile(`the header is to have ${length} bytes, the file has ${fileLength}`);
  return length;
}

/**
 * The tensors that the header of a safetensors file names, in its order.
 * @param dataLength bytes behind the header
 * @throws HebbError('invalid-file') where it is no header, a tensor is not of float32, or the tensors are not all of the data,
 *   one after the other
 */
export function parseSafetensorsHeader(text: Uint8Array, dataLength: number): PlacedTensor[] {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    throw wrongFile('the header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw wrongFile('the header is not an object');
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  const tensors: PlacedTensor[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    if (dtype !== 'F32') throw wrongFile(`tensor ${name} has type ${String(dtype)}, expected F32`);
    if (!whole(shape) || !whole(offsets) || offsets.length !== 2)
      throw wrongFile(`tensor ${name} has no shape or offsets`);
    const [from, to] = offsets as [number, number];
    if (from > to || to > dataLength || to - from !== 4 * elementCount(shape)) {
      throw wrongFile(`tensor ${name} of shape ${formatShape(shape)} lies at ${from} to ${to} of ${dataLength} bytes`);
    }
    tensors.push({ name, shape, from, to });
  }
  let end = 0;
  for (const { from, to } of [...tensors].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (from < end) throw wrongFile(`tensors overlap at byte ${from} of the data`);
    // A name that is there twice leaves a gap, too: JSON keeps the last.
    if (from > end) throw wrongFile(`bytes ${end} to ${from} of the data belong to no tensor`);
    end = to;
  }
  if (end !== dataLength) throw wrongFile(`the last ${dataLength - end} bytes belong to no tensor`);
  return tensors;
}

/**
 * Reads a safetensors file of float32 tensors.
 * @throws HebbError('invalid-file') where it is no such file, or its offsets overlap or reach past its end
 */
export function decodeSafetensors(file: Uint8Array): NamedTensor[] {
  const start = 8 + safetensorsHeaderLength(file.subarray(0, 8), file.length);
  const data = file.subarray(start);
  return parseSafetensorsHeader(file.subarray(8, start), data.length).map(({ name, shape, from, to }) => ({
    name,
    shape,
    // A copy: the data need not be aligned to floats.
    values: new Float32Array(new Uint8Array(data.subarray(from, to)).buffer),
  }));
}

/**
 * Pairs each of a network's tensors with the one of its name and shape among others.
 * @throws HebbError('invalid-file') where one is missing, unknown or of another shape
 */
export function matchTensors<Given extends { name: string; shape: Shape }>(
  own: NamedTensor[],
  given: Given[],
): [NamedTensor, Given][] {
  const left = new Map(given.map((tensor) => [tensor.name, tensor]));
  const pairs = own.map((tensor): [NamedTensor, Given] => {
    const { name, shape } = tensor;
    const found = left.get(name);
    if (!found) throw new HebbError('invalid-file', `the weights lack the tensor ${name} ${formatShape(shape)}`);
    if (formatShape(found.shape) !== formatShape(shape)) {
      throw new HebbError(
        'invalid-file',
        `tensor ${name} must be ${formatShape(shape)}, got ${formatShape(found.shape)}`,
      );
    }
    left.delete(name);
    return [tensor, found];
  });
  const [unknown] = left.keys();
  if (unknown !== undefined) throw new HebbError('invalid-file', `the network has no tensor ${unknown}`);
  return pairs;
}

/**
 * Reads a safetensors file straight into a network's tensors, without a copy on the way and off the event loop.
 * @throws HebbError('invalid-file') where the file is no such file or does not fit; the tensors may then be written in part
 */
export async function readSafetensorsInto(path: string, tensors: NamedTensor[]): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const read = async (into: Uint8Array, position: number) => {
      for (let at = 0; at < into.length; ) {
        const { bytesRead } = await file.read(into, at, into.length - at, position + at);
        if (bytesRead === 0) throw wrongFile('it ends too early');
        at += bytesRead;
      }
      return into;
    };
    const start = 8 + safetensorsHeaderLength(await read(new Uint8Array(Math.min(8, size)), 0), size);
    const placed = parseSafetensorsHeader(await read(new Uint8Array(start - 8), 8), size - start);
    for (const [{ values }, { from }] of matchTensors(tensors, placed)) {
      await read(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start + from);
    }
  } finally {
    await file.close();
  }
}
