import type { Static } from 'typebox';
import type { datasetSpecSchema } from '../data/source.ts';
import type { InitializerConfig } from '../nn/initializers.ts';
import type { LayerConfig, NetworkConfig } from '../nn/networkConfig.ts';
import type { TrainingRequest } from '../nn/trainingConfig.ts';

/** A job that is ready to be sent: data, network and training. */
export interface PresetJob {
  /** Left out where nothing is trained and nothing is shown. */
  dataset?: Static<typeof datasetSpecSchema>;
  network: NetworkConfig;
  training: TrainingRequest;
}

export interface Preset {
  /** How a job asks for it. */
  name: string;
  /** One line for people. */
  title: string;
  /** Mark of the course's system that it is; null: of none. */
  course: string | null;
  job: PresetJob;
}

/** U(−0.5, 0.5), for weights and biases. */
export const uniformHalf = startingFrom({ type: 'uniform', min: -0.5, max: 0.5 });
/** N(0, 1), for weights and biases. */
export const standardNormal = startingFrom({ type: 'normal', mean: 0, stddev: 1 });

function startingFrom(initializer: InitializerConfig) {
  return { initializer, biasInitializer: initializer };
}

/** A dense layer with these weights, (inputs, units), and biases. */
export function givenDense(
  weight: number[][],
  bias: number[],
  activation: LayerConfig['activation'],
  wires: Pick<LayerConfig, 'name' | 'from'> = {},
): LayerConfig {
  return { type: 'dense', ...wires, units: bias.length, activation, weights: { weight, bias } };
}

/** Plain gradient descent, one sample after the other in their order. */
export const perSample = (learningRate: number): TrainingRequest => ({
  batchSize: 1,
  shuffle: false,
  optimizer: { type: 'sgd', learningRate },
});

/** Plain gradient descent over all samples at once. */
export const fullBatch = (learningRate: number): TrainingRequest => ({
  batchSize: 'full',
  shuffle: false,
  optimizer: { type: 'sgd', learningRate },
});
