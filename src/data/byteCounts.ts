/** So many bytes are counted before a count of 32 bits could overflow. */
const mostPending = 2 ** 31;

/** How often each value occurs among many bytes. */
export class ByteCounts {
  private readonly total = new Float64Array(256);
  /** Four tables in turns: a run of equal values would wait for its own last count. */
  private readonly pending = new Uint32Array(4 * 256);
  private pendingBytes = 0;

  add(bytes: Uint8Array): void {
    const { pending } = this;
    this.pendingBytes += bytes.length;
    if (this.pendingBytes > mostPending) this.settle(bytes.length);
    const ahead = Math.min(bytes.length, (4 - (bytes.byteOffset % 4)) % 4);
    const inWords = (bytes.length - ahead) >> 2;
    const words = new Int32Array(bytes.buffer, inWords > 0 ? bytes.byteOffset + ahead : 0, inWords);
    for (let i = 0; i < ahead; i++) pending[bytes[i]!]! += 1;
    // Pictures are black for the most part.
    let zeros = 0;
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!;
      if (word === 0) {
        zeros += 4;
        continue;
      }
      pending[word & 255]! += 1;
      pending[256 + ((word >>> 8) & 255)]! += 1;
      pending[512 + ((word >>> 16) & 255)]! += 1;
      pending[768 + (word >>> 24)]! += 1;
    }
    pending[0]! += zeros;
    for (let i = ahead + 4 * words.length; i < bytes.length; i++) pending[bytes[i]!]! += 1;
  }

  /** (256) */
  result(): Float64Array {
    this.settle(0);
    return this.total;
  }

  private settle(pendingBytes: number): void {
    for (let i = 0; i < this.pending.length; i++) this.total[i & 255]! += this.pending[i]!;
    this.pending.fill(0);
    this.pendingBytes = pendingBytes;
  }
}
