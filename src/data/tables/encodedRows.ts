import { bytesOf } from '../table.ts';
import type { RowEncoder } from './encode.ts';
import type { Row, RowSource } from './rows.ts';
import { wrongCells } from './tableError.ts';

/** Batches of the rows that are not dropped. */
export async function* keptRows(source: RowSource, dropped: Uint8Array): AsyncGenerator<Row[]> {
  let row = 0;
  for await (const batch of source.batches()) {
    const first = row;
    row += batch.length;
    yield dropped.length === 0 ? batch : batch.filter((_, i) => dropped[first + i] === 0);
  }
}

/** Numbers of a chunk of inputs at most, where a row has not more. */
const chunkNumbers = 2 ** 18;

/** Chunks of inputs, of whole rows. @throws HebbError('invalid-data') for a cell that its column does not take */
export async function* encodedRows(
  source: RowSource,
  dropped: Uint8Array,
  encoder: RowEncoder,
): AsyncGenerator<Uint8Array, void, void> {
  const rowsAtOnce = Math.max(1, Math.floor(chunkNumbers / encoder.width));
  let before = 0;
  for await (const batch of keptRows(source, dropped)) {
    for (let start = 0; start < batch.length; start += rowsAtOnce) {
      const rows = batch.slice(start, start + rowsAtOnce);
      const inputs = new Float32Array(rows.length * encoder.width);
      for (const [i, cells] of rows.entries()) {
        const fault = encoder.encode(cells, inputs, i * encoder.width);
        if (!fault) continue;
        const { column, index, expected } = fault;
        const row = rowOfFile(dropped, before + start + i);
        throw await wrongCells(source, [{ row, column: column.name, expected, value: cells[index] }]);
      }
      yield bytesOf(inputs);
    }
    before += batch.length;
  }
}

/** Where the n-th of the rows that were kept stands among all. */
function rowOfFile(dropped: Uint8Array, n: number): number {
  if (dropped.length === 0) return n;
  let row = -1;
  for (let kept = -1; kept < n; row++) if (dropped[row + 1] === 0) kept++;
  return row;
}
