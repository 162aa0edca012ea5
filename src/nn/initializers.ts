import { Type } from 'typebox';
import { HebbError } from '../errors.ts';
import { purpose, randomBits } from '../native.ts';
import { elementCount, formatShape, type Shape } from '../shape.ts';

/** Settings end up as float32; larger ones would become infinite there. */
export const largestNumber = 3e38;
/** Largest seed: all random numbers are keyed by 32 bits of it. */
export const maxSeed = 2 ** 32 - 1;

/** An initialiser with its settings; those that it does not take are refused. */
export interface InitializerObject {
  type: InitializerName;
  mean?: number;
  stddev?: number;
  min?: number;
  max?: number;
  value?: number;
  gain?: number;
  /** In the place of the job's seed, which these values then do not follow. */
  seed?: number;
}
export type InitializerConfig = InitializerName | InitializerObject;

/** What a tensor is to be filled for. */
interface Target {
  shape: Shape;
  /** Elements that feed one output, and that one input feeds. */
  fanIn: number;
  fanOut: number;
}
type Key = Parameters<typeof randomBits>[0];
type Values = Float32Array | Float64Array;

interface Initializer {
  /** For the catalogue; with the defaults of its settings in brackets. */
  formula: string;
  source?: string;
  /** The settings that it takes besides `seed`. */
  keys?: (keyof InitializerObject)[];
  fill(values: Float32Array, key: Key, target: Target, config: Partial<InitializerObject>): void;
}

const glorot = 'Glorot, Bengio, AISTATS 2010, eq. 16';
const he = 'He et al., ICCV 2015, section 2.2';
const lecun = 'LeCun et al., "Efficient BackProp", 1998, section 4.6';

/** Every initialiser there is. Normal ones are not truncated, as in PyTorch; Keras truncates glorotNormal, heNormal and lecunNormal. */
export const initializers = {
  glorotUniform: {
    formula: 'U(−l, l), l = √(6 / (fanIn + fanOut))',
    source: glorot,
    fill: (values, key, { fanIn, fanOut }) => fillWithin(values, key, Math.sqrt(6 / (fanIn + fanOut))),
  },
  glorotNormal: {
    formula: 'N(0, 2 / (fanIn + fanOut))',
    source: 'Glorot, Bengio, AISTATS 2010, eq. 12',
    fill: (values, key, { fanIn, fanOut }) => fillNormal(values, key, 0, Math.sqrt(2 / (fanIn + fanOut))),
  },
  heUniform: {
    formula: 'U(−l, l), l = √(6 / fanIn)',
    source: he,
    fill: (values, key, { fanIn }) => fillWithin(values, key, Math.sqrt(6 / fanIn)),
  },
  heNormal: {
    formula: 'N(0, 2 / fanIn)',
    source: he,
    fill: (values, key, { fanIn }) => fillNormal(values, key, 0, Math.sqrt(2 / fanIn)),
  },
  lecunUniform: {
    formula: 'U(−l, l), l = √(3 / fanIn)',
    source: lecun,
    fill: (values, key, { fanIn }) => fillWithin(values, key, Math.sqrt(3 / fanIn)),
  },
  lecunNormal: {
    formula: 'N(0, 1 / fanIn)',
    source: lecun,
    fill: (values, key, { fanIn }) => fillNormal(values, key, 0, Math.sqrt(1 / fanIn)),
  },
  normal: {
    formula: 'N(mean [0], stddev² [1])',
    keys: ['mean', 'stddev'],
    fill: (values, key, _target, { mean = 0, stddev = 1 }) => fillNormal(values, key, mean, stddev),
  },
  truncatedNormal: {
    formula: 'N(mean [0], stddev² [1]), drawn again beyond two deviations; that leaves a deviation of 0.8796 stddev',
    keys: ['mean', 'stddev'],
    fill: (values, key, _target, { mean = 0, stddev = 1 }) => fillTruncated(values, key, mean, stddev),
  },
  uniform: {
    formula: 'U(min [−0.05], max [0.05])',
    keys: ['min', 'max'],
    fill: (values, key, _target, { min = -0.05, max = 0.05 }) => fillUniform(values, key, min, max),
  },
  orthogonal: {
    formula:
      'gain [1] · Q of A = QR with A(elements of a unit, units) normal and the diagonal of R positive; of Aᵀ where there are more units',
    source: 'Saxe, McClelland, Ganguli, ICLR 2014; Mezzadri, Notices of the AMS 54, 2007',
    keys: ['gain'],
    fill: (values, key, { shape }, { gain = 1 }) => fillOrthogonal(values, key, shape.at(-1)!, gain),
  },
  zeros: { formula: '0', fill: (values) => void values.fill(0) },
  ones: { formula: '1', fill: (values) => void values.fill(1) },
  constant: {
    formula: 'value [0]',
    keys: ['value'],
    fill: (values, _key, _target, { value = 0 }) => void values.fill(value),
  },
} as const satisfies Record<string, Initializer>;
export type InitializerName = keyof typeof initializers;
export const initializerNames = Object.keys(initializers) as InitializerName[];

const factsOf = (name: InitializerName): Initializer => initializers[name];

const number = Type.Optional(Type.Number({ minimum: -largestNumber, maximum: largestNumber }));

/** A name, or {type, mean, stddev, min, max, value, gain, seed}. */
export const initializerSchema = Type.Union([
  Type.Enum([...initializerNames]),
  Type.Object(
    {
      type: Type.Enum([...initializerNames]),
      mean: number,
      stddev: Type.Optional(Type.Number({ minimum: 0, maximum: largestNumber })),
      min: number,
      max: number,
      value: number,
      gain: Type.Optional(Type.Number({ minimum: -1e6, maximum: 1e6 })),
      seed: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: maxSeed,
          description: 'Of these values alone: they are the same whatever the job’s seed.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
]);

/** Gram and Schmidt's multiplications that an orthogonal matrix may take: some seconds. */
const mostOrthogonalWork = 2 ** 32;

/**
 * What is wrong with an initialiser beyond its schema, with the key at fault if one is; null: nothing.
 * @param shape of a tensor that it is to fill
 */
export function initializerFault(config: InitializerConfig, shape?: Shape): { message: string; key?: string } | null {
  const { type, ...settings }: InitializerObject = typeof config === 'string' ? { type: config } : config;
  const known = ['seed', ...(factsOf(type).keys ?? [])];
  const foreign = Object.keys(settings).find((key) => !known.includes(key));
  if (foreign) return { message: `the initialiser ${type} takes ${known.join(', ')}, but no ${foreign}`, key: foreign };
  const { min = -0.05, max = 0.05 } = settings;
  if (type === 'uniform' && min > max) {
    return {
      message: `the initialiser uniform goes from min ${min} to max ${max}: min must not be larger`,
      key: 'min',
    };
  }
  if (type !== 'orthogonal' || !shape) return null;
  const units = shape.at(-1)!;
  const work = elementCount(shape) * Math.min(units, elementCount(shape) / units);
  if (work <= mostOrthogonalWork) return null;
  return { message: `an orthogonal matrix of ${formatShape(shape)} takes too long to work out: use glorotNormal` };
}

/**
 * Fills a tensor with its starting values.
 * @param tensor number of the tensor within the network: each has its own stream of random numbers
 * @throws HebbError('invalid-network') where initializerFault finds one
 */
export function initialize(
  values: Float32Array,
  initializer: InitializerConfig,
  target: Target,
  { seed, tensor }: { seed: number; tensor: number },
): void {
  const fault = initializerFault(initializer, target.shape);
  if (fault) throw new HebbError('invalid-network', fault.message);
  const config: InitializerObject = typeof initializer === 'string' ? { type: initializer } : initializer;
  const key = { seed: config.seed ?? seed, purpose: purpose.initialize, epoch: tensor };
  factsOf(config.type).fill(values, key, target, config);
}

function fillUniform(values: Values, key: Key, min: number, max: number): void {
  const bits = randomBits(key, 0, values.length);
  for (let i = 0; i < values.length; i++) values[i] = min + (max - min) * ((bits[i]! + 0.5) / 2 ** 32);
}

const fillWithin = (values: Values, key: Key, limit: number) => fillUniform(values, key, -limit, limit);

/** Box and Muller's transformation: two normal numbers from two uniform ones. */
function fillNormal(values: Values, key: Key, mean: number, stddev: number): void {
  const bits = randomBits(key, 0, values.length + (values.length % 2));
  for (let i = 0; i < values.length; i += 2) {
    const radius = stddev * Math.sqrt(-2 * Math.log((bits[i]! + 0.5) / 2 ** 32));
    const angle = 2 * Math.PI * ((bits[i + 1]! + 0.5) / 2 ** 32);
    values[i] = mean + radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = mean + radius * Math.sin(angle);
  }
}

/** The numbers beyond two deviations are drawn again, each time with the next step's stream. */
function fillTruncated(values: Float32Array, key: Key, mean: number, stddev: number): void {
  let open = Array.from(values.keys());
  for (let step = 0; open.length > 0; step++) {
    const drawn = new Float64Array(open.length);
    fillNormal(drawn, { ...key, step }, 0, 1);
    for (const [k, i] of open.entries()) values[i] = mean + stddev * drawn[k]!;
    open = open.filter((_, k) => Math.abs(drawn[k]!) > 2);
  }
}

/** Orthonormal columns (or rows, where these are fewer) of a matrix (…, units), by the modified Gram and Schmidt in double. */
function fillOrthogonal(values: Float32Array, key: Key, units: number, gain: number): void {
  const inputs = values.length / units;
  const [count, length] = inputs >= units ? [units, inputs] : [inputs, units];
  const normal = new Float64Array(values.length);
  fillNormal(normal, key, 0, 1);
  const vectors = Array.from({ length: count }, (_, k) => normal.subarray(k * length, (k + 1) * length));
  for (const [k, vector] of vectors.entries()) {
    scale(vector, 1 / Math.sqrt(dot(vector, vector)));
    for (let later = k + 1; later < count; later++) {
      const other = vectors[later]!;
      const along = dot(vector, other);
      for (let i = 0; i < length; i++) other[i]! -= along * vector[i]!;
    }
    for (let i = 0; i < length; i++) values[inputs >= units ? i * units + k : k * units + i] = gain * vector[i]!;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function scale(vector: Float64Array, factor: number): void {
  for (let i = 0; i < vector.length; i++) vector[i]! *= factor;
}
