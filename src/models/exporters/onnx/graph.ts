// An ONNX graph while it is made: nodes, initialisers, and the order of the channels of each value.
import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from 'onnx-buf';
import type { Shape } from '../../../shape.ts';

/** A value in the graph, (rows, …). */
export interface Value {
  name: string;
  /** As Hebb has it: without rows, channels last. */
  shape: Shape;
  /** Where the channels are in the ONNX tensor: most operators for images want them first. */
  order: 'last' | 'first';
}

/** Whole numbers are told from fractions by their wrapping, since JavaScript does not. */
export type Attribute = { int: number } | { float: number } | number[] | string;

const bytesOf = (values: Float32Array | BigInt64Array) =>
  new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);

export class GraphBuilder {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  /** Of the default domain. */
  opset = 17;
  private readonly uses = new Map<string, number>();
  private readonly transposed = new Map<string, string>();

  /** @returns the name of the node's output: `SCOPE/OPERATOR`, where scope is the layer */
  node(scope: string, operator: string, inputs: string[], attributes: Record<string, Attribute> = {}): string {
    const output = this.unique(`${scope}/${operator}`);
    this.nodes.push(
      create(NodeProtoSchema, {
        name: output,
        opType: operator,
        input: inputs,
        output: [output],
        attribute: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
      }),
    );
    return output;
  }

  floats(name: string, values: ArrayLike<number>, dims: Shape): string {
    const floats = values instanceof Float32Array ? values : Float32Array.from(values);
    return this.initializer(name, DataType.FLOAT, bytesOf(floats), dims);
  }

  integers(name: string, values: number[]): string {
    return this.initializer(this.unique(name), DataType.INT64, bytesOf(BigInt64Array.from(values, BigInt)), [
      values.length,
    ]);
  }

  private initializer(name: string, dataType: number, rawData: Uint8Array<ArrayBuffer>, dims: Shape): string {
    this.initializers.push(create(TensorProtoSchema, { name, dataType, rawData, dims: dims.map(BigInt) }));
    return name;
  }

  private unique(name: string): string {
    const count = this.uses.get(name) ?? 0;
    this.uses.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  }

  /** The value with its channels first: (rows, channels, …). */
  first(value: Value): Value {
    return this.ordered(value, 'first');
  }
  /** The value with its channels last, as Hebb has it. */
  last(value: Value): Value {
    return this.ordered(value, 'last');
  }

  private ordered(value: Value, order: Value['order']): Value {
    const { name, shape } = value;
    if (value.order === order || shape.length < 2) return value;
    const key = `${name} ${order}`;
    let other = this.transposed.get(key);
    if (other === undefined) {
      const rank = shape.length + 1;
      const inner = Array.from({ length: rank - 2 }, (_, i) => i + 1);
      const perm = order === 'first' ? [0, rank - 1, ...inner] : [0, ...inner.map((i) => i + 1), 1];
      other = this.node(name.split('/')[0]!, 'Transpose', [name], { perm });
      this.transposed.set(key, other);
      this.transposed.set(`${other} ${value.order}`, name);
    }
    return { name: other, shape, order };
  }
}

function attributeOf(name: string, value: Attribute): AttributeProto {
  const fields =
    typeof value === 'string'
      ? { type: AttributeType.STRING, s: new TextEncoder().encode(value) }
      : Array.isArray(value)
        ? { type: AttributeType.INTS, ints: value.map(BigInt) }
        : 'int' in value
          ? { type: AttributeType.INT, i: BigInt(value.int) }
          : { type: AttributeType.FLOAT, f: value.float };
  return create(AttributeProtoSchema, { name, ...fields });
}
