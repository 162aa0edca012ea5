// Hundreds of damaged files, made from good ones: each is taken, or refused with a place in the table of errors; none is a bug,
// and none leaves a file open.
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { HebbError } from '../../../src/errors.ts';
import { temporaryFolder } from '../../helpers/data.ts';
import { fixture, stored } from '../../helpers/tables.ts';

const folder = await temporaryFolder();

/** Numbers from 0 to 1, the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Cut off, with bits turned, with a number overwritten, with a stretch taken out. */
function damage(good: Buffer, kind: number, random: () => number): Buffer {
  const at = (most: number) => Math.floor(random() * most);
  if (kind === 0) return good.subarray(0, at(good.length));
  const bytes = Buffer.from(good);
  if (kind === 1) {
    for (let i = at(8); i >= 0; i--) bytes[at(bytes.length)]! ^= 1 << at(8);
    return bytes;
  }
  if (kind === 2) {
    bytes.writeUInt32LE([0xffffffff, 0x7fffffff, 0x80000000, 0][at(4)]!, at(bytes.length - 4));
    return bytes;
  }
  const start = at(bytes.length);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(Math.min(bytes.length, start + 1 + at(40)))]);
}

const openFiles = () => readdirSync('/proc/self/fd').length;

test.each([
  'iris.csv',
  'iris-utf16.tsv',
  'iris.tsv.gz',
  'iris.json',
  'iris.ndjson',
  'iris.npz',
  'digits.npz',
  'iris.parquet',
  'iris-groups.parquet',
  'iris-pandas.parquet',
  'passengers.parquet',
])(
  '%s',
  async (name) => {
    const good = fixture(name);
    const random = randomNumbers(1 + name.length);
    const results = new Map<string, number>();
    await stored(folder, good, name.startsWith('p') ? { missing: 'mean' } : {});
    const before = openFiles();
    for (let i = 0; i < 32; i++) {
      const bytes = damage(good, i % 4, random);
      let result = 'taken';
      try {
        await stored(folder, i % 8 === 7 ? gzipSync(bytes) : bytes, name.startsWith('p') ? { missing: 'mean' } : {});
      } catch (error) {
        if (!(error instanceof HebbError)) throw error;
        expect(error.status, error.message).toBeLessThan(500);
        expect(error.faults?.length ?? 1).toBeGreaterThan(0);
        result = error.code;
      }
      results.set(result, (results.get(result) ?? 0) + 1);
    }
    expect(results.get('invalid-file')).toBeGreaterThan(8);
    // Streams that were left early close in their own time.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(openFiles()).toBeLessThanOrEqual(before + 1);
  },
  60_000,
);
