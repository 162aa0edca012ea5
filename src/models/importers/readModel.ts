// What came of a client as a model: its network, the tensors that the network has, and what else is known of it.
import { readFile } from 'node:fs/promises';
import { sha256 } from '../../data/durableFile.ts';
import { type Fault, HebbError } from '../../errors.ts';
import { type NetworkConfig, withoutWeights } from '../../nn/networkConfig.ts';
import { type ResolvedNetwork, resolveNetwork } from '../../nn/resolve.ts';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../../nn/weights.ts';
import { elementCount, formatShape } from '../../shape.ts';
import type { ModelDescription } from '../description.ts';
import { descriptionKey } from '../exporters/onnx.ts';
import { inverseAxes, transpose, weightAxes } from '../onnxTensors.ts';
import { type OnnxFile, readOnnxFile } from './onnx/file.ts';
import { floatsOf, readTensor } from './onnx/tensors.ts';
import { convertGraph } from './onnx.ts';
import { completeTraits, readMeta, readStored, type StoredTraits } from './traits.ts';

/** What came: JSON as it was parsed, files by their paths. */
export interface ModelParts {
  meta?: unknown;
  network?: unknown;
  weights?: string;
  file?: string;
}

export interface ReadModel {
  model: Omit<ModelDescription, 'name'> & { name: string | null; parameters: number };
  /** The safetensors file. */
  weights: Uint8Array;
}

interface Found {
  network: unknown;
  tensors: NamedTensor[];
  traits: unknown;
  /** Where the traits stand in the request. */
  pointer: string;
}

/** @throws HebbError for whatever is wrong with the parts */
export async function readModel(parts: ModelParts): Promise<ReadModel> {
  const meta = readMeta(parts.meta, '/meta');
  const found = parts.file === undefined ? await fromNetwork(parts) : fromOnnx(await readFile(parts.file));
  const stored = readStored(found.traits, found.pointer, meta);
  const network = resolveNetwork(found.network as NetworkConfig, { pointer: '/network' });
  refuseHuge(network);
  const tensors = matched(network, found.tensors);
  const traits = completeTraits({ ...stored, ...meta } as StoredTraits, network);
  const weights = encodeSafetensors(tensors);
  const { config, parameterCount } = network;
  return {
    model: { ...traits, network: withoutWeights(config), parameters: parameterCount, weightsHash: sha256(weights) },
    weights,
  };
}

const wrongParts = (what: string) =>
  new HebbError(
    'invalid-request',
    `${what}; expected: network (JSON) and weights (safetensors), or file (ONNX), each with or without meta (JSON)`,
  );

/** Hebb's JSON, or a network alone, which may have traits beside its layers; and a file of weights. */
async function fromNetwork({ network: json, weights }: ModelParts): Promise<Found> {
  if (json === undefined) throw wrongParts('the part "network" is missing');
  if (weights === undefined) throw wrongParts('the part "weights" is missing');
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw wrongParts('the part "network" is no object');
  const tensors = decodeSafetensors(await readFile(weights));
  if ('network' in json) {
    const { network, ...traits } = json;
    return { network, tensors, traits, pointer: '/network' };
  }
  const { input, layers, ...traits } = json as Record<string, unknown>;
  return { network: { ...(input !== undefined && { input }), layers }, tensors, traits, pointer: '/network' };
}

function fromOnnx(bytes: Uint8Array): Found {
  refuseOthers(bytes);
  const file = readOnnxFile(bytes);
  const description = ownDescription(file);
  if (!description) return { ...convertGraph(file), traits: {}, pointer: '/file' };
  const tensors = ownTensors(file, description);
  if (tensors) return { network: description.network, tensors, traits: description, pointer: '/file/metadata' };
  // Somebody changed the graph since it was written: what it computes is what it says now, from raw inputs.
  const { normalization: _, inputShape: __, columns: ___, ...traits } = description;
  return { ...convertGraph(file), traits, pointer: '/file/metadata' };
}

/** What is easily taken for an ONNX file, told by its name. */
function refuseOthers(bytes: Uint8Array): void {
  const is = (what: string) => new HebbError('invalid-file', `the part "file" is ${what}`);
  if (bytes.length === 0) throw is('empty: an ONNX file was expected');
  if (bytes[0] === 0x7b) throw is('JSON: send it as "network", with "weights" beside it');
  if (bytes.length > 9 && bytes[8] === 0x7b && bytes[7] === 0)
    throw is('a safetensors file: send it as "weights", with "network" beside it');
  if (bytes[0] === 0x50 && bytes[1] === 0x4b)
    throw is('a ZIP archive, as PyTorch and Keras save models: export it as ONNX');
}

/** What Hebb wrote into a file of its own; null where it is none. */
function ownDescription({ metadata }: OnnxFile): (ModelDescription & { version?: number }) | null {
  const text = metadata.get(descriptionKey);
  if (text === undefined) return null;
  try {
    const description = JSON.parse(text);
    return typeof description === 'object' && description !== null && !Array.isArray(description) ? description : null;
  } catch {
    return null;
  }
}

/** The tensors of a file that Hebb wrote and nobody changed; else null. */
function ownTensors({ graph }: OnnxFile, { network, weightsHash }: ModelDescription): NamedTensor[] | null {
  let resolved: ResolvedNetwork;
  try {
    resolved = resolveNetwork(network);
  } catch (error) {
    if (error instanceof HebbError) return null;
    throw error;
  }
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const tensors: NamedTensor[] = [];
  for (const { tensorName, shape } of resolved.layers.flatMap((layer) => layer.parameters)) {
    const axes = weightAxes(shape.length);
    const initializer = initializers.get(tensorName);
    const dims = axes.map((axis) => shape[axis]!);
    if (!initializer || initializer.dims.join() !== dims.join()) return null;
    const { values } = readTensor(initializer, `the initializer "${tensorName}"`);
    tensors.push({ name: tensorName, shape, values: transpose(floatsOf(values), dims, inverseAxes(axes)) });
  }
  return sha256(encodeSafetensors(tensors)) === weightsHash ? tensors : null;
}

/** Most bytes of the outputs of all layers for one input: a prediction has them all at once. */
const mostActivationBytes = 2 ** 30;

function refuseHuge({ floatsPerSample, layers }: ResolvedNetwork): void {
  if (4 * floatsPerSample <= mostActivationBytes) return;
  const largest = layers.reduce((a, b) => (elementCount(b.outputShape) > elementCount(a.outputShape) ? b : a));
  const message = `the outputs of its layers are ${4 * floatsPerSample} bytes for one input, at most ${mostActivationBytes} are taken: the largest is that of layer '${largest.name}', ${formatShape(largest.outputShape)}`;
  throw new HebbError('invalid-network', message, [{ pointer: `/network/layers/${layers.indexOf(largest)}`, message }]);
}

/** Most tensors that are named where they do not fit. */
const mostFaults = 100;

/**
 * The tensors of a network in layer order.
 * @throws HebbError('invalid-file') with each one that lacks, that nobody takes, that has another shape, or a number that cannot be
 */
function matched(network: ResolvedNetwork, tensors: NamedTensor[]): NamedTensor[] {
  const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const faults: Fault[] = [];
  const fault = (name: string, message: string, more: Partial<Fault> = {}) =>
    faults.push({ pointer: `/weights/${name}`, message, ...more });
  const ordered: NamedTensor[] = [];
  for (const { tensorName, shape, minimum } of network.layers.flatMap((layer) => layer.parameters)) {
    const tensor = given.get(tensorName);
    given.delete(tensorName);
    if (!tensor) {
      fault(tensorName, `the tensor ${tensorName} ${formatShape(shape)} is missing`, { expected: shape });
      continue;
    }
    ordered.push(tensor);
    if (formatShape(tensor.shape) !== formatShape(shape)) {
      fault(tensorName, `the tensor ${tensorName} must be ${formatShape(shape)}, got ${formatShape(tensor.shape)}`, {
        expected: shape,
        received: tensor.shape,
      });
      continue;
    }
    const wrong = tensor.values.findIndex(
      (value) => !Number.isFinite(value) || value < (minimum ?? Number.NEGATIVE_INFINITY),
    );
    if (wrong >= 0) {
      const wanted = minimum === undefined ? 'a finite number' : `a finite number from ${minimum} on`;
      fault(
        tensorName,
        `number ${wrong} of the tensor ${tensorName} is ${tensor.values[wrong]}: ${wanted} was expected`,
      );
    }
  }
  for (const name of given.keys()) fault(name, `the network has no tensor ${name}`);
  if (faults.length === 0) return ordered;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  throw new HebbError('invalid-file', `${faults[0]!.message}${more}`, faults.slice(0, mostFaults));
}
