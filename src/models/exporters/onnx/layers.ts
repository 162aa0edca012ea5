// Every layer of the catalogue as ONNX nodes.
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { sidesOf } from '../../../nn/layers/common.ts';
import type { LayerConfig } from '../../../nn/networkConfig.ts';
import type { Shape } from '../../../shape.ts';
import type { GraphBuilder, Value } from './graph.ts';
import { windowMappings } from './windows.ts';

/** What a mapping gets. */
export interface Mapped {
  graph: GraphBuilder;
  /** Its nodes are called `SCOPE/OPERATOR`: the layer's name. */
  scope: string;
  config: LayerConfig;
  inputs: Value[];
  outputShape: Shape;
  /** Name of its first input with the channels there. */
  x(order: Value['order']): string;
  /** Name of a parameter's initialiser. */
  tensor(parameter: string): string;
  /** … as a list: empty where the layer does not have it. */
  optional(parameter: string): string[];
  /** A node's output as the layer's, with the channels there. */
  first(name: string): Value;
  last(name: string): Value;
}

/** The nodes of a layer without its activation. */
export type LayerMapping = (layer: Mapped) => Value;

const identity: LayerMapping = ({ inputs: [x] }) => x!;

const reshape: LayerMapping = ({ graph, scope, x, outputShape, last }) =>
  last(graph.node(scope, 'Reshape', [x('last'), graph.integers(`${scope}/shape`, [-1, ...outputShape])]));

/** Inputs with their channels at one place: there where the first has them. */
function together({ graph, inputs }: Mapped): Value[] {
  const order = inputs[0]!.order;
  return inputs.map((value) => (order === 'first' ? graph.first(value) : graph.last(value)));
}

const pairwise =
  (operator: 'Add' | 'Mul'): LayerMapping =>
  (layer) => {
    const [first, ...others] = together(layer) as [Value, ...Value[]];
    const add = (sum: string, { name }: Value) => layer.graph.node(layer.scope, operator, [sum, name]);
    return { ...first, name: others.reduce(add, first.name) };
  };

/** An initialiser of as many equal numbers as there are channels. */
function filled({ graph, scope, inputs }: Mapped, what: string, value: number): string {
  const channels = inputs[0]!.shape.at(-1)!;
  return graph.floats(`${scope}/${what}`, new Float32Array(channels).fill(value), [channels]);
}

/** The channels-first axes of an image are 2 and 3. */
const imageAxes = [2, 3];

export const layerMappings: Record<string, LayerMapping> = {
  ...windowMappings,
  dense({ graph, scope, x, tensor, optional, last }) {
    const bias = optional('bias');
    const operands = [x('last'), tensor('weight'), ...bias];
    return last(graph.node(scope, bias.length > 0 ? 'Gemm' : 'MatMul', operands));
  },
  upSampling2d({ graph, scope, x, inputs, outputShape, first }) {
    const scales = [1, 1, outputShape[0]! / inputs[0]!.shape[0]!, outputShape[1]! / inputs[0]!.shape[1]!];
    const operands = [x('first'), '', graph.floats(`${scope}/scales`, scales, [4])];
    return first(
      graph.node(scope, 'Resize', operands, {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
    );
  },
  zeroPadding2d({ graph, scope, x, config, first }) {
    const { top, bottom, left, right } = sidesOf((config.padding ?? 1) as number);
    const pads = graph.integers(`${scope}/pads`, [0, 0, top, left, 0, 0, bottom, right]);
    return first(graph.node(scope, 'Pad', [x('first'), pads]));
  },
  cropping2d({ graph, scope, x, config, outputShape, first }) {
    const { top, left } = sidesOf((config.cropping ?? 1) as number);
    const starts = graph.integers(`${scope}/starts`, [top, left]);
    const ends = graph.integers(`${scope}/ends`, [top + outputShape[0]!, left + outputShape[1]!]);
    const axes = graph.integers(`${scope}/axes`, imageAxes);
    return first(graph.node(scope, 'Slice', [x('first'), starts, ends, axes]));
  },
  flatten: reshape,
  reshape,
  batchNorm(layer) {
    const { graph, scope, config, inputs, tensor, optional } = layer;
    const gamma = optional('gamma')[0] ?? filled(layer, 'ones', 1);
    const beta = optional('beta')[0] ?? filled(layer, 'zeros', 0);
    const operands = [layer.x('first'), gamma, beta, tensor('mean'), tensor('variance')];
    const epsilon = { float: (config.epsilon as number | undefined) ?? 1e-5 };
    const name = graph.node(scope, 'BatchNormalization', operands, { epsilon });
    return inputs[0]!.shape.length < 2 ? layer.last(name) : layer.first(name);
  },
  layerNorm(layer) {
    const { graph, scope, config, optional } = layer;
    const operands = [layer.x('last'), optional('gamma')[0] ?? filled(layer, 'ones', 1), ...optional('beta')];
    const epsilon = { float: (config.epsilon as number | undefined) ?? 1e-5 };
    return layer.last(graph.node(scope, 'LayerNormalization', operands, { axis: { int: -1 }, epsilon }));
  },
  dropout: identity,
  spatialDropout: identity,
  gaussianNoise: identity,
  activation: identity,
  prelu({ graph, scope, inputs, tensor }) {
    const [x] = inputs as [Value];
    let slope = tensor('slope');
    if (x.order === 'first' && x.shape.length > 1) {
      const axes = graph.integers(
        `${scope}/axes`,
        Array.from({ length: x.shape.length - 1 }, (_, i) => i + 1),
      );
      slope = graph.node(scope, 'Unsqueeze', [slope, axes]);
    }
    return { ...x, name: graph.node(scope, 'PRelu', [x.name, slope]) };
  },
  add: pairwise('Add'),
  multiply: pairwise('Mul'),
  concatenate(layer) {
    const values = together(layer);
    const [{ order }] = values as [Value];
    const axis = { int: order === 'first' ? 1 : -1 };
    const name = layer.graph.node(
      layer.scope,
      'Concat',
      values.map((value) => value.name),
      { axis },
    );
    return { name, order, shape: layer.outputShape };
  },
  embedding({ graph, scope, x, config, tensor, last }) {
    // Indices are rounded, and those outside of the vocabulary take its nearest row; in double, for there are many rows.
    const most = graph.floats(`${scope}/most`, [(config.vocabulary as number) - 1], []);
    const clipped = graph.node(scope, 'Clip', [x('last'), graph.floats(`${scope}/least`, [0], []), most]);
    const double = (name: string) => graph.node(scope, 'Cast', [name], { to: { int: DataType.DOUBLE } });
    const sum = graph.node(scope, 'Add', [double(clipped), double(graph.floats(`${scope}/half`, [0.5], []))]);
    const rows = graph.node(scope, 'Cast', [sum], { to: { int: DataType.INT64 } });
    return last(graph.node(scope, 'Gather', [tensor('weight'), rows]));
  },
  rescaling({ graph, scope, config, inputs }) {
    const { scale = 1, offset = 0 } = config as { scale?: number; offset?: number };
    const [x] = inputs as [Value];
    const scaled = graph.node(scope, 'Mul', [x.name, graph.floats(`${scope}/scale`, [scale], [])]);
    return { ...x, name: graph.node(scope, 'Add', [scaled, graph.floats(`${scope}/offset`, [offset], [])]) };
  },
};
