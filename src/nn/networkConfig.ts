import type { ActivationName } from './activations.ts';
import type { InitializerConfig } from './initializers.ts';

/** A layer in a network's JSON: the keys that several kinds share, and those of its definition. */
export interface LayerConfig {
  type: string;
  name?: string;
  activation?: ActivationName;
  bias?: boolean;
  initializer?: InitializerConfig;
  biasInitializer?: InitializerConfig;
  weights?: { weight?: unknown; bias?: unknown };
  [key: string]: unknown;
}

/** A network in JSON. */
export interface NetworkConfig {
  /** Shape of one sample, channels last; left out: the dataset's. */
  input?: number[];
  layers: LayerConfig[];
}

/** Index of the layer that gives the network's output its values: flatten after it only changes the shape. */
export function finalLayer(layers: readonly LayerConfig[]): number {
  return Math.max(
    0,
    layers.findLastIndex((layer) => layer.type !== 'flatten'),
  );
}

/** The network without the values that its layers start from: they are large, and of no use once it is trained. */
export function withoutWeights<Network extends NetworkConfig>(network: Network): Network {
  return { ...network, layers: network.layers.map(({ weights: _, ...layer }) => layer) };
}
