import { createReadStream, createWriteStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Zip, ZipPassThrough } from 'fflate';
import { digitImages, digitLabels, idxHeader, npyHeader } from '../helpers/digits.ts';
import type { DrilledService } from './service.ts';

export const bigFormats = ['idx', 'npy', 'npz'] as const;
export type BigFormat = (typeof bigFormats)[number];

/** Files by the name of their part. */
const partsOf: Record<BigFormat, string[]> = { idx: ['images', 'labels'], npy: ['inputs', 'targets'], npz: ['file'] };

/** Writes images and labels of so many rows into a folder. @returns bytes of all files */
export async function writeFiles(folder: string, format: BigFormat, rows: number): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const shape = [rows, 28, 28];
  const images = function* (header: Buffer) {
    yield header;
    // The pieces hold only until the next one, and a stream may fall behind.
    for (const piece of digitImages(rows)) yield Buffer.from(piece);
  };
  const labels = digitLabels(rows);
  const write = (part: string, content: Iterable<Uint8Array>) =>
    pipeline(Readable.from(content), createWriteStream(join(folder, part)));
  if (format === 'idx') {
    await write('images', images(idxHeader(shape)));
    writeFileSync(join(folder, 'labels'), Buffer.concat([idxHeader([rows]), labels]));
  } else if (format === 'npy') {
    await write('inputs', images(npyHeader('|u1', shape)));
    writeFileSync(join(folder, 'targets'), Buffer.concat([npyHeader('|u1', [rows]), labels]));
  } else {
    await write('file', npz({ x: images(npyHeader('|u1', shape)), y: [npyHeader('|u1', [rows]), labels] }));
  }
  return partsOf[format].reduce((sum, part) => sum + statSync(join(folder, part)).size, 0);
}

/** Arrays as numpy.savez leaves them: a ZIP whose entries are not compressed. */
function* npz(arrays: Record<string, Iterable<Uint8Array>>): Generator<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const zip = new Zip((error, piece) => {
    if (error) throw error;
    pieces.push(piece);
  });
  for (const [name, content] of Object.entries(arrays)) {
    const entry = new ZipPassThrough(`${name}.npy`);
    zip.add(entry);
    for (const piece of content) {
      entry.push(piece);
      yield* pieces.splice(0);
    }
    entry.push(new Uint8Array(0), true);
  }
  zip.end();
  yield* pieces.splice(0);
}

/** Uploads the files as a client streams them. @throws Error where the service does not take them */
export async function upload(service: DrilledService, folder: string, format: BigFormat, name: string): Promise<void> {
  const boundary = 'hebb-drill-boundary';
  const head = (part: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${part}"; filename="${part}"\r\n`;
  async function* body() {
    yield `${head('meta')}\r\n${JSON.stringify({ name })}\r\n`;
    for (const part of partsOf[format]) {
      yield `${head(part)}Content-Type: application/octet-stream\r\n\r\n`;
      yield* createReadStream(join(folder, part), { highWaterMark: 2 ** 18 });
      yield '\r\n';
    }
    yield `--${boundary}--\r\n`;
  }
  const stream = Readable.toWeb(Readable.from(encoded(body())));
  const { status, body: answer } = await service.call('/v1/datasets', {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: stream,
    duplex: 'half',
  } as RequestInit);
  if (status !== 201) throw new Error(JSON.stringify(answer));
}

async function* encoded(pieces: AsyncIterable<string | Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece as string);
}
