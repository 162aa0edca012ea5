// A network of an ONNX file, as PyTorch and others write it: node by node, with the weights turned to Hebb's layouts.
import type { GraphProto, NodeProto } from 'onnx-buf';
import { type Fault, HebbError } from '../../errors.ts';
import type { NetworkConfig } from '../../nn/networkConfig.ts';
import { resolveNetwork } from '../../nn/resolve.ts';
import type { NamedTensor } from '../../nn/weights.ts';
import { Conversion, type Dynamic, nameOfNode } from './onnx/conversion.ts';
import { elementwiseOperators } from './onnx/elementwise.ts';
import type { OnnxFile } from './onnx/file.ts';
import { finish } from './onnx/finish.ts';
import { numbersOf, withGelu } from './onnx/gelu.ts';
import { readInput } from './onnx/input.ts';
import { linearOperators } from './onnx/linear.ts';
import { type Operator, shapeOperators } from './onnx/shapes.ts';
import { readTensor } from './onnx/tensors.ts';
import { windowOperators } from './onnx/windows.ts';

const operators = new Map<string, Operator>(
  Object.entries({ ...shapeOperators, ...elementwiseOperators, ...linearOperators, ...windowOperators }),
);
/** Names of the operators that an import knows, for the documentation and messages. */
export const onnxOperators: readonly string[] = [...operators.keys()].sort();

/** Nobody reads past so many. */
const mostFaults = 100;

export interface ImportedNetwork {
  network: NetworkConfig & { input: number[] };
  /** In layer order. */
  tensors: NamedTensor[];
}

/**
 * Makes a network of a graph. Images come with their channels last, whatever the graph has; weights go along.
 * @throws HebbError('unsuitable-model') with each node whose operator is not known, or the first that Hebb's layers cannot express;
 * HebbError('invalid-file') where the graph contradicts itself
 */
export function convertGraph({ model, graph, opset }: OnnxFile): ImportedNetwork {
  refuseDoubles(graph);
  const output = outputOf(graph);
  const nodes = neededNodes(graph, output);
  const numbers = numbersOf(graph.node, singleInitializers(graph));
  const known = neededOf(withGelu(nodes, numbers), output);
  refuseUnknown(known);
  const takers = new Map<string, number>([[output, 1]]);
  for (const [, { input }] of known) for (const name of input) takers.set(name, (takers.get(name) ?? 0) + 1);

  const conversion = new Conversion(opset, takers);
  const { name, value } = readInput(graph, model.producerName === 'hebb');
  for (const tensor of graph.initializer) {
    if (takers.has(tensor.name))
      conversion.values.set(tensor.name, readTensor(tensor, `the initializer "${tensor.name}"`));
  }
  conversion.values.set(name, value);
  for (const [index, node] of known) {
    conversion.node = node;
    conversion.index = index;
    operators.get(node.opType)!(conversion);
  }
  return named(conversion, value, conversion.values.get(output), output);
}

/** The result as a network whose parameters have their names. */
function named(conversion: Conversion, input: Dynamic, output: unknown, outputName: string): ImportedNetwork {
  const result = output as Dynamic | undefined;
  if (result?.kind !== 'dynamic') {
    throw new HebbError('invalid-file', `the output "${outputName}" does not depend on the input`);
  }
  if (result.order) {
    const message = `the output "${outputName}" is an image flattened in the order of channels, height, width, which Hebb has channels last: leave the last Flatten out`;
    throw new HebbError('unsuitable-model', message, [{ pointer: '/graph/output', message }]);
  }
  const { network, tensors } = finish(conversion.layers, input.hebb, result.layer);
  const resolved = resolveNetwork(network, { pointer: '/network' });
  return {
    network: resolved.config,
    tensors: resolved.layers.flatMap(({ parameters }) =>
      parameters.map(({ tensorName, shape }) => ({ name: tensorName, shape, values: tensors.get(tensorName)! })),
    ),
  };
}

/** The graph's output; with `probabilities` beside it, as Hebb writes them, the one before. */
function outputOf(graph: GraphProto): string {
  const outputs = graph.output.map(({ name }) => name);
  const own = outputs.length === 2 && outputs[0] === 'output' && outputs[1] === 'probabilities';
  if (outputs.length === 1 || own) return outputs[0]!;
  const message = `a network has one output, the graph has ${outputs.length}${outputs.length ? `: ${outputs.slice(0, 10).join(', ')}` : ''}`;
  throw new HebbError('unsuitable-model', message, [{ pointer: '/graph/output', message }]);
}

const neededNodes = (graph: GraphProto, output: string) =>
  neededOf(
    graph.node.map((node, index): [number, NodeProto] => [index, node]),
    output,
  );

/** Every value has one maker: otherwise it depends on the reader what a graph computes. */
function refuseDoubles(graph: GraphProto): void {
  const seen = new Set(graph.initializer.map(({ name }) => name));
  for (const { name } of graph.input) seen.add(name);
  for (const [index, node] of graph.node.entries()) {
    for (const name of node.output) {
      if (name && seen.has(name)) {
        const message = `${nameOfNode(node, index)}: "${name}" is there twice`;
        throw new HebbError('invalid-file', message, [{ pointer: `/graph/node/${index}`, message }]);
      }
      seen.add(name);
    }
  }
}

/** Nodes that the output needs, in their order; others are none of its business. */
function neededOf(nodes: [number, NodeProto][], output: string): [number, NodeProto][] {
  const makers = new Map<string, NodeProto>();
  for (const [, node] of nodes) for (const name of node.output) if (name) makers.set(name, node);
  const needed = new Set<NodeProto>();
  const open = [output];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const maker = makers.get(name);
    if (!maker || needed.has(maker)) continue;
    needed.add(maker);
    open.push(...maker.input);
  }
  return nodes.filter(([, node]) => needed.has(node));
}

/** Initializers of one number. */
function singleInitializers(graph: GraphProto): Map<string, number> {
  const single = graph.initializer.filter(({ dims }) => dims.every((size) => size === 1n));
  return new Map(
    single.map((tensor) => [tensor.name, readTensor(tensor, `the initializer "${tensor.name}"`).values[0]!]),
  );
}

function refuseUnknown(nodes: [number, NodeProto][]): void {
  const isKnown = ({ opType, domain }: NodeProto) => (domain === '' || domain === 'ai.onnx') && operators.has(opType);
  const unknown = nodes.filter(([, node]) => !isKnown(node));
  if (unknown.length === 0) return;
  const full = ({ domain, opType }: NodeProto) => (domain && domain !== 'ai.onnx' ? `${domain}.${opType}` : opType);
  const list = [...new Set(unknown.map(([, node]) => full(node)))];
  const faults = unknown.slice(0, mostFaults).map(
    ([index, node]): Fault => ({
      pointer: `/graph/node/${index}`,
      message: `${nameOfNode(node, index)}: the operator ${full(node)} is not known`,
      received: full(node),
    }),
  );
  throw new HebbError(
    'unsuitable-model',
    `the graph has ${list.length === 1 ? 'an operator' : `${list.length} operators`} for which Hebb has no layer: ${list.slice(0, 20).join(', ')}`,
    faults,
  );
}
