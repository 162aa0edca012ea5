// Normalisation: x · scale + offset, per feature, per channel or the same for all; what of it is worked out on the training rows.
import { Type } from 'typebox';
import type { Fault } from '../errors.ts';
import { columnMoments, type Moments, type Source } from '../native.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';
import { largestNumber } from './initializers.ts';
import { tagged, taggedUnion } from './tagged.ts';

/** Most inputs with numbers of their own: a model is answered with all of them. */
export const mostScales = 4096;

export const pers = ['feature', 'channel', 'whole'] as const;
export type Per = (typeof pers)[number];

const factor = Type.Number({ exclusiveMinimum: 0, maximum: largestNumber });
const numbers = (description: string) =>
  Type.Array(Type.Number({ minimum: -largestNumber, maximum: largestNumber }), {
    minItems: 1,
    maxItems: mostScales,
    description,
  });
const ofEach = 'one for all, for each channel or for each feature.';
const given = { scale: numbers(`a: ${ofEach}`), offset: numbers(`b: ${ofEach}`) };
const per = Type.Optional(
  Type.Enum([...pers], {
    description: 'What has numbers of its own [images: channel; otherwise feature].',
  }),
);
const affine = tagged('affine', given);

/** As a job asks for it. */
export const normalizationSchema = taggedUnion([
  tagged('none', {}),
  tagged('scale', { factor: Type.Optional(factor) }),
  affine,
  tagged('minmax', { per }),
  tagged('standard', { per }),
]);
export type NormalizationConfig =
  | { type: 'none' }
  | { type: 'scale'; factor: number }
  | { type: 'affine'; scale: number[]; offset: number[] }
  | { type: 'minmax' | 'standard'; per: Per };

const worked = { per: Type.Enum([...pers]), ...given };
/** As a model has it. */
export const modelNormalizationSchema = taggedUnion([
  tagged('none', {}),
  tagged('scale', { factor }),
  affine,
  tagged('minmax', worked),
  tagged('standard', worked),
]);
/** A normalisation with its numbers. */
export type Normalization =
  | { type: 'none' }
  | { type: 'scale'; factor: number }
  | { type: 'affine'; scale: number[]; offset: number[] }
  | { type: 'minmax' | 'standard'; per: Per; scale: number[]; offset: number[] };

/** For the catalogue: what becomes of x, and what of a feature that never changes. */
export const normalizations: Record<NormalizationConfig['type'], { formula: string; note: string; source?: string }> = {
  none: { formula: 'x', note: 'default of float32 datasets' },
  scale: { formula: 'x · factor', note: 'factor [1/255]; default of uint8 datasets' },
  affine: {
    formula: 'x · scale + offset',
    note: '**scale**, **offset**: lists of one number, or one a channel or feature',
  },
  minmax: {
    formula: '(x − min) / (max − min)',
    note: 'per [images: channel; otherwise feature]; where max = min, x − min',
    source: 'as scikit-learn’s MinMaxScaler',
  },
  standard: {
    formula: '(x − mean) / σ, σ² = Σ (x − mean)² / n',
    note: 'per [images: channel; otherwise feature]; where x never changes, x − mean',
    source: 'as scikit-learn’s StandardScaler',
  },
};

/**
 * The a and b of x · a + b: one number each, or one for each channel, or for each feature; element e takes number e modulo their
 * length (channels are last).
 */
export function affineOf(normalization: Normalization): { scale: readonly number[]; offset: readonly number[] } {
  switch (normalization.type) {
    case 'none':
      return { scale: [1], offset: [0] };
    case 'scale':
      return { scale: [normalization.factor], offset: [0] };
    default:
      return normalization;
  }
}

/** The normalisation where a request tells all of it; null where it is to be worked out. */
export function knownNormalization(config: NormalizationConfig): Normalization | null {
  switch (config.type) {
    case 'minmax':
    case 'standard':
      return null;
    default:
      return config as Normalization;
  }
}

/** Stands for one that is not worked out yet, where only its size counts. */
export function likeNormalization(config: NormalizationConfig, shape: Shape): Normalization {
  const known = knownNormalization(config);
  if (known) return known;
  const numbers = new Array<number>(groupsOf((config as { per: Per }).per, shape)).fill(0.5);
  return { ...(config as { type: 'minmax'; per: Per }), scale: numbers, offset: numbers };
}

/** The shape that says what inputs are: the dataset's, or, where that is a plain row, the network's view of it. */
export function layoutOf(data: Shape | undefined, network: Shape): Shape {
  return data && (data.length > 1 || network.length < 2) ? data : network;
}

function groupsOf(per: Per, shape: Shape): number {
  return per === 'whole' ? 1 : per === 'channel' ? shape.at(-1)! : elementCount(shape);
}

/** What is wrong between a normalisation and inputs of this shape. */
export function normalizationFaults(config: NormalizationConfig, shape: Shape): Fault[] {
  const pointer = '/training/normalization';
  if (config.type === 'affine') {
    const allowed = [...new Set([1, ...(shape.length > 1 ? [shape.at(-1)!] : []), elementCount(shape)])];
    const { scale, offset } = config;
    if (allowed.includes(scale.length) && offset.length === scale.length) return [];
    const message = `scale and offset must have ${allowed.join(' or ')} numbers, both the same, for inputs of ${formatShape(shape)}; got ${scale.length} and ${offset.length}`;
    return [{ pointer, message, expected: allowed, received: [scale.length, offset.length] }];
  }
  if (config.type !== 'minmax' && config.type !== 'standard') return [];
  if (config.per === 'channel' && shape.length < 2) {
    const message = `inputs of ${formatShape(shape)} have no channels: normalise per "feature", or the "whole"`;
    return [{ pointer: `${pointer}/per`, message, expected: ['feature', 'whole'], received: 'channel' }];
  }
  const groups = groupsOf(config.per, shape);
  if (groups <= mostScales) return [];
  const message = `at most ${mostScales} features have numbers of their own, inputs of ${formatShape(shape)} have ${groups}: normalise the "whole"${shape.length > 1 ? ', or per "channel"' : ''}`;
  return [{ pointer: `${pointer}/per`, message, expected: mostScales, received: groups }];
}

/** Whether numbers that were worked out elsewhere are those of inputs of this shape, too. */
export function fitsLayout(normalization: Normalization, shape: Shape): boolean {
  if (!('offset' in normalization)) return true;
  const { scale, offset } = normalization;
  return normalizationFaults({ type: 'affine', scale, offset }, shape).length === 0;
}

/**
 * Works out the numbers of a normalisation on rows of a source: those that are trained with. In double, and the same for any number of
 * threads; kept with the nine digits that a float32 has.
 * @param shape of the inputs, channels last
 * @param keep features that stay as they are, where each has numbers of its own: categories and truth values, 0 or 1
 */
export async function workOut(
  config: NormalizationConfig,
  source: Source,
  rows: Uint32Array,
  { shape, keep = [], threads }: { shape: Shape; keep?: readonly number[]; threads: number },
): Promise<Normalization> {
  const known = knownNormalization(config);
  if (known) return known;
  const { type, per } = config as { type: 'minmax' | 'standard'; per: Per };
  // In the order of the file.
  const moments = await columnMoments(source, rows.slice().sort(), threads);
  const groups = groupsOf(per, shape);
  const kept = new Set(per === 'feature' ? keep : []);
  const pairs = Array.from({ length: groups }, (_, group) =>
    kept.has(group) ? { scale: 1, offset: 0 } : pairOf(type, merged(moments, group, groups)),
  );
  return { type, per, scale: pairs.map(({ scale }) => scale), offset: pairs.map(({ offset }) => offset) };
}

interface Range {
  min: number;
  max: number;
  mean: number;
  deviation: number;
}

/** Of the columns group, group + groups and so on together, which all have as many rows. */
function merged(moments: Moments, group: number, groups: number): Range {
  let [count, min, max, sum] = [0, Infinity, -Infinity, 0];
  for (let e = group; e < moments.mean.length; e += groups) {
    min = Math.min(min, moments.min[e]!);
    max = Math.max(max, moments.max[e]!);
    sum += moments.mean[e]!;
    count++;
  }
  const mean = sum / count;
  let squares = 0;
  for (let e = group; e < moments.mean.length; e += groups) {
    squares += moments.deviation[e]! ** 2 + (moments.mean[e]! - mean) ** 2;
  }
  return { min, max, mean, deviation: Math.sqrt(squares / count) };
}

function pairOf(type: 'minmax' | 'standard', { min, max, mean, deviation }: Range): { scale: number; offset: number } {
  const [origin, extent] = type === 'minmax' ? [min, max - min] : [mean, deviation];
  const scale = nineDigits(1 / extent);
  // What never changes, or by less than a float32 can divide by, becomes 0.
  if (min === max || !Number.isFinite(scale)) return { scale: 1, offset: nineDigits(0 - min) };
  return { scale, offset: nineDigits(0 - origin / extent) };
}

/** The float32 nearest to x, in as many digits as tell it from all others. */
function nineDigits(x: number): number {
  return Number(Math.fround(x).toPrecision(9));
}
