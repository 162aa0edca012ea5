import { elementCount } from '../shape.ts';
import { type TrainingSplit, withoutLearning } from './evaluate.ts';
import type { LossConfig, LossName } from './losses.ts';
import type { Network } from './network.ts';
import { recordTraining, type TargetKind } from './programs.ts';
import { place } from './recorder.ts';

export interface Gradients {
  /** Mean over the rows. */
  loss: number;
  /** By tensor name, in the tensor's shape. */
  parameters: Record<string, Float32Array>;
  /** (rows, ...inputShape), of the normalised inputs. */
  inputs: Float32Array;
}

/** Runs one step of training without its update, over all rows at once. */
export async function computeGradients(
  network: Network,
  split: TrainingSplit,
  targets: TargetKind,
  { loss = 'meanSquaredError', seed = 0 }: { loss?: LossName | LossConfig; seed?: number },
): Promise<Gradients> {
  const { rows } = split.inputs;
  const { rec, gradients, inputGradient } = recordTraining(network.resolved, {
    rows,
    loss: typeof loss === 'string' ? { type: loss } : loss,
    targets,
    normalization: network.normalization,
    optimizer: null,
    needsInputGradient: true,
  });
  const program = rec.finish(network.memory, network.settings);
  try {
    const { values } = await program.train({
      sources: [split.inputs, split.targets],
      order: Uint32Array.from({ length: rows }, (_, i) => i),
      batch: rows,
      firstStep: 0,
      ...withoutLearning,
      seed,
      budgetMs: 0,
      values: 1,
    });
    const parameters = network.resolved.layers
      .flatMap((layer) => layer.parameters)
      .filter((p) => p.trainable)
      .map((p) => [p.tensorName, program.read(place(gradients) + p.offset, p.count)] as const);
    return {
      loss: values[0]!,
      parameters: Object.fromEntries(parameters),
      inputs: program.read(place(inputGradient!), rows * elementCount(network.inputShape)),
    };
  } finally {
    program.dispose();
  }
}
