import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { HebbError } from '../errors.ts';
import { elementCount } from '../shape.ts';
import type { DatasetInfo, SplitName } from './dataset.ts';

/*
 * One file a split: `train.bin`, `validation.bin`, `test.bin`; a split without samples has a file of no rows.
 * All numbers little-endian.
 *
 *   offset  bytes
 *        0      8  magic "HEBBDATA"
 *        8      4  version, 1
 *       12      4  input type: 1 uint8, 2 float32
 *       16      4  target type: 1 class index (int32), 2 float32
 *       20      4  zero
 *       24      8  rows
 *       32      8  elements per input
 *       40      8  elements per target (1 for a class index)
 *       48      8  offset of the inputs: 4096
 *       56      8  offset of the targets: the first multiple of 64 behind the inputs
 *       64     32  SHA-256 of the 64 bytes before
 *     4096         inputs (rows, elements), rows contiguous, channels last
 *                  targets (rows, elements); the file ends with them
 */
const magic = Buffer.from('HEBBDATA');
const version = 1;
const headerBytes = 4096;
const describedBytes = 64;
const checksummedBytes = describedBytes + 32;
const targetAlignment = 64;
const inputTypes = { uint8: { code: 1, bytes: 1 }, float32: { code: 2, bytes: 4 } } as const;
const targetTypes = { class: { code: 1, bytes: 4 }, float32: { code: 2, bytes: 4 } } as const;

export type InputType = keyof typeof inputTypes;
export type TargetType = keyof typeof targetTypes;

/** What a split's file holds, and where: enough to map it. */
export interface SplitFile {
  path: string;
  rows: number;
  inputType: InputType;
  /** Elements of one input. */
  inputElements: number;
  /** Bytes from the start of the file. */
  inputsOffset: number;
  /** class: an int32 index. */
  targetType: TargetType;
  /** Elements of one target, 1 for a class. */
  targetElements: number;
  targetsOffset: number;
  /** Size of the whole file. */
  fileBytes: number;
}

export type SplitContents = Pick<SplitFile, 'rows' | 'inputType' | 'inputElements' | 'targetType' | 'targetElements'>;

/** Bytes of one input and of one target. */
export function rowBytes(split: SplitContents): { input: number; target: number } {
  return {
    input: split.inputElements * inputTypes[split.inputType].bytes,
    target: split.targetElements * targetTypes[split.targetType].bytes,
  };
}

/** Where everything stands in the file of a split with these contents. */
export function layOut(path: string, contents: SplitContents): SplitFile {
  const bytes = rowBytes(contents);
  const inputsEnd = headerBytes + contents.rows * bytes.input;
  const targetsOffset = Math.ceil(inputsEnd / targetAlignment) * targetAlignment;
  const fileBytes = targetsOffset + contents.rows * bytes.target;
  return { ...contents, path, inputsOffset: headerBytes, targetsOffset, fileBytes };
}

export function splitPath(folder: string, split: SplitName): string {
  return join(folder, `${split}.bin`);
}

/** The 4096 bytes before a split's inputs. */
export function encodeHeader(split: SplitFile): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(inputTypes[split.inputType].code, 12);
  header.writeUInt32LE(targetTypes[split.targetType].code, 16);
  const sizes = [split.rows, split.inputElements, split.targetElements, split.inputsOffset, split.targetsOffset];
  for (const [index, size] of sizes.entries()) header.writeBigUInt64LE(BigInt(size), 24 + 8 * index);
  checksum(header).copy(header, describedBytes);
  return header;
}

function checksum(header: Buffer): Buffer {
  return createHash('sha256').update(header.subarray(0, describedBytes)).digest();
}

/**
 * Reads the header of a split's file and holds it against the file's size.
 * @throws HebbError('internal') for a file that is missing, damaged, or shorter or longer than its header says
 */
export function openSplit(folder: string, split: SplitName): SplitFile {
  const path = splitPath(folder, split);
  const damaged = (what: string, cause?: unknown) =>
    new HebbError('internal', `The dataset's file ${path} is damaged: ${what}.`, undefined, { cause });
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw damaged(`it cannot be opened (${(error as NodeJS.ErrnoException).code})`, error);
  }
  try {
    const header = Buffer.alloc(checksummedBytes);
    const { size } = fstatSync(file);
    if (size < headerBytes || readSync(file, header, 0, checksummedBytes, 0) < checksummedBytes) {
      throw damaged(`a header of ${headerBytes} bytes was expected, the file has ${size}`);
    }
    if (!header.subarray(0, magic.length).equals(magic)) throw damaged('it does not start with HEBBDATA');
    if (header.readUInt32LE(8) !== version) {
      throw damaged(`version ${version} was expected, got ${header.readUInt32LE(8)}`);
    }
    if (!checksum(header).equals(header.subarray(describedBytes))) {
      throw damaged('the checksum of its header does not fit');
    }
    const contents = decodeContents(header);
    const laidOut = contents && layOut(path, contents);
    // Everything else follows from the contents: a header that says otherwise was not written by us.
    if (!laidOut || !encodeHeader(laidOut).subarray(0, checksummedBytes).equals(header)) {
      throw damaged('its header contradicts itself');
    }
    if (size !== laidOut.fileBytes) {
      throw damaged(`its header promises ${laidOut.fileBytes} bytes, the file has ${size}`);
    }
    return laidOut;
  } finally {
    closeSync(file);
  }
}

function decodeContents(header: Buffer): SplitContents | undefined {
  const typeOf = <Name extends string>(types: Record<Name, { code: number }>, code: number) =>
    (Object.keys(types) as Name[]).find((name) => types[name].code === code);
  const inputType = typeOf(inputTypes, header.readUInt32LE(12));
  const targetType = typeOf(targetTypes, header.readUInt32LE(16));
  const [rows, inputElements, targetElements] = [24, 32, 40].map((offset) => Number(header.readBigUInt64LE(offset)));
  if (!inputType || !targetType) return undefined;
  return { rows: rows!, inputType, inputElements: inputElements!, targetType, targetElements: targetElements! };
}

/** One sample in the dataset's units. */
export interface StoredSample {
  index: number;
  /** Nested as inputShape. */
  input: unknown;
  /** Class name, or the target nested as targetShape. */
  target: unknown;
}

/**
 * Samples `offset` to `offset + limit` of a split, fewer at its end; reads only these.
 * @throws HebbError('internal') where the file is damaged
 */
export async function readRows(
  folder: string,
  info: Pick<DatasetInfo, 'inputShape' | 'targetShape' | 'classes'>,
  split: SplitName,
  offset: number,
  limit: number,
): Promise<StoredSample[]> {
  const { inputs, targets, rows, stored } = await readRawRows(folder, split, offset, limit);
  const { inputElements, targetElements } = stored;
  return Array.from({ length: rows }, (_, row) => ({
    index: offset + row,
    input: nest(inputs, row * inputElements, info.inputShape),
    target:
      stored.targetType === 'class'
        ? info.classes![targets[row]!]!
        : nest(targets, row * targetElements, info.targetShape),
  }));
}

/** The same rows as flat arrays: inputs (rows, inputElements), targets (rows, targetElements). */
export async function readRawRows(folder: string, split: SplitName, offset: number, limit: number) {
  const stored = openSplit(folder, split);
  const rows = Math.max(0, Math.min(limit, stored.rows - offset));
  const bytes = rowBytes(stored);
  const file = await open(stored.path, 'r');
  try {
    const read = async (position: number, length: number): Promise<ArrayBuffer> => {
      const buffer = new Uint8Array(length);
      const { bytesRead } = await file.read(buffer, 0, length, position);
      if (bytesRead < length) throw new HebbError('internal', `The dataset's file ${stored.path} ends too early.`);
      return buffer.buffer;
    };
    const inputBytes = await read(stored.inputsOffset + offset * bytes.input, rows * bytes.input);
    const targetBytes = await read(stored.targetsOffset + offset * bytes.target, rows * bytes.target);
    return {
      stored,
      rows,
      inputs: stored.inputType === 'uint8' ? new Uint8Array(inputBytes) : new Float32Array(inputBytes),
      targets: stored.targetType === 'class' ? new Int32Array(targetBytes) : new Float32Array(targetBytes),
    };
  } finally {
    await file.close();
  }
}

/** The targets alone of the same rows: class indices, or (rows, targetElements). */
export async function readRawTargets(folder: string, split: SplitName, offset: number, limit: number) {
  const stored = openSplit(folder, split);
  const rows = Math.max(0, Math.min(limit, stored.rows - offset));
  const bytes = rowBytes(stored).target;
  const buffer = new Uint8Array(rows * bytes);
  const file = await open(stored.path, 'r');
  try {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, stored.targetsOffset + offset * bytes);
    if (bytesRead < buffer.length) throw new HebbError('internal', `The dataset's file ${stored.path} ends too early.`);
  } finally {
    await file.close();
  }
  return stored.targetType === 'class' ? new Int32Array(buffer.buffer) : new Float32Array(buffer.buffer);
}

/**
 * At most `most` rows of a split, spread evenly over it in a few stretches.
 * @returns as readRawRows: inputs (rows, inputElements), targets (rows, targetElements)
 */
export async function readSpreadRows(folder: string, split: SplitName, most: number) {
  const stretches = 20;
  const { rows: total, inputElements, targetElements } = openSplit(folder, split);
  if (total <= most) return readRawRows(folder, split, 0, most);
  const rows = Math.floor(most / stretches);
  const inputs = new Float32Array(stretches * rows * inputElements);
  const targets = new Float32Array(stretches * rows * targetElements);
  for (let i = 0; i < stretches; i++) {
    const part = await readRawRows(folder, split, Math.floor((i * (total - rows)) / (stretches - 1)), rows);
    inputs.set(part.inputs, i * rows * inputElements);
    targets.set(part.targets, i * rows * targetElements);
  }
  return { rows: stretches * rows, inputs, targets };
}

/** Elements from `start` on as arrays nested in this shape; the bare number for []. */
function nest(elements: ArrayLike<number>, start: number, shape: readonly number[]): unknown {
  const [size, ...inner] = shape;
  if (size === undefined) return elements[start];
  const stride = elementCount(inner);
  return Array.from({ length: size }, (_, index) => nest(elements, start + index * stride, inner));
}
