import { buffer } from 'node:stream/consumers';
import zlib from 'node:zlib';
import sharp from 'sharp';
import { type Header, pack } from 'tar-stream';

export type Pixel = number | [number, number, number];

/** A PNG of one colour, or of grey values row by row. */
export function png(height: number, width: number, pixels: Pixel | number[] | Uint8Array = 0): Promise<Buffer> {
  if (typeof pixels !== 'number' && pixels.length === height * width) {
    const raw = { width, height, channels: 1 } as const;
    return sharp(Uint8Array.from(pixels), { raw }).toColourspace('b-w').png().toBuffer();
  }
  const [r, g, b] = typeof pixels === 'number' ? [pixels, pixels, pixels] : (pixels as number[]);
  return sharp({ create: { width, height, channels: 3, background: { r: r!, g: g!, b: b! } } })
    .png()
    .toBuffer();
}

export interface ZipEntry {
  name: string | Buffer;
  content?: Buffer | string;
  /** Store as it is [deflate]. */
  stored?: boolean;
  method?: number;
  flags?: number;
  /** Unix mode. */
  mode?: number;
  /** Lies about the content. */
  crc?: number;
  size?: number;
  packed?: Buffer;
}

/** A ZIP file as APPNOTE.TXT has it, written without regard to the reader: it can lie. */
export function zip(entries: ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name as string);
    const content = Buffer.from(entry.content ?? '');
    const packed = entry.packed ?? (entry.stored ? content : zlib.deflateRawSync(content));
    const method = entry.method ?? (entry.stored ? 0 : 8);
    const crc = entry.crc ?? crc32(content);
    const size = entry.size ?? content.length;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(entry.flags ?? 0x800, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.length, 22);
    files.push(Buffer.from('PK\x03\x04'), common, name, packed);
    const end = Buffer.alloc(14);
    end.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6);
    end.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), common, end, name);
    offset += 30 + name.length + packed.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listing, end]);
}

/** CRC-32 of ISO 3309, bit by bit. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

export type TarEntry = Partial<Header> & { name: string; content?: Buffer | string };

export async function tar(entries: TarEntry[], gzipped = false): Promise<Buffer> {
  const packed = pack();
  for (const { content, ...header } of entries) {
    if (content === undefined) packed.entry(header, '');
    else packed.entry(header, Buffer.from(content));
  }
  packed.finalize();
  const bytes = await buffer(packed as unknown as NodeJS.ReadableStream);
  return gzipped ? zlib.gzipSync(bytes) : bytes;
}

/** A ZIP of PNGs, given as [height, width, pixels] by their names. */
export async function imageArchive(images: Record<string, [number, number, Pixel | number[]]>): Promise<Buffer> {
  const entries = Object.entries(images).map(async ([name, [height, width, pixels]]) => ({
    name,
    content: await png(height, width, pixels),
  }));
  return zip(await Promise.all(entries));
}
