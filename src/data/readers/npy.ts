import { open } from 'node:fs/promises';
import { elementCount, formatShape } from '../../shape.ts';
import { maxRowElements, maxRows } from '../table.ts';
import { type ArrayFile, type ElementType, expectedBytes, wholeRows } from './arrayFile.ts';
import { type FileBytes, firstBytes, invalidFile, tooLarge } from './fileBytes.ts';

/** What `numpy.lib.format` calls kind and size, behind the byte order. */
const elementTypes: Record<string, ElementType> = {
  u1: { name: 'uint8', bytes: 1, integer: true, decode: (view, at) => view.getUint8(at) },
  i1: { name: 'int8', bytes: 1, integer: true, decode: (view, at) => view.getInt8(at) },
  u2: { name: 'uint16', bytes: 2, integer: true, decode: (view, at, little) => view.getUint16(at, little) },
  i2: { name: 'int16', bytes: 2, integer: true, decode: (view, at, little) => view.getInt16(at, little) },
  u4: { name: 'uint32', bytes: 4, integer: true, decode: (view, at, little) => view.getUint32(at, little) },
  i4: { name: 'int32', bytes: 4, integer: true, decode: (view, at, little) => view.getInt32(at, little) },
  u8: { name: 'uint64', bytes: 8, integer: true, decode: (view, at, little) => Number(view.getBigUint64(at, little)) },
  i8: { name: 'int64', bytes: 8, integer: true, decode: (view, at, little) => Number(view.getBigInt64(at, little)) },
  f4: { name: 'float32', bytes: 4, integer: false, decode: (view, at, little) => view.getFloat32(at, little) },
  f8: { name: 'float64', bytes: 8, integer: false, decode: (view, at, little) => view.getFloat64(at, little) },
  b1: { name: 'bool', bytes: 1, integer: true, decode: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
};

const magic = Buffer.from('\x93NUMPY', 'latin1');
const maxHeaderBytes = 2 ** 16;
const chunkBytes = 2 ** 18;
/** Held while a Fortran-ordered array is turned. */
const windowBytes = 2 ** 23;

/** A NumPy array whose header has been read and fits the file. */
export interface NpyFile extends ArrayFile {
  fortranOrder: boolean;
  /** Characters of a text, where the elements are text. */
  characters: number | null;
}

/**
 * Reads the header of an NPY file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), versions 1 to 3.
 * @throws HebbError('invalid-file') for a wrong header or a length that differs from what it says; 'too-large' beyond the
 *   most rows or elements
 */
export async function openNpy(file: FileBytes): Promise<NpyFile> {
  const { part } = file;
  const start = await firstBytes(file, 12);
  if (!start.subarray(0, 6).equals(magic)) {
    const got = `0x${start.subarray(0, 6).toString('hex')}`;
    throw invalidFile(part, `a NumPy file begins with 0x93 and NUMPY, this one with ${got}`, '0x934e554d5059', got);
  }
  const version = start[6] ?? 0;
  if (start.length < 12 || version < 1 || version > 3) {
    throw invalidFile(
      part,
      `an NPY header of version 1, 2 or 3 is expected, got version ${version}`,
      '1 to 3',
      version,
    );
  }
  const before = version === 1 ? 10 : 12;
  const headerBytes = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (headerBytes > maxHeaderBytes) {
    const message = `the header says that it has ${headerBytes} bytes, at most ${maxHeaderBytes} are read`;
    throw invalidFile(part, message, maxHeaderBytes, headerBytes);
  }
  const dataOffset = before + headerBytes;
  const header = (await firstBytes(file, dataOffset)).subarray(before);
  if (header.length < headerBytes) {
    throw invalidFile(part, `the header has ${headerBytes} bytes, the file ends after ${header.length} of them`);
  }
  return { ...file, ...describe(part, header.toString('utf8'), file, dataOffset), dataOffset };
}

/** The header is a Python dict of three keys, as NumPy writes it. */
function describe(part: string, header: string, file: FileBytes, dataOffset: number) {
  const descr = /['"]descr['"]\s*:\s*['"]([^'"]*)['"]/.exec(header)?.[1];
  const fortran = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(header)?.[1];
  const tuple = /['"]shape['"]\s*:\s*\(([\d\sL,]*)\)/.exec(header)?.[1];
  if (descr === undefined || fortran === undefined || tuple === undefined) {
    if (/['"]descr['"]\s*:\s*\[/.test(header)) {
      throw invalidFile(part, 'an array of numbers is expected, got one of records with fields');
    }
    const message = `the header is expected to be {'descr': …, 'fortran_order': …, 'shape': …}, got ${header.slice(0, 80).trim()}`;
    throw invalidFile(part, message);
  }
  const [, order, code] = /^([<>|=]?)(.+)$/.exec(descr) ?? [];
  const text = /^([US])(\d{1,4})$/.exec(code ?? '');
  const characters = text ? Number(text[2]) : null;
  const bytes = text ? Number(text[2]) * (text[1] === 'U' ? 4 : 1) : 0;
  const type = text
    ? { name: 'text', bytes, integer: true, decode: () => Number.NaN }
    : Object.hasOwn(elementTypes, code ?? '')
      ? elementTypes[code!]
      : undefined;
  if (!type || type.bytes === 0) {
    const known = Object.values(elementTypes).map(({ name }) => name);
    const pickled = code === 'O' ? ': Python objects are not read; np.array(…, dtype=…) makes numbers of them' : '';
    const message = `elements of one of the types ${known.join(', ')} are expected, got ${descr}${pickled}`;
    throw invalidFile(part, message, known, descr);
  }
  const sizes = tuple.split(',').map((size) => size.trim().replace(/L$/, '')); // biome-ignore format: sizes
  if (sizes.at(-1) === '') sizes.pop();
  const dimensions = sizes.map(Number);
  if (dimensions.length === 0 || dimensions.length > 5) {
    throw invalidFile(part, `1 to 5 dimensions are expected, the first being the samples; got ${dimensions.length}`, '1 to 5', dimensions.length); // biome-ignore format: message
  }
  const zero = dimensions.indexOf(0);
  if (zero >= 0) throw invalidFile(part, `dimension ${zero} is 0: there is no data`, '≥ 1', 0);
  // First the file's size: dimensions that lie are told as such, not as too large. Exact in BigInt only.
  const promised = sizes.reduce((product, size) => product * BigInt(size), BigInt(type.bytes)) + BigInt(dataOffset);
  const what = `the header says ${type.name} ${formatShape(dimensions)}, with it ${promised} bytes`;
  if (file.gzipped ? promised > BigInt(file.size) * 1032n : promised !== BigInt(file.size)) {
    const got = file.gzipped ? `the gzipped file has ${file.size}, too few for so many` : `the file has ${file.size}`;
    throw invalidFile(part, `${what}; ${got}`, Number(promised), file.size);
  }
  const [rows, ...shape] = dimensions as [number, ...number[]];
  if (rows > maxRows) throw tooLarge(part, `${what}; at most ${maxRows} samples are taken`, maxRows);
  if (elementCount(shape) > maxRowElements) {
    throw tooLarge(part, `${what}; a sample may have at most ${maxRowElements} elements`, maxRowElements);
  }
  return { type, characters, littleEndian: order !== '>', fortranOrder: fortran === 'True' && shape.length > 0, rows, shape }; // biome-ignore format: fields
}

/** Whole rows in row-major order, in the file's own types; never more than the header says. */
export async function* npyRows(file: NpyFile): AsyncGenerator<Buffer> {
  yield* file.fortranOrder ? turnedRows(file) : straightRows(file);
}

function straightRows(file: NpyFile): AsyncGenerator<Buffer> {
  const expected = expectedBytes(file);
  const says = `the header says ${file.rows} samples, ${expected} bytes with it`;
  return wholeRows(file, (offset) =>
    offset > expected
      ? invalidFile(file.part, `${says}, but more come`, expected)
      : invalidFile(file.part, `${says}, but the data ends after byte ${offset}`, expected, offset),
  );
}

/**
 * In Fortran's order the samples are the fastest index: element (i, j) of (rows, elements) stands at i + rows · j', where j'
 * is the place of j in the reversed order of the inner dimensions. A window of rows is read, one run for each element.
 */
async function* turnedRows(file: NpyFile): AsyncGenerator<Buffer> {
  const { type, rows, shape, dataOffset } = file;
  const places = fortranPlaces(shape);
  const elements = places.length;
  const windowRows = Math.max(1, Math.min(rows, Math.floor(windowBytes / (elements * type.bytes))));
  const handle = await open(file.path, 'r');
  try {
    const run = Buffer.alloc(windowRows * type.bytes);
    for (let first = 0; first < rows; first += windowRows) {
      const count = Math.min(windowRows, rows - first);
      const turned = Buffer.alloc(count * elements * type.bytes);
      for (let element = 0; element < elements; element++) {
        const position = dataOffset + (first + rows * places[element]!) * type.bytes;
        const { bytesRead } = await handle.read(run, 0, count * type.bytes, position);
        if (bytesRead < count * type.bytes) throw invalidFile(file.part, `the data ends in element ${element}`);
        for (let row = 0; row < count; row++) {
          run.copy(turned, (row * elements + element) * type.bytes, row * type.bytes, (row + 1) * type.bytes);
        }
      }
      for (let at = 0; at < turned.length; ) {
        const rowBytes = elements * type.bytes;
        const end = Math.min(turned.length, at + Math.max(rowBytes, chunkBytes - (chunkBytes % rowBytes)));
        yield turned.subarray(at, end);
        at = end;
      }
    }
  } finally {
    await handle.close();
  }
}

/** For each element of a sample in row-major order its place in column-major order. */
export function fortranPlaces(shape: readonly number[]): Int32Array {
  let places = Int32Array.of(0);
  let stride = 1;
  for (const size of shape) {
    const inner = places;
    const step = stride;
    // What came before varies slower in row-major order.
    places = Int32Array.from(
      { length: inner.length * size },
      (_, i) => inner[Math.floor(i / size)]! + (i % size) * step,
    );
    stride *= size;
  }
  return places;
}

/** Elements of whole rows as numbers or, where the array is one of text, as text. */
export function npyLabels(file: NpyFile, rows: Buffer): (number | string)[] {
  const { decode, bytes: size } = file.type;
  const view = new DataView(rows.buffer, rows.byteOffset, rows.length);
  const { characters } = file;
  return Array.from({ length: rows.length / size }, (_, index) => {
    if (characters === null) return decode(view, index * size, file.littleEndian);
    // UTF-32, or bytes; padded with zeros.
    const wide = size === 4 * characters;
    const codes = Array.from({ length: characters }, (_, c) =>
      wide ? view.getUint32(index * size + 4 * c, file.littleEndian) : view.getUint8(index * size + c),
    );
    const wrong = codes.find((code) => code > 0x10ffff);
    if (wrong !== undefined) throw invalidFile(file.part, `a text holds the character ${wrong}, which there is not`);
    return String.fromCodePoint(...codes.filter((code) => code !== 0));
  });
}
