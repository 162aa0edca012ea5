import { type Fault, HebbError } from '../errors.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import { faultyError } from '../validate.ts';
import { nameInMessage, type Wiring, wire } from './graph.ts';
import { initializerFault } from './initializers.ts';
import { type LayerDefinition, LayerError, type ParameterSpec, ShapeError } from './layer.ts';
import { layers as definitions } from './layers/index.ts';
import { type LayerConfig, layerName, type NetworkConfig } from './networkConfig.ts';
import { networkFaults } from './networkSchema.ts';
import { align } from './recorder.ts';

/** A parameter with its place among all of the network's, in floats. */
export interface PlacedParameter extends ParameterSpec {
  /** LAYER.weight, LAYER.bias, … */
  tensorName: string;
  /** Number that keys the tensor's random numbers. */
  index: number;
  trainable: boolean;
  offset: number;
  count: number;
}

export interface ResolvedLayer {
  definition: LayerDefinition;
  config: LayerConfig;
  name: string;
  /** Indices of the layers whose outputs it takes, −1 for the network's input; with their shapes. */
  inputs: number[];
  inputShapes: Shape[];
  outputShape: Shape;
  parameters: PlacedParameter[];
  flops: number;
}

/** A network with every default filled in and every shape worked out. */
export interface ResolvedNetwork {
  config: NetworkConfig & { input: number[] };
  layers: ResolvedLayer[];
  inputShape: Shape;
  outputShape: Shape;
  /** Trainable numbers: without the statistics that batchNorm keeps. */
  parameterCount: number;
  /** Floats that the parameters take with each tensor at a 64-byte boundary. */
  parameterFloats: number;
  flopsPerSample: number;
  /** Numbers in the input and all outputs of one sample. */
  floatsPerSample: number;
}

const mostFloats = 2 ** 31 - 1;

interface ResolveOptions {
  /** Shape of a sample of the dataset; the network's input where it does not state one. */
  dataShape?: Shape;
  /** What the pointers of errors begin with. */
  pointer?: string;
  /** The network has passed before, so that its JSON need not be checked against the schema again. */
  checked?: boolean;
}

/**
 * Works out shapes and fills in defaults.
 * @throws HebbError('invalid-network') that names the layer, what came and what would fit
 */
export function resolveNetwork(
  network: NetworkConfig,
  { dataShape, pointer = '', checked = false }: ResolveOptions = {},
): ResolvedNetwork {
  const misfits = checked ? [] : networkFaults(network, pointer);
  if (misfits.length > 0) throw faultyError(misfits, 'invalid-network');
  const inputShape = network.input ?? dataShape;
  if (!inputShape) {
    throw invalid([
      { pointer: `${pointer}/input`, message: 'the network has no dataset to take its input from: give "input"' },
    ]);
  }
  if (dataShape && elementCount(inputShape) !== elementCount(dataShape)) {
    throw invalid([
      {
        pointer: `${pointer}/input`,
        message: `the input ${formatShape(inputShape)} has ${elementCount(inputShape)} elements, but a sample of the dataset ${formatShape(dataShape)} has ${elementCount(dataShape)}`,
        expected: dataShape,
        received: inputShape,
      },
    ]);
  }
  const { wiring, faults } = wire(network.layers, pointer);
  /** By layer; undefined where the layer, or one before it, is at fault: what follows from it is not told. */
  const resolvedLayers: (ResolvedLayer | undefined)[] = [];
  let offset = 0;
  for (const [i, { type, ...given }] of network.layers.entries()) {
    const definition = definitions.get(type)!;
    const name = layerName({ type, ...given }, i);
    const config: LayerConfig = { type, name, ...definition.defaults, ...given };
    const inputs = wiring[i];
    const inputShapes = inputs?.map((source) => (source < 0 ? inputShape : resolvedLayers[source]?.outputShape));
    if (!inputs || !inputShapes?.every((shape) => shape !== undefined)) {
      resolvedLayers.push(undefined);
      continue;
    }
    const before = offset;
    try {
      checkInputCount(definition, inputs.length);
      if (definition.endsGradient) checkNothingLearnsBefore(inputs, resolvedLayers);
      const outputShape = definition.outputShape(config, inputShapes);
      const parameters = definition.parameters(config, inputShapes).map((spec, k): PlacedParameter => {
        checkInitializer(spec);
        const count = elementCount(spec.shape);
        const placed = {
          trainable: true,
          ...spec,
          tensorName: `${name}.${spec.name}`,
          index: streamOf(i, k),
          offset,
          count,
        };
        offset += align(count);
        return placed;
      });
      if (elementCount(outputShape) > mostFloats) {
        throw new LayerError(`its output ${formatShape(outputShape)} has more than 2³¹ numbers`);
      }
      if (offset > mostFloats)
        throw new LayerError(`the layers up to this one have ${offset} parameters, more than 2³¹`);
      if (config.activation === 'softmax' && outputShape.at(-1) === 1) {
        throw new LayerError('softmax over a single value is always 1: use sigmoid', {
          key: 'activation',
          received: 'softmax',
        });
      }
      const flops = definition.flops(config, inputShapes, outputShape);
      const layer = { definition, config, name, inputs, inputShapes, outputShape, parameters, flops };
      resolvedLayers.push(layer);
      faults.push(...givenWeightFaults(layer, `${pointer}/layers/${i}/weights`));
    } catch (error) {
      if (!(error instanceof LayerError)) throw error;
      offset = before;
      resolvedLayers.push(undefined);
      const after = inputs.map((source) => (source < 0 ? 'the input' : nameInMessage(network.layers[source]!, source)));
      const got = error instanceof ShapeError ? ` gets ${inputShapes.map(formatShape).join(' and ')},` : ':';
      const pooling =
        error instanceof ShapeError && error.tooSmall ? poolingBefore(network.layers, wiring, i) : undefined;
      const remedy = pooling === undefined ? '' : `, or remove ${nameInMessage(network.layers[pooling]!, pooling)}`;
      faults.push({
        pointer: `${pointer}/layers/${i}${error.key && given[error.key] !== undefined ? `/${error.key}` : ''}`,
        message: `${type} '${name}' after ${after.join(' and ')}${got} ${error.message}${remedy}`,
        expected: error.expected,
        received: error.received,
      });
    }
  }
  if (faults.length > 0) throw invalid(faults);
  const layers = resolvedLayers as ResolvedLayer[];
  return {
    config: { input: [...inputShape], layers: layers.map((layer) => layer.config) },
    layers,
    inputShape,
    outputShape: layers.at(-1)!.outputShape,
    parameterCount: layers.flatMap((l) => l.parameters).reduce((sum, p) => sum + (p.trainable ? p.count : 0), 0),
    parameterFloats: offset,
    flopsPerSample: layers.reduce((sum, l) => sum + l.flops, 0),
    floatsPerSample: layers.reduce((sum, l) => sum + elementCount(l.outputShape), elementCount(inputShape)),
  };
}

function invalid(faults: Fault[]): HebbError {
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new HebbError('invalid-network', `${faults[0]!.message}${more}`, faults);
}

/** The nearest pooling layer that a layer's input comes through. */
function poolingBefore(layers: LayerConfig[], wiring: Wiring, index: number): number | undefined {
  for (let at = wiring[index]![0]!; at >= 0; at = wiring[at]![0]!) {
    if (/Pool/.test(layers[at]!.type)) return at;
  }
  return undefined;
}

/** Key of the random numbers of a layer's k-th tensor. Part of every hash: never renumber. */
function streamOf(layer: number, k: number): number {
  return 2 * layer + (k & 1) + 4096 * (k >> 1);
}

function checkInputCount(definition: LayerDefinition, count: number): void {
  if (definition.merges && count < 2) {
    throw new LayerError('it takes two inputs or more: name them in "from"', { key: 'from', received: count });
  }
  if (definition.merges || count === 1) return;
  throw new LayerError(
    `it takes one input, got ${count}: join them by {"type": "add"} or {"type": "concatenate"} before it`,
    {
      key: 'from',
      expected: 1,
      received: count,
    },
  );
}

function checkNothingLearnsBefore(inputs: number[], layers: (ResolvedLayer | undefined)[]): void {
  // A set visits what is added while it is gone through, and each layer once.
  const before = new Set(inputs);
  for (const index of before) {
    const layer = layers[index];
    if (!layer) continue;
    if (layer.parameters.some((parameter) => parameter.trainable)) {
      throw new LayerError(
        `it has no gradient for its input, so ${nameInMessage(layer.config, index)} could not learn: let it take from the network's input`,
        { key: 'from', received: layer.name },
      );
    }
    for (const source of layer.inputs) before.add(source);
  }
}

function checkInitializer({ name, initializer, shape }: ParameterSpec): void {
  const fault = initializer && initializerFault(initializer, shape);
  if (!fault) return;
  const key = name === 'bias' ? 'biasInitializer' : 'initializer';
  throw new LayerError(fault.message, { key, received: initializer });
}

/** What is wrong with the values that a layer is to start from. */
function givenWeightFaults(layer: ResolvedLayer, pointer: string): Fault[] {
  const given = layer.config.weights;
  if (!given) return [];
  const faults: Fault[] = [];
  for (const [key, value] of Object.entries(given)) {
    const parameter = layer.parameters.find((p) => p.name === key);
    const problem = parameter ? nestedFault(value, parameter.shape, parameter.minimum) : `the layer has no ${key}`;
    if (problem === null) continue;
    faults.push({
      pointer: `${pointer}/${key}`,
      message: `${layer.config.type} '${layer.name}': ${problem}`,
      expected: parameter?.shape,
    });
  }
  return faults;
}

function nestedFault(value: unknown, shape: readonly number[], minimum = -Infinity, at = ''): string | null {
  if (shape.length === 0) {
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value)))
      return `${at || 'the value'} must be a finite number`;
    return value >= minimum ? null : `${at || 'the value'} must be at least ${minimum}, got ${value}`;
  }
  if (!Array.isArray(value) || value.length !== shape[0]) {
    return `${at || 'the values'} must be an array of ${shape[0]} (shape ${formatShape(shape)}), got ${Array.isArray(value) ? `one of ${value.length}` : typeof value}`;
  }
  for (const [i, element] of value.entries()) {
    const fault = nestedFault(element, shape.slice(1), minimum, `${at}[${i}]`);
    if (fault) return fault;
  }
  return null;
}
