import { Memory, type Source } from '../../src/native.ts';
import type { LossConfig } from '../../src/nn/losses.ts';
import type { Network } from '../../src/nn/network.ts';
import { recordTraining, stepValues } from '../../src/nn/programs.ts';
import { place } from '../../src/nn/recorder.ts';
import type { GradientClip, OptimizerConfig } from '../../src/nn/trainingConfig.ts';
import { elementCount } from '../../src/shape.ts';

/** Rows of a training, flat; targets are class indices or values. */
export interface Samples {
  rows: number;
  inputs: number[];
  targets?: number[];
  classes?: number[];
  /** How much each row counts in the loss. */
  rowWeights?: number[];
}

/** Steps of training, without the service and without an epoch's shuffle. */
export interface Stepper {
  /** Runs one step on the next batch, from the first row again after the last one. @returns its loss */
  step(): Promise<number>;
  /** Of the last step's batch. */
  outputs(): Float32Array;
  inputGradient(): Float32Array;
  /** By tensor name; of what learns. */
  gradients(): Record<string, Float32Array>;
  dispose(): void;
}

/** The training program of a network over some rows, to be run step by step. */
export function stepper(
  network: Network,
  samples: Samples,
  settings: {
    loss: LossConfig;
    batch?: number;
    /** Its learning rate; null where a step changes no weight. */
    optimizer?: OptimizerConfig | null;
    learningRate?: number;
    gradientClip?: GradientClip;
    frozen?: string[];
  },
): Stepper {
  const { loss, batch = samples.rows, optimizer = null, gradientClip, frozen = [] } = settings;
  const { rows } = samples;
  if (optimizer) network.prepareTraining(optimizer);
  const { rec, gradients, inputGradient, outputs } = recordTraining(network.resolved, {
    rows: batch,
    loss,
    targets: samples.classes ? 'classes' : 'values',
    weighted: samples.rowWeights !== undefined,
    normalization: { type: 'none' },
    optimizer,
    gradientClip,
    frozen,
    needsInputGradient: true,
    keepLayers: true,
  });
  const sources = [source(Float32Array.from(samples.inputs), rows)];
  if (samples.classes) sources.push(source(Int32Array.from(samples.classes), rows));
  else sources.push(source(Float32Array.from(samples.targets!), rows));
  if (samples.rowWeights) sources.push(source(Float32Array.from(samples.rowWeights), rows));
  const program = rec.finish(network.memory, network.settings);
  const rate = settings.learningRate ?? (optimizer ? Number(optimizer.learningRate) : 0);
  let globalStep = 0;
  return {
    async step() {
      const first = (globalStep * batch) % rows;
      const { values } = await program.train({
        sources,
        order: Uint32Array.from({ length: batch }, (_, i) => first + i),
        batch,
        firstStep: 0,
        learningRates: optimizer ? Float64Array.of(rate) : new Float64Array(),
        seed: 1,
        epoch: 0,
        globalStep,
        budgetMs: 1e9,
        values: stepValues.count,
      });
      globalStep++;
      return values[stepValues.loss]!;
    },
    outputs: () => program.read(place(outputs.at(-1)!), batch * elementCount(network.outputShape)),
    inputGradient: () => program.read(place(inputGradient!), batch * elementCount(network.inputShape)),
    gradients: () =>
      Object.fromEntries(
        network.resolved.layers
          .filter((layer) => !frozen.includes(layer.name))
          .flatMap((layer) => layer.parameters)
          .filter((p) => p.trainable)
          .map((p) => [p.tensorName, program.read(place(gradients) + p.offset, p.count)]),
      ),
    dispose: () => program.dispose(),
  };
}

function source(values: Float32Array | Int32Array, rows: number): Source {
  const memory = new Memory(values.length);
  const view =
    values instanceof Int32Array ? new Int32Array(memory.floats.buffer, memory.floats.byteOffset) : memory.floats;
  view.set(values);
  const type = values instanceof Int32Array ? 'int32' : 'float32';
  return { memory, offset: 0, type, rows, elements: values.length / rows };
}
