// The input of a graph: its shape, and whether its images have their channels first or last.
import { TensorProto_DataType as DataType, type GraphProto, type NodeProto, type ValueInfoProto } from 'onnx-buf';
import { HebbError } from '../../../errors.ts';
import { elementCount, type Shape } from '../../../shape.ts';
import type { Dynamic } from './conversion.ts';
import { channelsLastAxes } from './order.ts';

const wrong = (what: string) => new HebbError('invalid-file', what, [{ pointer: '/graph/input', message: what }]);
const unsuitable = (what: string) =>
  new HebbError('unsuitable-model', what, [{ pointer: '/graph/input', message: what }]);

/** Of one input. */
const mostElements = 2 ** 28;

/** Operators that leave it open how their input lies. */
const elementwise = [
  'Identity',
  'Cast',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Relu',
  'Clip',
  'Neg',
  'Tanh',
  'Sigmoid',
  'LeakyRelu',
  'Dropout',
];
const channelsFirstOperators = [
  'Conv',
  'ConvTranspose',
  'MaxPool',
  'AveragePool',
  'GlobalMaxPool',
  'GlobalAveragePool',
  'BatchNormalization',
  'Resize',
  'Upsample',
  'PRelu',
];

/**
 * The one input of a graph that is no initializer.
 * @param channelsLast its images have their channels last for certain; otherwise the graph is looked at
 * @throws HebbError where there is not exactly one, or its sizes are not known
 */
export function readInput(graph: GraphProto, channelsLast: boolean): { name: string; value: Dynamic } {
  const initialized = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(({ name }) => !initialized.has(name));
  if (inputs.length !== 1) {
    throw unsuitable(
      `a network has one input, the graph has ${inputs.length}${inputs.length ? `: ${names(inputs)}` : ''}`,
    );
  }
  const [info] = inputs as [ValueInfoProto];
  const shape = readShape(info);
  return { name: info.name, value: inputOf(shape, !channelsLast && hasChannelsFirst(graph, info.name, shape)) };
}

const names = (values: ValueInfoProto[]) =>
  values
    .map(({ name }) => `"${name}"`)
    .slice(0, 10)
    .join(', ');

function readShape({ name, type }: ValueInfoProto): Shape {
  if (type?.value.case !== 'tensorType') throw wrong(`the input "${name}" is no tensor`);
  const { shape, elemType } = type.value.value;
  const numbers = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.INT64, DataType.INT32, DataType.UINT8];
  if (!numbers.includes(elemType))
    throw unsuitable(`the input "${name}" has the type ${DataType[elemType] ?? elemType}: numbers were expected`);
  if (!shape || shape.dim.length < 2) {
    throw wrong(
      `the input "${name}" has ${shape ? `${shape.dim.length} dimensions` : 'no shape'}: rows of one dimension or more were expected`,
    );
  }
  if (shape.dim.length > 5)
    throw unsuitable(`the input "${name}" has ${shape.dim.length} dimensions, at most 5 were expected`);
  const sizes = shape.dim.slice(1).map(({ value }, i) => {
    const size = value.case === 'dimValue' ? Number(value.value) : Number.NaN;
    if (Number.isSafeInteger(size) && size > 0 && size <= 2 ** 24) return size;
    const is = value.case === 'dimValue' ? value.value : value.case === 'dimParam' ? `"${value.value}"` : 'open';
    throw unsuitable(
      `dimension ${i + 1} of the input "${name}" is ${is}: only the number of rows may be open; export the model for one size of input`,
    );
  });
  if (elementCount(sizes) > mostElements) {
    throw unsuitable(`the input "${name}" of (${sizes}) has more than ${mostElements} elements`);
  }
  return sizes;
}

/** Follows the input to the first operator that tells how it lies. */
function hasChannelsFirst(graph: GraphProto, input: string, shape: Shape): boolean {
  if (shape.length < 2) return false;
  const same = new Set([input]);
  for (const node of graph.node) {
    if (!node.input.some((name) => same.has(name))) continue;
    if (elementwise.includes(node.opType)) {
      if (node.output[0]) same.add(node.output[0]);
      continue;
    }
    // A transposition that brings the channels to the front says that they were behind.
    if (node.opType === 'Transpose') return !bringsChannelsFirst(node, shape.length + 1);
    if (channelsFirstOperators.includes(node.opType)) return true;
    break;
  }
  if (shape.length !== 3) return false;
  const isColour = (size: number) => [1, 3, 4].includes(size);
  return isColour(shape[0]!) || !isColour(shape[2]!);
}

const bringsChannelsFirst = (node: NodeProto, rank: number) => {
  const perm = node.attribute.find(({ name }) => name === 'perm')?.ints.map(Number);
  return perm?.length === rank && perm[1] === rank - 1;
};

function inputOf(shape: Shape, channelsFirst: boolean): Dynamic {
  const common = { kind: 'dynamic' as const, layer: -1, shape, order: null, shared: false };
  if (!channelsFirst) return { ...common, hebb: shape, axes: shape.map((_, i) => i) };
  return { ...common, hebb: [...shape.slice(1), shape[0]!], axes: channelsLastAxes(shape.length) };
}
