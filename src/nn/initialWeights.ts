import { HebbError } from '../errors.ts';
import { formatShape } from '../shape.ts';
import type { PlacedParameter, ResolvedNetwork } from './resolve.ts';
import type { NamedTensor } from './weights.ts';

/** Which tensors a network takes from another one, by name. */
export interface WeightMatch {
  /** Agree in name and shape: these are taken. */
  loaded: string[];
  /** Of the network, without a counterpart: these start as they would without the other. */
  missing: string[];
  /** Of the other network, not taken. */
  unused: string[];
}

/**
 * Compares the tensors of a network with those of another one. What a layer's own `weights` say goes before both.
 * @throws HebbError('invalid-training') where nothing agrees; the fault stands at `pointer`
 */
export function matchWeights(network: ResolvedNetwork, other: ResolvedNetwork, pointer: string): WeightMatch {
  const tensorsOf = ({ layers }: ResolvedNetwork) => layers.flatMap((layer) => layer.parameters);
  const others = new Map(tensorsOf(other).map((tensor) => [tensor.tensorName, tensor]));
  const [own, found] = [tensorsOf(network), tensorsOf(other)];
  const given = new Set(
    network.layers.flatMap(({ config, parameters }) =>
      parameters.filter(({ name }) => config.weights?.[name] !== undefined).map(({ tensorName }) => tensorName),
    ),
  );
  const agrees = ({ tensorName, shape }: PlacedParameter) => {
    const twin = others.get(tensorName);
    return twin !== undefined && formatShape(twin.shape) === formatShape(shape) && !given.has(tensorName);
  };
  const loaded = own.filter(agrees).map(({ tensorName }) => tensorName);
  if (loaded.length === 0) {
    const list = (tensors: PlacedParameter[]) =>
      tensors
        .slice(0, 6)
        .map(({ tensorName, shape }) => `${tensorName} ${formatShape(shape)}`)
        .join(', ') || 'none';
    const message = `no weights of the model fit the network: names and shapes must agree. The network has ${list(own)}; the model has ${list(found)}: give its layers the names of the model's`;
    throw new HebbError('invalid-training', message, [{ pointer, message }]);
  }
  const taken = new Set(loaded);
  const rest = (tensors: PlacedParameter[]) =>
    tensors.map(({ tensorName }) => tensorName).filter((name) => !taken.has(name));
  return { loaded, missing: rest(own), unused: rest(found) };
}

/**
 * Copies the named tensors into a network's own.
 * @throws HebbError('invalid-file') where one is not there or has another shape
 */
export function takeWeights(own: NamedTensor[], given: NamedTensor[], names: readonly string[]): void {
  const sources = new Map(given.map((tensor) => [tensor.name, tensor]));
  const targets = new Map(own.map((tensor) => [tensor.name, tensor]));
  for (const name of names) {
    const [source, target] = [sources.get(name), targets.get(name)];
    if (!source || !target || formatShape(source.shape) !== formatShape(target.shape)) {
      throw new HebbError('invalid-file', `the initial weights have no tensor ${name} that fits the network`);
    }
    target.values.set(source.values);
  }
}
