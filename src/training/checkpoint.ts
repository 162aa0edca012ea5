import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { writeDurably } from '../data/durableFile.ts';
import { HebbError, type Problem, toProblem } from '../errors.ts';
import { optimizerStates } from '../nn/optimizers.ts';
import type { ResolvedNetwork } from '../nn/resolve.ts';
import type { OptimizerConfig } from '../nn/trainingConfig.ts';
import type { TrainingSnapshot } from '../nn/trainingState.ts';
import { isForkFile } from './jobFiles.ts';

/*
 * A checkpoint: one file with all that a training needs to go on. 8 bytes of magic, the length of the header (uint32), the header
 * (JSON, padded with blanks to a multiple of four bytes), the numbers (float32: weights and optimiser state, last weights, best
 * weights), and the SHA-256 of all that. Little-endian.
 */

const magic = Buffer.from('HEBBCKP1');
const hashBytes = 32;
/** Bytes hashed at a stretch: about a millisecond. */
const hashedAtOnce = 2 ** 21;

/** The history that belongs to a checkpoint: so many bytes of a file in the same folder. */
export interface HistoryMark {
  file: string;
  bytes: number;
}

export interface CheckpointContent {
  snapshot: TrainingSnapshot;
  /** null where the job has none, or another job's. */
  history: HistoryMark | null;
}

interface Header {
  snapshot: Omit<TrainingSnapshot, 'memory' | 'kept'>;
  history: HistoryMark | null;
  floats: { memory: number; last: number; best: number };
}

/**
 * The content of the file but for its hash: a copy, so that the training may go on.
 * @param into used where it is long enough
 */
export function encodeCheckpoint({ snapshot, history }: CheckpointContent, into: Buffer = Buffer.alloc(0)): Buffer {
  const { memory, kept, ...rest } = snapshot;
  const arrays = [memory, kept.last, kept.best ?? new Float32Array()];
  const [m, l, b] = arrays.map(({ length }) => length) as [number, number, number];
  const text = JSON.stringify({ snapshot: rest, history, floats: { memory: m, last: l, best: b } } satisfies Header);
  const header = Buffer.from(text + ' '.repeat((4 - (Buffer.byteLength(text) % 4)) % 4));
  const start = magic.length + 4 + header.length;
  const length = start + 4 * (m + l + b) + hashBytes;
  // Room to spare: the next header is some bytes longer.
  const buffer = into.length >= length ? into : Buffer.alloc(length + 1024);
  magic.copy(buffer);
  buffer.writeUInt32LE(header.length, magic.length);
  header.copy(buffer, magic.length + 4);
  let at = start;
  for (const array of arrays) {
    buffer.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  return buffer.subarray(0, length);
}

/** Writes what encodeCheckpoint gave, with its hash, in full or not at all. The event loop goes on meanwhile. */
export async function writeCheckpoint(path: string, content: Buffer): Promise<void> {
  (await hashOf(content)).copy(content, content.length - hashBytes);
  await writeDurably(path, content);
}

/** @throws HebbError('invalid-file') where the file is missing, cut off, changed, or of another kind */
export async function readCheckpoint(path: string): Promise<CheckpointContent> {
  const damaged = (why: string, cause?: unknown) =>
    new HebbError('invalid-file', `the checkpoint cannot be used: ${why}`, undefined, { cause });
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw damaged(error.code === 'ENOENT' ? 'the file is missing' : error.message, error);
  });
  if (content.length < magic.length + 4 + hashBytes) throw damaged(`it has only ${content.length} bytes`);
  if (!timingSafeEqual(await hashOf(content), content.subarray(-hashBytes))) {
    throw damaged('its SHA-256 is not that of its content');
  }
  if (!content.subarray(0, magic.length).equals(magic)) throw damaged('another version of Hebb wrote it');
  const start = magic.length + 4 + content.readUInt32LE(magic.length);
  const { snapshot, history, floats } = JSON.parse(content.toString('utf8', magic.length + 4, start)) as Header;
  let at = start;
  const take = (length: number) => {
    // A copy: floats stand at multiples of four bytes of their buffer.
    const values = new Float32Array(new Uint8Array(content.subarray(at, at + 4 * length)).buffer);
    at += 4 * length;
    return values;
  };
  const [memory, last, best] = [take(floats.memory), take(floats.last), take(floats.best)];
  return { snapshot: { ...snapshot, memory, kept: { last, best: floats.best > 0 ? best : null } }, history };
}

/**
 * The newest of some checkpoints (newest first) that is whole and fits the network, and what is wrong with those before it.
 * @param directory holds the files
 */
export async function newestUsable(
  directory: string,
  files: string[],
  { parameterFloats }: ResolvedNetwork,
  optimizer: OptimizerConfig,
): Promise<{ content: CheckpointContent | null; damaged: { file: string; problem: Problem }[] }> {
  const floats = parameterFloats * (1 + optimizerStates(optimizer));
  const damaged: { file: string; problem: Problem }[] = [];
  for (const file of files) {
    try {
      const content = await readCheckpoint(join(directory, file));
      if (content.snapshot.memory.length === floats) {
        // Another job's history is not here; a file of its name is this job's own.
        return { content: isForkFile(file) ? { ...content, history: null } : content, damaged };
      }
      throw new HebbError('invalid-file', 'the checkpoint cannot be used: it is of another network');
    } catch (error) {
      damaged.push({ file, problem: toProblem(error) });
    }
  }
  return { content: null, damaged };
}

/** SHA-256 of all but the place of the hash. */
async function hashOf(content: Buffer): Promise<Buffer> {
  const hash = createHash('sha256');
  const end = content.length - hashBytes;
  for (let at = 0; at < end; at += hashedAtOnce) {
    hash.update(content.subarray(at, Math.min(at + hashedAtOnce, end)));
    await setImmediate();
  }
  return hash.digest();
}
