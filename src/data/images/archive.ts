import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import zlib from 'node:zlib';
import { extract as tarExtract } from 'tar-stream';
import * as yauzl from 'yauzl';
import { HebbError } from '../../errors.ts';
import { tooLarge } from '../readers/fileBytes.ts';
import { invalidFile } from '../readers/idxFile.ts';

export type ArchiveKind = 'zip' | 'tar' | 'tar.gz';

export interface ArchiveLimits {
  /** Most files and folders. */
  entries: number;
  /** Most bytes of all of them, unpacked. */
  bytes: number;
}

export interface ArchiveEntry {
  /** Path in the archive, of parts that are no "." and no "..", without a slash at its ends. */
  name: string;
  folder: boolean;
  /**
   * Its content; only before the next entry is asked for.
   * @throws EntryError where this entry alone is damaged
   */
  read(): Promise<Buffer>;
}

/** One entry cannot be read; the others can. */
export class EntryError extends Error {}

/** A file in an archive may have so many bytes, unpacked. */
export const maxEntryBytes = 64 * 2 ** 20;
const maxNameBytes = 1024;
/** Images are packed already: what shrinks more than so many times is a bomb. */
const maxRatio = 200;
/** … unless it is small all the same. */
const ratioFreeBytes = 16 * 2 ** 20;
const tarBlock = 512;

/** What a file is by its first bytes; undefined: no archive. */
export async function archiveKind(path: string): Promise<ArchiveKind | undefined> {
  const file = await open(path, 'r');
  try {
    const start = Buffer.alloc(tarBlock);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    if (start.readUInt32BE(0) === 0x504b0304 || start.readUInt32BE(0) === 0x504b0506) return 'zip';
    if (start.readUInt16BE(0) === 0x1f8b) return 'tar.gz';
    return bytesRead === tarBlock && start.toString('latin1', 257, 262) === 'ustar' ? 'tar' : undefined;
  } finally {
    await file.close();
  }
}

/**
 * The entries of a ZIP, TAR or gzipped TAR in their order. Memory holds one of them at a time.
 * @param part name of the upload's part, for messages
 * @throws HebbError('invalid-file') for what is no whole archive, is encrypted, or has links, devices, names that lead out
 *   of it, or a name twice; HebbError('too-large') beyond the limits, and for what unpacks to far more than it is
 */
export async function* archiveEntries(path: string, part: string, limits: ArchiveLimits): AsyncGenerator<ArchiveEntry> {
  const kind = await archiveKind(path);
  if (!kind) {
    throw invalidFile(part, 'a ZIP, a TAR or a gzipped TAR of images is expected; this file begins as none of them');
  }
  const budget = new Budget(part, limits, (await stat(path)).size);
  const entries = kind === 'zip' ? zipEntries(path, part, budget) : tarEntries(path, part, kind === 'tar.gz', budget);
  const seen = new Set<string>();
  for await (const entry of entries) {
    budget.addEntry();
    const name = checkedName(entry.name, part);
    if (name === '') continue;
    // A folder may well be told twice, a file may not.
    if (!entry.folder && seen.has(name)) throw entryFault(part, name, 'is in the archive twice', 'each name once');
    if (!entry.folder) seen.add(name);
    yield { ...entry, name };
  }
}

export function entryFault(part: string, name: string, what: string, expected?: unknown): HebbError {
  return invalidFile(part, `the entry ${quoted(name)} ${what}`, expected, name.slice(0, maxNameBytes));
}

/** A name as it can be shown on one line. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

/** Counts what comes out of an archive. */
class Budget {
  private readonly part: string;
  private readonly limits: ArchiveLimits;
  private readonly mostBytes: number;
  private readonly fileBytes: number;
  private entries = 0;
  private bytes = 0;

  constructor(part: string, limits: ArchiveLimits, fileBytes: number) {
    this.part = part;
    this.limits = limits;
    this.fileBytes = fileBytes;
    this.mostBytes = fileBytes * maxRatio + ratioFreeBytes;
  }

  addEntry(): void {
    this.entries += 1;
    this.checkEntries(this.entries);
  }

  checkEntries(count: number): void {
    if (count <= this.limits.entries) return;
    const message = `the archive has more than ${this.limits.entries} files and folders; HEBB_MAX_ARCHIVE_ENTRIES sets how many are taken`;
    throw tooLarge(this.part, message, this.limits.entries);
  }

  addBytes(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.mostBytes) {
      const what = `a file of ${this.fileBytes} bytes that unpacks to more than ${this.mostBytes} holds no photographs or drawings`;
      throw tooLarge(this.part, `${what}: that much is not unpacked`, this.mostBytes);
    }
    if (this.bytes > this.limits.bytes) {
      const message = `the archive unpacks to more than ${this.limits.bytes} bytes, the most that are taken`;
      throw tooLarge(this.part, message, this.limits.bytes);
    }
  }
}

/** The parts of a name that mean something, one slash between them. */
function checkedName(name: string, part: string): string {
  if (Buffer.byteLength(name) > maxNameBytes) {
    throw entryFault(part, name, `has a name of more than ${maxNameBytes} bytes`, `≤ ${maxNameBytes} bytes`);
  }
  if (name.includes('\0')) throw entryFault(part, name, 'has a zero byte in its name');
  if (/^(\/|[a-z]:)/i.test(name)) throw entryFault(part, name, 'has an absolute path', 'a path inside of the archive');
  const parts = name.split('/').filter((one) => one !== '' && one !== '.');
  if (parts.includes('..')) throw entryFault(part, name, 'leads out of the archive', 'a path without ".."');
  return parts.join('/');
}

async function* zipEntries(path: string, part: string, budget: Budget): AsyncGenerator<ArchiveEntry> {
  const broken = (error: unknown) => {
    if (error instanceof HebbError || (error as NodeJS.ErrnoException).syscall !== undefined) return error;
    return invalidFile(part, `the ZIP is damaged or cut short (${(error as Error).message})`);
  };
  let zip: yauzl.ZipFile;
  try {
    // Names are looked at here, as those of a TAR are.
    zip = await yauzl.openPromise(path, { autoClose: false, decodeStrings: false, lazyEntries: true });
  } catch (error) {
    throw broken(error);
  }
  const file = openSync(path, 'r');
  let packedBytes = 0;
  try {
    // As many as it says; more are told when they come.
    budget.checkEntries(zip.entryCount);
    for await (const entry of zip.eachEntry()) {
      const name = zipName(entry);
      const folder = name.endsWith('/');
      checkZipEntry(entry, name, folder, part);
      budget.addBytes(entry.uncompressedSize);
      packedBytes += entry.compressedSize;
      if (packedBytes > zip.fileSize) {
        throw invalidFile(part, 'the entries together are larger than the ZIP: they overlap, or it is cut short');
      }
      yield { name, folder, read: () => readZipEntry(zip, file, entry) };
    }
  } catch (error) {
    throw broken(error);
  } finally {
    closeSync(file);
    zip.close();
  }
}

function zipName(entry: yauzl.Entry): string {
  return yauzl
    .getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true)
    .replaceAll('\\', '/');
}

/** Systems (high byte of "version made by") that keep Unix permissions in the attributes' high half: Unix, macOS. */
const unixSystems = [3, 19];
/** Type of a file in its Unix mode (stat.h): none told, regular, folder. */
const plainTypes = [0, 0o100000, 0o040000];

function checkZipEntry(entry: yauzl.Entry, name: string, folder: boolean, part: string): void {
  if (entry.isEncrypted()) throw entryFault(part, name, 'is encrypted', 'a ZIP without a password');
  const mode = entry.externalFileAttributes >>> 16;
  if (unixSystems.includes(entry.versionMadeBy >> 8) && !plainTypes.includes(mode & 0o170000)) {
    throw entryFault(part, name, 'is a link or a device', 'files and folders');
  }
  if (folder) return;
  if (!entry.canDecodeFileData()) {
    const method = entry.compressionMethod;
    throw entryFault(part, name, `is packed by method ${method}`, 'methods 0 (stored) and 8 (deflate)');
  }
  checkEntryBytes(entry.uncompressedSize, name, part);
  // It is read in one go: what is packed may be no larger, either.
  checkEntryBytes(entry.compressedSize, name, part);
  const most = entry.compressedSize * maxRatio + 2 ** 20;
  if (entry.uncompressedSize > most) {
    const message = `the entry ${quoted(name)} has ${entry.compressedSize} bytes and unpacks to ${entry.uncompressedSize}; at most ${most} are unpacked of it`;
    throw tooLarge(part, message, most);
  }
}

function checkEntryBytes(bytes: number, name: string, part: string): void {
  if (bytes <= maxEntryBytes) return;
  throw tooLarge(
    part,
    `the entry ${quoted(name)} has ${bytes} bytes; one file may have at most ${maxEntryBytes}`,
    maxEntryBytes,
  );
}

/** In one go rather than as a stream, which costs more than a small image itself. Synchronous: for a worker thread. */
async function readZipEntry(zip: yauzl.ZipFile, file: number, entry: yauzl.Entry): Promise<Buffer> {
  const { compressedSize, uncompressedSize } = entry;
  let content: Buffer;
  try {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const packed = Buffer.alloc(compressedSize);
    const bytesRead = readSync(file, packed, 0, compressedSize, fileDataStart);
    if (bytesRead < compressedSize) throw new Error('the archive ends before it');
    const maxOutputLength = Math.max(1, uncompressedSize);
    content = entry.compressionMethod === 0 ? packed : zlib.inflateRawSync(packed, { maxOutputLength });
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== undefined) throw error;
    const what = code === 'ERR_BUFFER_TOO_LARGE' ? `it has more bytes than the ${uncompressedSize} promised` : message;
    throw new EntryError(`it cannot be unpacked (${what})`, { cause: error });
  }
  if (content.length !== uncompressedSize) {
    throw new EntryError(`it cannot be unpacked (${uncompressedSize} bytes are promised, it has ${content.length})`);
  }
  // Node.js has it from 20.15 on.
  if (zlib.crc32 && zlib.crc32(content) !== entry.crc32)
    throw new EntryError('its checksum (CRC-32) does not fit its content');
  return content;
}

async function* tarEntries(path: string, part: string, gzipped: boolean, budget: Budget): AsyncGenerator<ArchiveEntry> {
  const extract = tarExtract();
  const source = createReadStream(path, { highWaterMark: 2 ** 18 });
  const unpacked = gzipped ? source.pipe(zlib.createGunzip({ chunkSize: 2 ** 16 })) : source;
  // A stream's errors do not follow a pipe.
  source.on('error', (error) => unpacked.destroy(error));
  let tail: Buffer = Buffer.alloc(0);
  let wake = () => {};
  extract.on('drain', () => wake());
  extract.on('close', () => wake());
  const pump = async () => {
    try {
      for await (const chunk of unpacked as AsyncIterable<Buffer>) {
        budget.addBytes(chunk.length);
        tail = chunk.length >= tarBlock ? chunk : Buffer.concat([tail, chunk]).subarray(-tarBlock);
        if (extract.write(chunk)) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (extract.destroyed) return;
      }
      if (!tail.subarray(-tarBlock).every((byte) => byte === 0)) {
        throw invalidFile(part, 'the TAR has no end mark: was it cut short?', 'blocks of zeros at its end');
      }
      extract.end(undefined);
    } catch (error) {
      extract.destroy(error as Error);
    } finally {
      source.destroy();
    }
  };
  const pumped = pump();
  try {
    for await (const stream of extract) {
      const { header } = stream;
      let read = false;
      yield {
        name: header.name,
        folder: checkTarEntry(header, part),
        async read() {
          read = true;
          const chunks: Buffer[] = [];
          for await (const chunk of stream) chunks.push(chunk as Buffer);
          return Buffer.concat(chunks);
        },
      };
      if (!read) stream.resume();
    }
  } catch (error) {
    const { code = '', syscall, message } = error as NodeJS.ErrnoException;
    if (error instanceof HebbError || syscall !== undefined) throw error;
    const what = code.startsWith('Z_') ? 'gzip data are' : 'TAR is';
    throw invalidFile(part, `the ${what} damaged or cut short (${message})`);
  } finally {
    extract.destroy();
    await pumped;
  }
}

/** @returns whether it is a folder */
function checkTarEntry({ name, type, size }: { name: string; type?: string | null; size?: number }, part: string) {
  if (type === 'directory') return true;
  if (type !== 'file' && type !== 'contiguous-file') {
    throw entryFault(part, name, `is a ${type ?? 'thing of an unknown kind'}`, 'files and folders');
  }
  checkEntryBytes(size ?? 0, name, part);
  return false;
}
