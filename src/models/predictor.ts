import { readFile } from 'node:fs/promises';
import { Network } from '../nn/network.ts';
import { type NetworkConfig, withoutWeights } from '../nn/networkConfig.ts';
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
  /** Bytes of weights and of the program's memory, about. */
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
  const network = new Network(withoutWeights(model.network), {
    checked: true,
    ...settings,
    normalization: model.normalization,
    initializer: null,
  });
  network.setWeights(decodeSafetensors(await readFile(weightsFile)));
  // A synchronous call would wait for an asynchronous one on the same program, and everybody with it.
  let underWay = 0;
  async function offTheLoop<T>(call: () => Promise<T>): Promise<T> {
    underWay++;
    try {
      return await call();
    } finally {
      underWay--;
    }
  }
  return {
    bytes: network.memory.floats.byteLength + network.predictBytes,
    async predict(inputs, rows, layers = []) {
      if (layers.length > 0) {
        const all = await network.activations(inputs);
        const output = all[network.resolved.layers.at(-1)!.name]!;
        return { output, activations: Object.fromEntries(layers.map((name) => [name, all[name]!])) };
      }
      const synchronous = underWay === 0 && rows * network.resolved.flopsPerSample < synchronousFlops;
      const output = synchronous ? network.predict(inputs) : await offTheLoop(() => network.predictAsync(inputs));
      return { output, activations: {} };
    },
    dispose: () => network.dispose(),
  };
}
