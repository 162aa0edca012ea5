import { closeSync, openSync, readSync } from 'node:fs';
import type { SplitName } from './dataset.ts';
import { openSplit, rowBytes } from './store.ts';

const chunkBytes = 2 ** 20;

/** Whole rows of a split, one behind the other; they hold until the next chunk. */
export interface StoreChunk {
  /** Index of the first row. */
  first: number;
  rows: number;
  /** (rows, input elements) */
  inputs: Uint8Array | Float32Array;
  /** The same bytes. */
  inputBytes: Uint8Array;
  /** Bytes of one input. */
  inputRowBytes: number;
  /** (rows, target elements) */
  targets: Int32Array | Float32Array;
  targetElements: number;
}

/**
 * All rows of a split in chunks of about 1 MiB. Synchronous: for a worker thread.
 * @throws HebbError('internal') where the file is damaged
 */
export function* storeChunks(folder: string, split: SplitName): Generator<StoreChunk> {
  const stored = openSplit(folder, split);
  const bytes = rowBytes(stored);
  const perChunk = Math.max(1, Math.floor(chunkBytes / bytes.input));
  const file = openSync(stored.path, 'r');
  const most = Math.min(perChunk, stored.rows);
  // Read into the same memory again and again: new memory for each chunk would pile up until it is collected.
  const inputBuffer = new Uint8Array(most * bytes.input);
  const targetBuffer = new Uint8Array(most * bytes.target);
  try {
    for (let first = 0; first < stored.rows; first += perChunk) {
      const rows = Math.min(perChunk, stored.rows - first);
      const inputBytes = inputBuffer.subarray(0, rows * bytes.input);
      const targetBytes = targetBuffer.subarray(0, rows * bytes.target);
      read(file, stored.inputsOffset + first * bytes.input, inputBytes);
      read(file, stored.targetsOffset + first * bytes.target, targetBytes);
      yield {
        first,
        rows,
        inputs:
          stored.inputType === 'uint8' ? inputBytes : new Float32Array(inputBytes.buffer, 0, inputBytes.length / 4),
        inputBytes,
        inputRowBytes: bytes.input,
        targets:
          stored.targetType === 'class'
            ? new Int32Array(targetBytes.buffer, 0, targetBytes.length / 4)
            : new Float32Array(targetBytes.buffer, 0, targetBytes.length / 4),
        targetElements: stored.targetElements,
      };
    }
  } finally {
    closeSync(file);
  }
}

function read(file: number, position: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const count = readSync(file, target, done, target.length - done, position + done);
    if (count === 0) throw new Error('a file of the store ends too early');
    done += count;
  }
}
