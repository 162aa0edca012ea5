import { readFile } from 'node:fs/promises';
import { Network } from '../nn/network.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { NormalizationConfig } from '../nn/trainingConfig.ts';
import { decodeSafetensors } from '../nn/weights.ts';

/** Below so many floating-point operations an asynchronous call costs more than the prediction itself. */
const synchronousFlops = 5e6;

/** A loaded model that answers. */
export interface Predictor {
  /**
   * @param inputs (rows, ...inputShape) in raw units of the dataset
   * @param layers names of layers whose activations are wanted, too
   * @returns (rows, ...outputShape), and (rows, ...) of each named layer
   */
  predict(
    inputs: Float32Array,
    rows: number,
    layers?: string[],
  ): Promise<{ output: Float32Array; activations: Record<string, Float32Array> }>;
  /** Bytes of weights. */
  readonly bytes: number;
  dispose(): void;
}

/**
 * Reads a model's weights and makes its predict program.
 * @throws HebbError('invalid-file') where the weights do not fit the network
 */
export async function loadPredictor(
  model: { network: NetworkConfig & { input: number[] }; normalization: NormalizationConfig },
  weightsFile: string,
  settings: { isa?: string; threads: number },
): Promise<Predictor> {
  const network = new Network(withoutValues(model.network), {
    ...settings,
    normalization: model.normalization,
    initializer: 'zeros',
  });
  network.setWeights(decodeSafetensors(await readFile(weightsFile)));
  return {
    bytes: network.memory.floats.byteLength,
    async predict(inputs, rows, layers = []) {
      const synchronous = rows * network.resolved.flopsPerSample < synchronousFlops;
      const output = synchronous ? network.predict(inputs) : await network.predictAsync(inputs);
      const all = layers.length > 0 ? network.activations(inputs) : {};
      const activations = Object.fromEntries(layers.map((name) => [name, all[name]!]));
      return { output, activations };
    },
    dispose: () => network.dispose(),
  };
}

/** The network without starting values, which the weights file replaces anyway. */
function withoutValues(network: NetworkConfig & { input: number[] }): NetworkConfig {
  return {
    ...network,
    layers: network.layers.map(({ weights: _, initializer: __, biasInitializer: ___, ...layer }) => layer),
  };
}
