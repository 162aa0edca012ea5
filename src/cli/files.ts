import { createWriteStream, openAsBlob } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CommandError } from './command.ts';

/** A file's bytes, read while they are sent. @throws CommandError where there is no such file */
export async function fileBlob(path: string): Promise<File> {
  const found = await stat(path).catch((error) => {
    throw fileError(path, error);
  });
  if (found.isDirectory()) {
    throw new CommandError(
      `${path} is a folder: pack it first, for instance by tar -czf ${basename(path)}.tar.gz ${path}`,
    );
  }
  const blob = await openAsBlob(path).catch((error) => {
    throw fileError(path, error);
  });
  return new File([blob], basename(path));
}

/** @param path "-": standard input */
export async function textOf(path: string): Promise<string> {
  if (path !== '-') {
    return readFile(path, 'utf8').catch((error) => {
      throw fileError(path, error);
    });
  }
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws CommandError that says where the JSON is wrong */
export async function jsonOf(path: string): Promise<unknown> {
  const text = await textOf(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(`${path === '-' ? 'standard input' : path} is not JSON: ${(error as Error).message}`);
  }
}

/**
 * Writes a download to a file, which is not there where it fails, or to a stream.
 * @param path undefined: to the stream
 * @returns bytes written
 */
export async function save(
  content: ReadableStream<Uint8Array> | string | Uint8Array,
  path: string | undefined,
  stdout: NodeJS.WritableStream,
): Promise<number> {
  let written = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      written += chunk.length;
      done(null, chunk);
    },
  });
  const bytes =
    content instanceof ReadableStream ? Readable.fromWeb(content as never) : Readable.from([Buffer.from(content)]);
  if (path === undefined) {
    await pipeline(bytes, counter, stdout, { end: false });
    return written;
  }
  const file = createWriteStream(path);
  try {
    await pipeline(bytes, counter, file);
  } catch (error) {
    // One that could not be opened is not ours to remove.
    if (file.bytesWritten > 0) await rm(path, { force: true });
    throw 'syscall' in (error as object) ? fileError(path, error) : error;
  }
  return written;
}

export function fileError(path: string, error: unknown): CommandError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'it may not be read or written' : message;
  return new CommandError(`${path}: ${why}`);
}
