import { Memory, type NativeProgram, type Source } from '../native.ts';
import { elementCount } from '../shape.ts';
import type { ActivationName } from './activations.ts';
import type { Network } from './network.ts';
import { type LearnSettings, layersToLogits, recordTraining, stepValues, type TrainingProgram } from './programs.ts';
import type { DiagnosticsRow, LayerDiagnostics } from './progress.ts';
import { place } from './recorder.ts';
import type { PlacedParameter, ResolvedLayer, ResolvedNetwork } from './resolve.ts';

/** A job is diagnosed about so often at most, and fewer times where it has many layers: its rows are answered at once. */
const mostRows = 200;
const fewestRows = 10;
const mostLayerRows = 4000;
/** Samples that are measured at most, and numbers in their inputs and outputs. */
const mostSamples = 256;
const mostFloats = 2 ** 19;

/** Activations whose units can die: 0, and with a slope of 0, for every row. */
const dying: readonly ActivationName[] = ['relu'];
/** Flat ends of what saturates. */
const flatEnds: Partial<Record<ActivationName, [number, number]>> = {
  sigmoid: [0.02, 0.98],
  hardSigmoid: [0.02, 0.98],
  tanh: [-0.98, 0.98],
};

/** Whether an epoch (counted from 1) is diagnosed: the first, the last, and so many between that the rows stay few. */
export function isDiagnosed(epoch: number, epochs: number, layers: number): boolean {
  const rows = Math.max(fewestRows, Math.min(mostRows, Math.floor(mostLayerRows / layers)));
  return epoch === 1 || epoch === epochs || epoch % Math.ceil(epochs / rows) === 0;
}

/** Rows that are measured: few enough that a large network does not take much more memory for it. */
export function diagnosedRows({ floatsPerSample }: ResolvedNetwork, samples: number): number {
  return Math.max(1, Math.min(mostSamples, samples, Math.floor(mostFloats / floatsPerSample)));
}

/**
 * Measures the layers of a network that is being trained, by a program of its own that changes nothing: with it or without,
 * training has the same bits. The program lives only while it measures, so that between epochs it holds no memory.
 */
export class Diagnostics {
  private readonly network: Network;
  private readonly settings: Omit<LearnSettings, 'rows'> & { frozen?: readonly string[] };
  private readonly order: Uint32Array;
  /** The layers as the loss sees them: a final softmax or sigmoid may be a part of the loss. */
  private readonly layers: ResolvedLayer[];
  private before: Memory | null = null;
  /** By layer: ‖w after − w before‖² of the last step. */
  private updates: number[] | null = null;

  /** @param order the rows to measure */
  constructor(network: Network, settings: Diagnostics['settings'], order: Uint32Array) {
    this.network = network;
    this.settings = settings;
    this.order = order;
    this.layers = layersToLogits(network.resolved.layers, settings.loss.type);
  }

  /** To be called before the last step of an epoch that is diagnosed. */
  beforeLastStep(): void {
    const { parameterFloats } = this.network.resolved;
    this.before ??= new Memory(parameterFloats);
    this.before.floats.set(this.network.memory.floats.subarray(0, parameterFloats));
  }

  /**
   * The layers as they are now, after the last step.
   * @param key of the random numbers: that of the last step
   */
  async measure(
    sources: (Source | undefined)[],
    { epoch, seed, globalStep }: { epoch: number; seed: number; globalStep: number },
  ): Promise<DiagnosticsRow> {
    this.compareWeights();
    const rows = this.order.length;
    const recorded = recordTraining(this.network.resolved, {
      ...this.settings,
      rows,
      optimizer: null,
      keepLayers: true,
    });
    const program = recorded.rec.finish(this.network.memory, this.network.settings);
    try {
      const { values } = await program.train({
        sources,
        order: this.order,
        batch: rows,
        firstStep: 0,
        learningRates: new Float64Array(),
        seed,
        epoch: epoch - 1,
        globalStep,
        budgetMs: 0,
        values: stepValues.count,
      });
      return {
        epoch,
        loss: finite(values[stepValues.loss]!),
        accuracy: this.settings.targets === 'classes' ? finite(values[stepValues.correct]! / rows) : null,
        layers: this.layers.map((_, i) => this.measureLayer(i, recorded, program)),
      };
    } finally {
      program.dispose();
    }
  }

  /** Parameters of a layer that learn. */
  private learning({ name, parameters }: ResolvedLayer): PlacedParameter[] {
    return this.settings.frozen?.includes(name) ? [] : parameters.filter(({ trainable }) => trainable);
  }

  /** Works out the updates of the last step, and lets go of the weights before it. */
  private compareWeights(): void {
    const { before } = this;
    if (!before) return;
    const [now, then] = [this.network.memory.floats, before.floats];
    this.updates = this.layers.map((layer) =>
      this.learning(layer).reduce(
        (sum, { offset, count }) => sum + squaredDistance(now, then, offset, offset + count),
        0,
      ),
    );
    this.dispose();
  }

  private measureLayer(index: number, recorded: TrainingProgram, program: NativeProgram): LayerDiagnostics {
    const layer = this.layers[index]!;
    const { name, config, outputShape } = layer;
    const numbers = this.order.length * elementCount(outputShape);
    const outputGradient = recorded.outputGradients[index];
    const learning = this.learning(layer);
    const weights = this.network.memory.floats;
    let [gradient, weight] = [0, 0];
    for (const { offset, count } of learning) {
      gradient += squares(program.read(place(recorded.gradients) + offset, count));
      weight += squares(weights.subarray(offset, offset + count));
    }
    const update = this.updates?.[index];
    const learns = learning.length > 0;
    return {
      name,
      type: config.type,
      gradientNorm: learns ? finite(Math.sqrt(gradient)) : null,
      weightNorm: learns ? finite(Math.sqrt(weight)) : null,
      updateRatio: learns && update !== undefined && weight > 0 ? finite(Math.sqrt(update / weight)) : null,
      ...activationsOf(
        program.read(place(recorded.outputs[index]!), numbers),
        outputShape.at(-1) ?? 1,
        config.activation ?? 'linear',
      ),
      outputGradientNorm: outputGradient
        ? finite(Math.sqrt(squares(program.read(place(outputGradient), numbers))))
        : null,
    };
  }

  dispose(): void {
    this.before?.dispose();
    this.before = null;
  }
}

/** @param values (rows, …, units) */
function activationsOf(
  values: Float32Array,
  units: number,
  activation: ActivationName,
): Pick<LayerDiagnostics, 'activationMean' | 'activationDeviation' | 'deadUnits' | 'saturated'> {
  // Plain loops over the index: there may be a million numbers, every epoch.
  let sum = 0;
  let sumOfSquares = 0;
  for (let i = 0; i < values.length; i++) {
    const y = values[i]!;
    sum += y;
    sumOfSquares += y * y;
  }
  const mean = sum / values.length;
  const variance = Math.max(0, sumOfSquares / values.length - mean * mean);
  const ends = flatEnds[activation];
  return {
    activationMean: finite(mean),
    activationDeviation: finite(Math.sqrt(variance)),
    deadUnits: dying.includes(activation) ? finite(shareOfDead(values, units)) : null,
    saturated: ends ? finite(shareOutside(values, ends[0], ends[1])) : null,
  };
}

function shareOfDead(values: Float32Array, units: number): number {
  const alive = new Uint8Array(units);
  for (let from = 0; from < values.length; from += units) {
    for (let unit = 0; unit < units; unit++) if (values[from + unit] !== 0) alive[unit] = 1;
  }
  return alive.reduce((dead, lives) => dead + (lives ? 0 : 1), 0) / units;
}

function shareOutside(values: Float32Array, low: number, high: number): number {
  let outside = 0;
  for (let i = 0; i < values.length; i++) if (values[i]! < low || values[i]! > high) outside++;
  return outside / values.length;
}

function squares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}

function squaredDistance(a: Float32Array, b: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}

/** Six digits tell all that there is to tell, and keep the rows short. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}
