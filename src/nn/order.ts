import { purpose, randomBits } from '../native.ts';

/** The order in which an epoch takes its rows: Fisher and Yates' shuffle, a function of (seed, epoch). */
export function shuffledOrder(rows: Uint32Array, seed: number, epoch: number): Uint32Array {
  const order = rows.slice();
  const bits = randomBits({ seed, purpose: purpose.shuffle, epoch }, 0, order.length);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor((bits[i]! * (i + 1)) / 2 ** 32);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
