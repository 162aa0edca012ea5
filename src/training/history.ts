import { type FileHandle, open } from 'node:fs/promises';
import type { ResolvedNetwork } from '../nn/resolve.ts';
import type { NamedTensor } from '../nn/weights.ts';

/*
 * The weights after the epochs of an attempt of a job: ATTEMPT.history, records of one size one after the other. A record is
 * the epoch (uint32) and all tensors in layer order (float32), little-endian. Epochs grow from record to record. A file that
 * is still being written may end in a part of a record, which does not count.
 */

/** Networks with fewer bytes of weights have a history; and what its file takes at most, about. */
const mostWeightBytes = 2 ** 20;
const mostFileBytes = 64 * 2 ** 20;
/** Records are written when there are so many bytes of them, or when so much time has passed. */
const bufferBytes = 2 ** 18;
const writeEveryMs = 200;

/** Which epochs are kept, and how large a record is. */
export interface HistoryPlan {
  /** Numbers of all tensors. */
  floats: number;
  /** Every so many epochs; the first and the last always. */
  every: number;
}

const recordBytes = ({ floats }: HistoryPlan): number => 4 + 4 * floats;

/** null for a network that is too large for a history. */
export function planHistory({ layers }: ResolvedNetwork, epochs: number): HistoryPlan | null {
  const floats = layers.flatMap(({ parameters }) => parameters).reduce((sum, { count }) => sum + count, 0);
  if (floats === 0 || 4 * floats >= mostWeightBytes) return null;
  return { floats, every: Math.max(1, Math.ceil((epochs * recordBytes({ floats, every: 1 })) / mostFileBytes)) };
}

/** Name of the history that belongs to a weights file. */
export function historyFileOf(weightsFile: string): string {
  return weightsFile.replace(/\.safetensors$/, '.history');
}

export class HistoryWriter {
  private readonly file: FileHandle;
  private readonly plan: HistoryPlan;
  private readonly buffer: Buffer;
  private buffered = 0;
  private written = performance.now();
  /** The newest epoch where it was not one of those that are kept: at the end it is. */
  private last: Buffer | null = null;

  private constructor(file: FileHandle, plan: HistoryPlan) {
    this.file = file;
    this.plan = plan;
    this.buffer = Buffer.alloc(Math.max(bufferBytes, recordBytes(plan)));
  }

  /** Begins the file anew. */
  static async create(path: string, plan: HistoryPlan): Promise<HistoryWriter> {
    return new HistoryWriter(await open(path, 'w'), plan);
  }

  async add(epoch: number, tensors: NamedTensor[]): Promise<void> {
    const bytes = recordBytes(this.plan);
    if (epoch !== 1 && epoch % this.plan.every !== 0) {
      this.last ??= Buffer.alloc(bytes);
      encode(this.last, epoch, tensors);
      return;
    }
    this.last = null;
    if (this.buffered + bytes > this.buffer.length) await this.write();
    encode(this.buffer.subarray(this.buffered, this.buffered + bytes), epoch, tensors);
    this.buffered += bytes;
    if (performance.now() - this.written >= writeEveryMs) await this.write();
  }

  private async write(): Promise<void> {
    await this.file.appendFile(this.buffer.subarray(0, this.buffered));
    this.buffered = 0;
    this.written = performance.now();
  }

  /** Writes what is left and closes the file. */
  async close(): Promise<void> {
    try {
      await this.write();
      if (this.last) await this.file.appendFile(this.last);
      await this.file.sync();
    } finally {
      await this.file.close();
    }
  }
}

function encode(record: Buffer, epoch: number, tensors: NamedTensor[]): void {
  record.writeUInt32LE(epoch, 0);
  let at = 4;
  for (const { values } of tensors) {
    record.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
}

/**
 * The weights after an epoch, or after the last kept one before it; of the newest that is kept where no epoch is asked for.
 * @returns all tensors in layer order, one behind the other; null where there is no file or no epoch is kept yet
 */
export async function readHistory(
  path: string,
  plan: HistoryPlan,
  wanted = Infinity,
): Promise<{ epoch: number; weights: Float32Array } | null> {
  const bytes = recordBytes(plan);
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!file) return null;
  try {
    const count = Math.floor((await file.stat()).size / bytes);
    const read = async (record: number, length: number) => {
      const buffer = Buffer.alloc(length);
      await file.read(buffer, 0, length, record * bytes);
      return buffer;
    };
    // The last record whose epoch is not above the one that is asked for.
    let [low, high] = [0, count];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((await read(middle, 4)).readUInt32LE(0) <= wanted) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return null;
    const record = await read(low - 1, bytes);
    // A copy: floats stand at multiples of four bytes of their buffer.
    const weights = new Float32Array(new Uint8Array(record.subarray(4)).buffer);
    return { epoch: record.readUInt32LE(0), weights };
  } finally {
    await file.close();
  }
}
