import type { ActivationName } from './activations.ts';
import type { InitializerConfig } from './initializers.ts';

/** A layer in a network's JSON: the keys that several kinds share, and those of its definition. */
export interface LayerConfig {
  type: string;
  name?: string;
  /** Names of the layers whose outputs it takes; "input" is the network's input [the layer before]. */
  from?: string | string[];
  activation?: ActivationName;
  bias?: boolean;
  initializer?: InitializerConfig;
  biasInitializer?: InitializerConfig;
  /** Values that the parameters start from, by name. */
  weights?: Record<string, unknown>;
  [key: string]: unknown;
}

/** A network in JSON. */
export interface NetworkConfig {
  /** Shape of one sample, channels last; left out: the dataset's. */
  input?: number[];
  /** Each takes from those above it; the last one's output is the network's. */
  layers: LayerConfig[];
}

/** How a layer is called: by its name, or by type and place. */
export function layerName(layer: LayerConfig, index: number): string {
  return layer.name ?? `${layer.type}_${index}`;
}

/** Names of the inputs of the layer at this place. */
export function sourcesOf(layers: readonly LayerConfig[], index: number): string[] {
  const { from } = layers[index]!;
  if (from !== undefined) return [from].flat();
  return [index === 0 ? networkInput : layerName(layers[index - 1]!, index - 1)];
}

/** What `from` calls the input of the network. */
export const networkInput = 'input';

/** Index of the layer that gives the network's output its values: flatten and reshape after it only change the shape. */
export function finalLayer(layers: readonly LayerConfig[]): number {
  let index = layers.length - 1;
  while (index > 0 && ['flatten', 'reshape'].includes(layers[index]!.type)) {
    const [source] = sourcesOf(layers, index);
    const before = layers.findIndex((layer, i) => layerName(layer, i) === source);
    if (before < 0) break;
    index = before;
  }
  return index;
}

/** The network without the values that its layers start from: they are large, and of no use once it is trained. */
export function withoutWeights<Network extends NetworkConfig>(network: Network): Network {
  return { ...network, layers: network.layers.map(({ weights: _, ...layer }) => layer) };
}
