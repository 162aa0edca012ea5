/** A struct of Thrift's compact protocol: integers and structs by field number; what else it has is gone over. */
export interface ThriftStruct {
  [field: number]: number | ThriftStruct;
}

const maxDepth = 16;

/**
 * Goes over one struct and makes sure that it is whole: that lengths and counts fit what is there. A reader that trusts
 * them could be kept busy, or fill the memory, with a few bytes.
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md)
 *
 * @returns what the struct holds, and where it ends
 * @throws Error where it is damaged
 */
export function walkStruct(bytes: Uint8Array, start = 0): { struct: ThriftStruct; end: number } {
  let at = start;

  const byte = (): number => {
    if (at >= bytes.length) throw new Error(`it ends at byte ${at}`);
    return bytes[at++]!;
  };
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const next = byte();
      value += (next & 127) * 2 ** shift;
      if (next < 128) return value;
    }
    throw new Error(`a number without an end before byte ${at}`);
  };
  const zigzag = (): number => {
    const value = varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  };
  const forward = (count: number): number => {
    if (count > bytes.length - at)
      throw new Error(`${count} bytes are promised at byte ${at}, ${bytes.length - at} are there`);
    at += count;
    return 0;
  };
  const elements = (count: number, types: number[], depth: number): number => {
    // Each element has a byte at least.
    if (count > bytes.length - at) throw new Error(`${count} elements are promised at byte ${at}`);
    for (let i = 0; i < count; i++) for (const type of types) value(type <= 2 ? 3 : type, depth);
    return 0;
  };
  const value = (type: number, depth: number): number | ThriftStruct => {
    if (depth > maxDepth) throw new Error('it is nested too deep');
    if (type === 1 || type === 2) return 2 - type;
    if (type === 3) return byte();
    if (type >= 4 && type <= 6) return zigzag();
    if (type === 7) return forward(8);
    if (type === 8) return forward(varint());
    if (type === 9 || type === 10) {
      const header = byte();
      return elements(header >> 4 === 15 ? varint() : header >> 4, [header & 15], depth + 1);
    }
    if (type === 11) {
      const count = varint();
      const types = count === 0 ? 0 : byte();
      return elements(count, [types >> 4, types & 15], depth + 1);
    }
    if (type === 12) return fields(depth + 1);
    throw new Error(`an unknown type ${type} before byte ${at}`);
  };
  const fields = (depth: number): ThriftStruct => {
    const struct: ThriftStruct = {};
    let id = 0;
    for (let header = byte(); (header & 15) !== 0; header = byte()) {
      id = header >> 4 === 0 ? zigzag() : id + (header >> 4);
      struct[id] = value(header & 15, depth);
    }
    return struct;
  };

  const struct = fields(0);
  return { struct, end: at };
}
