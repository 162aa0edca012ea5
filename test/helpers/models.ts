import { sha256 } from '../../src/data/durableFile.ts';
import type { ModelDescription } from '../../src/models/description.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { elementCount } from '../../src/shape.ts';
import type { LayerCase } from '../nn/layerCases.ts';

/** Numbers that look random and are the same each time, −1 to 1. */
export function noise(count: number, seed = 1): Float32Array {
  let state = seed * 2654435761;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
}

/** A model with odd weights: moving statistics and biases, too. */
export function describedModel(
  config: NetworkConfig,
  more: Partial<ModelDescription> = {},
): { model: ModelDescription; network: Network } {
  const network = new Network(config, { seed: 3, normalization: more.normalization });
  for (const [i, { name, values }] of network.weights().entries()) {
    if (/\.(bias|gamma|beta|mean|variance|slope)$/.test(name)) {
      const positive = name.endsWith('.variance') ? 1.2 : 0;
      values.set(noise(values.length, i + 7).map((value) => value / 2 + positive));
    }
  }
  const model: ModelDescription = {
    name: 'model',
    task: 'regression',
    loss: 'meanSquaredError',
    normalization: { type: 'none' },
    inputShape: network.inputShape,
    inputType: 'float32',
    outputShape: network.outputShape,
    classes: null,
    columns: null,
    network: network.config,
    step: 3,
    weightsHash: sha256(network.toSafetensors()),
    ...more,
  };
  return { model, network };
}

/** A layer's case as a network. */
export const networkOfCase = ({ input, layer, before = [] }: LayerCase): NetworkConfig => ({
  input,
  layers: [...before, layer],
});

export function inputsOfCase({ input, indices }: LayerCase, rows: number): Float32Array {
  const values = noise(rows * elementCount(input), 5);
  return indices === undefined
    ? values.map((value) => 2 * value)
    : values.map((value) => Math.floor(((value + 1) / 2) * indices));
}

/** The largest difference, relative to the largest expected number (at least 1e-30). */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let error = 0;
  let largest = 1e-30;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    error = Math.max(error, difference);
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return error / largest;
}
