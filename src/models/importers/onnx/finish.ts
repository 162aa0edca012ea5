// The layers that came of a graph, without those that only turn shapes to and fro, as a network.
import type { LayerConfig, NetworkConfig } from '../../../nn/networkConfig.ts';
import { layerName, networkInput } from '../../../nn/networkConfig.ts';
import type { Shape } from '../../../shape.ts';
import type { EmittedLayer } from './conversion.ts';

const onlyShapes = ({ config }: EmittedLayer) =>
  (config.type === 'reshape' || config.type === 'flatten') && config.activation === undefined;

/**
 * @param output the layer that gives the output, −1 for the input
 * @returns the network, and its tensors by layer and parameter
 */
export function finish(
  layers: EmittedLayer[],
  inputShape: Shape,
  output: number,
): { network: NetworkConfig & { input: number[] }; tensors: Map<string, Float32Array> } {
  /** What stands in the place of a layer's output. */
  const instead = new Map<number, number>();
  const source = (layer: number): number => (instead.has(layer) ? source(instead.get(layer)!) : layer);
  const shapeOf = (layer: number) => (layer < 0 ? inputShape : layers[layer]!.outputShape);
  for (const [i, layer] of layers.entries()) {
    layer.inputs = layer.inputs.map(source);
    if (!onlyShapes(layer)) continue;
    // A shape of a shape is the last one alone.
    for (let [before] = layer.inputs; before! >= 0 && onlyShapes(layers[before!]!); [before] = layer.inputs) {
      layer.inputs = layers[before!]!.inputs;
    }
    if (shapeOf(layer.inputs[0]!).join() === layer.outputShape.join()) instead.set(i, layer.inputs[0]!);
  }
  const last = source(output);
  const needed = new Set<number>();
  const visit = [last];
  for (let layer = visit.pop(); layer !== undefined; layer = visit.pop()) {
    if (layer < 0 || needed.has(layer)) continue;
    needed.add(layer);
    visit.push(...layers[layer]!.inputs);
  }
  const kept = layers.map((_, i) => i).filter((i) => needed.has(i));
  // A network has a layer, even where the graph only hands on its input.
  if (kept.length === 0) {
    return {
      network: { input: inputShape, layers: [{ type: 'activation', activation: 'linear' }] },
      tensors: new Map(),
    };
  }
  const places = new Map(kept.map((layer, place) => [layer, place]));
  const nameOf = (layer: number) => (layer < 0 ? networkInput : layerName(layers[layer]!.config, places.get(layer)!));
  const tensors = new Map<string, Float32Array>();
  const configs = kept.map((index, place): LayerConfig => {
    const { config, inputs, tensors: own } = layers[index]!;
    for (const [parameter, values] of Object.entries(own))
      tensors.set(`${layerName(config, place)}.${parameter}`, values);
    const before = place === 0 ? -1 : kept[place - 1];
    if (inputs.length === 1 && inputs[0] === before) return config;
    const names = inputs.map(nameOf);
    return { ...config, from: names.length === 1 ? names[0]! : names };
  });
  return { network: { input: inputShape, layers: configs }, tensors };
}
