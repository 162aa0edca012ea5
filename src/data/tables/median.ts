import { shortestDecimal } from '../statistics.ts';

/** Bits of a key that each pass looks at: 32 in all. */
const digits = [11, 11, 10] as const;
const shifts = [21, 10, 0] as const;
export const radixPasses = digits.length;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The bits of a float32 as an integer in the order of the numbers. */
function keyOf(value: number): number {
  // -0 is 0.
  float[0] = value + 0;
  const raw = bits[0]!;
  return (raw & 0x80000000 ? ~raw : raw | 0x80000000) >>> 0;
}

function numberOf(key: number): number {
  bits[0] = key & 0x80000000 ? key & 0x7fffffff : ~key;
  return shortestDecimal(float[0]!);
}

interface Rank {
  /** Upper bits of the key, as far as they are known. */
  prefix: number;
  /** Place among the values of this prefix, from 0. */
  place: number;
}

/**
 * The exact median of values as float32, over three passes through them and in constant memory: each pass counts how
 * often the next bits occur below the prefix that is known (a radix selection).
 */
export class RadixMedian {
  private histograms: Uint32Array[] = [];
  private ranks: Rank[] = [];
  private pass = -1;
  private count = 0;

  /** All values come once in each pass, passes in their order. */
  add(pass: number, value: number): void {
    if (pass !== this.pass) this.begin(pass);
    const key = keyOf(value);
    const bucket = (key >>> shifts[pass]!) & ((1 << digits[pass]!) - 1);
    if (pass === 0) {
      this.count++;
      this.histograms[0]![bucket]!++;
      return;
    }
    const prefix = upper(key, pass);
    for (const [i, rank] of this.ranks.entries()) if (prefix === rank.prefix) this.histograms[i]![bucket]!++;
  }

  /** The middle value, or the mean of the two in the middle; undefined where there is none. */
  result(): number | undefined {
    if (this.count === 0) return undefined;
    this.begin(radixPasses);
    const [low, high] = this.ranks.map(({ prefix }) => numberOf(prefix));
    return low === high ? low : (low! + high!) / 2;
  }

  private begin(pass: number): void {
    if (pass === 1) {
      this.ranks = [Math.floor((this.count - 1) / 2), Math.floor(this.count / 2)].map((place) => ({
        prefix: 0,
        place,
      }));
      this.histograms = [this.histograms[0]!, this.histograms[0]!];
    }
    if (pass > 0) this.ranks = this.ranks.map((rank, i) => narrowed(rank, this.histograms[i]!, digits[pass - 1]!));
    this.pass = pass;
    if (pass === radixPasses) return;
    this.histograms = Array.from({ length: pass === 0 ? 1 : 2 }, () => new Uint32Array(1 << digits[pass]!));
  }
}

/** The bits of a key above those that a pass looks at. */
function upper(key: number, pass: number): number {
  return key >>> (shifts[pass]! + digits[pass]!);
}

function narrowed({ prefix, place }: Rank, histogram: Uint32Array, width: number): Rank {
  let bucket = 0;
  let before = 0;
  while (before + histogram[bucket]! <= place) before += histogram[bucket++]!;
  return { prefix: ((prefix << width) | bucket) >>> 0, place: place - before };
}
