// Scores of single outputs and how they change with the input: what explanations are made of.
import { Memory, type NativeProgram } from '../native.ts';
import { elementCount } from '../shape.ts';
import { withoutLearning } from './evaluate.ts';
import { recordNormalization } from './inputs.ts';
import type { Network } from './network.ts';
import { affineOf } from './normalization.ts';
import { recordBackward, recordForward } from './passes.ts';
import { rowsAtOnce, withoutFinalActivation } from './programs.ts';
import { place, Recorder, type Tensor } from './recorder.ts';
import type { ResolvedNetwork } from './resolve.ts';

export interface ScoreSettings {
  /** Rows of a run at most. */
  rows: number;
  /** Whether a final softmax or sigmoid is left out, so that the scores of classes are logits. */
  logits: boolean;
  /** Whether gradients are wanted, too. */
  gradients?: boolean;
  /** Place of a layer whose output, and where gradients are wanted its gradient, is wanted. */
  layer?: number;
}

/** One run; rows of gradients belong to the weighted sums of scores that were asked for. */
export interface ScoreRun {
  /** (rows, outputs) */
  scores: Float32Array;
  /** (rows, ...inputShape), by raw units of the dataset; where gradients are wanted. */
  inputGradients: Float32Array | null;
  /** (rows, ...outputShape) of the layer; where one is. */
  layerOutputs: Float32Array | null;
  layerGradients: Float32Array | null;
}

/** Rows that are worth one run. */
export const scoreRows = ({ floatsPerSample }: ResolvedNetwork): number => rowsAtOnce(3 * floatsPerSample, 64);

/**
 * Why a network's scores tell nothing by their gradients: a layer through which nothing goes back.
 * @param from the gradient is wanted of the output of the layer of this place; −1: of the input
 */
export function gradientObstacle({ layers }: ResolvedNetwork, from = -1): string | null {
  for (const [index, { config, definition, name }] of layers.entries()) {
    if (index <= from) continue;
    if (config.activation === 'step') return `the activation "step" of its layer "${name}" is flat`;
    if (definition.endsGradient) return `its layer "${name}" (${config.type}) takes indices`;
  }
  return null;
}

/** A network as in prediction (no dropout, moving statistics), with its scores' gradients. One run at a time. */
export class ScoreProgram {
  readonly rows: number;
  private readonly network: Network;
  private readonly program: NativeProgram;
  private readonly inputs: Memory;
  private readonly seeds: Memory;
  private readonly tensors: { scores: Tensor; inputGradient?: Tensor; layer?: Tensor; ofLayer?: Tensor };
  private readonly layerSize: number;

  /** @param network its weights are used as they are at the time of a run */
  constructor(network: Network, { rows, logits, gradients = false, layer }: ScoreSettings) {
    const elements = elementCount(network.inputShape);
    const outputs = elementCount(network.outputShape);
    const { layers } = network.resolved;
    const rec = new Recorder(rows);
    const raw = rec.perRow(elements);
    rec.op('gather', { slot: 0, elements, scale: 1, offset: 0 }, { y: raw });
    const x = recordNormalization(rec, network.normalization, elements, raw);
    const recorded = recordForward(rec, logits ? withoutFinalActivation(layers, ['softmax', 'sigmoid']) : layers, x, {
      training: false,
    });
    const scores = rec.keep(recorded.at(-1)!.output);
    this.tensors = { scores };
    if (layer !== undefined) this.tensors.layer = rec.keep(recorded[layer]!.output);
    if (gradients) {
      const seed = rec.perRow(outputs);
      rec.op('gather', { slot: 1, elements: outputs, scale: 1, offset: 0 }, { y: seed });
      const copies: (Tensor | null)[] = [];
      const options = { needsInputGradient: true, straightThrough: false };
      const inputGradient = recordBackward(rec, recorded, seed, options, copies, new Set([layer ?? -1]));
      if (inputGradient) this.tensors.inputGradient = rec.keep(inputGradient);
      if (layer !== undefined) this.tensors.ofLayer = copies[layer]!;
    }
    this.network = network;
    this.rows = rows;
    this.layerSize = layer === undefined ? 0 : elementCount(layers[layer]!.outputShape);
    this.program = rec.finish(network.memory, network.settings);
    this.inputs = new Memory(rows * elements);
    this.seeds = new Memory(rows * outputs);
  }

  /**
   * @param inputs (rows, ...inputShape) in raw units, at most as many as the program takes
   * @param seeds (rows, outputs): how much each score counts in the sum whose gradients are wanted
   */
  async run(inputs: Float32Array, seeds?: Float32Array): Promise<ScoreRun> {
    const { inputGradient, layer, ofLayer, scores } = this.tensors;
    const elements = elementCount(this.network.inputShape);
    const outputs = elementCount(this.network.outputShape);
    const rows = inputs.length / elements;
    this.inputs.floats.set(inputs);
    if (seeds) this.seeds.floats.set(seeds);
    const source = (memory: Memory, size: number) =>
      ({ memory, offset: 0, type: 'float32', rows: this.rows, elements: size }) as const;
    await this.program.train({
      sources: [source(this.inputs, elements), source(this.seeds, outputs)],
      order: Uint32Array.from({ length: rows }, (_, i) => i),
      batch: rows,
      firstStep: 0,
      ...withoutLearning,
      budgetMs: 0,
      values: 1,
    });
    const read = (tensor: Tensor | undefined, size: number) =>
      tensor ? this.program.read(place(tensor), rows * size) : null;
    const inputGradients = read(inputGradient, elements);
    if (inputGradients) {
      // By the chain rule: x · scale + offset comes before the network.
      const { scale } = affineOf(this.network.normalization);
      for (let i = 0; i < inputGradients.length; i++) inputGradients[i]! *= Math.fround(scale[i % scale.length]!);
    }
    return {
      scores: read(scores, outputs)!,
      inputGradients,
      layerOutputs: read(layer, this.layerSize),
      layerGradients: read(ofLayer, this.layerSize),
    };
  }

  dispose(): void {
    this.program.dispose();
    this.inputs.dispose();
    this.seeds.dispose();
  }
}
