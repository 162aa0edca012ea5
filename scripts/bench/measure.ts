// How everything is timed: the least time of many is the one to keep, since whatever else runs on the machine only adds to it.
import { Memory, purpose, randomBits } from '../../src/native.ts';

/** Seconds of the fastest call in a window of `seconds`, after two calls to warm up. */
export function bestTime(call: () => void, seconds: number): number {
  call();
  call();
  let best = Infinity;
  const end = performance.now() + seconds * 1000;
  do {
    const start = performance.now();
    call();
    best = Math.min(best, performance.now() - start);
  } while (performance.now() < end);
  return best / 1000;
}

/**
 * The best of three windows of `seconds`, after a warm-up of one second at most.
 * @param call returns how many of what is counted it did
 * @returns of what is counted, how many a second
 */
export async function bestRate(call: () => Promise<number> | number, seconds: number): Promise<number> {
  const window = async (length: number) => {
    const start = performance.now();
    let done = 0;
    do done += await call();
    while (performance.now() - start < length * 1000);
    return done / ((performance.now() - start) / 1000);
  };
  await window(Math.min(1, seconds));
  return Math.max(await window(seconds), await window(seconds), await window(seconds));
}

export function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `digits` places after the point at most. */
export function round(number: number, digits = 0): number {
  return Math.round(number * 10 ** digits) / 10 ** digits;
}

/** Numbers spread evenly over [-1, 1). */
export function noise(floats: number, seed: number): Memory {
  const memory = new Memory(floats);
  const bits = randomBits({ seed, purpose: purpose.synthetic }, 0, floats);
  const view = memory.floats;
  for (let i = 0; i < floats; i++) view[i] = bits[i]! / 2 ** 31 - 1;
  return memory;
}
