// What each kind of layer computes, in plain loops and double precision, over a whole batch.
import type { LayerConfig } from '../../src/nn/networkConfig.ts';
import { asImage, asSequence, convolve, convolveTransposed, pairOf, pick, pool, windowOf } from './referenceWindows.ts';

export interface Batch {
  shape: number[];
  rows: number[][];
}

interface Call {
  layer: LayerConfig;
  inputs: Batch[];
  /** The layer's parameter of this name, if it has one. */
  weight: (name: string) => number[] | undefined;
  training: boolean;
}

const count = (shape: number[]) => shape.reduce((product, size) => product * size, 1);
const map = ({ shape, rows }: Batch, f: (value: number, index: number) => number): Batch => ({
  shape,
  rows: rows.map((row) => row.map(f)),
});

/** The error function: 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1 · 3 · … · (2n+1)), whose terms have one sign. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** @param slope of leakyRelu, or alpha of elu */
export function activate(name: string | undefined, values: number[], channels: number, slope?: number): number[] {
  const each: Record<string, (z: number) => number> = {
    relu: (z) => Math.max(0, z),
    leakyRelu: (z) => (z < 0 ? (slope ?? 0.01) * z : z),
    sigmoid: (z) => 1 / (1 + Math.exp(-z)),
    tanh: Math.tanh,
    step: (z) => (z > 0 ? 1 : 0),
    elu: (z) => (z > 0 ? z : (slope ?? 1) * Math.expm1(z)),
    selu: (z) => 1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * Math.expm1(z)),
    softplus: (z) => Math.log1p(Math.exp(z)),
    hardSigmoid: (z) => Math.min(1, Math.max(0, z / 6 + 0.5)),
    gelu: (z) => (z * (1 + erf(z / Math.SQRT2))) / 2,
    silu: (z) => z / (1 + Math.exp(-z)),
    linear: (z) => z,
  };
  if (name !== 'softmax') return values.map(each[name ?? 'linear']!);
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

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
function variance(values: number[]): number {
  const middle = mean(values);
  return mean(values.map((v) => (v - middle) ** 2));
}

const unchanged = ({ inputs: [x] }: Call): Batch => x!;

/** Before the activation; by type of layer. Noise and dropout as in prediction. */
const kinds: Record<string, (call: Call) => Batch> = {
  activation: unchanged,
  dropout: unchanged,
  spatialDropout: unchanged,
  gaussianNoise: unchanged,
  flatten: ({ inputs: [x] }) => ({ shape: [count(x!.shape)], rows: x!.rows }),
  reshape({ layer, inputs: [x] }) {
    const shape = layer.shape as number[];
    const left = count(x!.shape) / Math.abs(count(shape));
    return { shape: shape.map((size) => (size === -1 ? left : size)), rows: x!.rows };
  },
  rescaling: ({ layer: { scale = 1, offset = 0 }, inputs: [x] }) => map(x!, (v) => v * Number(scale) + Number(offset)),

  dense({ layer, inputs: [x], weight }) {
    const units = Number(layer.units);
    const [w, b] = [weight('weight')!, weight('bias')];
    const unit = (row: number[], j: number) => row.reduce((sum, v, i) => sum + v * w[i * units + j]!, b?.[j] ?? 0);
    return { shape: [units], rows: x!.rows.map((row) => Array.from({ length: units }, (_, j) => unit(row, j))) };
  },
  conv1d({ layer, inputs: [x], weight }) {
    const window = windowOf(layer, layer.kernel, 1, true);
    const [w, b] = [weight('weight')!, weight('bias')];
    return asSequence(convolve(asImage(x!), window, Number(layer.filters), Number(layer.groups ?? 1), w, b));
  },
  conv2d({ layer, inputs: [x], weight }) {
    const window = windowOf(layer, layer.kernel, 1);
    return convolve(x!, window, Number(layer.filters), Number(layer.groups ?? 1), weight('weight')!, weight('bias'));
  },
  depthwiseConv2d({ layer, inputs: [x], weight }) {
    const channels = x!.shape[2]!;
    const filters = channels * Number(layer.multiplier ?? 1);
    return convolve(x!, windowOf(layer, layer.kernel, 1), filters, channels, weight('weight')!, weight('bias'));
  },
  separableConv2d({ layer, inputs: [x], weight }) {
    const channels = x!.shape[2]!;
    const between = channels * Number(layer.multiplier ?? 1);
    const first = convolve(x!, windowOf(layer, layer.kernel, 1), between, channels, weight('depthwise')!);
    // A product of each pixel's channels with a matrix.
    const [w, b] = [weight('pointwise')!, weight('bias')];
    const filters = Number(layer.filters);
    const rows = first.rows.map((row) => {
      const out: number[] = [];
      for (let p = 0; p < row.length; p += between) {
        for (let f = 0; f < filters; f++) {
          let sum = b?.[f] ?? 0;
          for (let c = 0; c < between; c++) sum += row[p + c]! * w[c * filters + f]!;
          out.push(sum);
        }
      }
      return out;
    });
    return { shape: [...first.shape.slice(0, 2), filters], rows };
  },
  conv2dTranspose: ({ layer, inputs: [x], weight }) => convolveTransposed(x!, layer, weight('weight')!, weight('bias')),

  maxPool1d: ({ layer, inputs: [x] }) =>
    asSequence(pool(asImage(x!), windowOf(layer, layer.size, layer.size ?? 2, true), 'max')),
  averagePool1d: ({ layer, inputs: [x] }) =>
    asSequence(pool(asImage(x!), windowOf(layer, layer.size, layer.size ?? 2, true), 'average')),
  maxPool2d: ({ layer, inputs: [x] }) => pool(x!, windowOf(layer, layer.size, layer.size ?? 2), 'max'),
  averagePool2d: ({ layer, inputs: [x] }) => pool(x!, windowOf(layer, layer.size, layer.size ?? 2), 'average'),
  globalMaxPool2d: ({ layer, inputs: [x] }) => ({
    ...pool(x!, windowOf(layer, x!.shape.slice(0, 2), 1), 'max'),
    shape: [x!.shape[2]!],
  }),
  globalAveragePool2d: ({ layer, inputs: [x] }) => ({
    ...pool(x!, windowOf(layer, x!.shape.slice(0, 2), 1), 'average'),
    shape: [x!.shape[2]!],
  }),
  upSampling2d({ layer, inputs: [x] }) {
    const [fy, fx] = pairOf(layer.size, 2);
    return pick(x!, x!.shape[0]! * fy, x!.shape[1]! * fx, (y, xx) => [Math.floor(y / fy), Math.floor(xx / fx)]);
  },
  zeroPadding2d({ layer: { padding = 1 }, inputs: [x] }) {
    const [a, b, c, d] = [padding].flat() as number[];
    const [top, bottom, left, right] = d !== undefined ? [a!, b!, c!, d] : [a!, a!, b ?? a!, b ?? a!];
    return pick(x!, x!.shape[0]! + top + bottom, x!.shape[1]! + left + right, (y, xx) => [y - top, xx - left]);
  },
  cropping2d({ layer: { cropping = 1 }, inputs: [x] }) {
    const [a, b, c, d] = [cropping].flat() as number[];
    const [top, bottom, left, right] = d !== undefined ? [a!, b!, c!, d] : [a!, a!, b ?? a!, b ?? a!];
    return pick(x!, x!.shape[0]! - top - bottom, x!.shape[1]! - left - right, (y, xx) => [y + top, xx + left]);
  },

  // In training by the statistics of the batch, otherwise by the moving ones.
  batchNorm({ layer, inputs: [x], weight, training }) {
    const channels = x!.shape.at(-1)!;
    const epsilon = Number(layer.epsilon ?? 1e-5);
    const ofChannel = Array.from({ length: channels }, (_, c) => {
      const values = x!.rows.flatMap((row) => row.filter((_, i) => i % channels === c));
      return training
        ? { mean: mean(values), variance: variance(values) }
        : { mean: weight('mean')![c]!, variance: weight('variance')![c]! };
    });
    return map(x!, (v, i) => {
      const c = i % channels;
      const normal = (v - ofChannel[c]!.mean) / Math.sqrt(ofChannel[c]!.variance + epsilon);
      return normal * (weight('gamma')?.[c] ?? 1) + (weight('beta')?.[c] ?? 0);
    });
  },
  layerNorm({ layer, inputs: [x], weight }) {
    const channels = x!.shape.at(-1)!;
    const normalised = (row: number[]) =>
      row.map((v, i) => {
        const c = i % channels;
        const own = row.slice(i - c, i - c + channels);
        const normal = (v - mean(own)) / Math.sqrt(variance(own) + Number(layer.epsilon ?? 1e-5));
        return normal * (weight('gamma')?.[c] ?? 1) + (weight('beta')?.[c] ?? 0);
      });
    return { shape: x!.shape, rows: x!.rows.map(normalised) };
  },
  prelu({ inputs: [x], weight }) {
    const channels = x!.shape.at(-1)!;
    return map(x!, (v, i) => (v > 0 ? v : v * weight('slope')![i % channels]!));
  },
  embedding({ layer, inputs: [x], weight }) {
    const units = Number(layer.units);
    const nearest = (index: number) => Math.min(Math.max(Math.round(index), 0), Number(layer.vocabulary) - 1);
    const vector = (index: number) => weight('weight')!.slice(nearest(index) * units, (nearest(index) + 1) * units);
    return { shape: [x!.shape[0]!, units], rows: x!.rows.map((row) => row.flatMap(vector)) };
  },

  add: ({ inputs }) => merge(inputs, (values) => values.reduce((a, b) => a + b)),
  multiply: ({ inputs }) => merge(inputs, (values) => values.reduce((a, b) => a * b)),
  concatenate({ inputs }) {
    const widths = inputs.map(({ shape }) => shape.at(-1)!);
    const positions = count(inputs[0]!.shape) / widths[0]!;
    const rows = inputs[0]!.rows.map((_, r) =>
      Array.from({ length: positions }, (_, p) =>
        inputs.flatMap(({ rows }, k) => rows[r]!.slice(p * widths[k]!, (p + 1) * widths[k]!)),
      ).flat(),
    );
    return { shape: [...inputs[0]!.shape.slice(0, -1), widths.reduce((a, b) => a + b)], rows };
  },
};

function merge(inputs: Batch[], f: (values: number[]) => number): Batch {
  const { shape, rows } = inputs[0]!;
  return { shape, rows: rows.map((row, r) => row.map((_, i) => f(inputs.map((input) => input.rows[r]![i]!)))) };
}

/** The output of one layer. */
export function layerOutput(call: Call): Batch {
  const { activation, slope, alpha } = call.layer;
  const { shape, rows } = kinds[call.layer.type]!(call);
  const channels = shape.at(-1)!;
  const own = (slope ?? alpha) as number | undefined;
  return { shape, rows: rows.map((row) => activate(activation, row, channels, own)) };
}
