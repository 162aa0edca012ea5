// Windows that slide over images: convolutions, pooling, and what else picks pixels by their places. In plain loops and
// double precision.
import type { LayerConfig } from '../../src/nn/networkConfig.ts';
import type { Batch } from './referenceLayers.ts';

export const pairOf = (value: unknown, fallback: number): [number, number] =>
  Array.isArray(value) ? (value as [number, number]) : [Number(value ?? fallback), Number(value ?? fallback)];

/** Output size and zeros before the image, along one side. */
function windows(size: number, kernel: number, stride: number, padding: unknown): [number, number] {
  if (padding === 'same') {
    const out = Math.ceil(size / stride);
    return [out, Math.floor(Math.max((out - 1) * stride + kernel - size, 0) / 2)];
  }
  const pad = padding === undefined || padding === 'valid' ? 0 : Number(padding);
  return [Math.floor((size + 2 * pad - kernel) / stride) + 1, pad];
}

interface Window {
  kernel: [number, number];
  stride: [number, number];
  dilation: [number, number];
  padding: [unknown, unknown];
}

/** What a layer says of its windows; those of a sequence are one column wide. */
export function windowOf(layer: LayerConfig, size: unknown, strideFallback: unknown, flat = false): Window {
  const along = (value: unknown, fallback: number): [number, number] =>
    flat ? [Number(value ?? fallback), 1] : pairOf(value, fallback);
  return {
    kernel: along(size, 2),
    stride: along(layer.stride ?? strideFallback, 1),
    dilation: along(layer.dilation, 1),
    padding: [layer.padding, flat ? 'valid' : layer.padding],
  };
}

/** For each window of an image: f(its pixels within the image, with their places in the kernel), which gives all channels. */
function slide(
  { shape, rows }: Batch,
  { kernel, stride, dilation, padding }: Window,
  channels: number,
  f: (pixels: { x: number[]; ky: number; kx: number }[]) => number[],
): Batch {
  const [height, width, depth] = shape as [number, number, number];
  const [oh, top] = windows(height, (kernel[0] - 1) * dilation[0] + 1, stride[0], padding[0]);
  const [ow, left] = windows(width, (kernel[1] - 1) * dilation[1] + 1, stride[1], padding[1]);
  const image = (row: number[]): number[] => {
    const values: number[] = [];
    for (let oy = 0; oy < oh; oy++) {
      for (let ox = 0; ox < ow; ox++) {
        const pixels = [];
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const [y, x] = [oy * stride[0] + ky * dilation[0] - top, ox * stride[1] + kx * dilation[1] - left];
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            const at = (y * width + x) * depth;
            pixels.push({ x: row.slice(at, at + depth), ky, kx });
          }
        }
        values.push(...f(pixels));
      }
    }
    return values;
  };
  return { shape: [oh, ow, channels], rows: rows.map(image) };
}

export function convolve(x: Batch, window: Window, filters: number, groups: number, w: number[], b?: number[]): Batch {
  const own = x.shape[2]! / groups;
  return slide(x, window, filters, (pixels) =>
    Array.from({ length: filters }, (_, f) => {
      const first = Math.floor((f * groups) / filters) * own;
      let sum = b?.[f] ?? 0;
      for (const { x: values, ky, kx } of pixels) {
        for (let c = 0; c < own; c++) {
          sum += values[first + c]! * w[((ky * window.kernel[1] + kx) * own + c) * filters + f]!;
        }
      }
      return sum;
    }),
  );
}

export function pool(x: Batch, window: Window, kind: string): Batch {
  return slide(x, window, x.shape[2]!, (pixels) =>
    pixels[0]!.x.map((_, c) => {
      const values = pixels.map((pixel) => pixel.x[c]!);
      return kind === 'max' ? Math.max(...values) : values.reduce((a, v) => a + v, 0) / values.length;
    }),
  );
}

export const asImage = ({ shape: [length, channels], rows }: Batch): Batch => ({
  shape: [length!, 1, channels!],
  rows,
});
export const asSequence = ({ shape: [length, , channels], rows }: Batch): Batch => ({
  shape: [length!, channels!],
  rows,
});

/** Every input pixel spreads the kernel over the output. */
export function convolveTransposed(x: Batch, layer: LayerConfig, w: number[], b?: number[]): Batch {
  const [height, width, channels] = x.shape as [number, number, number];
  const [kh, kw] = pairOf(layer.kernel, 1);
  const [sh, sw] = pairOf(layer.stride, 1);
  const filters = Number(layer.filters);
  const side = (size: number, kernel: number, stride: number): [number, number] => {
    const full = (size - 1) * stride + kernel;
    if (layer.padding === 'same') return [size * stride, Math.floor(Math.max(full - size * stride, 0) / 2)];
    const cut = typeof layer.padding === 'number' ? layer.padding : 0;
    return [full - 2 * cut, cut];
  };
  const [oh, top] = side(height, kh, sh);
  const [ow, left] = side(width, kw, sw);
  const rows = x.rows.map((row) => {
    const out = Array.from({ length: oh * ow * filters }, (_, i) => b?.[i % filters] ?? 0);
    for (let i = 0; i < row.length; i++) {
      const [c, column, line] = [i % channels, Math.floor(i / channels) % width, Math.floor(i / channels / width)];
      for (let k = 0; k < kh * kw * filters; k++) {
        const [f, kx, ky] = [k % filters, Math.floor(k / filters) % kw, Math.floor(k / filters / kw)];
        const [y, xx] = [line * sh + ky - top, column * sw + kx - left];
        if (y < 0 || y >= oh || xx < 0 || xx >= ow) continue;
        out[(y * ow + xx) * filters + f]! += row[i]! * w[k * channels + c]!;
      }
    }
    return out;
  });
  return { shape: [oh, ow, filters], rows };
}

/** Picks pixels of an image by their places in the output; null: zero. */
export function pick(
  { shape, rows }: Batch,
  height: number,
  width: number,
  from: (y: number, x: number) => number[],
): Batch {
  const [oldHeight, oldWidth, channels] = shape as [number, number, number];
  const image = (row: number[]) => {
    const values: number[] = [];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [fy, fx] = from(y, x) as [number, number];
        const inside = fy >= 0 && fy < oldHeight && fx >= 0 && fx < oldWidth;
        for (let c = 0; c < channels; c++) values.push(inside ? row[(fy * oldWidth + fx) * channels + c]! : 0);
      }
    }
    return values;
  };
  return { shape: [height, width, channels], rows: rows.map(image) };
}
