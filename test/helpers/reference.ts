// An independent oracle: networks in plain loops and double precision, with gradients by central differences. Shares no code
// with the recorder, the native ops or the layers' shape functions.
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';

export type Weights = Record<string, number[]>;

interface Volume {
  shape: number[];
  values: number[];
}

const pairOf = (value: unknown, fallback: number): [number, number] =>
  Array.isArray(value) ? (value as [number, number]) : [Number(value ?? fallback), Number(value ?? fallback)];

export function activate(name: string | undefined, values: number[], channels: number, slope = 0.01): number[] {
  switch (name) {
    case 'relu':
      return values.map((z) => Math.max(0, z));
    case 'leakyRelu':
      return values.map((z) => (z < 0 ? slope * z : z));
    case 'sigmoid':
      return values.map((z) => 1 / (1 + Math.exp(-z)));
    case 'tanh':
      return values.map(Math.tanh);
    case 'step':
      return values.map((z) => (z > 0 ? 1 : 0));
    case 'softmax': {
      const out: number[] = [];
      for (let i = 0; i < values.length; i += channels) {
        const row = values.slice(i, i + channels);
        const max = Math.max(...row);
        const exps = row.map((z) => Math.exp(z - max));
        const sum = exps.reduce((a, b) => a + b, 0);
        out.push(...exps.map((e) => e / sum));
      }
      return out;
    }
    default:
      return values;
  }
}

/** Output size and zeros before the image, along one side. */
function windows(size: number, kernel: number, stride: number, padding: unknown): [number, number] {
  if (padding === 'same') {
    const out = Math.ceil(size / stride);
    return [out, Math.floor(Math.max((out - 1) * stride + kernel - size, 0) / 2)];
  }
  const pad = padding === undefined || padding === 'valid' ? 0 : Number(padding);
  return [Math.floor((size + 2 * pad - kernel) / stride) + 1, pad];
}

function layerOutput(layer: NetworkConfig['layers'][number], name: string, x: Volume, weights: Weights): Volume {
  const w = weights[`${name}.weight`] ?? [];
  const b = weights[`${name}.bias`];
  if (layer.type === 'flatten') return { shape: [x.values.length], values: x.values };
  if (layer.type === 'dropout') return x;
  if (layer.type === 'activation') {
    return {
      shape: x.shape,
      values: activate(layer.activation, x.values, x.shape.at(-1)!, layer.slope as number | undefined),
    };
  }
  if (layer.type === 'dense') {
    const units = Number(layer.units);
    const z = Array.from({ length: units }, (_, j) =>
      x.values.reduce((sum, v, i) => sum + v * w[i * units + j]!, b?.[j] ?? 0),
    );
    return { shape: [units], values: activate(layer.activation, z, units) };
  }
  const [height, width, channels] = x.shape as [number, number, number];
  const convolution = layer.type === 'conv2d';
  const [kh, kw] = convolution ? pairOf(layer.kernel, 1) : pairOf(layer.size, 2);
  const [sh, sw] =
    pairOf(layer.stride, 1) && layer.stride !== undefined ? pairOf(layer.stride, 1) : convolution ? [1, 1] : [kh, kw];
  const [dh, dw] = pairOf(layer.dilation, 1);
  const [oh, top] = windows(height, (kh - 1) * dh + 1, sh, layer.padding);
  const [ow, left] = windows(width, (kw - 1) * dw + 1, sw, layer.padding);
  const groups = Number(layer.groups ?? 1);
  const [own, each] = [channels / groups, Number(layer.filters) / groups];
  const filters = convolution ? Number(layer.filters) : channels;
  const values: number[] = [];
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      for (let f = 0; f < filters; f++) {
        let result = convolution ? (b?.[f] ?? 0) : -Infinity;
        for (let ky = 0; ky < kh; ky++) {
          for (let kx = 0; kx < kw; kx++) {
            const [y, xx] = [oy * sh + ky * dh - top, ox * sw + kx * dw - left];
            if (y < 0 || y >= height || xx < 0 || xx >= width) continue;
            if (!convolution) {
              result = Math.max(result, x.values[(y * width + xx) * channels + f]!);
              continue;
            }
            const first = Math.floor(f / each) * own;
            for (let c = 0; c < own; c++) {
              const value = x.values[(y * width + xx) * channels + first + c]!;
              result += value * w[((ky * kw + kx) * own + c) * filters + f]!;
            }
          }
        }
        values.push(result);
      }
    }
  }
  return { shape: [oh, ow, filters], values: convolution ? activate(layer.activation, values, filters) : values };
}

/** Outputs of all layers for one sample. */
export function forward(network: NetworkConfig, weights: Weights, input: number[]): number[][] {
  let x: Volume = { shape: network.input!, values: input };
  return network.layers.map((layer, i) => {
    x = layerOutput(layer, layer.name ?? `${layer.type}_${i}`, x, weights);
    return x.values;
  });
}

/** Mean loss over rows. Cross-entropies work on logits, or on probabilities where the network ends in their activation. */
export function loss(
  kind: string,
  network: NetworkConfig,
  weights: Weights,
  inputs: number[][],
  targets: number[][],
): number {
  const last = network.layers.at(-1)!.activation;
  let total = 0;
  for (const [r, input] of inputs.entries()) {
    const y = forward(network, weights, input).at(-1)!;
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
