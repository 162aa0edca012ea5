import type { ModelDescription } from '../description.ts';
import { kerasConfig } from './keras.ts';

/**
 * What the model is beside its weights, as JSON: sent back as the part `network`, with the safetensors export as `weights`, it is the same
 * model. `keras` says the architecture once more in the form that Keras writes.
 */
export function exportJson(model: ModelDescription): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ version: 1, ...model, keras: kerasConfig(model) }, null, 2)}\n`);
}
