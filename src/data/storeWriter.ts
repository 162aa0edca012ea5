import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, copyFileSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { elementCount } from '../shape.ts';
import { type DatasetInfo, splitNames } from './dataset.ts';
import { encodeHeader, layOut, rowBytes, type SplitContents, type SplitFile } from './store.ts';

const bufferBytes = 2 ** 20;

/** SHA-256 in hex of what a split holds. */
export interface SplitDigest {
  rows: number;
  inputs: string;
  targets: string;
}

/** Rows at the start of a split's file. */
export interface StoredRows {
  path: string;
  rows: number;
}

/**
 * Writes one split's file row by row, holding about 1 MiB, or one row where that is larger. Synchronous: for a worker
 * thread. The number of rows is known before the first one.
 */
export class SplitWriter {
  readonly split: SplitFile;
  private readonly file: number;
  private readonly inputs: Run;
  private readonly targets: Run;

  /** @param stored a split of the same kind whose rows are the first ones: they come as well, but need not be written */
  constructor(path: string, contents: SplitContents, stored?: StoredRows) {
    this.split = layOut(path, contents);
    const { inputsOffset } = this.split;
    const bytes = rowBytes(contents);
    let standing = inputsOffset;
    if (stored) {
      // Shares the bytes with the other file where the file system can (Btrfs, XFS, APFS).
      copyFileSync(stored.path, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      standing += stored.rows * bytes.input;
    }
    // wx: what stands there already is not ours.
    this.file = openSync(path, stored ? 'r+' : 'wx');
    if (stored) {
      writeFully(this.file, Buffer.alloc(inputsOffset), 0);
      ftruncateSync(this.file, standing);
    }
    this.inputs = new Run(this.file, inputsOffset, Math.max(bytes.input, bufferBytes), standing);
    this.targets = new Run(this.file, this.split.targetsOffset, Math.max(bytes.target, bufferBytes / 16));
  }

  /** The next row, as bytes in the store's types. */
  append(input: Uint8Array, target: Uint8Array): void {
    this.inputs.append(input);
    this.targets.append(target);
  }

  /** Durable when it returns. @throws Error where more or fewer rows came than were announced */
  finish(): SplitDigest {
    this.inputs.flush();
    this.targets.flush();
    const { rows, inputsOffset, targetsOffset, fileBytes } = this.split;
    const bytes = rowBytes(this.split);
    if (this.inputs.position !== inputsOffset + rows * bytes.input || this.targets.position !== fileBytes) {
      throw new Error(
        `${rows} rows were announced, other came: inputs end at ${this.inputs.position} of ${targetsOffset}`,
      );
    }
    // The header comes last: a file that was not finished does not have one.
    writeFully(this.file, encodeHeader(this.split), 0);
    fsyncSync(this.file);
    this.close();
    return { rows, inputs: this.inputs.hash.digest('hex'), targets: this.targets.hash.digest('hex') };
  }

  close(): void {
    closeSync(this.file);
  }
}

/** A stretch of a file that grows through a buffer and is hashed on its way. */
class Run {
  readonly hash: Hash = createHash('sha256');
  private readonly file: number;
  private readonly buffer: Buffer;
  private readonly standing: number;
  private used = 0;
  position: number;

  /** @param standing where the bytes end that stand in the file already */
  constructor(file: number, position: number, capacity: number, standing = position) {
    this.file = file;
    this.position = position;
    this.standing = standing;
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  append(bytes: Uint8Array): void {
    if (this.used + bytes.length > this.buffer.length) this.flush();
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  flush(): void {
    const bytes = this.buffer.subarray(0, this.used);
    this.hash.update(bytes);
    if (this.position + this.used > this.standing) writeFully(this.file, bytes, this.position);
    this.position += this.used;
    this.used = 0;
  }
}

function writeFully(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

/**
 * The dataset's SHA-256: over shapes, types and data, not over names, so the same data from another format gives the
 * same. It is that of the UTF-8 bytes of this JSON text, without white space, keys in this order:
 *
 *     {"version":1,"task":…,"inputShape":[…],"inputType":…,"targetShape":[…],"classes":number of classes or null,
 *      "splits":[{"rows":…,"inputs":hex,"targets":hex}, …]}
 *
 * Splits stand in the order train, validation, test; their `inputs` and `targets` are the SHA-256 of the rows as the
 * store has them: row-major, channels last, little-endian; uint8 or float32 inputs, int32 class indices or float32
 * targets.
 */
export function datasetSha256(
  info: Pick<DatasetInfo, 'task' | 'inputShape' | 'inputType' | 'targetShape' | 'classes'>,
  splits: Record<(typeof splitNames)[number], SplitDigest>,
): string {
  const text = JSON.stringify({
    version: 1,
    task: info.task,
    inputShape: info.inputShape,
    inputType: info.inputType,
    targetShape: info.targetShape,
    classes: info.classes?.length ?? null,
    splits: splitNames.map((name) => {
      const { rows, inputs, targets } = splits[name];
      return { rows, inputs, targets };
    }),
  });
  return createHash('sha256').update(text).digest('hex');
}

/** Contents of a split of this many rows of a dataset. */
export function contentsOf(
  info: Pick<DatasetInfo, 'inputShape' | 'inputType' | 'targetShape' | 'task'>,
  rows: number,
): SplitContents {
  return {
    rows,
    inputType: info.inputType,
    inputElements: elementCount(info.inputShape),
    targetType: info.task === 'classification' ? 'class' : 'float32',
    targetElements: elementCount(info.targetShape),
  };
}
