import { readFile, writeFile } from 'node:fs/promises';
import { HebbError } from '../errors.ts';
import { Memory, type NativeProgram, type Source, selectIsa } from '../native.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import { assertValid, compileSchema } from '../validate.ts';
import { type InitializerConfig, initialize } from './initializers.ts';
import { fromNested, type Nested, nestedShape, toNested } from './nested.ts';
import type { NetworkConfig } from './networkConfig.ts';
import { optimizerStates } from './optimizers.ts';
import { completeTraining } from './plan.ts';
import { recordPredict, recordTraining, type TargetKind } from './programs.ts';
import type { Best, MetricRow, MetricValues, Progress } from './progress.ts';
import { place } from './recorder.ts';
import { type ResolvedNetwork, resolveNetwork } from './resolve.ts';
import { evaluate, type TrainingData, type TrainingSplit, train } from './trainer.ts';
import {
  type LossName,
  type NormalizationConfig,
  type OptimizerConfig,
  type TrainingRequest,
  trainingSchema,
} from './trainingConfig.ts';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from './weights.ts';

export interface NetworkOptions {
  /** Of the starting weights [0]. */
  seed?: number;
  /** Of the weights of layers without their own [glorotUniform]; biases start at zero. */
  initializer?: InitializerConfig;
  /** Instruction set [the best there is, or HEBB_ISA]. */
  isa?: string;
  /** [1] */
  threads?: number;
  /** Applied to every raw input [none]. */
  normalization?: NormalizationConfig;
}

/** Samples for the library's calls: rows nested as the network's input, or all in one typed array. */
export type Rows = Nested[] | Float32Array;

/** One target a row: class indices as an Int32Array, or values as numbers, nested arrays or a Float32Array. */
export type Targets = Nested[] | Float32Array | Int32Array;

/** Rows that a prediction's program takes at once at most, and floats of its arena; more rows are taken in turn. */
const mostPredictRows = 64;
const predictFloats = 4 * 2 ** 20;
const validateTraining = compileSchema(trainingSchema);

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
  readonly settings: { isa: string; threads: number };
  /** Weights, and behind them the optimiser's state while there is one. */
  memory: Memory;
  private predictor: NativeProgram | null = null;
  private normalized: NormalizationConfig;
  private fitting = false;

  /** @throws HebbError('invalid-network') that names the layer, what came and what would fit */
  constructor(config: NetworkConfig, options: NetworkOptions = {}) {
    this.resolved = resolveNetwork(config);
    this.settings = { isa: selectIsa(options.isa), threads: options.threads ?? 1 };
    this.normalized = options.normalization ?? { type: 'none' };
    this.memory = new Memory(this.resolved.parameterFloats);
    this.initialize(options.seed ?? 0, options.initializer ?? 'glorotUniform');
  }

  get config(): NetworkConfig & { input: number[] } {
    return this.resolved.config;
  }
  /** Applied to every raw input. */
  get normalization(): NormalizationConfig {
    return this.normalized;
  }
  set normalization(normalization: NormalizationConfig) {
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
        const own =
          parameter.name === 'bias' ? (config.biasInitializer ?? 'zeros') : (config.initializer ?? initializer);
        initialize(values, own, parameter, { seed, tensor: parameter.index });
      }
    }
  }

  /** Views of the weights in layer order, named LAYER.weight and LAYER.bias; writing to them changes the network. */
  weights(): NamedTensor[] {
    const floats = this.memory.floats;
    return this.resolved.layers.flatMap(({ parameters }) =>
      parameters.map(({ tensorName, shape, offset, count }) => ({
        name: tensorName,
        shape,
        values: floats.subarray(offset, offset + count),
      })),
    );
  }

  /** @throws HebbError('invalid-file') where a tensor is missing, unknown or of another shape; then nothing has changed */
  setWeights(tensors: NamedTensor[]): void {
    const own = this.weights();
    const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    for (const { name, shape } of own) {
      const found = given.get(name);
      if (!found) throw new HebbError('invalid-file', `the weights lack the tensor ${name} ${formatShape(shape)}`);
      if (formatShape(found.shape) !== formatShape(shape)) {
        throw new HebbError(
          'invalid-file',
          `tensor ${name} must be ${formatShape(shape)}, got ${formatShape(found.shape)}`,
        );
      }
      given.delete(name);
    }
    const [unknown] = given.keys();
    if (unknown !== undefined) throw new HebbError('invalid-file', `the network has no tensor ${unknown}`);
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    for (const { name, values } of own) values.set(byName.get(name)!.values);
  }

  /** A copy of all weights, for restoreWeights. */
  copyWeights(): Float32Array {
    return this.memory.floats.slice(0, this.resolved.parameterFloats);
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
    const rows = this.toRows(inputs);
    const elements = elementCount(this.inputShape);
    const count = rows.length / elements;
    const size = elementCount(this.outputShape);
    const outputs = new Float32Array(count * size);
    const program = this.predictProgram();
    for (let first = 0; first < count; first += this.predictRows) {
      const last = Math.min(first + this.predictRows, count);
      outputs.set(program.predict(rows.subarray(first * elements, last * elements)), first * size);
    }
    if (inputs instanceof Float32Array) return outputs;
    return Array.from({ length: count }, (_, i) => toNested(outputs, this.outputShape, i * size));
  }

  /** As predict, off the calling thread: for networks that take their time. */
  async predictAsync(inputs: Float32Array): Promise<Float32Array> {
    const rows = this.toRows(inputs);
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

  /** The outputs of all layers for some rows, by layer name: (rows, ...outputShape) each. */
  async activations(inputs: Rows): Promise<Record<string, Float32Array>> {
    const rows = this.toRows(inputs);
    const count = rows.length / elementCount(this.inputShape);
    const { rec, input, output, outputs } = recordPredict(this.resolved, count, this.normalization, true);
    const program = rec.finish(this.memory, this.settings, this.regions(input, output));
    try {
      await program.predictAsync(rows);
      return Object.fromEntries(
        this.resolved.layers.map(({ name, outputShape }, i) => [
          name,
          program.read(outputs[i]!.offset, count * elementCount(outputShape)),
        ]),
      );
    } finally {
      program.dispose();
    }
  }

  private get predictRows(): number {
    const { layers, inputShape } = this.resolved;
    const perRow = layers.reduce((sum, layer) => sum + elementCount(layer.outputShape), elementCount(inputShape));
    return Math.max(1, Math.min(mostPredictRows, Math.floor(predictFloats / perRow)));
  }

  /** Bytes that the program of predictions takes at most. */
  get predictBytes(): number {
    const { layers, inputShape } = this.resolved;
    return (
      4 * this.predictRows * layers.reduce((sum, l) => sum + elementCount(l.outputShape), elementCount(inputShape))
    );
  }

  private forgetPredictor(): void {
    this.predictor?.dispose();
    this.predictor = null;
  }

  private predictProgram(): NativeProgram {
    if (!this.predictor) {
      const { rec, input, output } = recordPredict(this.resolved, this.predictRows, this.normalization);
      this.predictor = rec.finish(this.memory, this.settings, this.regions(input, output));
    }
    return this.predictor;
  }

  private regions(input: import('./recorder.ts').Tensor, output: import('./recorder.ts').Tensor) {
    return {
      input: [input, elementCount(this.inputShape)] as [typeof input, number],
      output: [output, elementCount(this.outputShape)] as [typeof output, number],
    };
  }

  /**
   * The loss over a batch and its gradients: of each parameter by tensor name, and of the (normalised) inputs.
   * @throws HebbError where inputs or targets do not fit
   */
  async gradients(
    inputs: Rows,
    targets: Targets,
    options: { loss?: LossName; seed?: number } = {},
  ): Promise<{ loss: number; parameters: Record<string, Float32Array>; inputs: Float32Array }> {
    const split = this.toSplit({ inputs, targets });
    const count = split.inputs.rows;
    const { rec, gradients, inputGradient } = recordTraining(this.resolved, {
      rows: count,
      loss: options.loss ?? 'meanSquaredError',
      targets: kindOf(targets),
      normalization: this.normalization,
      optimizer: null,
      needsInputGradient: true,
    });
    const program = rec.finish(this.memory, this.settings);
    try {
      const { values } = await program.train({
        sources: [split.inputs, split.targets],
        order: Uint32Array.from({ length: count }, (_, i) => i),
        batch: count,
        firstStep: 0,
        learningRates: new Float64Array(),
        seed: options.seed ?? 0,
        epoch: 0,
        globalStep: 0,
        budgetMs: 0,
        values: 1,
      });
      const parameters = this.resolved.layers
        .flatMap((layer) => layer.parameters)
        .map((p) => [p.tensorName, program.read(place(gradients) + p.offset, p.count)] as const);
      return {
        loss: values[0]!,
        parameters: Object.fromEntries(parameters),
        inputs: program.read(place(inputGradient!), count * elementCount(this.inputShape)),
      };
    } finally {
      program.dispose();
    }
  }

  /**
   * Trains on data in memory, from the weights that the network has; `seed` is that of shuffling and dropout. Class indices
   * come as an Int32Array, values as numbers.
   * @returns the epoch rows and the best epoch
   */
  async fit(
    data: { inputs: Rows; targets: Targets; validation?: { inputs: Rows; targets: Targets } },
    training: TrainingRequest = {},
    options: { onProgress?: (progress: Progress, metrics: MetricValues) => void; signal?: AbortSignal } = {},
  ): Promise<{ rows: MetricRow[]; metrics: MetricValues; best: Best | null; cancelled: boolean }> {
    assertValid(validateTraining, training, 'invalid-training');
    if (training.validation) {
      throw new HebbError(
        'invalid-training',
        'fit takes its validation data beside the training data: {inputs, targets, validation}',
      );
    }
    if (this.fitting) throw new HebbError('state-conflict', 'a fit of this network is under way');
    const kind = kindOf(data.targets);
    const outputs = elementCount(this.outputShape);
    const complete = completeTraining(training, this.resolved, {
      task: kind === 'classes' ? 'classification' : 'regression',
      classes: kind === 'classes' ? Math.max(outputs, 2) : null,
      targetShape: kind === 'classes' ? [] : this.outputShape,
      inputType: 'float32',
    });
    if (training.normalization) this.normalization = complete.normalization;
    const source: TrainingData = {
      targets: kind,
      train: this.toSplit(data),
      validation: data.validation && this.toSplit(data.validation),
    };
    const rows: MetricRow[] = [];
    this.fitting = true;
    try {
      const events = train(this, source, complete, options.signal);
      for (;;) {
        const { value, done } = await events.next();
        if (done) return { rows, metrics: value.metrics, best: value.best, cancelled: value.cancelled };
        if (value.type === 'row') rows.push(value.row);
        options.onProgress?.(value.progress, value.type === 'row' ? value.row.values : value.metrics);
      }
    } finally {
      this.fitting = false;
    }
  }

  /** Loss, and accuracy where the targets are classes, over all rows. */
  evaluate(inputs: Rows, targets: Targets, loss: LossName): Promise<MetricValues> {
    return evaluate(this, this.toSplit({ inputs, targets }), { targets: kindOf(targets), loss: { type: loss } });
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
    const loaded = new Network(network, { normalization, ...options });
    loaded.setWeights(decodeSafetensors(await readFile(`${path}.safetensors`)));
    return loaded;
  }

  /** Gives the memory back; the network cannot be used afterwards. */
  dispose(): void {
    this.forgetPredictor();
    this.memory.dispose();
  }

  private toRows(inputs: Rows): Float32Array {
    const elements = elementCount(this.inputShape);
    const what = `rows of ${formatShape(this.inputShape)}`;
    if (inputs instanceof Float32Array) {
      if (inputs.length > 0 && inputs.length % elements === 0) return inputs;
      throw new HebbError(
        'invalid-instance',
        `the network takes ${what}: ${elements} numbers each; got ${inputs.length} numbers`,
      );
    }
    return flatten(inputs, this.inputShape, `the network takes ${what}`, 'inputs');
  }

  private toSplit({ inputs, targets }: { inputs: Rows; targets: Targets }): TrainingSplit {
    const rows = this.toRows(inputs);
    const count = rows.length / elementCount(this.inputShape);
    const outputs = elementCount(this.outputShape);
    const classes = targets instanceof Int32Array;
    let values: Float32Array | Int32Array;
    if (targets instanceof Int32Array || targets instanceof Float32Array) values = targets;
    else
      values = flatten(
        targets,
        this.outputShape,
        `a target has the network's output shape ${formatShape(this.outputShape)}`,
        'targets',
      );
    const elements = classes ? 1 : outputs;
    const most = Math.max(outputs, 2) - 1;
    const outside = classes ? targets.findIndex((index) => index < 0 || index > most) : -1;
    if (outside >= 0) {
      throw new HebbError(
        'invalid-data',
        `targets[${outside}] must be a class index from 0 to ${most}, got ${targets[outside]}`,
      );
    }
    if (values.length !== count * elements) {
      throw new HebbError(
        'invalid-data',
        `${count} rows need ${count * elements} target numbers, got ${values.length}`,
      );
    }
    return {
      inputs: memorySource(rows, elementCount(this.inputShape)),
      targets: memorySource(values, elements),
    };
  }
}

function kindOf(targets: Targets): TargetKind {
  return targets instanceof Int32Array ? 'classes' : 'values';
}

function memorySource(values: Float32Array | Int32Array, elements: number): Source {
  const memory = new Memory(values.length);
  const type = values instanceof Int32Array ? 'int32' : 'float32';
  const view = memory.floats;
  new Uint8Array(view.buffer).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return { memory, offset: 0, type, rows: values.length / elements, elements };
}

/** Nested rows as one array; a row may be nested as the shape, or flat, or a bare number where the shape has one element. */
function flatten(rows: Nested[], shape: Shape, what: string, name: string): Float32Array {
  const elements = elementCount(shape);
  const values = new Float32Array(rows.length * elements);
  if (rows.length === 0) throw new HebbError('invalid-instance', `${what}; got no rows`);
  const [, ...found] = nestedShape(rows);
  const actual =
    found.length === 1 && found[0] === elements ? [elements] : found.length === 0 && elements === 1 ? [] : shape;
  try {
    fromNested(rows, [rows.length, ...actual], values, 0, name);
  } catch (error) {
    throw new HebbError('invalid-instance', `${what}; ${(error as Error).message}`, undefined, { cause: error });
  }
  return values;
}
