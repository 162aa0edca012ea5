import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config.ts';
import { HebbError } from '../../errors.ts';

const byteOrderMark = Buffer.from('\ufeff');
const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Takes JSON bodies up to config.maxJsonBytes and config.maxJsonDepth, and no other type: routes that take files or
 * images add theirs in their own scope.
 */
export function installJsonParser(app: FastifyInstance, config: Config): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer', bodyLimit: config.maxJsonBytes },
    (request: { routeOptions: { schema?: { body?: unknown } } }, bytes: Buffer, done) => {
      // Many clients send a content type with every call; a call that takes no body has no use for one.
      if (bytes.length === 0 && request.routeOptions.schema?.body === undefined) return done(null, undefined);
      let body: unknown;
      try {
        body = parseJson(bytes, config.maxJsonDepth);
      } catch (error) {
        return done(error as Error);
      }
      done(null, body);
    },
  );
}

/**
 * JSON text as a value.
 * @param what names the text in messages
 * @throws HebbError('invalid-json') for anything that is not UTF-8, not JSON, nested deeper than maxDepth or has a
 *   `__proto__` key
 */
export function parseJson(bytes: Buffer, maxDepth: number, what = 'the body'): unknown {
  if (bytes.length === 0) throw new HebbError('invalid-json', `${what} is empty, JSON was expected`);
  checkDepth(bytes, maxDepth, what);
  if (!isUtf8(bytes)) throw new HebbError('invalid-json', `${what} is not UTF-8 text, JSON was expected`);
  // Some editors begin a file with a byte order mark.
  const text = bytes.toString('utf8', bytes.indexOf(byteOrderMark) === 0 ? byteOrderMark.length : 0);
  // The reviver is slow, so it only runs where such a key can be.
  const suspicious = text.includes('__proto__') || (text.includes('\\') && /\\u005f/i.test(text));
  try {
    return JSON.parse(text, suspicious ? refusePrototypeKey : undefined);
  } catch (error) {
    if (error instanceof HebbError) throw error;
    throw new HebbError('invalid-json', `${what} is not JSON: ${(error as Error).message}`);
  }
}

/** One pass over the bytes before the parser sees them, so that depth costs nothing. UTF-8 needs no decoding for it. */
function checkDepth(bytes: Buffer, maxDepth: number, what: string): void {
  if (!hasMore(bytes, maxDepth, openBracket, openBrace)) return;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === backslash) i++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) {
      inString = true;
    } else if (byte === openBracket || byte === openBrace) {
      if (++depth > maxDepth) {
        throw new HebbError('invalid-json', `${what} is nested deeper than ${maxDepth} levels (at byte ${i})`);
      }
    } else if (byte === closeBracket || byte === closeBrace) {
      depth--;
    }
  }
}

/** Whether some bytes occur more than so often, taken together: quick where they do not. */
function hasMore(bytes: Buffer, times: number, ...wanted: number[]): boolean {
  let left = times;
  for (const byte of wanted) {
    for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) {
      if (--left < 0) return true;
    }
  }
  return false;
}

function refusePrototypeKey(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new HebbError('invalid-json', '"__proto__" cannot be a key');
  return value;
}
