import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { syncPath } from '../durableFile.ts';

/** Where MNIST is fetched from, and where what was fetched stays. */
export interface MnistMirror {
  /** Of a folder that has the four files, each with `.gz` behind its name. */
  url: string;
  folder: string;
}

/** A file of MNIST as it is unpacked: mirrors pack it differently. */
export interface MirroredFile {
  name: string;
  bytes: number;
  sha256: string;
}

/** The original files, smallest first: what is wrong with a mirror is found out before the large one. */
export const mnistOriginals: readonly MirroredFile[] = [
  {
    name: 't10k-labels-idx1-ubyte',
    bytes: 10_008,
    sha256: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
  {
    name: 'train-labels-idx1-ubyte',
    bytes: 60_008,
    sha256: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  },
  {
    name: 't10k-images-idx3-ubyte',
    bytes: 7_840_016,
    sha256: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  },
  {
    name: 'train-images-idx3-ubyte',
    bytes: 47_040_016,
    sha256: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  },
];

export interface MirrorTimes {
  /** A mirror that sends nothing for so long is gone [15 s]. */
  idleMs?: number;
  /** Longest time for all files [5 min]. */
  totalMs?: number;
}

const partial = '.partial-';

/**
 * Fetches the files that are not in the mirror's folder yet. Each stands there under its name when it is complete, durable, and has the
 * SHA-256 that it must have; nothing else stays. For a worker thread.
 * @throws Error that says what was asked for and what came instead
 */
export async function fetchMnist(
  { url, folder }: MnistMirror,
  { idleMs = 15_000, totalMs = 300_000 }: MirrorTimes = {},
  files: readonly MirroredFile[] = mnistOriginals,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await removeStale(folder, totalMs);
  const end = AbortSignal.timeout(totalMs);
  for (const file of files) {
    const path = join(folder, file.name);
    if (await isComplete(path, file)) continue;
    const source = `${url.replace(/\/+$/, '')}/${file.name}.gz`;
    const incomplete = `${path}${partial}${randomBytes(6).toString('hex')}`;
    try {
      await fetchFile(source, incomplete, file, end, idleMs);
      await syncPath(incomplete);
      await rename(incomplete, path);
      await syncPath(folder);
    } catch (error) {
      await rm(incomplete, { force: true });
      if ((error as NodeJS.ErrnoException).syscall?.match(/^(open|write|rename|fsync)$/)) throw error;
      const why = end.aborted ? `it took longer than ${totalMs / 1000} s in all` : reasonOf(error);
      throw new Error(`${source}: ${why}`, { cause: error });
    }
  }
}

async function isComplete(path: string, { bytes }: MirroredFile): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.size === bytes;
}

/** What an earlier service left that was killed meanwhile. */
async function removeStale(folder: string, afterMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.includes(partial)) continue;
    const path = join(folder, name);
    const changed = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
    if (Date.now() - changed > afterMs) await rm(path, { force: true });
  }
}

async function fetchFile(url: string, path: string, file: MirroredFile, end: AbortSignal, idleMs: number) {
  const idle = new AbortController();
  const gone = () => idle.abort(new Error(`nothing came for ${idleMs / 1000} s`));
  let timer = setTimeout(gone, idleMs);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([end, idle.signal]) });
    if (!response.ok || !response.body)
      throw new Error(`the answer is ${response.status} ${response.statusText}`.trim());
    const hash = createHash('sha256');
    let [received, unpacked] = [0, 0];
    const chunks = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    async function* metered(): AsyncGenerator<Buffer> {
      for await (const chunk of chunks as AsyncIterable<Buffer>) {
        clearTimeout(timer);
        timer = setTimeout(gone, idleMs);
        received += chunk.length;
        // Packed it is smaller, but for the packing's own header.
        const most = file.bytes + 1024;
        if (received > most) throw new Error(`it is larger than ${most} bytes`);
        yield chunk;
      }
    }
    async function* checked(content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of content) {
        unpacked += chunk.length;
        if (unpacked > file.bytes) throw new Error(`it unpacks to more than ${file.bytes} bytes`);
        hash.update(chunk);
        yield chunk;
      }
    }
    const target = createWriteStream(path, { flags: 'wx' });
    // A server that declares the packing as that of its answer has it undone on the way.
    if (response.headers.get('content-encoding') === 'gzip') await pipeline(metered(), checked, target);
    else await pipeline(metered(), createGunzip(), checked, target);
    const sha256 = hash.digest('hex');
    if (sha256 !== file.sha256)
      throw new Error(`its content is not MNIST's: SHA-256 ${sha256}, expected ${file.sha256}`);
  } catch (error) {
    throw idle.signal.aborted ? idle.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

/** fetch says only that it failed; why is behind that. */
function reasonOf(error: unknown): string {
  const { message, code, cause } = error as NodeJS.ErrnoException & { cause?: unknown };
  if (cause instanceof Error) return reasonOf(cause);
  return message || code || String(error);
}
