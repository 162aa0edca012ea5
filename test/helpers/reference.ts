// An independent oracle: networks in plain loops and double precision, with gradients by central differences. Shares no code
// with the recorder, the native ops or the layers' shape functions.
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';
import { activate, type Batch, layerOutput } from './referenceLayers.ts';

export type Weights = Record<string, number[]>;

/** Outputs of all layers for a batch, row by row, by name of the layer. */
export function forwardAll(
  network: NetworkConfig,
  weights: Weights,
  rows: number[][],
  training = false,
): Map<string, Batch> {
  const outputs = new Map<string, Batch>();
  let before: Batch = { shape: network.input!, rows };
  outputs.set('input', before);
  for (const [i, layer] of network.layers.entries()) {
    const name = layer.name ?? `${layer.type}_${i}`;
    const inputs = layer.from === undefined ? [before] : [layer.from].flat().map((source) => outputs.get(source)!);
    before = layerOutput({ layer, inputs, weight: (key) => weights[`${name}.${key}`], training });
    outputs.set(name, before);
  }
  return outputs;
}

/** The network's outputs for a batch. */
export function forward(network: NetworkConfig, weights: Weights, rows: number[][], training = false): number[][] {
  return [...forwardAll(network, weights, rows, training).values()].at(-1)!.rows;
}

/** Mean loss over rows. Cross-entropies work on logits, or on probabilities where the network ends in their activation. */
export function loss(
  kind: string,
  network: NetworkConfig,
  weights: Weights,
  inputs: number[][],
  targets: number[][],
  training = true,
): number {
  const last = network.layers.at(-1)!.activation;
  let total = 0;
  for (const [r, y] of forward(network, weights, inputs, training).entries()) {
    const t = targets[r]!;
    if (kind === 'meanSquaredError') total += y.reduce((s, v, i) => s + (v - t[i]!) ** 2, 0) / y.length;
    else if (kind === 'halfSquaredError') total += y.reduce((s, v, i) => s + (v - t[i]!) ** 2, 0) / 2;
    else if (kind === 'meanAbsoluteError') total += y.reduce((s, v, i) => s + Math.abs(v - t[i]!), 0) / y.length;
    else if (kind === 'hinge') total += y.reduce((s, v, i) => s + Math.max(0, 1 - v * t[i]!), 0) / y.length;
    else if (kind === 'huber') {
      const huber = (d: number) => (Math.abs(d) <= 1 ? d ** 2 / 2 : Math.abs(d) - 0.5);
      total += y.reduce((s, v, i) => s + huber(v - t[i]!), 0) / y.length;
    } else if (kind === 'softmaxCrossEntropy') {
      const p = last === 'softmax' ? y : activate('softmax', y, y.length);
      total -= p.reduce((s, v, i) => s + (t[i] ? t[i]! * Math.log(v) : 0), 0);
    } else {
      const p = last === 'sigmoid' ? y : activate('sigmoid', y, y.length);
      total -= p.reduce((s, v, i) => s + t[i]! * Math.log(v) + (1 - t[i]!) * Math.log(1 - v), 0) / y.length;
    }
  }
  return total / inputs.length;
}

/** ∂f/∂values by central differences; puts each value back. */
export function differences(values: number[], f: () => number, step = 1e-5): number[] {
  return values.map((value, i) => {
    values[i] = value + step;
    const above = f();
    values[i] = value - step;
    const below = f();
    values[i] = value;
    return (above - below) / (2 * step);
  });
}
