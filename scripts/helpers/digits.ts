// Data like digits, of any size: bright strokes on black, ten classes, the same bytes on every machine.

/** Rows that differ from each other; a 64-bit seed of its own for each. */
const width = 28;
export const digitBytes = width * width;
export const digitShape = [width, width, 1];
const dots = 12;

/** Numbers of a seed (xorshift32: Marsaglia, "Xorshift RNGs", 2003). */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Class of a row. */
export function digitOf(row: number): number {
  return randomOf(row)() % 10;
}

/** Writes the picture of a row: the class's stroke of dots, moved a little, with noise along it. */
function draw(row: number, target: Uint8Array): void {
  target.fill(0);
  const random = randomOf(row);
  const digit = random() % 10;
  const [dx, dy] = [random() % 5, random() % 5];
  const stroke = randomOf(1000 + digit);
  let [x, y] = [6 + (stroke() % 12), 6 + (stroke() % 12)];
  for (let dot = 0; dot < dots; dot++) {
    x = Math.min(20, Math.max(3, x + (stroke() % 7) - 3));
    y = Math.min(20, Math.max(3, y + (stroke() % 7) - 3));
    const noise = random();
    for (let place = 0; place < 9; place++) {
      const at = (y + dy + Math.floor(place / 3)) * width + x + dx + (place % 3);
      target[at] = 255 - ((noise >>> (3 * place)) & 7) * 16;
    }
  }
}

/** Pictures of rows `first` to `first + rows`, row-major, in pieces of about 1 MiB, which hold until the next one. */
export function* digitImages(rows: number, first = 0): Generator<Uint8Array> {
  const most = 1337;
  const piece = new Uint8Array(most * digitBytes);
  for (let start = 0; start < rows; start += most) {
    const count = Math.min(most, rows - start);
    for (let row = 0; row < count; row++) {
      draw(first + start + row, piece.subarray(row * digitBytes, (row + 1) * digitBytes));
    }
    yield piece.subarray(0, count * digitBytes);
  }
}

export function digitLabels(rows: number, first = 0): Uint8Array {
  return Uint8Array.from({ length: rows }, (_, row) => digitOf(first + row));
}

/** Header of an IDX file of uint8. */
export function idxHeader(dimensions: number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header[2] = 8;
  header[3] = dimensions.length;
  for (const [index, size] of dimensions.entries()) header.writeUInt32BE(size, 4 + 4 * index);
  return header;
}

/** Header of an NPY file, version 1.0 (NumPy's "numpy.lib.format"). @param type as '|u1' */
export function npyHeader(type: string, shape: number[]): Buffer {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8]);
  return Buffer.concat([start, Buffer.from(padded, 'latin1')]);
}
