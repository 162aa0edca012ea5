import { copyFile, type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResolvedNetwork } from '../nn/resolve.ts';
import { type NamedTensor, tensorsOf } from '../nn/weights.ts';
import type { CheckpointContent } from './checkpoint.ts';
import { historyFileOf, weightsFileOf } from './jobFiles.ts';

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

export class HistoryWriter {
  private readonly file: FileHandle;
  private readonly plan: HistoryPlan;
  private readonly buffer: Buffer;
  private buffered = 0;
  /** Bytes in the file. */
  private bytes = 0;
  private written = performance.now();
  /** The newest epoch where it was not one of those that are kept: at the end it is. */
  private last: Buffer | null = null;

  private constructor(file: FileHandle, plan: HistoryPlan, bytes: number) {
    this.file = file;
    this.plan = plan;
    this.bytes = bytes;
    this.buffer = Buffer.alloc(Math.max(bufferBytes, recordBytes(plan)));
  }

  /** Begins the file anew. */
  static async create(path: string, plan: HistoryPlan): Promise<HistoryWriter> {
    return new HistoryWriter(await open(path, 'w'), plan, 0);
  }

  /**
   * Goes on with what another file holds in its first bytes.
   * @param last the newest epoch before, which the file does not hold where it was not one of those that are kept
   */
  static async resume(
    path: string,
    plan: HistoryPlan,
    from: { path: string; bytes: number },
    last: { epoch: number; tensors: NamedTensor[] },
  ): Promise<HistoryWriter> {
    await copyFile(from.path, path);
    const file = await open(path, 'r+');
    // A file that is shorter was cut by nobody of this house: its holes would read as epoch 0.
    const { size } = await file.stat();
    const bytes = Math.min(from.bytes, size - (size % recordBytes(plan)));
    await file.truncate(bytes);
    const writer = new HistoryWriter(file, plan, bytes);
    if (last.epoch > 1 && last.epoch % plan.every !== 0) {
      writer.last = Buffer.alloc(recordBytes(plan));
      encode(writer.last, last.epoch, last.tensors);
    }
    return writer;
  }

  /** Makes the epochs durable that are to be kept. @returns bytes of the file that hold them */
  async sync(): Promise<number> {
    await this.write();
    await this.file.datasync();
    return this.bytes;
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
    await this.append(this.buffer.subarray(0, this.buffered));
    this.buffered = 0;
    this.written = performance.now();
  }

  private async append(records: Buffer): Promise<void> {
    for (let at = 0; at < records.length; ) {
      const { bytesWritten } = await this.file.write(records, at, records.length - at, this.bytes);
      this.bytes += bytesWritten;
      at += bytesWritten;
    }
  }

  /** Writes what is left and closes the file. */
  async close(): Promise<void> {
    try {
      await this.write();
      if (this.last) await this.append(this.last);
      await this.file.sync();
    } finally {
      await this.file.close();
    }
  }
}

/**
 * Begins the history of an attempt, with what belongs to the checkpoint that it goes on from.
 * @returns null for a network that is too large for one
 */
export async function openHistory(job: {
  resolved: ResolvedNetwork;
  epochs: number;
  directory: string;
  attempt: number;
  content: CheckpointContent | null;
}): Promise<{ file: string; writer: HistoryWriter } | null> {
  const { resolved, directory, content } = job;
  const plan = planHistory(resolved, job.epochs);
  if (!plan) return null;
  const file = historyFileOf(weightsFileOf(job.attempt));
  const path = join(directory, file);
  const mark = content?.history;
  if (!content || !mark) return { file, writer: await HistoryWriter.create(path, plan) };
  const { state, kept } = content.snapshot;
  const last = { epoch: state.epoch, tensors: tensorsOf(resolved, kept.last) };
  const from = { path: join(directory, mark.file), bytes: mark.bytes };
  try {
    return { file, writer: await HistoryWriter.resume(path, plan, from, last) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Past epochs cannot be shown then; the training does not need them.
    return { file, writer: await HistoryWriter.create(path, plan) };
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
