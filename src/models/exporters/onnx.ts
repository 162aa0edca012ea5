import { create, toBinary } from '@bufbuild/protobuf';
import { TensorProto_DataType as DataType, ModelProtoSchema } from 'onnx-buf';
import { HebbError } from '../../errors.ts';
import { resolveNetwork } from '../../nn/resolve.ts';
import type { NamedTensor } from '../../nn/weights.ts';
import { elementCount, type Shape } from '../../shape.ts';
import { type ModelDescription, preprocessingOf, probabilityRule } from '../description.ts';
import { transpose, weightAxes } from '../onnxTensors.ts';
import { addActivation } from './onnx/activations.ts';
import { GraphBuilder, type Value } from './onnx/graph.ts';
import { layerMappings } from './onnx/layers.ts';

/** Key of metadata_props that holds the whole description, for an import. */
export const descriptionKey = 'hebb';

/** A message of protobuf is shorter than 2 GiB; the rest of the file has room in what is left. */
const mostWeightBytes = 2 ** 31 - 2 ** 24;

/**
 * The model as an ONNX file, opset 17 (20 with gelu). Input `input` (rows, …inputShape) in raw units of the dataset, channels last: the
 * preprocessing is in the graph. Output `output` (rows, …outputShape), the last layer's value; with a cross-entropy from logits also
 * `probabilities` (rows, outputs). Initialisers are called as the tensors are. Equal models give equal bytes.
 * @throws HebbError('unsuitable-model') where the weights are more than a file can hold
 */
export function exportOnnx(model: ModelDescription, tensors: NamedTensor[]): Uint8Array {
  const bytes = tensors.reduce((sum, { values }) => sum + values.byteLength, 0);
  if (bytes > mostWeightBytes) {
    throw new HebbError(
      'unsuitable-model',
      `the weights are ${bytes} bytes, an ONNX file holds at most ${mostWeightBytes}: export safetensors`,
    );
  }
  const graph = new GraphBuilder();
  const output = addNetwork(graph, model, tensors);
  const outputs = [{ name: 'output', shape: model.outputShape }];
  rename(graph, graph.last(output).name, 'output');
  const rule = probabilityRule(model);
  if (rule === 'softmax' || rule === 'sigmoid') {
    const elements = elementCount(model.outputShape);
    let flat = 'output';
    if (model.outputShape.length !== 1) {
      flat = graph.node('output', 'Reshape', [flat, graph.integers('output/shape', [-1, elements])]);
    }
    const name = rule === 'softmax' ? graph.node('output', 'Softmax', [flat]) : graph.node('output', 'Sigmoid', [flat]);
    rename(graph, name, 'probabilities');
    outputs.push({ name: 'probabilities', shape: [elements] });
  }
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: graph.opset > 17 ? 9n : 8n,
      producerName: 'hebb',
      domain: 'hebb',
      modelVersion: BigInt(model.step),
      opsetImport: [{ domain: '', version: BigInt(graph.opset) }],
      graph: {
        name: model.name,
        node: graph.nodes,
        initializer: graph.initializers,
        input: [valueInfo('input', model.inputShape)],
        output: outputs.map(({ name, shape }) => valueInfo(name, shape)),
      },
      metadataProps: metadataOf(model),
    }),
  );
}

function addNetwork(graph: GraphBuilder, model: ModelDescription, tensors: NamedTensor[]): Value {
  const { layers, inputShape } = resolveNetwork(model.network, { checked: true });
  const named = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const input = addInput(graph, model, inputShape);
  const outputs: Value[] = [];
  for (const { config, name, inputs: sources, outputShape, parameters } of layers) {
    const inputs = sources.map((source) => (source < 0 ? input : outputs[source]!));
    const own = new Map(parameters.map((parameter) => [parameter.name, parameter.tensorName]));
    for (const tensorName of own.values()) {
      const { shape, values } = named.get(tensorName)!;
      const axes = weightAxes(shape.length);
      const dims = axes.map((axis) => shape[axis]!);
      graph.floats(tensorName, transpose(values, shape, axes), dims);
    }
    const value = layerMappings[config.type]!({
      graph,
      scope: name,
      config,
      inputs,
      outputShape,
      x: (order) => graph[order](inputs[0]!).name,
      tensor: (parameter) => own.get(parameter)!,
      optional: (parameter) => (own.has(parameter) ? [own.get(parameter)!] : []),
      first: (node) => ({ name: node, shape: outputShape, order: outputShape.length > 1 ? 'first' : 'last' }),
      last: (node) => ({ name: node, shape: outputShape, order: 'last' }),
    });
    const slope = (config.slope ?? config.alpha) as number | undefined;
    outputs.push(addActivation(graph, name, config.activation ?? 'linear', value, slope));
  }
  return outputs.at(-1)!;
}

/** Raw input → what the first layer gets. */
function addInput(graph: GraphBuilder, model: ModelDescription, shape: Shape): Value {
  const { inputShape } = model;
  let name = 'input';
  const preprocessing = preprocessingOf(model);
  if (preprocessing) {
    const { scale, offset } = preprocessing;
    const dims = ({ length }: number[]) => (length === 1 ? [] : length === inputShape.at(-1) ? [length] : inputShape);
    name = graph.node('input', 'Mul', [name, graph.floats('input/scale', scale, dims(scale))]);
    if (offset.some((b) => b !== 0)) {
      name = graph.node('input', 'Add', [name, graph.floats('input/offset', offset, dims(offset))]);
    }
  }
  if (inputShape.join() !== shape.join()) {
    name = graph.node('input', 'Reshape', [name, graph.integers('input/shape', [-1, ...shape])]);
  }
  return { name, shape, order: 'last' };
}

/** Gives the value of a node its name as an output of the graph. */
function rename(graph: GraphBuilder, from: string, to: string): void {
  const producer = graph.nodes.find((node) => node.output[0] === from);
  if (!producer || from === 'input') {
    // Nothing was computed.
    graph.node(to, 'Identity', [from]);
    graph.nodes.at(-1)!.output = [to];
    return;
  }
  producer.output = [to];
  for (const node of graph.nodes) node.input = node.input.map((name) => (name === from ? to : name));
}

const valueInfo = (name: string, shape: Shape) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType: DataType.FLOAT,
        shape: {
          dim: [
            { value: { case: 'dimParam' as const, value: 'N' } },
            ...shape.map((size) => ({ value: { case: 'dimValue' as const, value: BigInt(size) } })),
          ],
        },
      },
    },
  },
});

/** For people and programs: each fact by itself, and all of it in one, for an import. */
function metadataOf(model: ModelDescription): { key: string; value: string }[] {
  const { name, task, classes, inputType, weightsHash } = model;
  const facts: Record<string, unknown> = {
    name,
    task,
    ...(classes && { classes }),
    inputType,
    preprocessing: preprocessingOf(model) ?? { scale: [1], offset: [0] },
    weightsHash,
    [descriptionKey]: { version: 1, ...model },
  };
  return Object.entries(facts).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? value : JSON.stringify(value),
  }));
}
