import type { Fault } from '../errors.ts';
import { didYouMean } from '../validate.ts';
import { type LayerConfig, layerName, networkInput } from './networkConfig.ts';

/** Which layers each layer takes from: by index, −1 for the network's input; null where that is at fault. */
export type Wiring = (number[] | null)[];

/** How messages call a layer: conv2d 'c1'. */
export const nameInMessage = (layer: LayerConfig, index: number): string =>
  `${layer.type} '${layerName(layer, index)}'`;

/** Connections of a network: planning it takes time for each. Names that are compared with all others. */
const mostConnections = 4000;
const mostSuggestions = 10;

/**
 * Reads `name` and `from` of all layers.
 * @returns the wiring, and all that is wrong with it: double and unknown names, cycles, layers that nobody takes from
 */
export function wire(layers: LayerConfig[], pointer: string): { wiring: Wiring; faults: Fault[] } {
  const connections = layers.reduce((sum, { from }) => sum + [from].flat().length, 0);
  if (connections > mostConnections) {
    const message = `its layers take from ${connections} others in all: at most ${mostConnections}`;
    return {
      wiring: [],
      faults: [{ pointer: `${pointer}/layers`, message, expected: mostConnections, received: connections }],
    };
  }
  const faults = doubleNames(layers, pointer);
  const places = placesOf(layers);
  /** Before any check: undefined for a name that nobody bears. */
  const sources = layers.map(({ from }, i) =>
    from === undefined ? [i - 1] : [from].flat().map((name) => places.get(name)),
  );
  const wiring = sources.map((own, i): number[] | null => {
    const before = faults.length;
    for (const [k, place] of own.entries()) {
      if (place !== undefined && place < i) continue;
      const { from } = layers[i]!;
      const name = [from].flat()[k]!;
      const at = `${pointer}/layers/${i}/from${Array.isArray(from) ? `/${k}` : ''}`;
      if (place === undefined) {
        const known = [...places.keys()];
        const message = `no layer is called '${name}'${faults.length < mostSuggestions ? didYouMean(name, known) : ''}`;
        faults.push({
          pointer: at,
          message: `${nameInMessage(layers[i]!, i)}: ${message}`,
          expected: known.slice(0, 20),
          received: name,
        });
        continue;
      }
      const path = pathBetween(sources, place, i);
      const message = path
        ? `it takes from itself: ${[...path, path[0]!].map((l) => `'${layerName(layers[l]!, l)}'`).join(' → ')}`
        : `'${name}' stands below; a layer takes from those above it, so move '${name}' up`;
      faults.push({ pointer: at, message: `${nameInMessage(layers[i]!, i)}: ${message}`, received: name });
    }
    return faults.length > before ? null : (own as number[]);
  });
  // A name that is wrong leaves the layer that was meant without a taker: that would be told twice.
  if (faults.length === 0) faults.push(...dangling(layers, wiring, pointer));
  return { wiring, faults };
}

/** Index of each name; of a name that several bear, that of the first. */
function placesOf(layers: LayerConfig[]): Map<string, number> {
  const places = new Map([[networkInput, -1]]);
  for (const [i, layer] of layers.entries()) {
    const name = layerName(layer, i);
    if (!places.has(name)) places.set(name, i);
  }
  return places;
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
    else if (before !== undefined)
      fault(`layer ${i} is called '${name}', and so is layer ${before}: use another name for one of them`);
    else seen.set(name, i);
  }
  return faults;
}

/** Layers on a way from one layer to another, in the order of the data; null where there is none. */
function pathBetween(sources: (number | undefined)[][], to: number, from: number): number[] | null {
  const visited = new Set<number>();
  const search = (at: number): number[] | null => {
    if (at === from) return [at];
    if (at < 0 || visited.has(at)) return null;
    visited.add(at);
    for (const source of sources[at]!) {
      const way = source === undefined ? null : search(source);
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
    const message = `${nameInMessage(layer, i)}: no layer takes its output. A network has one output, that of its last layer: name '${layerName(layer, i)}' in the "from" of a layer below it, or remove it`;
    return [{ pointer: `${pointer}/layers/${i}`, message }];
  });
}
