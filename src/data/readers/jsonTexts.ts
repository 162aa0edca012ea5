import { invalidFile } from './fileBytes.ts';

/** A row's text may have so many bytes. */
const maxTextBytes = 2 ** 24;

const [quote, backslash, comma, open, close, openBrace, closeBrace, newline] = [...'"\\,[]{}\n'].map((c) => c.charCodeAt(0)) as [number, number, number, number, number, number, number, number]; // biome-ignore format: codes
const isSpace = (byte: number) => byte === 32 || byte === 10 || byte === 13 || byte === 9;

/** The text of one value, and where it begins. */
export interface JsonText {
  text: string;
  /** "line 3" of a file with a value a line, "element 2" of an array. */
  place: () => string;
}

/** The elements of a file that is one JSON array, as texts of their own: no more than one of them is held. */
export async function* elementTexts(chunks: AsyncIterable<Buffer>, part: string): AsyncGenerator<JsonText[]> {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let over = false;
  let count = 0;
  const pending = new Pending(part);
  const take = (chunk: Buffer, from: number, to: number): JsonText | undefined => {
    const text = pending.finish(chunk.subarray(from, to)).trim();
    if (text === '' && over && count === 0) return undefined;
    const index = count++;
    return { text, place: () => `element ${index}` };
  };
  for await (const chunk of chunks) {
    const texts: JsonText[] = [];
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
        continue;
      }
      if (over || depth === 0) {
        if (isSpace(byte) || (depth === 0 && !over && byte >= 0x80)) continue;
        if (over || byte !== open) {
          const where = over ? 'behind the end of the array' : 'at the start';
          throw invalidFile(part, `one JSON array of rows is expected; ${where} stands ${String.fromCharCode(byte)}`);
        }
        depth = 1;
        start = i + 1;
      } else if (byte === quote) inString = true;
      else if (byte === open || byte === openBrace) depth++;
      else if (byte === close || byte === closeBrace) {
        depth--;
        over = depth === 0;
        const last = over && take(chunk, start, i);
        if (last) texts.push(last);
      } else if (byte === comma && depth === 1) {
        texts.push(take(chunk, start, i)!);
        start = i + 1;
      }
    }
    if (depth > 0) pending.add(chunk.subarray(start));
    if (texts.length > 0) yield texts;
  }
  if (!over) throw invalidFile(part, `the JSON ends too early, in element ${count}`);
}

/** The lines of a file with one JSON value a line, but for blank ones. */
export async function* lineTexts(chunks: AsyncIterable<Buffer>, part: string): AsyncGenerator<JsonText[]> {
  const pending = new Pending(part);
  let line = 0;
  const take = (bytes: Buffer): JsonText[] => {
    const text = pending.finish(bytes).trim();
    const number = ++line;
    return text === '' ? [] : [{ text, place: () => `line ${number}` }];
  };
  for await (const chunk of chunks) {
    const texts: JsonText[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      texts.push(...take(chunk.subarray(start, end)));
      start = end + 1;
    }
    pending.add(chunk.subarray(start));
    if (texts.length > 0) yield texts;
  }
  const last = take(Buffer.alloc(0));
  if (last.length > 0) yield last;
}

/** Bytes of a text that has begun in an earlier chunk. */
class Pending {
  private parts: Buffer[] = [];
  private length = 0;
  private readonly part: string;

  constructor(part: string) {
    this.part = part;
  }

  add(bytes: Buffer): void {
    this.length += bytes.length;
    if (this.length > maxTextBytes) throw invalidFile(this.part, 'a row of more than 16 MiB; is it an array of rows?');
    if (bytes.length > 0) this.parts.push(bytes);
  }

  finish(bytes: Buffer): string {
    this.add(bytes);
    const all = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    this.parts = [];
    this.length = 0;
    // A byte order mark is no part of JSON.
    return all.toString('utf8').replace(/^\ufeff/, '');
  }
}
