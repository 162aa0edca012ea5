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
