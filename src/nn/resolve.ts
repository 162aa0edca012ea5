import { type Fault, HebbError } from '../errors.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import { assertValid, compileSchema } from '../validate.ts';
import { type LayerDefinition, LayerError, type ParameterSpec } from './layer.ts';
import { layers as definitions } from './layers/index.ts';
import type { LayerConfig, NetworkConfig } from './networkConfig.ts';
import { networkSchema } from './networkSchema.ts';
import { align } from './recorder.ts';

/** A parameter with its place among all of the network's, in floats. */
export interface PlacedParameter extends ParameterSpec {
  /** LAYER.weight or LAYER.bias. */
  tensorName: string;
  /** Number of the tensor within the network, counted from 0: 2 × layer, plus 1 for a bias. */
  index: number;
  offset: number;
  count: number;
}

export interface ResolvedLayer {
  definition: LayerDefinition;
  config: LayerConfig;
  name: string;
  inputShape: Shape;
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
  /** Trainable numbers. */
  parameterCount: number;
  /** Floats that the parameters take with each tensor at a 64-byte boundary. */
  parameterFloats: number;
  flopsPerSample: number;
  /** Numbers in the input and all outputs of one sample. */
  floatsPerSample: number;
}

const validate = compileSchema(networkSchema);
const mostFloats = 2 ** 31 - 1;

/**
 * Works out shapes and fills in defaults.
 * @param dataShape shape of a sample of the dataset; the network's input where it does not state one
 * @throws HebbError('invalid-network') that names the layer, what came and what would fit; pointers begin with `pointer`
 */
export function resolveNetwork(network: NetworkConfig, dataShape?: Shape, pointer = ''): ResolvedNetwork {
  assertValid(validate, network, 'invalid-network');
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
  const faults = duplicateNames(network.layers, pointer);
  const layers: ResolvedLayer[] = [];
  let shape = inputShape;
  let offset = 0;
  for (const [i, { type, ...given }] of network.layers.entries()) {
    const definition = definitions.get(type)!;
    const name = given.name ?? `${type}_${i}`;
    const config: LayerConfig = { type, name, ...definition.defaults, ...given };
    try {
      const outputShape = definition.outputShape(config, shape);
      const parameters = definition.parameters(config, shape).map((spec, k): PlacedParameter => {
        const count = elementCount(spec.shape);
        const placed = { ...spec, tensorName: `${name}.${spec.name}`, index: 2 * i + k, offset, count };
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
      const flops = definition.flops(config, shape, outputShape);
      layers.push({ definition, config, name, inputShape: shape, outputShape, parameters, flops });
      shape = outputShape;
    } catch (error) {
      if (!(error instanceof LayerError)) throw error;
      faults.push({
        pointer: `${pointer}/layers/${i}${error.key ? `/${error.key}` : ''}`,
        message: `${type} '${name}': ${error.message}`,
        expected: error.expected,
        received: error.received,
      });
      break; // what follows has no known input
    }
  }
  if (faults.length > 0) throw invalid(faults);
  const resolved: ResolvedNetwork = {
    config: { input: [...inputShape], layers: layers.map((layer) => layer.config) },
    layers,
    inputShape,
    outputShape: shape,
    parameterCount: layers.flatMap((l) => l.parameters).reduce((sum, p) => sum + p.count, 0),
    parameterFloats: offset,
    flopsPerSample: layers.reduce((sum, l) => sum + l.flops, 0),
    floatsPerSample: layers.reduce((sum, l) => sum + elementCount(l.outputShape), elementCount(inputShape)),
  };
  const weightFaults = layers.flatMap((layer, i) => givenWeightFaults(layer, `${pointer}/layers/${i}/weights`));
  if (weightFaults.length > 0) throw invalid(weightFaults);
  return resolved;
}

function invalid(faults: Fault[]): HebbError {
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new HebbError('invalid-network', `${faults[0]!.message}${more}`, faults);
}

function duplicateNames(layers: LayerConfig[], pointer: string): Fault[] {
  const seen = new Map<string, number>();
  const faults: Fault[] = [];
  for (const [i, layer] of layers.entries()) {
    const name = layer.name ?? `${layer.type}_${i}`;
    const before = seen.get(name);
    if (before !== undefined) {
      faults.push({
        pointer: `${pointer}/layers/${i}/name`,
        message: `layer ${i} is called '${name}', and so is layer ${before}`,
        received: name,
      });
    }
    seen.set(name, i);
  }
  return faults;
}

/** What is wrong with the values that a layer is to start from. */
function givenWeightFaults(layer: ResolvedLayer, pointer: string): Fault[] {
  const given = layer.config.weights;
  if (!given) return [];
  const faults: Fault[] = [];
  for (const [key, value] of Object.entries(given)) {
    const parameter = layer.parameters.find((p) => p.name === key);
    const problem = parameter ? nestedFault(value, parameter.shape) : `the layer has no ${key}`;
    if (problem === null) continue;
    faults.push({
      pointer: `${pointer}/${key}`,
      message: `${layer.config.type} '${layer.name}': ${problem}`,
      expected: parameter?.shape,
    });
  }
  return faults;
}

function nestedFault(value: unknown, shape: readonly number[], at = ''): string | null {
  if (shape.length === 0) {
    if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return null;
    return `${at || 'the value'} must be a finite number`;
  }
  if (!Array.isArray(value) || value.length !== shape[0]) {
    return `${at || 'the values'} must be an array of ${shape[0]} (shape ${formatShape(shape)}), got ${Array.isArray(value) ? `one of ${value.length}` : typeof value}`;
  }
  for (const [i, element] of value.entries()) {
    const fault = nestedFault(element, shape.slice(1), `${at}[${i}]`);
    if (fault) return fault;
  }
  return null;
}
