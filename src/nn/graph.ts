import type { Fault } from '../errors.ts';
import { didYouMean } from '../validate.ts';
import { type LayerConfig, layerName, networkInput, sourcesOf } from './networkConfig.ts';

/** Which layers each layer takes from: by index, −1 for the network's input. */
export type Wiring = number[][];

/**
 * Reads `name` and `from` of all layers.
 * @returns the wiring, and all that is wrong with it: double and unknown names, cycles, layers that nobody takes from
 */
export function wire(layers: LayerConfig[], pointer: string): { wiring: Wiring; faults: Fault[] } {
  const faults = doubleNames(layers, pointer);
  const places = new Map(layers.map((layer, i) => [layerName(layer, i), i]));
  places.set(networkInput, -1);
  const named = layers.map((_, i) => sourcesOf(layers, i));
  const wiring = named.map((sources, i) =>
    sources.map((source) => {
      const place = places.get(source);
      const at = `${pointer}/layers/${i}/from`;
      const who = `${layers[i]!.type} '${layerName(layers[i]!, i)}'`;
      if (place === undefined) {
        const known = [...places.keys()];
        const message = `${who}: no layer is called '${source}'${didYouMean(source, known)}`;
        faults.push({ pointer: at, message, expected: known.slice(0, 20), received: source });
      } else if (place >= i) {
        const path = pathBetween(named, places, place, i);
        const message = path
          ? `${who}: it takes from itself: ${[...path, path[0]!].map((l) => `'${layerName(layers[l]!, l)}'`).join(' → ')}`
          : `${who}: '${source}' stands below; a layer takes from those above it, so move '${source}' up`;
        faults.push({ pointer: at, message, received: source });
      }
      return place ?? -1;
    }),
  );
  if (faults.length === 0) faults.push(...dangling(layers, wiring, pointer));
  return { wiring, faults };
}

function doubleNames(layers: LayerConfig[], pointer: string): Fault[] {
  const seen = new Map<string, number>();
  const faults: Fault[] = [];
  for (const [i, layer] of layers.entries()) {
    const name = layerName(layer, i);
    const before = seen.get(name);
    const fault = (message: string) => faults.push({ pointer: `${pointer}/layers/${i}/name`, message, received: name });
    if (name === networkInput)
      fault(`layer ${i} is called '${networkInput}', which is the network's input: use another name`);
    else if (before !== undefined) fault(`layer ${i} is called '${name}', and so is layer ${before}`);
    seen.set(name, i);
  }
  return faults;
}

/** Layers on a way from one layer to another, in the order of the data; null where there is none. */
function pathBetween(named: string[][], places: Map<string, number>, to: number, from: number): number[] | null {
  const visited = new Set<number>();
  const search = (at: number): number[] | null => {
    if (at === from) return [at];
    if (at < 0 || visited.has(at)) return null;
    visited.add(at);
    for (const source of named[at]!) {
      const way = search(places.get(source) ?? -1);
      if (way) return [...way, at];
    }
    return null;
  };
  return search(to);
}

function dangling(layers: LayerConfig[], wiring: Wiring, pointer: string): Fault[] {
  const taken = new Set(wiring.flat());
  return layers.flatMap((layer, i): Fault[] => {
    if (i === layers.length - 1 || taken.has(i)) return [];
    const name = layerName(layer, i);
    const message = `${layer.type} '${name}': no layer takes its output. A network has one output, that of its last layer: name '${name}' in the "from" of a layer below it, or remove it`;
    return [{ pointer: `${pointer}/layers/${i}`, message }];
  });
}
