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

/**
 * Reads a safetensors file of float32 tensors.
 * @throws HebbError('invalid-file') where it is no such file, or its offsets overlap or reach past its end
 */
export function decodeSafetensors(file: Uint8Array): NamedTensor[] {
  const wrong = (text: string) => new HebbError('invalid-file', `not a safetensors file: ${text}`);
  if (file.length < 8) throw wrong(`${file.length} bytes are too few for a header`);
  const headerLength = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  if (headerLength > file.length - 8)
    throw wrong(`the header is to have ${headerLength} bytes, the file has ${file.length}`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, 8 + headerLength)));
  } catch {
    throw wrong('the header is not JSON');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw wrong('the header is not an object');
  const data = file.subarray(8 + headerLength);
  const tensors: NamedTensor[] = [];
  const ranges: [number, number][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    if (dtype !== 'F32') throw wrong(`tensor ${name} has type ${String(dtype)}, expected F32`);
    const whole = (list: unknown): list is number[] =>
      Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole(shape) || !whole(offsets) || offsets.length !== 2) throw wrong(`tensor ${name} has no shape or offsets`);
    const [from, to] = offsets as [number, number];
    if (from > to || to > data.length || to - from !== 4 * elementCount(shape)) {
      throw wrong(`tensor ${name} of shape ${formatShape(shape)} lies at ${from} to ${to} of ${data.length} bytes`);
    }
    ranges.push([from, to]);
    // A copy: the data need not be aligned to floats.
    tensors.push({ name, shape, values: new Float32Array(new Uint8Array(data.subarray(from, to)).buffer) });
  }
  ranges.sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < ranges.length; i++) {
    if (ranges[i]![0] < ranges[i - 1]![1]) throw wrong('tensors overlap');
  }
  return tensors;
}
