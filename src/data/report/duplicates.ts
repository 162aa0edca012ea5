import { type SplitName, splitNames } from '../dataset.ts';
import type { DatasetReport, Place, SplitDuplicates } from './types.ts';

/** Samples that are compared: their table takes 24 bytes for each. */
const mostChecked = 2_000_000;
const mostExamples = 20;

/** Finds samples with the same inputs by a 64-bit hash of their bytes. Splits come in their order. */
export class Duplicates {
  private readonly slots: number;
  private readonly high: Int32Array;
  private readonly low: Int32Array;
  /** Place of the first sample with these inputs, counted over all splits from 1; 0: free. */
  private readonly first: Int32Array;
  private readonly targets: Int32Array;
  private readonly counts = Object.fromEntries(
    splitNames.map((name) => [name, { repeated: 0, inEarlierSplits: 0, contradicting: 0 }]),
  ) as Record<SplitName, SplitDuplicates>;
  private readonly examples: (Place & { of: Place })[] = [];
  private readonly samples: Record<SplitName, number>;
  private checked = 0;
  private words: Int32Array = new Int32Array(0);

  constructor(samples: Record<SplitName, number>) {
    const rows = Math.min(mostChecked, samples.train + samples.validation + samples.test);
    const slots = Math.ceil(1.5 * rows) + 1;
    this.slots = slots;
    this.high = new Int32Array(slots);
    this.low = new Int32Array(slots);
    this.first = new Int32Array(slots);
    this.targets = new Int32Array(slots);
    this.samples = samples;
  }

  /**
   * @param input bytes of one sample
   * @param target hash or index: the same for the same target
   */
  add(split: SplitName, index: number, input: Uint8Array, target: number): void {
    if (this.checked >= mostChecked) return;
    this.checked += 1;
    const [high, low] = this.hash(input);
    // From the whole range of 32 bits to that of the slots.
    let slot = Math.floor(((low >>> 0) / 2 ** 32) * this.slots);
    for (; ; slot = slot + 1 < this.slots ? slot + 1 : 0) {
      if (this.first[slot] === 0) {
        this.high[slot] = high;
        this.low[slot] = low;
        this.first[slot] = this.checked;
        this.targets[slot] = target;
        return;
      }
      if (this.high[slot] !== high || this.low[slot] !== low) continue;
      const of = this.placeOf(this.first[slot]! - 1);
      const counts = this.counts[split];
      if (of.split === split) counts.repeated += 1;
      else counts.inEarlierSplits += 1;
      if (this.targets[slot] !== target) counts.contradicting += 1;
      if (this.examples.length < mostExamples) this.examples.push({ split, index, of });
      return;
    }
  }

  report(): DatasetReport['duplicates'] {
    return { checked: this.checked, splits: this.counts, examples: this.examples };
  }

  private placeOf(row: number): Place {
    let index = row;
    for (const split of splitNames) {
      if (index < this.samples[split]) return { split, index };
      index -= this.samples[split];
    }
    throw new Error(`there is no row ${row}`);
  }

  /** Two hashes in the manner of MurmurHash3 (Appleby, 2011), of different constants. */
  private hash(input: Uint8Array): [number, number] {
    const count = Math.ceil(input.length / 4);
    if (this.words.length !== count) this.words = new Int32Array(count);
    new Uint8Array(this.words.buffer).set(input);
    let [a, b] = [0x9747b28c, 0x3c074a61];
    for (let i = 0; i < count; i++) {
      const word = this.words[i]!;
      let k = Math.imul(word, 0xcc9e2d51);
      k = (k << 15) | (k >>> 17);
      a ^= Math.imul(k, 0x1b873593);
      a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
      b = Math.imul(b ^ word, 0x85ebca6b);
      b ^= b >>> 13;
    }
    return [mix(a ^ input.length), mix(b ^ count)];
  }
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
