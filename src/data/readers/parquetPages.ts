import type { AsyncBuffer, ColumnMetaData, Compressors } from 'hyparquet';
import { compressors as unbounded } from 'hyparquet-compressors';
import { type ThriftStruct, walkStruct } from './thrift.ts';

/** Most bytes of a page, unpacked. */
const maxPageBytes = 2 ** 28;
/** Most entries of a dictionary. */
const maxDictionary = 2 ** 24;

/** A page says itself how large it becomes. */
export const compressors: Compressors = Object.fromEntries(
  Object.entries(unbounded).map(([codec, unpack]) => [
    codec,
    (input: Uint8Array, outputLength: number) => {
      if (outputLength >= 0 && outputLength <= maxPageBytes) return unpack!(input, outputLength);
      throw new Error(`a page of ${outputLength} bytes, at most ${maxPageBytes} are unpacked`);
    },
  ]),
);

/** Encodings of values in runs (https://parquet.apache.org/docs/file-format/data-pages/encodings). */
const encodings = { plainDictionary: 2, rle: 3, rleDictionary: 8 } as const;

/**
 * Goes over the pages of a plain column in one row group: their headers must be whole, and neither they nor the runs of
 * equal values in them promise more than the group has. The library that reads them trusts what they say.
 *
 * @param optional whether values may be missing
 * @throws Error where something does not fit
 */
export async function checkPages(
  buffer: AsyncBuffer,
  meta: ColumnMetaData,
  rows: number,
  optional: boolean,
): Promise<void> {
  const start = Number(meta.dictionary_page_offset ?? 0) || Number(meta.data_page_offset);
  const bytes = new Uint8Array(await buffer.slice(start, start + Number(meta.total_compressed_size)));
  let values = 0;
  for (let at = 0; at < bytes.length - 1 && values < rows; ) {
    const { struct: header, end } = walkStruct(bytes, at);
    const unpacked = within(header[2], maxPageBytes, 'bytes in a page');
    const packed = within(header[3], bytes.length - end, 'bytes in a page');
    const page = bytes.subarray(end, end + packed);
    const [data, dictionary, dataV2] = [header[5], header[7], header[8]].map((of) =>
      typeof of === 'object' ? of : undefined,
    );
    if (dictionary) within(dictionary[1], maxDictionary, 'entries in a dictionary');
    if (data) {
      const count = within(data[1], rows - values, 'values in a page');
      const content = meta.codec === 'UNCOMPRESSED' ? page : compressors[meta.codec]?.(page, unpacked);
      if (content) checkData(content, count, data[2], optional, meta);
      values += count;
    }
    if (dataV2) {
      const count = within(dataV2[1], rows - values, 'values in a page');
      checkDataV2(page, count, unpacked, dataV2, optional, meta);
      values += count;
    }
    at = end + packed;
  }
}

/** @throws Error for what is no count, or more than there may be */
function within(count: number | ThriftStruct | undefined, most: number, what: string): number {
  if (typeof count === 'number' && count >= 0 && count <= most) return count;
  throw new Error(`${typeof count === 'number' ? count : 'no number of'} ${what}, at most ${most} are possible`);
}

function checkData(
  page: Uint8Array,
  count: number,
  encoding: number | ThriftStruct | undefined,
  optional: boolean,
  meta: ColumnMetaData,
): void {
  let at = 0;
  if (optional) {
    const length = within(lengthAt(page, 0), page.length - 4, 'bytes of levels');
    checkRuns(page.subarray(4, 4 + length), 1, count);
    at = 4 + length;
  }
  checkValues(page.subarray(at), count, encoding, meta);
}

/** In the second version levels stand before what is compressed. */
function checkDataV2(
  page: Uint8Array,
  count: number,
  unpacked: number,
  header: ThriftStruct,
  optional: boolean,
  meta: ColumnMetaData,
): void {
  within(header[2], count, 'values that are missing');
  const levels = within(header[5], page.length, 'bytes of levels');
  if (within(header[6] ?? 0, 0, 'bytes of repetitions') === 0 && optional)
    checkRuns(page.subarray(0, levels), 1, count);
  const isPlain = header[7] === 0 || meta.codec === 'UNCOMPRESSED';
  const rest = page.subarray(levels);
  const content = isPlain ? rest : compressors[meta.codec]?.(rest, unpacked - levels);
  if (content) checkValues(content, count, header[4], meta);
}

function checkValues(
  bytes: Uint8Array,
  count: number,
  encoding: number | ThriftStruct | undefined,
  meta: ColumnMetaData,
): void {
  if (encoding === encodings.plainDictionary || encoding === encodings.rleDictionary) {
    const width = within(bytes[0] ?? 0, 32, 'bits of a place in the dictionary');
    if (width > 0) checkRuns(bytes.subarray(1), width, count);
  } else if (encoding === encodings.rle && meta.type === 'BOOLEAN') {
    const length = within(lengthAt(bytes, 0), bytes.length - 4, 'bytes of runs');
    checkRuns(bytes.subarray(4, 4 + length), 1, count);
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + 4) throw new Error(`a page ends after ${bytes.length} bytes`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}

/** Runs of equal values and of packed ones: no run may be longer than all values. */
function checkRuns(bytes: Uint8Array, width: number, values: number): void {
  let seen = 0;
  for (let at = 0; seen < values && at < bytes.length; ) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= bytes.length || shift > 28) throw new Error('a run without an end');
      const next = bytes[at++]!;
      header += (next & 127) * 2 ** shift;
      if (next < 128) break;
    }
    const isPacked = header % 2 === 1;
    const length = Math.floor(header / 2);
    if (isPacked) {
      // Groups of eight; the last may be cut short.
      if ((length - 1) * width > bytes.length - at) throw new Error(`a run of ${length * 8} packed values`);
      seen += length * 8;
      at += length * width;
    } else {
      seen += within(length, values, 'values in a run');
      at += Math.ceil(width / 8);
    }
  }
}
