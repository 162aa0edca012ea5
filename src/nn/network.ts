import { readFile, writeFile } from 'node:fs/promises';
import { HebbError } from '../errors.ts';
import { Memory, type NativeProgram, selectIsa } from '../native.ts';
import { elementCount, type Shape } from '../shape.ts';
import type { Evaluation } from './evaluate.ts';
import { type EvaluateOptions, evaluateRows, type FitData, type FitOptions, fitNetwork } from './fit.ts';
import { computeGradients, type Gradients } from './gradients.ts';
import { type InitializerConfig, initialize } from './initializers.ts';
import type { LossConfig, LossName } from './losses.ts';
import { fromNested, type Nested, toNested } from './nested.ts';
import type { NetworkConfig } from './networkConfig.ts';
import type { Normalization } from './normalization.ts';
import { optimizerStates } from './optimizers.ts';
import { predictRows, recordPredict } from './programs.ts';
import type { DiagnosticsRow, MetricRow, MetricValues } from './progress.ts';
import type { ProgramSettings, Tensor } from './recorder.ts';
import { type ResolvedNetwork, resolveNetwork } from './resolve.ts';
import { kindOf, type Rows, type Targets, toRows, toSplit } from './samples.ts';
import type { TrainingOutcome } from './trainer.ts';
import type { OptimizerConfig, TrainingRequest } from './trainingConfig.ts';
import { decodeSafetensors, encodeSafetensors, matchTensors, type NamedTensor, tensorsOf } from './weights.ts';

export interface NetworkOptions {
  /** Of the starting weights [0]. */
  seed?: number;
  /**
   * Of the weights of layers without their own [glorotUniform]; biases start at zero. null: all stay zero, for weights that
   * are set afterwards.
   */
  initializer?: InitializerConfig | null;
  /** Instruction set [the best there is, or HEBB_ISA]. */
  isa?: string;
  /** [1] */
  threads?: number;
  /** Applied to every raw input [none]. */
  normalization?: Normalization;
  /** The weights stay as they are once a prediction has been made: what can be worked out of them is kept [false]. */
  constant?: boolean;
  /** The configuration is known to fit the schema: a plan's, or a network's own. */
  checked?: boolean;
}

/** A view of a part; the array itself where that is all of it, because a view costs as much as a small prediction. */
const part = (array: Float32Array, from: number, to: number) =>
  from === 0 && to === array.length ? array : array.subarray(from, to);

/**
 * A neural network: an architecture and its weights.
 *
 * ```ts
 * const network = new Network({ input: [2], layers: [{ type: 'dense', units: 1, activation: 'sigmoid' }] });
 * await network.fit({ inputs: [[0, 1], [1, 0]], targets: [[0], [1]] }, { epochs: 100, optimizer: { type: 'sgd' } });
 * network.predict([[0, 1]]);
 * ```
 */
export class Network {
  readonly resolved: ResolvedNetwork;
  readonly settings: ProgramSettings;
  /** Weights, and behind them the optimiser's state while there is one. */
  memory: Memory;
  private predictor: NativeProgram | null = null;
  private normalized: Normalization;
  private readonly constant: boolean;
  private fitting = false;

  /** @throws HebbError('invalid-network') that names the layer, what came and what would fit */
  constructor(config: NetworkConfig, options: NetworkOptions = {}) {
    this.resolved = resolveNetwork(config, { checked: options.checked });
    this.settings = { isa: selectIsa(options.isa), threads: options.threads ?? 1 };
    this.constant = options.constant ?? false;
    this.normalized = options.normalization ?? { type: 'none' };
    this.memory = new Memory(this.resolved.parameterFloats);
    const { initializer = 'glorotUniform' } = options;
    if (initializer !== null) this.initialize(options.seed ?? 0, initializer);
  }

  get config(): NetworkConfig & { input: number[] } {
    return this.resolved.config;
  }
  /** Applied to every raw input. */
  get normalization(): Normalization {
    return this.normalized;
  }
  set normalization(normalization: Normalization) {
    this.normalized = normalization;
    this.forgetPredictor();
  }
  get inputShape(): Shape {
    return this.resolved.inputShape;
  }
  get outputShape(): Shape {
    return this.resolved.outputShape;
  }

  private initialize(seed: number, initializer: InitializerConfig): void {
    const floats = this.memory.floats;
    for (const { config, parameters } of this.resolved.layers) {
      for (const parameter of parameters) {
        const values = floats.subarray(parameter.offset, parameter.offset + parameter.count);
        const given = config.weights?.[parameter.name];
        if (given !== undefined) {
          fromNested(given, parameter.shape, values);
          continue;
        }
        initialize(values, parameter.initializer ?? initializer, parameter, { seed, tensor: parameter.index });
      }
    }
  }

  /** Views of the weights in layer order, named LAYER.weight, LAYER.bias and so on; writing to them changes the network. */
  weights(): NamedTensor[] {
    return tensorsOf(this.resolved, this.memory.floats);
  }

  /** @throws HebbError('invalid-file') where a tensor is missing, unknown or of another shape; then nothing has changed */
  setWeights(tensors: NamedTensor[]): void {
    for (const [{ values }, given] of matchTensors(this.weights(), tensors)) values.set(given.values);
  }

  /** A copy of all weights, for restoreWeights; written to `into` where that is given. */
  copyWeights(into: Float32Array = new Float32Array(this.resolved.parameterFloats)): Float32Array {
    into.set(this.memory.floats.subarray(0, this.resolved.parameterFloats));
    return into;
  }
  restoreWeights(copy: Float32Array): void {
    this.memory.floats.set(copy);
  }

  /** Makes room for an optimiser's state, zeroed, behind the weights. */
  prepareTraining(optimizer: OptimizerConfig): void {
    const weights = this.copyWeights();
    const memory = new Memory(this.resolved.parameterFloats * (1 + optimizerStates(optimizer)));
    memory.floats.set(weights);
    this.forgetPredictor();
    this.memory.dispose();
    this.memory = memory;
  }

  /**
   * Outputs of the last layer. Nested rows give nested rows; a Float32Array of rows × input elements gives one of
   * rows × output elements.
   * @throws HebbError('invalid-instance') where the rows do not fit the network's input
   */
  predict(inputs: Float32Array): Float32Array;
  predict(inputs: Nested[]): Nested[];
  predict(inputs: Rows): Float32Array | Nested[] {
    const rows = toRows(inputs, this);
    const elements = elementCount(this.inputShape);
    const count = rows.length / elements;
    const size = elementCount(this.outputShape);
    const outputs = new Float32Array(count * size);
    const program = this.predictProgram();
    for (let first = 0; first < count; first += this.predictRows) {
      const last = Math.min(first + this.predictRows, count);
      program.predict(part(rows, first * elements, last * elements), part(outputs, first * size, last * size));
    }
    if (inputs instanceof Float32Array) return outputs;
    return Array.from({ length: count }, (_, i) => toNested(outputs, this.outputShape, i * size));
  }

  /** As predict, off the calling thread: for networks that take their time. */
  async predictAsync(inputs: Float32Array): Promise<Float32Array> {
    const rows = toRows(inputs, this);
    const elements = elementCount(this.inputShape);
    const program = this.predictProgram();
    const parts: Float32Array[] = [];
    for (let first = 0; first < rows.length; first += this.predictRows * elements) {
      parts.push(
        await program.predictAsync(rows.subarray(first, Math.min(first + this.predictRows * elements, rows.length))),
      );
    }
    const outputs = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      outputs.set(part, at);
      at += part.length;
    }
    return outputs;
  }

  /**
   * The outputs of some layers, by default all, for some rows, by layer name: (rows, ...outputShape) each.
   * @param names of layers
   */
  async activations(inputs: Rows, names?: string[]): Promise<Record<string, Float32Array>> {
    const rows = toRows(inputs, this);
    const elements = elementCount(this.inputShape);
    const count = rows.length / elements;
    const layers = this.resolved.layers.map(({ name, outputShape }, index) => ({
      name,
      index,
      size: elementCount(outputShape),
    }));
    const wanted = names ? layers.filter(({ name }) => names.includes(name)) : layers;
    const { rec, input, output, outputs } = recordPredict(
      this.resolved,
      Math.min(count, this.predictRows),
      this.normalization,
      new Set(wanted.map(({ index }) => index)),
    );
    const values = Object.fromEntries(wanted.map(({ name, size }) => [name, new Float32Array(count * size)]));
    const program = rec.finish(this.memory, this.settings, this.regions(input, output));
    try {
      for (let first = 0; first < count; first += this.predictRows) {
        const taken = Math.min(this.predictRows, count - first);
        await program.predictAsync(rows.subarray(first * elements, (first + taken) * elements));
        for (const { name, index, size } of wanted) {
          values[name]!.set(program.read(outputs[index]!.offset, taken * size), first * size);
        }
      }
      return values;
    } finally {
      program.dispose();
    }
  }

  /** Rows that a prediction's program takes at once; more are taken in turn. */
  get predictRows(): number {
    return predictRows(this.resolved);
  }

  private forgetPredictor(): void {
    this.predictor?.dispose();
    this.predictor = null;
  }

  private predictProgram(): NativeProgram {
    if (!this.predictor) {
      const { rec, input, output } = recordPredict(this.resolved, this.predictRows, this.normalization);
      const settings = { ...this.settings, constant: this.constant };
      this.predictor = rec.finish(this.memory, settings, this.regions(input, output));
    }
    return this.predictor;
  }

  private regions(input: Tensor, output: Tensor) {
    return {
      input: [input, elementCount(this.inputShape)] as [typeof input, number],
      output: [output, elementCount(this.outputShape)] as [typeof output, number],
    };
  }

  /**
   * The loss over a batch and its gradients: of each parameter by tensor name, and of the (normalised) inputs.
   * @param options loss [meanSquaredError]; seed of dropout [0]
   * @throws HebbError where inputs or targets do not fit
   */
  async gradients(
    inputs: Rows,
    targets: Targets,
    options: { loss?: LossName | LossConfig; seed?: number } = {},
  ): Promise<Gradients> {
    return computeGradients(this, toSplit({ inputs, targets }, this), kindOf(targets), options);
  }

  /**
   * Trains on data in memory, from the weights that the network has; `seed` is that of shuffling and dropout. Class indices
   * come as an Int32Array, values as numbers; the classes of `classWeights` are called "0", "1" and so on.
   * @returns the rows, and how the training stands with the weights that it leaves
   * @throws DivergedError where it diverges; the network then has its last finite weights
   */
  async fit(
    data: FitData,
    training: TrainingRequest = {},
    options: FitOptions = {},
  ): Promise<TrainingOutcome & { rows: MetricRow[]; diagnostics: DiagnosticsRow[] }> {
    if (this.fitting) throw new HebbError('state-conflict', 'a fit of this network is under way');
    this.fitting = true;
    try {
      return await fitNetwork(this, data, training, options);
    } finally {
      this.fitting = false;
    }
  }

  /** Loss, and accuracy where the targets are classes, over all rows. */
  evaluate(inputs: Rows, targets: Targets, loss: LossName): Promise<MetricValues>;
  /**
   * Loss and metrics over all rows, and of classes the report: confusion matrix, precision, recall and F1 of each class.
   * @throws HebbError('invalid-training') for a metric that does not fit the targets
   */
  evaluate(inputs: Rows, targets: Targets, options: EvaluateOptions): Promise<Evaluation>;
  async evaluate(
    inputs: Rows,
    targets: Targets,
    options: LossName | EvaluateOptions,
  ): Promise<MetricValues | Evaluation> {
    if (typeof options === 'string') return (await evaluateRows(this, inputs, targets, { loss: options })).values;
    return evaluateRows(this, inputs, targets, options);
  }

  /** The weights as a safetensors file, tensors in layer order. */
  toSafetensors(): Uint8Array {
    return encodeSafetensors(this.weights());
  }

  /** Writes `path`.json (architecture, normalisation) and `path`.safetensors (weights). */
  async save(path: string): Promise<void> {
    const description = { network: this.config, normalization: this.normalization };
    await writeFile(`${path}.safetensors`, this.toSafetensors());
    await writeFile(`${path}.json`, `${JSON.stringify(description, null, 2)}\n`);
  }

  /** The network that save(path) wrote. */
  static async load(path: string, options: NetworkOptions = {}): Promise<Network> {
    const { network, normalization } = JSON.parse(await readFile(`${path}.json`, 'utf8'));
    const loaded = new Network(network, { normalization, ...options, initializer: null });
    loaded.setWeights(decodeSafetensors(await readFile(`${path}.safetensors`)));
    return loaded;
  }

  /** Gives the memory back; the network cannot be used afterwards. */
  dispose(): void {
    this.forgetPredictor();
    this.memory.dispose();
  }
}
