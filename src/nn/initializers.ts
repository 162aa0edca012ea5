import { Type } from 'typebox';
import { purpose, randomBits } from '../native.ts';

export const initializerNames = ['glorotUniform', 'heNormal', 'normal', 'uniform', 'zeros', 'constant'] as const;
export type InitializerName = (typeof initializerNames)[number];

/** Settings end up as float32; larger ones would become infinite there. */
export const largestNumber = 3e38;
const number = Type.Number({ minimum: -largestNumber, maximum: largestNumber });

const initializerObject = Type.Object(
  {
    type: Type.Enum([...initializerNames]),
    mean: Type.Optional(number),
    stddev: Type.Optional(Type.Number({ minimum: 0, maximum: largestNumber })),
    min: Type.Optional(number),
    max: Type.Optional(number),
    value: Type.Optional(number),
  },
  { additionalProperties: false },
);

/** A name, or {type, mean, stddev, min, max, value}. */
export const initializerSchema = Type.Union([Type.Enum([...initializerNames]), initializerObject]);

export interface InitializerObject {
  type: InitializerName;
  /** normal [0] */
  mean?: number;
  /** normal [1] */
  stddev?: number;
  /** uniform [−0.05] */
  min?: number;
  /** uniform [0.05] */
  max?: number;
  /** constant [0] */
  value?: number;
}
export type InitializerConfig = InitializerName | InitializerObject;

/**
 * Fills a tensor with its starting values.
 * glorotUniform: U(−l, l), l = √(6 / (fanIn + fanOut)); Glorot, Bengio, AISTATS 2010, eq. 16.
 * heNormal: N(0, 2 / fanIn); He et al., ICCV 2015, section 2.2.
 *
 * @param tensor number of the tensor within the network: each has its own stream of random numbers
 */
export function initialize(
  values: Float32Array,
  initializer: InitializerConfig,
  fans: { fanIn: number; fanOut: number },
  { seed, tensor }: { seed: number; tensor: number },
): void {
  const config: InitializerObject = typeof initializer === 'string' ? { type: initializer } : initializer;
  const key = { seed, purpose: purpose.initialize, epoch: tensor };
  switch (config.type) {
    case 'zeros':
      values.fill(0);
      break;
    case 'constant':
      values.fill(config.value ?? 0);
      break;
    case 'glorotUniform': {
      const limit = Math.sqrt(6 / (fans.fanIn + fans.fanOut));
      fillUniform(values, key, -limit, limit);
      break;
    }
    case 'uniform':
      fillUniform(values, key, config.min ?? -0.05, config.max ?? 0.05);
      break;
    case 'heNormal':
      fillNormal(values, key, 0, Math.sqrt(2 / fans.fanIn));
      break;
    case 'normal':
      fillNormal(values, key, config.mean ?? 0, config.stddev ?? 1);
      break;
    default:
      throw new RangeError(
        `no initialiser is called ${JSON.stringify(config.type)}; there are ${initializerNames.join(', ')}`,
      );
  }
}

type Key = Parameters<typeof randomBits>[0];

function fillUniform(values: Float32Array, key: Key, min: number, max: number): void {
  const bits = randomBits(key, 0, values.length);
  for (let i = 0; i < values.length; i++) values[i] = min + (max - min) * ((bits[i]! + 0.5) / 2 ** 32);
}

/** Box and Muller's transformation: two normal numbers from two uniform ones. */
function fillNormal(values: Float32Array, key: Key, mean: number, stddev: number): void {
  const bits = randomBits(key, 0, values.length + (values.length % 2));
  for (let i = 0; i < values.length; i += 2) {
    const radius = stddev * Math.sqrt(-2 * Math.log((bits[i]! + 0.5) / 2 ** 32));
    const angle = 2 * Math.PI * ((bits[i + 1]! + 0.5) / 2 ** 32);
    values[i] = mean + radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = mean + radius * Math.sin(angle);
  }
}
