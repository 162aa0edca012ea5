// Augmentation: training samples that are a little different each time. Native ops of the training program alone.
import { type Static, Type } from 'typebox';
import type { Fault } from '../errors.ts';
import { formatShape, type Shape } from '../shape.ts';
import { largestNumber } from './initializers.ts';
import { type LossName, lossOf } from './losses.ts';
import { tagged, taggedUnion } from './tagged.ts';

/** A number for both directions, or [vertical, horizontal]. */
const pairOf = (value: ReturnType<typeof Type.Number> | ReturnType<typeof Type.Integer>, description: string) =>
  Type.Optional(
    Type.Unsafe<number | [number, number]>({
      anyOf: [value, { type: 'array', items: value, minItems: 2, maxItems: 2 }],
      description,
    }),
  );
const share = (description: string) => Type.Optional(Type.Number({ minimum: 0, maximum: 1, description }));
const fill = Type.Optional(
  Type.Number({
    minimum: -largestNumber,
    maximum: largestNumber,
    description: 'What comes in from outside of the image, in the units of the dataset [0].',
  }),
);
const angle = Type.Number({ minimum: -360, maximum: 360 });
const factor = Type.Number({ minimum: 0.01, maximum: 100 });

export const augmentationSchema = taggedUnion([
  tagged('shift', {
    fraction: pairOf(Type.Number({ minimum: 0, maximum: 1 }), 'Of the side: up to so much either way [0.1].'),
    pixels: pairOf(Type.Number({ minimum: 0, maximum: 4096 }), 'Instead of fraction: up to so many either way.'),
    fill,
  }),
  tagged('rotation', {
    degrees: Type.Optional(
      Type.Unsafe<number | [number, number]>({
        anyOf: [
          { ...angle, minimum: 0 },
          { type: 'array', items: angle, minItems: 2, maxItems: 2 },
        ],
        description: 'Up to so many either way, or [from, to], anticlockwise [10].',
      }),
    ),
    fill,
  }),
  tagged('zoom', {
    range: Type.Optional(
      Type.Unsafe<[number, number]>({
        type: 'array',
        items: factor,
        minItems: 2,
        maxItems: 2,
        description: 'Least and most; above 1 enlarges [0.9, 1.1].',
      }),
    ),
    fill,
  }),
  tagged('horizontalFlip', { probability: share('[0.5]') }),
  tagged('verticalFlip', { probability: share('[0.5]') }),
  tagged('randomCrop', {
    padding: pairOf(
      Type.Integer({ minimum: 0, maximum: 4096 }),
      'Pixels around the image, of which a part of its size is cut out: moves it by whole pixels [4].',
    ),
    fill,
  }),
  tagged('cutout', {
    size: pairOf(Type.Integer({ minimum: 1, maximum: 4096 }), 'Pixels of the box; its centre may be any pixel [8].'),
    probability: share('[1]'),
    fill,
  }),
  tagged('contrast', { amount: share('The distance from the mean of the channel times 1 ± up to so much [0.2].') }),
  tagged('brightness', {
    amount: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1e6,
        description: 'Up to so much is added or taken away, in the units of the normalised input [0.2].',
      }),
    ),
  }),
  tagged('noise', {
    stddev: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1e6,
        description: 'Of normal numbers that are added, in the units of the normalised input [0.1].',
      }),
    ),
  }),
  tagged('mixup', {
    alpha: Type.Optional(
      Type.Number({
        minimum: 0.01,
        maximum: 2,
        description: 'Shares of the two samples have the distribution Beta(alpha, alpha) [0.2].',
      }),
    ),
  }),
]);
export const augmentationsSchema = Type.Array(augmentationSchema, {
  maxItems: 11,
  description:
    'What is changed about training samples, drawn anew for each; never in validation, test or prediction. Each type once; the order makes no difference.',
});
export type AugmentationRequest = Static<typeof augmentationSchema>;
export type AugmentationName = AugmentationRequest['type'];

/** Defaults, what it does (for the catalogue), and whether it takes an image. */
export const augmentations = {
  horizontalFlip: { defaults: { probability: 0.5 }, what: 'left and right change places', image: true },
  verticalFlip: { defaults: { probability: 0.5 }, what: 'top and bottom change places', image: true },
  zoom: { defaults: { range: [0.9, 1.1], fill: 0 }, what: 'enlarged around its middle', image: true },
  rotation: { defaults: { degrees: 10, fill: 0 }, what: 'turned around its middle', image: true },
  shift: { defaults: { fraction: 0.1, fill: 0 }, what: 'moved, by parts of pixels too', image: true },
  randomCrop: { defaults: { padding: 4, fill: 0 }, what: 'moved by whole pixels', image: true },
  cutout: {
    defaults: { size: 8, probability: 1, fill: 0 },
    what: 'a box of it covered',
    image: true,
    source: 'DeVries, Taylor, 2017',
  },
  contrast: { defaults: { amount: 0.2 }, what: '(x − mean) · f + mean, by channel', image: true },
  brightness: { defaults: { amount: 0.2 }, what: 'x + d, the same d for all of the image', image: true },
  noise: { defaults: { stddev: 0.1 }, what: 'x + a normal number for each element', image: false },
  mixup: {
    defaults: { alpha: 0.2 },
    what: 's · x + (1 − s) · x of another row of the batch, targets alike',
    image: false,
    source: 'Zhang et al., ICLR 2018',
  },
} as const satisfies Record<AugmentationName, { defaults: object; what: string; image: boolean; source?: string }>;

/** With every default. */
export type AugmentationConfig = AugmentationRequest;

export function completeAugmentation(request: AugmentationRequest): AugmentationConfig {
  const { defaults } = augmentations[request.type];
  const { fraction: _, ...withoutFraction } = defaults as { fraction?: number };
  const base = 'pixels' in request ? withoutFraction : defaults;
  const { type, ...given } = request;
  return { type, ...base, ...given } as AugmentationConfig;
}

type Of<Name extends AugmentationName> = Required<Extract<AugmentationRequest, { type: Name }>>;

/** The one of a type, complete; undefined where there is none. */
function find<Name extends AugmentationName>(all: readonly AugmentationConfig[], name: Name): Of<Name> | undefined {
  return all.find(({ type }) => type === name) as Of<Name> | undefined;
}

const pair = (value: number | [number, number]): [number, number] =>
  typeof value === 'number' ? [value, value] : value;

/** What the images are warped by in one pass; parameters of the op warp2d. */
export function warpOf(all: readonly AugmentationConfig[], [height, width]: Shape): Record<string, number> | null {
  const [shift, rotation, zoom, crop] = [find(all, 'shift'), find(all, 'rotation'), find(all, 'zoom'), find(all, 'randomCrop')]; // biome-ignore format: a table
  const flips = [find(all, 'verticalFlip'), find(all, 'horizontalFlip')].map((flip) => flip?.probability ?? 0);
  if (!shift && !rotation && !zoom && !crop && flips.every((probability) => probability === 0)) return null;
  const [shiftHeight, shiftWidth] = shift ? shiftOf(shift, height!, width!) : [0, 0];
  const degrees = rotation?.degrees ?? 0;
  const [least, most] = typeof degrees === 'number' ? [-degrees, degrees] : degrees;
  const [zoomLeast, zoomMost] = zoom?.range ?? [1, 1];
  const [cropHeight, cropWidth] = pair(crop?.padding ?? 0);
  return {
    flip_vertical: flips[0]!,
    flip_horizontal: flips[1]!,
    zoom_least: zoomLeast,
    zoom_most: zoomMost,
    turns_least: least / 360,
    turns_most: most / 360,
    shift_height: shiftHeight,
    shift_width: shiftWidth,
    crop_height: cropHeight,
    crop_width: cropWidth,
    fill: (shift ?? rotation ?? zoom ?? crop)?.fill ?? 0,
  };
}

function shiftOf({ pixels, fraction }: Of<'shift'>, height: number, width: number): [number, number] {
  if (pixels !== undefined) return pair(pixels);
  const [vertical, horizontal] = pair(fraction);
  return [vertical * height, horizontal * width];
}

/** Parameters of the op cutout2d. */
export function cutoutOf(all: readonly AugmentationConfig[]): Record<string, number> | null {
  const cutout = find(all, 'cutout');
  if (!cutout) return null;
  const [height, width] = pair(cutout.size);
  return { box_height: height, box_width: width, probability: cutout.probability, fill: cutout.fill };
}

/** Parameters of the op jitter. */
export function jitterOf(all: readonly AugmentationConfig[]): Record<string, number> | null {
  const [contrast, brightness] = [find(all, 'contrast')?.amount ?? 0, find(all, 'brightness')?.amount ?? 0];
  return contrast === 0 && brightness === 0 ? null : { contrast, brightness };
}

/** Standard deviation of the noise [0]. */
export const noiseOf = (all: readonly AugmentationConfig[]): number => find(all, 'noise')?.stddev ?? 0;

/** null: samples are not mixed. */
export const mixupOf = (all: readonly AugmentationConfig[]): number | null => find(all, 'mixup')?.alpha ?? null;

/** What is wrong with augmentations, complete, for inputs of this shape. */
export function augmentationFaults(
  all: readonly AugmentationConfig[],
  { shape, loss, embeds }: { shape: Shape | null; loss: LossName; embeds: boolean },
): Fault[] {
  const faults: Fault[] = [];
  const first = new Map<string, number>();
  let fillOf: { fill: number; type: string } | null = null;
  for (const [i, config] of all.entries()) {
    const { type } = config;
    const pointer = `/training/augmentation/${i}`;
    const fault = (message: string, key = '', expected?: unknown, received?: unknown) =>
      faults.push({ pointer: `${pointer}${key}`, message, expected, received });
    const before = first.get(type);
    if (before !== undefined)
      fault(`${type} stands there already, as number ${before}: each type is taken once`, '/type');
    first.set(type, before ?? i);
    if (config.type === 'shift' && config.pixels !== undefined && config.fraction !== undefined) {
      fault('pixels and fraction are two ways to say how far: give one of them', '/fraction');
    }
    const range =
      config.type === 'zoom' ? config.range : config.type === 'rotation' && Array.isArray(config.degrees) ? config.degrees : null; // biome-ignore format: one choice
    if (range && range[0]! > range[1]!) {
      fault(`the range must go from its least to its most, got ${range.join(' to ')}`, config.type === 'zoom' ? '/range' : '/degrees'); // biome-ignore format: one call
    }
    // All but cutout are one map of the plane.
    if ('fill' in config && type !== 'cutout') {
      const value = config.fill ?? 0;
      if (fillOf && fillOf.fill !== value) {
        fault(`what moves an image is done at once, with one fill: ${fillOf.type} has ${fillOf.fill}, ${type} ${value}`, '/fill', fillOf.fill, value); // biome-ignore format: one call
      }
      fillOf ??= { fill: value, type };
    }
    if (augmentations[type].image && shape && shape.length !== 3) {
      fault(`${type} takes images (height, width, channels), the inputs are ${formatShape(shape)}`, '/type', 'rank 3', shape); // biome-ignore format: one call
    }
    if (embeds && !augmentations[type].image) {
      fault(`${type} is for quantities, the first layer takes indices`, '/type');
    }
    if (type === 'mixup' && !mixes(loss)) {
      const takers = 'softmaxCrossEntropy, binaryCrossEntropy, squared and absolute errors and huber';
      fault(`${loss} knows no targets between two classes, which mixup makes: ${takers} do`, '/type', undefined, loss);
    }
  }
  return faults;
}

/** Whether a loss takes targets that are mixtures. */
function mixes(loss: LossName): boolean {
  return loss !== 'perceptron' && lossOf(loss).classTargets === '0/1';
}
