import { purpose, randomBits } from '../../src/native.ts';
import type { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import type { Weights } from './reference.ts';

/** n numbers in (−1, 1), the same for the same seed. */
export const uniform = (n: number, seed: number) =>
  Float32Array.from(randomBits({ seed, purpose: purpose.synthetic }, 0, n), (bits) => bits / 2 ** 31 - 1);

/** The weights as the reference takes them. */
export function weightsOf(network: Network): Weights {
  return Object.fromEntries(network.weights().map(({ name, values }) => [name, Array.from(values)]));
}

/** The network, with all weights between −0.7 and 0.7 and variances above 0.3: biases and moving statistics too are odd numbers. */
export function withOddWeights(network: Network): Network {
  for (const [i, { name, values }] of network.weights().entries()) {
    for (const [k, value] of uniform(values.length, 300 + i).entries()) {
      values[k] = name.endsWith('.variance') ? 0.3 + Math.abs(value) : 0.7 * value;
    }
  }
  return network;
}

/** A small conv net with everything in it. */
export const small: NetworkConfig = {
  input: [8, 8, 2],
  layers: [
    { type: 'conv2d', filters: 5, kernel: 3, padding: 'same', activation: 'relu' },
    { type: 'maxPool2d' },
    { type: 'conv2d', filters: 7, kernel: 2, activation: 'tanh' },
    { type: 'flatten' },
    { type: 'dropout', rate: 0.25 },
    { type: 'dense', units: 11, activation: 'sigmoid' },
    { type: 'dense', units: 3 },
  ],
};

/** Seventy samples for it. */
export const data = {
  inputs: uniform(70 * 128, 1),
  targets: Int32Array.from(randomBits({ seed: 2, purpose: purpose.synthetic }, 0, 70), (b) => b % 3),
};
