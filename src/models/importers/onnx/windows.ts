// Convolutions and pooling.
import { windowGeometry } from '../../../nn/layers/common.ts';
import { transpose } from '../../onnxTensors.ts';
import type { Conversion, Dynamic } from './conversion.ts';
import { channelsFirst } from './order.ts';
import { framed, innerAxes, type Operator } from './shapes.ts';
import { floatsOf } from './tensors.ts';

interface Window {
  size: number[];
  stride: number[];
  dilation: number[];
  /** Before and after, by dimension. */
  pads: [number, number][];
  /** Of the output, by dimension. */
  outputs: number[];
}

/** Reads the attributes of a window over the dimensions of an image or a sequence. */
function readWindow(c: Conversion, image: number[], size: number[]): Window {
  const ones = image.map(() => 1);
  const stride = c.ints('strides', ones);
  const dilation = c.ints('dilations', ones);
  const pads = c.ints(
    'pads',
    [...ones, ...ones].map(() => 0),
  );
  for (const number of [...size, ...stride, ...dilation]) {
    if (!(Number.isSafeInteger(number) && number > 0 && number <= 4096))
      throw c.wrong(`a size, stride or dilation is ${number}: 1 to 4096 were expected`);
  }
  if (!pads.every((pad) => Number.isSafeInteger(pad) && pad >= 0 && pad <= 65_536))
    throw c.unsuitable(`its pads are (${pads})`);
  const mode = c.text('auto_pad', 'NOTSET');
  const up = c.int('ceil_mode', 0) === 1;
  const window: Window = { size, stride, dilation, pads: [], outputs: [] };
  for (const [d, length] of image.entries()) {
    const reach = (size[d]! - 1) * dilation[d]! + 1;
    let [before, after] = [pads[d]!, pads[d + image.length]!];
    if (mode === 'VALID') [before, after] = [0, 0];
    if (mode.startsWith('SAME')) {
      const total = Math.max((Math.ceil(length / stride[d]!) - 1) * stride[d]! + reach - length, 0);
      const half = Math.floor(total / 2);
      [before, after] = mode === 'SAME_LOWER' ? [total - half, half] : [half, total - half];
    }
    const room = length + before + after - reach;
    if (room < 0) throw c.wrong(`its window of ${reach} does not fit in ${length} with pads of ${before} and ${after}`);
    let count = (up ? Math.ceil(room / stride[d]!) : Math.floor(room / stride[d]!)) + 1;
    // A window that would begin behind the image is left out.
    if (up && (count - 1) * stride[d]! >= length + before) count--;
    window.pads.push([before, after]);
    window.outputs.push(count);
  }
  return window;
}

/** The padding of a Hebb layer that gives these windows; null where there is none. */
function paddingOf({ size, stride, dilation, pads, outputs }: Window, image: number[], key: 'kernel' | 'size') {
  const two = (values: number[], filler: number): [number, number] => [values[0]!, values[1] ?? filler];
  const candidates = ['valid', 'same', pads[0]![0]] as const;
  return candidates.find((padding) => {
    try {
      const sequence = image.length === 1;
      const g = windowGeometry(two(image, 1), {
        key,
        size: two(size, 1),
        stride: two(stride, 1),
        dilation: two(dilation, 1),
        padding,
        sequence,
      });
      const found = [g.pad_top, g.output_height, ...(sequence ? [] : [g.pad_left, g.output_width])];
      return found.join() === image.flatMap((_, d) => [pads[d]![0], outputs[d]!]).join();
    } catch {
      return false;
    }
  });
}

const one = (values: number[]) => (values.length === 1 || values[0] === values[1] ? values[0]! : values);

/** The keys of a layer, as short as they can be. */
const windowKeys = ({ stride, dilation }: Window, padding: unknown) => ({
  ...(stride.some((s) => s !== 1) && { stride: one(stride) }),
  ...(dilation.some((d) => d !== 1) && { dilation: one(dilation) }),
  ...(padding !== 'valid' && { padding }),
});

/** A layer's output with the channels first in the graph. */
const outOf = (made: Dynamic): Dynamic => {
  const rank = made.hebb.length;
  const spatial = made.hebb.slice(0, -1);
  return { ...made, shape: [made.hebb.at(-1)!, ...spatial], axes: [rank - 1, ...spatial.map((_, i) => i)] };
};

function imageOf(c: Conversion, value: Dynamic): { value: Dynamic; image: number[]; channels: number } {
  const rank = value.shape.length;
  if (rank !== 2 && rank !== 3) throw c.unsuitable(`it gets ${rank + 1} dimensions: images have 4, sequences 3`);
  const first = channelsFirst(c, value);
  const [channels, ...image] = first.shape as [number, ...number[]];
  return { value: first, image, channels };
}

function biasOf(c: Conversion, filters: number): { bias: Float32Array } | null {
  if (!c.has(2)) return null;
  const { values } = c.constant(2, 'bias');
  if (values.length !== filters) throw c.wrong(`its bias has ${values.length} numbers for ${filters} filters`);
  return { bias: floatsOf(values) };
}

function convolution(c: Conversion): void {
  const { value, image, channels } = imageOf(c, c.dynamic());
  const { dims, values } = c.constant(1, 'weights');
  const groups = c.int('group', 1);
  const [filters, inputs, ...size] = dims as [number, number, ...number[]];
  if (size.length !== image.length)
    throw c.wrong(`its weights (${dims}) do not go with an input of ${image.length + 2} dimensions`);
  if (inputs * groups !== channels)
    throw c.wrong(`its weights (${dims}) take ${inputs} channels in each of ${groups} groups, it gets ${channels}`);
  if (c.attribute('kernel_shape') && c.ints('kernel_shape', size).join() !== size.join())
    throw c.wrong(`its kernel_shape is not that of its weights (${dims})`);
  const window = readWindow(c, image, size);
  const bias = biasOf(c, filters);
  const floats = floatsOf(values);
  const tensors = { weight: transpose(floats, dims, image.length === 1 ? [2, 1, 0] : [2, 3, 1, 0]), ...bias };
  const padding = paddingOf(window, image, 'kernel');
  // Pads that no padding of Hebb's is: zeros of their own before it.
  const input = padding === undefined ? framed(c, value, [[0, 0], ...window.pads], 'zeroPadding2d') : value;
  const config = {
    type: image.length === 1 ? 'conv1d' : 'conv2d',
    filters,
    kernel: one(size),
    ...windowKeys(window, padding ?? 'valid'),
    ...(groups !== 1 && { groups }),
    ...(!bias && { bias: false }),
  };
  c.set(outOf(c.emit(config, [input], tensors)));
}

function transposedConvolution(c: Conversion): void {
  const { value, image } = imageOf(c, c.dynamic());
  if (image.length !== 2) throw c.unsuitable('it goes over sequences, for which there is no layer');
  const { dims, values } = c.constant(1, 'weights');
  const [channels, filters, ...size] = dims as [number, number, ...number[]];
  if (size.length !== 2 || channels !== value.shape[0])
    throw c.wrong(`its weights (${dims}) do not go with (${value.shape})`);
  if (c.int('group', 1) !== 1 || c.ints('dilations', [1, 1]).some((d) => d !== 1))
    throw c.unsuitable('it has groups or a dilation');
  if (c.attribute('output_shape') || c.text('auto_pad', 'NOTSET') !== 'NOTSET')
    throw c.unsuitable('it gives its output_shape or auto_pad: pads were expected');
  const stride = c.ints('strides', [1, 1]);
  const pads = c.ints('pads', [0, 0, 0, 0]);
  const extra = c.ints('output_padding', [0, 0]);
  const full = image.map((length, d) => (length - 1) * stride[d]! + size[d]!);
  const outputs = full.map((length, d) => length - pads[d]! - pads[d + 2]! + extra[d]!);
  const bias = biasOf(c, filters);
  const weight = transpose(floatsOf(values), dims, [2, 3, 1, 0]);
  const config = {
    type: 'conv2dTranspose',
    filters,
    kernel: one(size),
    ...(!bias && { bias: false }),
    ...(stride.some((s) => s !== 1) && { stride: one(stride) }),
  };
  const cutBefore = [pads[0]!, pads[1]!];
  const isSame = outputs.every((length, d) => {
    const over = full[d]! - image[d]! * stride[d]!;
    return length === image[d]! * stride[d]! && cutBefore[d] === Math.floor(Math.max(over, 0) / 2);
  });
  const even = pads.every((pad) => pad === pads[0]) && extra.every((e) => e === 0);
  const padding = even && pads[0] === 0 ? {} : isSame ? { padding: 'same' } : even ? { padding: pads[0] } : null;
  if (padding) {
    c.set(outOf(c.emit({ ...config, ...padding }, [value], { weight, ...bias })));
    return;
  }
  const after = full.map((length, d) => length - cutBefore[d]! - outputs[d]!);
  if (after.some((cut) => cut < 0)) throw c.unsuitable(`its output_padding of (${extra}) reaches beyond its kernel`);
  const whole = outOf(c.emit(config, [value], { weight, ...bias }));
  c.set(framed(c, whole, [[0, 0], ...cutBefore.map((cut, d): [number, number] => [cut, after[d]!])], 'cropping2d'));
}

const pooling =
  (kind: 'max' | 'average'): Operator =>
  (c) => {
    const { value, image } = imageOf(c, c.dynamic());
    const size = c.ints('kernel_shape', image);
    if (!c.attribute('kernel_shape')) throw c.wrong('it has no kernel_shape');
    const window = readWindow(c, image, size);
    if (window.dilation.some((d) => d !== 1)) throw c.unsuitable('its window has a dilation');
    const counts =
      kind === 'average' && c.int('count_include_pad', 0) === 1 && window.pads.flat().some((pad) => pad > 0);
    if (counts && c.int('ceil_mode', 0) === 1) throw c.unsuitable('it counts padding in windows that reach beyond it');
    const padding = counts ? 'valid' : paddingOf(window, image, 'size');
    if (padding === undefined) throw c.unsuitable(`its pads of (${window.pads.join('; ')}) are no padding of Hebb's`);
    // Zeros that count are a part of the image.
    const input = counts ? framed(c, value, [[0, 0], ...window.pads], 'zeroPadding2d') : value;
    const config = {
      type: `${kind}Pool${image.length}d`,
      size: one(size),
      ...(window.stride.join() !== size.join() && { stride: one(window.stride) }),
      ...(padding !== 'valid' && { padding }),
    };
    c.set(outOf(c.emit(config, [input])));
  };

/** Over all positions of an image or a sequence; the graph keeps their dimensions, of size 1, or not. */
function pooledOver(c: Conversion, kind: 'Max' | 'Average', given: Dynamic, keeps: boolean): Dynamic {
  const { value, image, channels } = imageOf(c, given);
  const flat = image.length === 1 ? c.emit({ type: 'reshape', shape: [1, image[0]!, channels] }, [value]) : value;
  const pooled = c.emit({ type: `global${kind}Pool2d` }, [flat]);
  if (!keeps) return pooled;
  return outOf(c.emit({ type: 'reshape', shape: [...image.map(() => 1), channels] }, [pooled]));
}

const reduction =
  (kind: 'Max' | 'Average'): Operator =>
  (c) => {
    const value = c.dynamic();
    const axes = innerAxes(c, c.list(1, 'axes') ?? value.shape.map((_, i) => i + 1), value).sort((a, b) => a - b);
    if (
      axes.join() !==
      value.shape
        .map((_, i) => i)
        .slice(1)
        .join()
    ) {
      throw c.unsuitable(
        `it reduces dimensions (${axes.map((axis) => axis + 1)}): all positions of an image or a sequence, but not its channels, were expected`,
      );
    }
    c.set(pooledOver(c, kind, value, c.int('keepdims', 1) === 1));
  };

function padding(c: Conversion): void {
  const value = c.dynamic();
  if (c.text('mode', 'constant') !== 'constant')
    throw c.unsuitable(`it pads by "${c.text('mode', '')}": zeros were expected`);
  const filler = c.has(2) ? (c.constant(2, 'value').values[0] ?? 0) : c.float('value', 0);
  if (filler !== 0) throw c.unsuitable(`it pads with ${filler}: zeros were expected`);
  const rank = value.shape.length + 1;
  const given = c.list(1, 'pads') ?? [];
  const axes = c.has(3) ? Array.from(c.constant(3, 'axes').values) : Array.from({ length: rank }, (_, i) => i);
  const sides = value.shape.map((): [number, number] => [0, 0]);
  for (const [i, axis] of axes.entries()) {
    const pads: [number, number] = [given[i] ?? 0, given[i + axes.length] ?? 0];
    if (pads[0] === 0 && pads[1] === 0) continue;
    sides[innerAxes(c, [axis], value)[0]!] = pads;
  }
  const positive = sides.map(([a, b]): [number, number] => [Math.max(a, 0), Math.max(b, 0)]);
  const negative = sides.map(([a, b]): [number, number] => [Math.max(-a, 0), Math.max(-b, 0)]);
  c.set(framed(c, framed(c, value, positive, 'zeroPadding2d'), negative, 'cropping2d'));
}

function resize(c: Conversion): void {
  const { value, image } = imageOf(c, c.dynamic());
  // Version 9 had no region of interest, and called the operator Upsample.
  const scalesAt = c.node.opType === 'Upsample' || c.opset < 11 ? 1 : 2;
  const scales = c.has(scalesAt) ? Array.from(c.constant(scalesAt, 'scales').values) : [];
  const sizes = c.has(3) ? Array.from(c.constant(3, 'sizes').values) : [];
  const factors = scales.length > 0 ? scales.slice(2) : image.map((length, d) => (sizes[d + 2] ?? 0) / length);
  if (c.text('mode', 'nearest') !== 'nearest')
    throw c.unsuitable(`its mode is "${c.text('mode', '')}": nearest was expected`);
  const coordinates = c.text('coordinate_transformation_mode', 'half_pixel');
  const nearest = c.text('nearest_mode', 'round_prefer_floor');
  const isOwn =
    scalesAt === 1 ||
    (coordinates === 'asymmetric' && nearest === 'floor') ||
    (coordinates === 'half_pixel' && nearest.startsWith('round'));
  if (
    image.length !== 2 ||
    !isOwn ||
    factors.length !== 2 ||
    scales[0] !== (scales.length ? 1 : undefined) ||
    scales[1] !== scales[0] ||
    !factors.every((f) => Number.isInteger(f) && f > 0)
  ) {
    throw c.unsuitable(
      `it resizes by (${factors}), ${coordinates}, ${nearest}: whole factors of images, each pixel as often, were expected`,
    );
  }
  const isSame = factors.every((factor) => factor === 1);
  c.set(isSame ? value : outOf(c.emit({ type: 'upSampling2d', size: one(factors) }, [value])));
}

export const windowOperators: Record<string, Operator> = {
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  MaxPool: pooling('max'),
  AveragePool: pooling('average'),
  GlobalMaxPool: (c) => c.set(pooledOver(c, 'Max', c.dynamic(), true)),
  GlobalAveragePool: (c) => c.set(pooledOver(c, 'Average', c.dynamic(), true)),
  ReduceMean: reduction('Average'),
  ReduceMax: reduction('Max'),
  Pad: padding,
  Resize: resize,
  Upsample: resize,
};
