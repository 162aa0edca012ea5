import type { CommonConfig } from './layer.ts';

/** A layer in a network's JSON: `type`, the common keys and those of its definition. */
export type LayerConfig = CommonConfig & { [key: string]: unknown };

/** A network in JSON. */
export interface NetworkConfig {
  /** Shape of one sample, channels last; left out: the dataset's. */
  input?: number[];
  layers: LayerConfig[];
}
