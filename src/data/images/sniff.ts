import { closeSync, openSync, readSync } from 'node:fs';
import zlib from 'node:zlib';

/**
 * Whether a file's first bytes are those of an archive that may hold images: a ZIP (but none of NumPy's arrays, nor a
 * spreadsheet), a TAR, a gzipped TAR. Reads 64 KiB: fit for the event loop.
 */
export function looksLikeImages(path: string): boolean {
  const start = firstBytes(path, 2 ** 16);
  if (start.length >= 30 && start.readUInt32BE(0) === 0x504b0304) {
    const name = start.toString('latin1', 30, 30 + start.readUInt16LE(26));
    return !/\.npy$|^\[Content_Types\]|^xl\/|^_rels\//.test(name);
  }
  if (start.length >= 22 && start.readUInt32BE(0) === 0x504b0506) return true;
  return isTar(start.length > 2 && start.readUInt16BE(0) === 0x1f8b ? gunzipStart(start) : start);
}

function isTar(bytes: Buffer): boolean {
  return bytes.length >= 262 && bytes.toString('latin1', 257, 262) === 'ustar';
}

function gunzipStart(bytes: Buffer): Buffer {
  try {
    // The end of the data is not at hand: what there is of them is enough.
    const options = { finishFlush: zlib.constants.Z_SYNC_FLUSH, maxOutputLength: 2 ** 27 };
    return zlib.gunzipSync(bytes.subarray(0, 2 ** 12), options);
  } catch {
    return Buffer.alloc(0);
  }
}

function firstBytes(path: string, count: number): Buffer {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    // The reader tells it better.
    return Buffer.alloc(0);
  }
  try {
    const bytes = Buffer.alloc(count);
    return bytes.subarray(0, readSync(file, bytes, 0, count, 0));
  } finally {
    closeSync(file);
  }
}
