// The least of a Parquet file (github.com/apache/parquet-format): plain columns of numbers, not compressed, in row groups.

type Value = { i32: number } | { i64: number } | { text: string } | { list: Value[] } | Struct;
/** Fields by their ids. */
type Struct = { struct: Record<number, Value> };

/** A value in Thrift's compact protocol. */
function encode(value: Value): Buffer {
  if ('i32' in value) return varint(BigInt(value.i32) * 2n);
  if ('i64' in value) return varint(BigInt(value.i64) * 2n);
  if ('text' in value) return Buffer.concat([varint(BigInt(value.text.length)), Buffer.from(value.text, 'latin1')]);
  if ('list' in value) {
    const { length } = value.list;
    const head = Buffer.from([(Math.min(length, 15) << 4) | typeOf(value.list[0]!)]);
    return Buffer.concat([head, length < 15 ? Buffer.alloc(0) : varint(BigInt(length)), ...value.list.map(encode)]);
  }
  const pieces: Buffer[] = [];
  let last = 0;
  for (const [key, field] of Object.entries(value.struct)) {
    pieces.push(Buffer.from([((Number(key) - last) << 4) | typeOf(field)]), encode(field));
    last = Number(key);
  }
  return Buffer.concat([...pieces, Buffer.from([0])]);
}

function typeOf(value: Value): number {
  if ('i32' in value) return 5;
  if ('i64' in value) return 6;
  if ('text' in value) return 8;
  return 'list' in value ? 9 : 12;
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

const types = { int32: 1, double: 5 };

export interface ParquetColumn {
  name: string;
  values: Float64Array | Int32Array;
}

/** @param columns all of the same length */
export function* parquetFile(columns: ParquetColumn[], groupRows: number): Generator<Uint8Array> {
  const rows = columns[0]!.values.length;
  const typeIn = ({ values }: ParquetColumn) => ({ i32: values instanceof Int32Array ? types.int32 : types.double });
  const magic = Buffer.from('PAR1');
  let offset = magic.length;
  yield magic;
  const groups: Value[] = [];
  for (let first = 0; first < rows; first += groupRows) {
    const count = Math.min(groupRows, rows - first);
    const chunks: Value[] = [];
    let groupBytes = 0;
    for (const column of columns) {
      const part = column.values.subarray(first, first + count);
      const data = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
      const page = { 1: { i32: count }, 2: { i32: 0 }, 3: { i32: 3 }, 4: { i32: 3 } };
      const size = { i32: data.length };
      const header = encode({ struct: { 1: { i32: 0 }, 2: size, 3: size, 5: { struct: page } } });
      const bytes = { i64: header.length + data.length };
      const meta = {
        1: typeIn(column),
        2: { list: [{ i32: 0 }] },
        3: { list: [{ text: column.name }] },
        4: { i32: 0 },
        5: { i64: count },
        6: bytes,
        7: bytes,
        9: { i64: offset },
      };
      chunks.push({ struct: { 2: { i64: offset }, 3: { struct: meta } } });
      yield header;
      yield data;
      offset += bytes.i64;
      groupBytes += bytes.i64;
    }
    groups.push({ struct: { 1: { list: chunks }, 2: { i64: groupBytes }, 3: { i64: count } } });
  }
  const root: Value = { struct: { 4: { text: 'root' }, 5: { i32: columns.length } } };
  const schema = columns.map((c): Value => ({ struct: { 1: typeIn(c), 3: { i32: 0 }, 4: { text: c.name } } }));
  const footer = encode({
    struct: { 1: { i32: 1 }, 2: { list: [root, ...schema] }, 3: { i64: rows }, 4: { list: groups } },
  });
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  yield Buffer.concat([footer, length, magic]);
}
