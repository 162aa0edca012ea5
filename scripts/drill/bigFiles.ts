import { createReadStream, createWriteStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ZipPassThrough } from 'fflate';
import { digitImages, digitLabels, idxHeader, npyHeader } from '../helpers/digits.ts';
import { zipped } from '../helpers/zip.ts';
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
    // As numpy.savez leaves them: not compressed.
    const arrays = { 'x.npy': images(npyHeader('|u1', shape)), 'y.npy': [npyHeader('|u1', [rows]), labels] };
    await write('file', zipped(arrays, ZipPassThrough));
  }
  return partsOf[format].reduce((sum, part) => sum + statSync(join(folder, part)).size, 0);
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
