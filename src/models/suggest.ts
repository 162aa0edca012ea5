// Active learning: which of many rows would teach a classifier most, if somebody told their classes.
import { Turns } from '../turns.ts';

export const strategies = ['entropy', 'margin', 'leastConfidence'] as const;
export type Strategy = (typeof strategies)[number];

/**
 * How unsure a row's probabilities are, the larger the more: Settles, Active Learning Literature Survey, 2009.
 * entropy: −Σ p log p, in nats; margin: 1 − (largest − second); leastConfidence: 1 − largest.
 */
export function uncertainty(strategy: Strategy, probabilities: ArrayLike<number>): number {
  if (strategy === 'entropy') {
    let sum = 0;
    for (let i = 0; i < probabilities.length; i++) {
      const p = probabilities[i]!;
      if (p > 0) sum -= p * Math.log(p);
    }
    return sum;
  }
  let [first, second] = [0, 0];
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i]!;
    if (p > first) [first, second] = [p, first];
    else if (p > second) second = p;
  }
  return strategy === 'margin' ? 1 - (first - second) : 1 - first;
}

export interface Candidate {
  /** Of the row. */
  index: number;
  score: number;
  /** Index of the class that it is taken for, and its probability. */
  class: number;
  probability: number;
}

/** The rows with the highest scores of all that are added; of equals those that came first. */
export class Highest {
  private kept: Candidate[] = [];
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  add(candidate: Candidate): void {
    this.kept.push(candidate);
    if (this.kept.length >= 2 * this.most + 64) this.trim();
  }

  /** The highest first. */
  candidates(): Candidate[] {
    this.trim();
    return this.kept;
  }

  private trim(): void {
    this.kept.sort((a, b) => b.score - a.score || a.index - b.index);
    this.kept.length = Math.min(this.kept.length, this.most);
  }
}

/**
 * As many of some rows as are wanted, far from each other: the first, then each time the one that is farthest from all that are
 * taken (k-centre, greedily: Gonzalez, Theoretical Computer Science 38, 1985; Sener, Savarese, ICLR 2018). Of those that are equally far, among
 * them copies of what is taken, the first goes first.
 * @param features (rows, size)
 * @returns places of rows, in the order in which they were taken
 */
export async function farthestFirst(
  features: Float32Array,
  rows: number,
  count: number,
  signal?: AbortSignal,
): Promise<number[]> {
  const size = features.length / rows;
  const turns = new Turns(signal);
  const nearest = new Float64Array(rows).fill(Infinity);
  const taken: number[] = [];
  let next = 0;
  while (taken.length < Math.min(count, rows)) {
    taken.push(next);
    nearest[next] = -1;
    let best = -1;
    for (let row = 0; row < rows; row++) {
      if (nearest[row]! < 0) continue;
      let distance = 0;
      for (let i = 0; i < size; i++) distance += (features[row * size + i]! - features[next * size + i]!) ** 2;
      nearest[row] = Math.min(nearest[row]!, distance);
      if (best < 0 || nearest[row]! > nearest[best]!) best = row;
      await turns.pass();
    }
    next = best;
  }
  return taken;
}
