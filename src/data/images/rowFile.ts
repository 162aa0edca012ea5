import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { setImmediate as pause } from 'node:timers/promises';
import type { Channels } from './decode.ts';

/**
 * Decoded images on disk, in any order, until it is known how many channels they all have. Grey ones take a byte a pixel in a file of
 * their own, so that a set of drawings is not three times its size. Synchronous: for a worker thread.
 */
export class RowFile {
  private readonly paths: { grey: string; coloured: string };
  private readonly pixels: number;
  /** Channels of the image in each slot; 0: there is none. */
  private readonly channelsOf: Uint8Array;
  private files: Partial<Record<'grey' | 'coloured', number>> = {};

  /** @param path of the files, which it extends; pixels: of one image */
  constructor(path: string, slots: number, pixels: number) {
    this.paths = { grey: `${path}.grey`, coloured: `${path}.coloured` };
    this.pixels = pixels;
    this.channelsOf = new Uint8Array(slots);
  }

  /** @param image (pixels, channels) */
  write(slot: number, image: Uint8Array, channels: Channels): void {
    const kind = channels === 1 ? 'grey' : 'coloured';
    this.files[kind] ??= openSync(this.paths[kind], 'w');
    const start = slot * this.pixels * channels;
    for (let done = 0; done < image.length; ) {
      done += writeSync(this.files[kind], image, done, image.length - done, start + done);
    }
    this.channelsOf[slot] = channels;
  }

  close(): void {
    for (const file of Object.values(this.files)) closeSync(file);
    this.files = {};
  }

  has(slot: number): boolean {
    return this.channelsOf[slot]! > 0;
  }

  /** The most that one of them has. */
  get channels(): Channels {
    return this.channelsOf.reduce((most, channels) => Math.max(most, channels), 1) as Channels;
  }

  /** Images in this order as chunks of whole ones, grey ones spread over all channels. */
  async *read(slots: Uint32Array, channels: Channels): AsyncGenerator<Uint8Array> {
    const bytes = this.pixels * channels;
    const perChunk = Math.max(1, Math.floor(2 ** 20 / bytes));
    const files = {
      grey: slots.some((slot) => this.channelsOf[slot] === 1) ? openSync(this.paths.grey, 'r') : undefined,
      coloured: slots.some((slot) => this.channelsOf[slot]! > 1) ? openSync(this.paths.coloured, 'r') : undefined,
    };
    const grey = new Uint8Array(this.pixels);
    try {
      for (let first = 0; first < slots.length; first += perChunk) {
        await pause();
        const part = slots.subarray(first, first + perChunk);
        const chunk = new Uint8Array(part.length * bytes);
        for (const [i, slot] of part.entries()) {
          const image = chunk.subarray(i * bytes, (i + 1) * bytes);
          if (this.channelsOf[slot] === channels) {
            readFully(channels === 1 ? files.grey! : files.coloured!, image, slot * bytes);
          } else {
            readFully(files.grey!, grey, slot * this.pixels);
            for (let at = 0; at < image.length; at++) image[at] = grey[Math.floor(at / channels)]!;
          }
        }
        yield chunk;
      }
    } finally {
      for (const file of Object.values(files)) if (file !== undefined) closeSync(file);
    }
  }
}

function readFully(file: number, target: Uint8Array, position: number): void {
  for (let done = 0; done < target.length; ) {
    const read = readSync(file, target, done, target.length - done, position + done);
    if (read === 0) throw new Error('a file of decoded images ends too early');
    done += read;
  }
}
