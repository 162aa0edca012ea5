// A Hebb network while it is made of an ONNX graph: its layers so far, and which of their outputs each value of the graph is.
import type { AttributeProto, NodeProto } from 'onnx-buf';
import { HebbError } from '../../../errors.ts';
import { LayerError } from '../../../nn/layer.ts';
import { layers as definitions } from '../../../nn/layers/index.ts';
import type { LayerConfig } from '../../../nn/networkConfig.ts';
import { elementCount, formatShape, type Shape } from '../../../shape.ts';
import { type Constant, readTensor } from './tensors.ts';

/** A value that depends on the input. */
export interface Dynamic {
  kind: 'dynamic';
  /** The layer whose output it is; −1: the network's input. */
  layer: number;
  /** As the layer has it. */
  hebb: Shape;
  /** As the graph has it, without the rows. */
  shape: Shape;
  /** Which of the layer's axes each axis of the graph is. Of as many axes as `shape` has. */
  axes: number[];
  /** Where each element of a flattened image is in the layer's output; null: at the same place. Only with one axis. */
  order: Int32Array | null;
  /** Others take the layer's output, too, so that nothing may be built into the layer. */
  shared: boolean;
}

export type OnnxValue = Constant | Dynamic;

export interface EmittedLayer {
  config: LayerConfig;
  /** Indices of layers, −1 for the input. */
  inputs: number[];
  outputShape: Shape;
  /** Parameters by name, as Hebb has them. */
  tensors: Record<string, Float32Array>;
}

/** 2 GiB as float32. */
const mostNumbers = 2 ** 29;

export class Conversion {
  readonly values = new Map<string, OnnxValue>();
  readonly layers: EmittedLayer[] = [];
  readonly opset: number;
  private readonly takers: Map<string, number>;
  /** Numbers of all layers' outputs, of their weights and of what was worked out. */
  private numbers = 0;
  private readonly counted = new WeakSet<object>();
  node!: NodeProto;
  index = 0;

  /** @param takers how many nodes take each value; an output of the graph counts as one more */
  constructor(opset: number, takers: Map<string, number>) {
    this.opset = opset;
    this.takers = takers;
  }

  /** A small file can name a large weight, or a large image, many times over. */
  private spend(count: number): void {
    this.numbers += count;
    if (this.numbers <= mostNumbers) return;
    throw this.unsuitable(`the layers up to it have more than ${mostNumbers} outputs and weights for one input`);
  }

  /** The node cannot be expressed. */
  unsuitable(why: string): HebbError {
    return this.fault('unsuitable-model', why);
  }
  /** The node is wrong by itself. */
  wrong(why: string): HebbError {
    return this.fault('invalid-file', why);
  }
  private fault(code: 'unsuitable-model' | 'invalid-file', why: string): HebbError {
    const message = `${nameOfNode(this.node, this.index)}: ${why}`;
    return new HebbError(code, message, [{ pointer: `/graph/node/${this.index}`, message }]);
  }

  attribute(name: string): AttributeProto | undefined {
    return this.node.attribute.find((attribute) => attribute.name === name);
  }
  int(name: string, fallback: number): number {
    const attribute = this.attribute(name);
    return attribute ? Number(attribute.i) : fallback;
  }
  float(name: string, fallback: number): number {
    return this.attribute(name)?.f ?? fallback;
  }
  text(name: string, fallback: string): string {
    const attribute = this.attribute(name);
    return attribute ? new TextDecoder().decode(attribute.s) : fallback;
  }
  /** A list of `count` whole numbers. */
  ints(name: string, fallback: number[]): number[] {
    const list = this.attribute(name)?.ints.map(Number) ?? fallback;
    if (list.length !== fallback.length) {
      throw this.wrong(`its ${name} has ${list.length} numbers, expected ${fallback.length}`);
    }
    return list;
  }

  has(input: number): boolean {
    return (this.node.input[input] ?? '') !== '';
  }
  input(input: number): OnnxValue {
    const name = this.node.input[input];
    if (!name) throw this.wrong(`it lacks its input ${input}`);
    const value = this.values.get(name);
    if (!value) {
      throw this.wrong(
        `it takes "${name}", which no input, initializer or node before it gives (a node below it, or a cycle)`,
      );
    }
    return value;
  }
  dynamic(input = 0): Dynamic {
    const value = this.input(input);
    if (value.kind === 'constant') throw this.unsuitable(`its input ${input} is a constant, a value was expected`);
    const name = this.node.input[input]!;
    return value.shared || (this.takers.get(name) ?? 0) < 2 ? value : { ...value, shared: true };
  }
  constant(input: number, what: string): Constant {
    const value = this.input(input);
    if (value.kind === 'dynamic') throw this.unsuitable(`its ${what} is no constant`);
    return value;
  }
  /** Whole numbers of a constant input, or of the attribute that it was in earlier versions; null where there is neither. */
  list(input: number, name: string): number[] | null {
    if (this.has(input)) return Array.from(this.constant(input, name).values);
    const attribute = this.attribute(name);
    return attribute ? attribute.ints.map(Number) : null;
  }
  tensorAttribute(name: string): Constant {
    const tensor = this.attribute(name)?.t;
    if (!tensor) throw this.wrong(`it has no ${name}`);
    return readTensor(tensor, `the ${name} of ${nameOfNode(this.node, this.index)}`);
  }

  set(value: OnnxValue): void {
    const [name, ...more] = this.node.output;
    if (!name) throw this.wrong('its output has no name');
    for (const other of more) {
      if (other && this.takers.has(other)) throw this.unsuitable(`its second output "${other}" is used`);
    }
    if (this.values.has(name)) throw this.wrong(`"${name}" is there twice`);
    if (value.kind === 'constant' && !this.counted.has(value.values)) {
      this.counted.add(value.values);
      this.spend(value.values.length);
    }
    this.values.set(name, value);
  }

  /**
   * Adds a layer.
   * @returns its output, one axis of the graph for each of its own, in the same order
   */
  emit(config: LayerConfig, inputs: Dynamic[], tensors: Record<string, Float32Array> = {}): Dynamic {
    const definition = definitions.get(config.type)!;
    const shapes = inputs.map((input) => input.hebb);
    let outputShape: Shape;
    try {
      outputShape = definition.outputShape({ ...definition.defaults, ...config }, shapes);
      for (const { name, shape } of definition.parameters({ ...definition.defaults, ...config }, shapes)) {
        const count = tensors[name]?.length;
        if (count === elementCount(shape)) continue;
        throw new LayerError(`its ${name} has ${count ?? 'no'} numbers, ${formatShape(shape)} were expected`);
      }
    } catch (error) {
      if (error instanceof LayerError) throw this.unsuitable(`as ${config.type}: ${error.message}`);
      throw error;
    }
    this.spend(elementCount(outputShape));
    for (const values of Object.values(tensors)) this.spend(values.length);
    const layer = this.layers.length;
    this.layers.push({ config, inputs: inputs.map((input) => input.layer), outputShape, tensors });
    return {
      kind: 'dynamic',
      layer,
      hebb: outputShape,
      shape: outputShape,
      axes: outputShape.map((_, axis) => axis),
      order: null,
      shared: false,
    };
  }

  /** Adds a layer that keeps its input's shape, and so what is known of its order. */
  emitLike(config: LayerConfig, input: Dynamic, tensors: Record<string, Float32Array> = {}): Dynamic {
    const { layer } = this.emit(config, [input], tensors);
    return { ...input, layer, shared: false };
  }
}

export const nameOfNode = ({ opType, name }: NodeProto, index: number): string =>
  `node ${index} (${opType}${name ? ` "${name}"` : ''})`;
