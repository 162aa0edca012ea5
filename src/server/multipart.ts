import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HebbError } from '../errors.ts';

/** A client that sends nothing for so long is gone. */
const idleMs = 60_000;

export interface Part {
  name: string;
  content: AsyncIterable<Buffer>;
}

/** Lets the routes of this scope take multipart/form-data. */
export function takeMultipart(scope: FastifyInstance): void {
  scope.register(multipart);
}

/**
 * Hands over the parts of a multipart body in order, each as a stream that `take` must read to its end.
 * @param limits of all parts together, and of their number
 * @throws HebbError('too-large') beyond the limits, 'invalid-request' for a body that is malformed or cut short
 */
export async function forEachPart(
  request: FastifyRequest,
  limits: { bytes: number; parts: number },
  take: (part: Part) => Promise<void>,
): Promise<void> {
  const declared = Number(request.headers['content-length'] ?? 0);
  // Headers and boundaries of the parts come on top of their contents.
  if (declared > limits.bytes + limits.parts * 4096) throw tooLarge(limits.bytes);

  let total = 0;
  async function* meter(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      total += chunk.length;
      if (total > limits.bytes) throw tooLarge(limits.bytes);
      yield chunk;
    }
  }

  const { socket } = request.raw;
  socket.setTimeout(idleMs);
  try {
    const parts = request.parts({
      // A part is a stream here, whether or not it came with a file name.
      isPartAFile: () => true,
      limits: { fileSize: Number.POSITIVE_INFINITY, files: limits.parts, parts: limits.parts },
    });
    for await (const part of parts) {
      if (part.type === 'file') await take({ name: part.fieldname, content: meter(part.file) });
    }
  } catch (error) {
    throw toHebbError(error, limits.parts);
  } finally {
    socket.setTimeout(0);
  }
}

function tooLarge(bytes: number): HebbError {
  return new HebbError('too-large', `the body is larger than ${bytes} bytes`);
}

/** The parser throws plain errors for what is malformed; those of the file system are none of the client's. */
function toHebbError(error: unknown, maxParts: number): unknown {
  const { code = '', syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof HebbError || syscall !== undefined) return error;
  if (/^FST_(PARTS|FILES|FIELDS)_LIMIT$/.test(code)) {
    return new HebbError('too-large', `more than ${maxParts} parts`, undefined, { cause: error });
  }
  return new HebbError('invalid-request', `the multipart body cannot be read: ${message}`, undefined, { cause: error });
}
