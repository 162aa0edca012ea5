import type { NativeProgram, Source } from '../native.ts';
import { elementCount } from '../shape.ts';
import type { ActivationName } from './activations.ts';
import type { Network } from './network.ts';
import { type LearnSettings, layersToLogits, recordTraining, stepValues, type TrainingProgram } from './programs.ts';
import type { DiagnosticsRow, LayerDiagnostics } from './progress.ts';
import { place } from './recorder.ts';
import type { ResolvedLayer, ResolvedNetwork } from './resolve.ts';

/** A job is diagnosed about so often at most, and fewer times where it has many layers: its rows are answered at once. */
const mostRows = 200;
const fewestRows = 10;
const mostLayerRows = 4000;

/** Rows that are looked at, and floats of their outputs, which are all kept at once. */
const mostDiagnosed = 256;
const diagnosedFloats = 2 ** 20;

/** How many rows of a split are looked at: a function of the network's shapes. */
export function diagnosedRows(network: ResolvedNetwork, samples: number): number {
  return Math.max(1, Math.min(mostDiagnosed, samples, Math.floor(diagnosedFloats / network.floatsPerSample)));
}

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

/**
 * Measures the layers of a network that is being trained, by a program of its own that changes nothing: with it or without,
 * training has the same bits.
 */
export class Diagnostics {
  /** The layers as the loss sees them: a final softmax or sigmoid may be a part of the loss. */
  private readonly layers: ResolvedLayer[];
  private readonly recorded: TrainingProgram;
  private readonly program: NativeProgram;
  private readonly order: Uint32Array;
  private readonly network: Network;
  private readonly frozen: ReadonlySet<string>;
  private before: Float32Array | null = null;

  /** @param order the rows to measure, as many as settings.rows */
  constructor(network: Network, settings: LearnSettings & { frozen?: readonly string[] }, order: Uint32Array) {
    this.network = network;
    this.layers = layersToLogits(network.resolved.layers, settings.loss.type);
    this.recorded = recordTraining(network.resolved, { ...settings, optimizer: null, keepLayers: true });
    this.program = this.recorded.rec.finish(network.memory, network.settings);
    this.order = order;
    this.frozen = new Set(settings.frozen);
  }

  /** To be called before the last step of an epoch that is diagnosed. */
  beforeLastStep(): void {
    this.before = this.network.copyWeights();
  }

  /**
   * The layers as they are now, after the last step.
   * @param key of the random numbers: that of the last step
   */
  async measure(
    sources: (Source | undefined)[],
    { epoch, seed, globalStep }: { epoch: number; seed: number; globalStep: number },
    classes: boolean,
  ): Promise<DiagnosticsRow> {
    const rows = this.order.length;
    const { values } = await this.program.train({
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
    const row = {
      epoch,
      loss: finite(values[stepValues.loss]!),
      accuracy: classes ? finite(values[stepValues.correct]! / rows) : null,
      layers: this.layers.map((layer, i) => this.measureLayer(layer, i, rows)),
    };
    this.before = null;
    return row;
  }

  private measureLayer(layer: ResolvedLayer, index: number, rows: number): LayerDiagnostics {
    const { name, config, outputShape } = layer;
    const count = rows * elementCount(outputShape);
    const { outputs, outputGradients, gradients } = this.recorded;
    const gradient = outputGradients[index];
    const learns = this.frozen.has(name) ? [] : layer.parameters.filter(({ trainable }) => trainable);
    const weights = this.network.memory.floats;
    const sums = { gradient: 0, weight: 0, update: 0 };
    for (const { offset, count } of learns) {
      sums.gradient += squares(this.program.read(place(gradients) + offset, count));
      sums.weight += squares(weights.subarray(offset, offset + count));
      if (this.before) sums.update += squaredDistance(weights, this.before, offset, offset + count);
    }
    const has = learns.length > 0;
    return {
      name,
      type: config.type,
      gradientNorm: has ? finite(Math.sqrt(sums.gradient)) : null,
      weightNorm: has ? finite(Math.sqrt(sums.weight)) : null,
      updateRatio: has && this.before && sums.weight > 0 ? finite(Math.sqrt(sums.update / sums.weight)) : null,
      ...activationsOf(
        this.program.read(place(outputs[index]!), count),
        outputShape.at(-1) ?? 1,
        config.activation ?? 'linear',
      ),
      outputGradientNorm: gradient ? finite(Math.sqrt(squares(this.program.read(place(gradient), count)))) : null,
    };
  }

  dispose(): void {
    this.program.dispose();
  }
}

/** @param values (rows, …, units) */
function activationsOf(
  values: Float32Array,
  units: number,
  activation: ActivationName,
): Pick<LayerDiagnostics, 'activationMean' | 'activationDeviation' | 'deadUnits' | 'saturated'> {
  const ends = flatEnds[activation];
  const alive = dying.includes(activation) ? new Uint8Array(units) : null;
  let sum = 0;
  let flat = 0;
  for (let i = 0, unit = 0; i < values.length; i++) {
    const y = values[i]!;
    sum += y;
    if (alive && y !== 0) alive[unit] = 1;
    if (ends && (y < ends[0] || y > ends[1])) flat++;
    if (++unit === units) unit = 0;
  }
  const mean = sum / values.length;
  let deviations = 0;
  for (const y of values) deviations += (y - mean) ** 2;
  return {
    activationMean: finite(mean),
    activationDeviation: finite(Math.sqrt(deviations / values.length)),
    deadUnits: alive && finite(alive.reduce((dead, lives) => dead + (lives ? 0 : 1), 0) / units),
    saturated: ends ? finite(flat / values.length) : null,
  };
}

function squares(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
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
