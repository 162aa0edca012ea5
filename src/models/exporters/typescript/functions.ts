// The text of what a TypeScript export computes with: plain loops over one sample, sums in double. Each takes what the ones that it
// names in `needs` give.

interface Piece {
  needs: readonly string[];
  text: string;
}

const piece = (text: string, ...needs: string[]): Piece => ({ needs, text: text.trim() });

export const pieces: Record<string, Piece> = {
  Window: piece(`
/** A window that is moved over an image: sizes of the input, the output, the window, and how it moves. */
interface Window {
  height: number; width: number; channels: number;
  outputHeight: number; outputWidth: number;
  sizeHeight: number; sizeWidth: number;
  strideHeight: number; strideWidth: number;
  top: number; left: number;
}`),
  dense: piece(`
/** y = xW + b; w (inputs, units). */
function dense(x: Float32Array, units: number, w: Float32Array, b?: Float32Array): Float32Array {
  const sums = new Float64Array(units);
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    for (let u = 0; u < units; u++) sums[u]! += value * w[i * units + u]!;
  }
  return Float32Array.from(sums, (sum, u) => sum + (b ? b[u]! : 0));
}`),
  convolve: piece(
    `
/** Cross-correlation with zeros around the image; w (height, width, channels / groups, filters). */
function convolve(
  x: Float32Array,
  g: Window & { filters: number; groups: number; dilationHeight: number; dilationWidth: number },
  w: Float32Array,
  b?: Float32Array,
): Float32Array {
  const y = new Float32Array(g.outputHeight * g.outputWidth * g.filters);
  const inputs = g.channels / g.groups;
  const outputs = g.filters / g.groups;
  const sums = new Float64Array(g.filters);
  for (let i = 0; i < g.outputHeight; i++) {
    for (let j = 0; j < g.outputWidth; j++) {
      for (let f = 0; f < g.filters; f++) sums[f] = b ? b[f]! : 0;
      for (let k = 0; k < g.sizeHeight; k++) {
        const row = i * g.strideHeight + k * g.dilationHeight - g.top;
        if (row < 0 || row >= g.height) continue;
        for (let l = 0; l < g.sizeWidth; l++) {
          const column = j * g.strideWidth + l * g.dilationWidth - g.left;
          if (column < 0 || column >= g.width) continue;
          for (let c = 0; c < g.channels; c++) {
            const value = x[(row * g.width + column) * g.channels + c]!;
            const group = Math.floor(c / inputs);
            const from = ((k * g.sizeWidth + l) * inputs + (c % inputs)) * g.filters;
            for (let f = group * outputs; f < (group + 1) * outputs; f++) sums[f]! += value * w[from + f]!;
          }
        }
      }
      y.set(sums, (i * g.outputWidth + j) * g.filters);
    }
  }
  return y;
}`,
    'Window',
  ),
  convolveTransposed: piece(
    `
/** Every pixel spreads the kernel over the output; w (height, width, filters, channels). */
function convolveTransposed(x: Float32Array, g: Window & { filters: number }, w: Float32Array, b?: Float32Array): Float32Array {
  const y = new Float64Array(g.outputHeight * g.outputWidth * g.filters);
  for (let at = 0; at < y.length; at++) y[at] = b ? b[at % g.filters]! : 0;
  for (let i = 0; i < g.height; i++) {
    for (let j = 0; j < g.width; j++) {
      for (let k = 0; k < g.sizeHeight; k++) {
        const row = i * g.strideHeight + k - g.top;
        if (row < 0 || row >= g.outputHeight) continue;
        for (let l = 0; l < g.sizeWidth; l++) {
          const column = j * g.strideWidth + l - g.left;
          if (column < 0 || column >= g.outputWidth) continue;
          for (let f = 0; f < g.filters; f++) {
            let sum = 0;
            for (let c = 0; c < g.channels; c++) {
              sum += x[(i * g.width + j) * g.channels + c]! * w[((k * g.sizeWidth + l) * g.filters + f) * g.channels + c]!;
            }
            y[(row * g.outputWidth + column) * g.filters + f]! += sum;
          }
        }
      }
    }
  }
  return Float32Array.from(y);
}`,
    'Window',
  ),
  pool: piece(
    `
/** The largest value or the mean of each window, of its part within the image. */
function pool(x: Float32Array, kind: 'max' | 'average', g: Window): Float32Array {
  const y = new Float32Array(g.outputHeight * g.outputWidth * g.channels);
  for (let i = 0; i < g.outputHeight; i++) {
    for (let j = 0; j < g.outputWidth; j++) {
      const [fromRow, fromColumn] = [i * g.strideHeight - g.top, j * g.strideWidth - g.left];
      for (let c = 0; c < g.channels; c++) {
        let [largest, sum, count] = [Number.NEGATIVE_INFINITY, 0, 0];
        for (let row = Math.max(fromRow, 0); row < Math.min(fromRow + g.sizeHeight, g.height); row++) {
          for (let column = Math.max(fromColumn, 0); column < Math.min(fromColumn + g.sizeWidth, g.width); column++) {
            const value = x[(row * g.width + column) * g.channels + c]!;
            if (value > largest) largest = value;
            sum += value;
            count++;
          }
        }
        y[(i * g.outputWidth + j) * g.channels + c] = kind === 'max' ? largest : sum / count;
      }
    }
  }
  return y;
}`,
    'Window',
  ),
  moved: piece(`
/** An image of another size: each of its pixels is that which \`from\` says, or zero. */
function moved(
  x: Float32Array,
  [height, width, channels]: readonly [number, number, number],
  [outputHeight, outputWidth]: readonly [number, number],
  from: (row: number, column: number) => readonly [number, number],
): Float32Array {
  const y = new Float32Array(outputHeight * outputWidth * channels);
  for (let i = 0; i < outputHeight; i++) {
    for (let j = 0; j < outputWidth; j++) {
      const [row, column] = from(i, j);
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      const at = (row * width + column) * channels;
      y.set(x.subarray(at, at + channels), (i * outputWidth + j) * channels);
    }
  }
  return y;
}`),
  batchNorm: piece(`
/** Each channel by its own mean and variance. */
function batchNorm(
  x: Float32Array,
  epsilon: number,
  mean: Float32Array,
  variance: Float32Array,
  gamma?: Float32Array,
  beta?: Float32Array,
): Float32Array {
  const channels = mean.length;
  return x.map((value, i) => {
    const c = i % channels;
    return ((value - mean[c]!) / Math.sqrt(variance[c]! + epsilon)) * (gamma ? gamma[c]! : 1) + (beta ? beta[c]! : 0);
  });
}`),
  layerNorm: piece(`
/** Each position by the mean and variance of its channels. */
function layerNorm(x: Float32Array, channels: number, epsilon: number, gamma?: Float32Array, beta?: Float32Array): Float32Array {
  const y = new Float32Array(x.length);
  for (let from = 0; from < x.length; from += channels) {
    let mean = 0;
    for (let c = 0; c < channels; c++) mean += x[from + c]! / channels;
    let variance = 0;
    for (let c = 0; c < channels; c++) variance += (x[from + c]! - mean) ** 2 / channels;
    const scale = 1 / Math.sqrt(variance + epsilon);
    for (let c = 0; c < channels; c++) {
      y[from + c] = (x[from + c]! - mean) * scale * (gamma ? gamma[c]! : 1) + (beta ? beta[c]! : 0);
    }
  }
  return y;
}`),
  concatenate: piece(`
/** Side by side along the channels. */
function concatenate(parts: readonly Float32Array[], channels: readonly number[]): Float32Array {
  const all = channels.reduce((a, b) => a + b, 0);
  const positions = parts[0]!.length / channels[0]!;
  const y = new Float32Array(positions * all);
  let offset = 0;
  for (const [k, part] of parts.entries()) {
    const own = channels[k]!;
    for (let p = 0; p < positions; p++) y.set(part.subarray(p * own, (p + 1) * own), p * all + offset);
    offset += own;
  }
  return y;
}`),
  embedding: piece(`
/** A row of the table for each index; what lies outside takes the nearest. */
function embedding(x: Float32Array, units: number, w: Float32Array): Float32Array {
  const last = w.length / units - 1;
  const y = new Float32Array(x.length * units);
  for (let i = 0; i < x.length; i++) {
    const row = Math.min(Math.max(Math.floor(x[i]! + 0.5), 0), last);
    y.set(w.subarray(row * units, (row + 1) * units), i * units);
  }
  return y;
}`),
  softmax: piece(`
function softmax(x: Float32Array, channels: number): Float32Array {
  const y = new Float32Array(x.length);
  for (let from = 0; from < x.length; from += channels) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < channels; c++) largest = Math.max(largest, x[from + c]!);
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += Math.exp(x[from + c]! - largest);
    for (let c = 0; c < channels; c++) y[from + c] = Math.exp(x[from + c]! - largest) / sum;
  }
  return y;
}`),
  relu: piece('const relu = (z: number): number => Math.max(z, 0);'),
  leakyRelu: piece('const leakyRelu = (slope: number) => (z: number): number => (z >= 0 ? z : slope * z);'),
  sigmoid: piece('const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));'),
  tanh: piece('const tanh = (z: number): number => Math.tanh(z);'),
  step: piece('const step = (z: number): number => (z > 0 ? 1 : 0);'),
  elu: piece('const elu = (alpha: number) => (z: number): number => (z > 0 ? z : alpha * Math.expm1(z));'),
  selu: piece(
    'const selu = (z: number): number => 1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * Math.expm1(z));',
  ),
  softplus: piece('const softplus = (z: number): number => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));'),
  hardSigmoid: piece('const hardSigmoid = (z: number): number => Math.min(Math.max(z / 6 + 0.5, 0), 1);'),
  silu: piece('const silu = (z: number): number => z / (1 + Math.exp(-z));'),
  gelu: piece(`
/** Abramowitz, Stegun, formula 7.1.26: off by 1.5e-7 at most. */
function erf(z: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(z));
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(z) * (1 - sum * Math.exp(-z * z));
}
const gelu = (z: number): number => 0.5 * z * (1 + erf(z / Math.SQRT2));`),
};

/** The text of these and of what they need. */
export function functionsOf(names: Iterable<string>): string {
  const wanted = new Set(names);
  for (const name of wanted) for (const other of pieces[name]!.needs) wanted.add(other);
  return Object.keys(pieces)
    .filter((name) => wanted.has(name))
    .map((name) => pieces[name]!.text)
    .join('\n\n');
}
