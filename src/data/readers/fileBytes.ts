import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { pipeline as pipelined } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { HebbError } from '../../errors.ts';

const chunkBytes = 2 ** 18;
/** What is unpacked may be so many times its file, where it is more than a little. */
const maxRatio = 200;
const ratioFromBytes = 2 ** 26;

/** @param part what the file is to the dataset: the name of its multipart part */
export function invalidFile(part: string, detail: string, expected?: unknown, received?: unknown): HebbError {
  return new HebbError('invalid-file', `${part}: ${detail}.`, [
    { pointer: `/${part}`, message: detail, expected, received },
  ]);
}

/** A file of an upload, as its bytes are wanted: unpacked where it is gzipped (told by its first bytes). */
export interface FileBytes {
  part: string;
  path: string;
  gzipped: boolean;
  /** Of the file as it lies there. */
  size: number;
}

/** @throws HebbError('invalid-file') for an empty file */
export async function openFile(path: string, part: string): Promise<FileBytes> {
  const file = await open(path, 'r');
  try {
    const start = Buffer.alloc(2);
    await file.read(start, 0, 2, 0);
    const { size } = await file.stat();
    if (size === 0) throw invalidFile(part, 'the file is empty');
    return { part, path, gzipped: start.readUInt16BE(0) === 0x1f8b, size };
  } finally {
    await file.close();
  }
}

/**
 * The bytes of a file, unpacked. Stopping early closes it.
 * @param maxBytes most that may come out of a gzipped file; left out: a header tells the reader when to stop
 * @throws HebbError('invalid-file') where gzip data are damaged or end too early; 'too-large' beyond `maxBytes`, or
 *   where a file grows more than ordinary data do
 */
export async function* bytesOfFile(file: FileBytes, maxBytes?: number): AsyncGenerator<Buffer> {
  const stream = createReadStream(file.path, { highWaterMark: chunkBytes });
  if (!file.gzipped) {
    yield* stream as AsyncIterable<Buffer>;
    return;
  }
  // Errors come out of the iteration below.
  const unpacked = pipeline(stream, createGunzip({ chunkSize: chunkBytes }), () => {});
  const most = maxBytes === undefined ? Infinity : Math.min(maxBytes, Math.max(ratioFromBytes, file.size * maxRatio));
  let offset = 0;
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      offset += chunk.length;
      if (offset > most) {
        const message = `the gzipped file of ${file.size} bytes unpacks to more than ${most}, the most that is taken of it`;
        throw tooLarge(file.part, message, most);
      }
      yield chunk;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('Z_')) throw error;
    throw invalidFile(
      file.part,
      `the gzip data is damaged or ends too early (${message}) after ${offset} unpacked bytes`,
    );
  }
}

/** What is more than is taken: of a file, or of what it would become. */
export function tooLarge(part: string, message: string, expected?: number): HebbError {
  return new HebbError('too-large', `${part}: ${message}.`, [{ pointer: `/${part}`, message, expected }]);
}

/** The first bytes, fewer where the file ends before. */
export async function firstBytes(file: FileBytes, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of bytesOfFile(file)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= count) break;
  }
  return Buffer.concat(chunks).subarray(0, count);
}

/**
 * The file with its bytes as they are wanted, for readers that go to and fro in it: a gzipped one is unpacked into a file
 * beside it, which goes with the upload's folder.
 */
export async function unpackedFile(file: FileBytes, maxBytes: number): Promise<FileBytes> {
  if (!file.gzipped) return file;
  const path = `${file.path}.unpacked`;
  await pipelined(bytesOfFile(file, maxBytes), createWriteStream(path, { flags: 'wx' }));
  return openFile(path, file.part);
}
