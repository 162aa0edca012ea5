import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** What random numbers are for: the same seed never gives two purposes the same stream. Values are part of every hash: never renumber. */
export const purpose = { initialize: 1, shuffle: 2, dropout: 3, split: 4, synthetic: 5 } as const;

interface Addon {
  randomBits(seed: number, purpose: number, epoch: number, step: number, first: number, count: number): Uint32Array;
}

const require = createRequire(import.meta.url);
const load = require('node-gyp-build') as (folder: string) => Addon;
/** The addon; folder: the package's root, from src/ as from dist/. */
export const addon = load(fileURLToPath(new URL('..', import.meta.url)));

/**
 * Random 32-bit numbers of a counter-based generator (Philox 4×32-10; Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", 2011): a pure function of its arguments, the same on every machine.
 *
 * @param key seed, purpose, and optionally epoch and step: 32-bit unsigned integers
 * @param first position of the first number in the stream
 */
export function randomBits(
  key: { seed: number; purpose: number; epoch?: number; step?: number },
  first: number,
  count: number,
): Uint32Array {
  return addon.randomBits(key.seed, key.purpose, key.epoch ?? 0, key.step ?? 0, first, count);
}
