// How samples come into a program: gathered, in training changed a little, normalised.
import type { Shape } from '../shape.ts';
import { type AugmentationConfig, cutoutOf, jitterOf, mixupOf, noiseOf, warpOf } from './augmentation.ts';
import { affineOf, type Normalization } from './normalization.ts';
import { normalQuantiles } from './normalQuantiles.ts';
import type { Recorder, Tensor } from './recorder.ts';
import type { TrainingConfig } from './trainingConfig.ts';

/** What training samples go through, and the shape that says what they are. */
export interface Augmenting {
  list: readonly AugmentationConfig[];
  shape: Shape;
}

/** @param shape as layoutOf has it; undefined where nothing is changed */
export function augmentingOf(
  { augmentation }: Pick<TrainingConfig, 'augmentation'>,
  shape: Shape,
): Augmenting | undefined {
  return augmentation && { list: augmentation, shape };
}

/** a and b of each element, as constants of a program. */
function constants(rec: Recorder, normalization: Normalization, elements: number) {
  const { scale, offset } = affineOf(normalization);
  const each = (numbers: readonly number[]) =>
    rec.constant(Float32Array.from({ length: elements }, (_, e) => numbers[e % numbers.length]!));
  return { scale: each(scale), offset: each(offset) };
}

/** x · a + b, over x where `y` is left out; x itself where that changes nothing. */
export function recordNormalization(
  rec: Recorder,
  normalization: Normalization,
  elements: number,
  x: Tensor,
  y?: Tensor,
) {
  const { scale, offset } = affineOf(normalization);
  if (scale.length > 1) {
    const to = y ?? rec.perRow(elements);
    rec.op('affine_each', { elements }, { x, ...constants(rec, normalization, elements), y: to });
    return to;
  }
  if (scale[0] === 1 && offset[0] === 0) return x;
  const to = y ?? rec.perRow(elements);
  rec.op('affine', { elements, scale: scale[0]!, offset: offset[0]! }, { x, y: to });
  return to;
}

function recordGather(rec: Recorder, normalization: Normalization, elements: number): Tensor {
  const y = rec.perRow(elements);
  const { scale, offset } = affineOf(normalization);
  if (scale.length > 1) {
    rec.op('gather_affine', { slot: 0, elements }, { ...constants(rec, normalization, elements), y });
  } else {
    rec.op('gather', { slot: 0, elements, scale: scale[0]!, offset: offset[0]! }, { y });
  }
  return y;
}

/**
 * The batch of slot 0, normalised: (rows, elements). What moves and covers images is done to raw values, so that what comes in from
 * outside of them is the background; what changes values, to normalised ones.
 */
export function recordInputs(
  rec: Recorder,
  elements: number,
  normalization: Normalization,
  augmenting?: Augmenting,
): Tensor {
  const list = augmenting?.list ?? [];
  const [warp, cutout, jitter, stddev] = [warpOf(list, augmenting?.shape ?? []), cutoutOf(list), jitterOf(list), noiseOf(list)]; // biome-ignore format: a table
  const [height, width, channels] = (augmenting?.shape ?? []) as [number, number, number];
  let x: Tensor;
  if (warp || cutout) {
    x = recordGather(rec, { type: 'none' }, elements);
    if (warp) {
      const warped = rec.perRow(elements);
      rec.op('warp2d', { height, width, channels, ...warp }, { x, y: warped });
      x = warped;
    }
    if (cutout) rec.op('cutout2d', { height, width, channels, ...cutout }, { x, y: x });
    recordNormalization(rec, normalization, elements, x, x);
  } else {
    x = recordGather(rec, normalization, elements);
  }
  if (jitter) rec.op('jitter', { positions: height * width, channels, ...jitter }, { x, y: x });
  if (stddev > 0) {
    rec.op('noise', { elements, deviation: stddev }, { x, quantiles: rec.constant(normalQuantiles()), y: x });
  }
  return recordMixup(rec, elements, x, augmenting);
}

/** Rows of inputs, targets or weights mixed, by the same shares; the tensor itself where nothing is. */
export function recordMixup(rec: Recorder, elements: number, x: Tensor, augmenting?: Augmenting): Tensor {
  const alpha = mixupOf(augmenting?.list ?? []);
  if (alpha === null) return x;
  const y = rec.perRow(elements);
  rec.op('mixup', { elements, alpha }, { x, y });
  return y;
}
