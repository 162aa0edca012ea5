import { expect, test } from 'vitest';
import { ByteCounts } from '../../src/data/byteCounts.ts';
import { constantElements } from '../../src/data/statistics.ts';

/** As plain as can be. */
function counted(pieces: Uint8Array[]): number[] {
  const counts = new Array<number>(256).fill(0);
  for (const piece of pieces) for (const byte of piece) counts[byte]! += 1;
  return counts;
}

test('bytes are counted wherever a piece begins and ends', () => {
  const bytes = Uint8Array.from({ length: 4000 }, (_, i) => (i % 7 < 4 ? 0 : (i * i * 31) % 256));
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < 9; start++) {
    for (let length = 0; length < 20; length++) pieces.push(bytes.subarray(start, start + length));
    pieces.push(bytes.subarray(start, bytes.length - start));
  }
  const counts = new ByteCounts();
  for (const [i, piece] of pieces.entries()) {
    counts.add(piece);
    // Asked in between, it goes on.
    if (i % 50 === 0) expect([...counts.result()]).toEqual(counted(pieces.slice(0, i + 1)));
  }
  expect([...counts.result()]).toEqual(counted(pieces));
});

test('elements are constant where all of their bytes are the same in every row', () => {
  const rows = [
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9],
    [1, 2, 3, 4, 5, 6, 7, 0, 9, 9, 9, 9],
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9],
    [1, 2, 3, 4, 5, 0, 7, 0, 9, 9, 9, 9],
  ];
  const constants = constantElements(false);
  for (const row of rows) constants.add(Uint8Array.from(row));
  expect(constants.result(1)).toEqual([0, 1, 2, 3, 4, 6, 8, 9, 10, 11]);
  expect(constants.result(4)).toEqual([0, 2]);
  expect(constantElements(false).result(4)).toEqual([]);
  const all = constantElements(true);
  for (const row of rows) all.add(Uint8Array.from(row));
  expect(all.result(1)).toEqual([]);
  const same = constantElements(true);
  for (let i = 0; i < 3; i++) same.add(Uint8Array.of(1, 2));
  expect(same.result(1)).toEqual([0, 1]);
});
