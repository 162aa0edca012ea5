import { TensorProto_DataType as DataType } from 'onnx-buf';
import { type ActivationName, slopeOf } from '../../../nn/activations.ts';
import type { GraphBuilder, Value } from './graph.ts';

type Mapping = (graph: GraphBuilder, scope: string, x: Value, slope: number) => string;

/** Operators that are the activation by themselves. */
const plain =
  (operator: string): Mapping =>
  (graph, scope, x) =>
    graph.node(scope, operator, [x.name]);

/** Every activation but the linear one as ONNX nodes. */
const mappings: Record<Exclude<ActivationName, 'linear'>, Mapping> = {
  relu: plain('Relu'),
  sigmoid: plain('Sigmoid'),
  tanh: plain('Tanh'),
  softplus: plain('Softplus'),
  // Their numbers are the operator's defaults, those of the paper.
  selu: plain('Selu'),
  leakyRelu: (graph, scope, x, slope) => graph.node(scope, 'LeakyRelu', [x.name], { alpha: { float: slope } }),
  elu: (graph, scope, x, alpha) => graph.node(scope, 'Elu', [x.name], { alpha: { float: alpha } }),
  hardSigmoid: (graph, scope, x) =>
    graph.node(scope, 'HardSigmoid', [x.name], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
  silu: (graph, scope, x) => graph.node(scope, 'Mul', [x.name, graph.node(scope, 'Sigmoid', [x.name])]),
  gelu(graph, scope, x) {
    // The operator is younger than the rest; only networks that have it ask readers for so much.
    graph.opset = Math.max(graph.opset, 20);
    return graph.node(scope, 'Gelu', [x.name]);
  },
  step(graph, scope, x) {
    const zero = graph.floats(`${scope}/zero`, [0], []);
    return graph.node(scope, 'Cast', [graph.node(scope, 'Greater', [x.name, zero])], { to: { int: DataType.FLOAT } });
  },
  softmax: (graph, scope, x) => graph.node(scope, 'Softmax', [x.name], { axis: { int: x.order === 'first' ? 1 : -1 } }),
};

/** @param slope of leakyRelu, alpha of elu [their defaults] */
export function addActivation(
  graph: GraphBuilder,
  scope: string,
  activation: ActivationName,
  x: Value,
  slope?: number,
): Value {
  if (activation === 'linear') return x;
  return { ...x, name: mappings[activation](graph, scope, x, slopeOf(activation, slope)) };
}
