import { HebbError } from '../../errors.ts';
import { elementCount, formatShape } from '../../shape.ts';
import { maxRowElements, maxRows } from '../table.ts';
import { type ArrayFile, type ElementType, expectedBytes, wholeRows } from './arrayFile.ts';
import { firstBytes, invalidFile, openFile } from './fileBytes.ts';

export { invalidFile };

/** The third byte of an IDX file (http://yann.lecun.com/exdb/mnist, "the IDX file format"); numbers are big-endian. */
const elementTypes: Record<number, ElementType> = {
  8: { name: 'uint8', bytes: 1, integer: true, decode: (view, offset) => view.getUint8(offset) },
  9: { name: 'int8', bytes: 1, integer: true, decode: (view, offset) => view.getInt8(offset) },
  11: { name: 'int16', bytes: 2, integer: true, decode: (view, offset) => view.getInt16(offset) },
  12: { name: 'int32', bytes: 4, integer: true, decode: (view, offset) => view.getInt32(offset) },
  13: { name: 'float32', bytes: 4, integer: false, decode: (view, offset) => view.getFloat32(offset) },
  14: { name: 'float64', bytes: 8, integer: false, decode: (view, offset) => view.getFloat64(offset) },
};

const maxRank = 5;
/** Deflate cannot shrink further: 258 bytes in 2 bits. */
const maxDeflateRatio = 1032;

/**
 * Reads the header of an IDX file, plain or gzipped (told by its first bytes).
 * @throws HebbError('invalid-file') for a wrong header or, in a plain file, a length that differs from what it says;
 *   HebbError('too-large') beyond the most rows or elements
 */
export async function openIdx(path: string, part: string): Promise<ArrayFile> {
  const file = await openFile(path, part);
  const { size, gzipped } = file;
  const header = await firstBytes(file, 4 + 4 * maxRank);
  if (header.length < 4)
    throw invalidFile(part, `an IDX header of at least 8 bytes was expected, the file has ${header.length}`);
  if (header.readUInt16BE(0) !== 0) {
    const got = `0x${header.subarray(0, 4).toString('hex')}`;
    throw invalidFile(part, `an IDX file begins with two zero bytes, this one with ${got}`, '0x0000', got);
  }
  const [code, rank] = [header[2]!, header[3]!];
  const type = elementTypes[code];
  if (!type) {
    const known = Object.entries(elementTypes).map(([key, { name }]) => `${Number(key)} (${name})`);
    throw invalidFile(part, `byte 2 must be an element type, one of ${known.join(', ')}; got ${code}`, known, code);
  }
  if (rank < 1 || rank > maxRank) {
    throw invalidFile(part, `byte 3 must be a number of dimensions from 1 to ${maxRank}, got ${rank}`, maxRank, rank);
  }
  if (header.length < 4 + 4 * rank) {
    throw invalidFile(
      part,
      `the header of ${rank} dimensions has ${4 + 4 * rank} bytes, the file ends after ${header.length}`,
    );
  }
  const dimensions = Array.from({ length: rank }, (_, index) => header.readUInt32BE(4 + 4 * index));
  const [rows, ...shape] = dimensions as [number, ...number[]];
  const zero = dimensions.indexOf(0);
  if (zero >= 0) throw invalidFile(part, `dimension ${zero} (byte ${4 + 4 * zero}) is 0: there is no data`, '≥ 1', 0);
  // First the file's size: dimensions that lie are told as such, not as too large. Up to 5 factors of 32 bits: exact in BigInt only.
  const promised =
    dimensions.reduce((product, size) => product * BigInt(size), BigInt(type.bytes)) + BigInt(4 + 4 * rank);
  const what = `the header says ${type.name} ${formatShape(dimensions)}, that is ${promised} bytes`;
  if (gzipped ? promised > BigInt(size) * BigInt(maxDeflateRatio) : promised !== BigInt(size)) {
    throw invalidFile(
      part,
      `${what}; the ${gzipped ? 'gzipped ' : ''}file has ${size}${gzipped ? ', too few for so many' : ''}`,
      Number(promised),
      size,
    );
  }
  if (rows > maxRows) throw new HebbError('too-large', `${part}: ${what}; at most ${maxRows} samples are taken.`);
  if (elementCount(shape) > maxRowElements) {
    throw new HebbError('too-large', `${part}: ${what}; a sample may have at most ${maxRowElements} elements.`);
  }
  return { ...file, type, littleEndian: false, rows, shape, dataOffset: 4 + 4 * rank };
}

/**
 * The data behind the header in chunks of whole rows, as the file has it (big-endian).
 * @throws HebbError('invalid-file') where the file holds less or more than its header says
 */
export function idxRows(file: ArrayFile): AsyncGenerator<Buffer> {
  const { part, rows, shape, type, dataOffset } = file;
  const expected = expectedBytes(file);
  const says = `the header says ${rows} samples, ${expected} bytes in all`;
  return wholeRows(file, (offset) => {
    if (offset > expected) return invalidFile(part, `${says}, but more come after byte ${expected}`, expected);
    const complete = Math.floor(Math.max(0, offset - dataOffset) / (elementCount(shape) * type.bytes));
    const message = `${says}, but the data ends after byte ${offset}, in sample ${complete}`;
    return invalidFile(part, message, expected, offset);
  });
}

/** Elements of whole rows of an integer type. */
export function decodeIntegers(file: ArrayFile, rows: Buffer): Int32Array {
  const { decode, bytes: size } = file.type;
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
  return Int32Array.from({ length: rows.length / size }, (_, index) => decode(view, index * size, file.littleEndian));
}
