import { bytesOfFile, type FileBytes, firstBytes, invalidFile } from './fileBytes.ts';

/** How a text file writes its characters. */
export interface Encoding {
  warnings: { code: string; message: string }[];
  decode(bytes: Buffer): string;
  toUtf8(bytes: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
}

/**
 * UTF-8, UTF-16 where a mark says so, or else Windows-1252, which older spreadsheets write. Goes through the whole file.
 * @throws HebbError('invalid-file') for a file that is no text
 */
export async function encodingOf(file: FileBytes, maxBytes: number): Promise<Encoding> {
  const mark = (await firstBytes(file, 2)).toString('hex');
  if (mark === 'fffe') return decodedFrom('utf-16le');
  if (mark === 'feff') return decodedFrom('utf-16be');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let isUtf8 = true;
  let offset = 0;
  for await (const chunk of bytesOfFile(file, maxBytes)) {
    const zero = chunk.indexOf(0);
    if (zero >= 0) throw invalidFile(file.part, `text is expected; byte ${offset + zero} is zero, as in binary files`);
    offset += chunk.length;
    if (isUtf8) isUtf8 = decodes(decoder, chunk, true);
  }
  if (isUtf8 && decodes(decoder, new Uint8Array(0), false)) {
    return { warnings: [], decode: (bytes) => new TextDecoder().decode(bytes), toUtf8: (bytes) => bytes };
  }
  const message = 'The text is not UTF-8 and was read as Windows-1252.';
  return { ...decodedFrom('windows-1252'), warnings: [{ code: 'encoding-assumed', message }] };
}

function decodes(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array, stream: boolean): boolean {
  try {
    decoder.decode(bytes, { stream });
    return true;
  } catch {
    return false;
  }
}

function decodedFrom(name: string): Encoding {
  return {
    warnings: [],
    decode: (bytes) => new TextDecoder(name).decode(bytes),
    async *toUtf8(chunks) {
      const decoder = new TextDecoder(name);
      for await (const chunk of chunks) yield Buffer.from(decoder.decode(chunk, { stream: true }));
      const rest = decoder.decode();
      if (rest !== '') yield Buffer.from(rest);
    },
  };
}
