import { predictionBytes } from '../nn/cost.ts';
import { Network } from '../nn/network.ts';
import { type NetworkConfig, withoutWeights } from '../nn/networkConfig.ts';
import type { Normalization } from '../nn/normalization.ts';
import { type ResolvedNetwork, resolveNetwork } from '../nn/resolve.ts';
import { Batcher } from './batcher.ts';

/** Below so many floating-point operations an asynchronous call costs more than the prediction itself. */
const synchronousFlops = 5e6;

/** What a predictor is made of. */
export interface PredictorSource {
  network: NetworkConfig & { input: number[] };
  normalization: Normalization;
  /**
   * Fills in the weights.
   * @returns the step of the training that they are of
   */
  readWeights(network: Network): Promise<number>;
}

export interface PredictorSettings {
  isa: string;
  threads: number;
  /** How long a request waits for others to join it. */
  batchDelayMs: number;
}

/** A loaded model that answers. */
export interface Predictor {
  readonly resolved: ResolvedNetwork;
  /** For what is more than a prediction; its weights must not be changed. */
  readonly network: Network;
  /** The step of the training that the weights are of. */
  readonly step: number;
  /**
   * @param inputs (rows, ...inputShape) in raw units of the dataset
   * @returns (rows, ...outputShape); the same whatever else is asked at the time
   */
  predict(inputs: Float32Array, rows: number): Promise<Float32Array>;
  /** The same on the calling thread, where that is quicker than to wait; otherwise null. */
  predictNow(inputs: Float32Array, rows: number): Float32Array | null;
  /**
   * @param layers names
   * @returns (rows, ...outputShape) of each of the layers
   */
  activations(inputs: Float32Array, layers: string[]): Promise<Record<string, Float32Array>>;
  /** To be called when nobody uses it any more. */
  dispose(): void;
}

/** Bytes that a predictor takes once it is loaded. */
export function predictorBytes(source: PredictorSource, settings: PredictorSettings): number {
  return predictionBytes(
    resolveNetwork(withoutWeights(source.network), { checked: true }),
    source.normalization,
    settings,
  );
}

/**
 * Reads a model's weights and makes its predict program.
 * @throws HebbError('invalid-file') where the weights do not fit the network, and what readWeights throws
 */
export async function loadPredictor(source: PredictorSource, settings: PredictorSettings): Promise<Predictor> {
  const { isa, threads, batchDelayMs } = settings;
  const network = new Network(withoutWeights(source.network), {
    checked: true,
    constant: true,
    isa,
    threads,
    normalization: source.normalization,
    initializer: null,
  });
  let step: number;
  try {
    step = await source.readWeights(network);
  } catch (error) {
    network.dispose();
    throw error;
  }
  const { flopsPerSample } = network.resolved;
  const isSmall = (rows: number) => rows * flopsPerSample < synchronousFlops;
  const batcher = new Batcher(
    async (inputs, rows) => (isSmall(rows) ? network.predict(inputs) : network.predictAsync(inputs)),
    {
      elements: network.inputShape.reduce((product, size) => product * size, 1),
      mostRows: network.predictRows,
      delayMs: batchDelayMs,
    },
  );
  // A synchronous call would wait for an asynchronous one on the same program, and everybody with it.
  const predictNow = (inputs: Float32Array, rows: number) =>
    batchDelayMs === 0 && batcher.idle && isSmall(rows) ? network.predict(inputs) : null;
  return {
    resolved: network.resolved,
    network,
    step,
    predict: async (inputs, rows) => predictNow(inputs, rows) ?? batcher.add(inputs, rows),
    predictNow,
    activations: (inputs, layers) => network.activations(inputs, layers),
    dispose: () => network.dispose(),
  };
}
