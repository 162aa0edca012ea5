import { type Static, Type } from 'typebox';
import { HebbError } from '../errors.ts';
import { purpose, randomBits } from '../native.ts';
import { resolveClasses } from './classes.ts';
import type { ImportLimits } from './importer.ts';
import type { SyntheticSource } from './source.ts';
import { bytesOf, type Table } from './table.ts';

const closed = { additionalProperties: false } as const;
const samples = Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 }));
const noise = Type.Optional(Type.Number({ minimum: 0, maximum: 1e6, description: 'Standard deviation.' }));
const seed = Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1, description: '[0]' }));

const gate = <Kind extends string>(kind: Kind) =>
  Type.Object({ kind: Type.Literal(kind), samples, noise, seed }, closed);

const kinds = [
  gate('xor'),
  gate('and'),
  gate('or'),
  gate('nand'),
  Type.Object(
    {
      kind: Type.Literal('blobs'),
      samples,
      noise,
      seed,
      classes: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '[3]' })),
      features: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: '[2]' })),
      spread: Type.Optional(
        Type.Number({ minimum: 0, maximum: 1e6, description: 'Centres are uniform in ±spread in each feature [10].' }),
      ),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('circles'),
      samples,
      noise,
      seed,
      factor: Type.Optional(
        Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1, description: 'Inner radius; the outer is 1 [0.5].' }),
      ),
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal('moons'), samples, noise, seed }, closed),
  Type.Object(
    {
      kind: Type.Literal('spiral'),
      samples,
      noise,
      seed,
      classes: Type.Optional(Type.Integer({ minimum: 2, maximum: 100, description: 'Arms [2].' })),
      turns: Type.Optional(
        Type.Number({ exclusiveMinimum: 0, maximum: 100, description: 'From the centre to the end of an arm [1].' }),
      ),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('checkerboard'),
      samples,
      noise,
      seed,
      fields: Type.Optional(Type.Integer({ minimum: 2, maximum: 1000, description: 'Along each side [4].' })),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('line'),
      samples,
      noise,
      seed,
      slope: Type.Optional(Type.Number({ minimum: -1e6, maximum: 1e6, description: '[2]' })),
      intercept: Type.Optional(Type.Number({ minimum: -1e6, maximum: 1e6, description: '[1]' })),
    },
    closed,
  ),
] as const;

export type SyntheticConfig = Static<(typeof kinds)[number]>;

/** Data that is made, not read; `kind` tells which. */
export const syntheticSchema = Type.Unsafe<SyntheticConfig>({
  type: 'object',
  discriminator: { propertyName: 'kind' },
  oneOf: [...kinds],
});

/** Most bytes of inputs: they are made in memory. */
const maxBytes = 2 ** 28;

interface Points {
  /** (rows, features) */
  inputs: Float32Array;
  features: number;
  /** (rows) class indices, or values of a regression. */
  targets: Int32Array | Float32Array;
  /** Number of classes, whether or not there is a sample of each; 0 for a regression. */
  classCount: number;
}

/**
 * - xor, and, or, nand: the four rows in the order (0,0), (0,1), (1,0), (1,1); with `samples`, row i is corner i mod 4; `noise` [0].
 * - blobs: normal clouds around random centres, row i of class i mod `classes`; samples [200], noise [1].
 * - circles: row i on the outer (class 0) or inner circle (class 1) as i is even or odd, at a random angle; samples [200], noise [0].
 * - moons: row i on the upper (class 0) or the lower half circle (class 1) as i is even or odd, each of radius 1, the lower
 *   one around (1, 0.5); samples [200], noise [0].
 * - spiral: row i on arm i mod `classes`, at a radius uniform in 0 to 1, turned in proportion to it; samples [200], noise [0].
 * - checkerboard: uniform in ±1, classes alternate from field to field; samples [200], noise [0], on the points.
 * - line: x uniform in ±1, y = slope · x + intercept; samples [100], noise [0], on y.
 *
 * @throws HebbError('too-large') beyond 256 MiB; HebbError('invalid-data') where task or classes do not fit the kind
 */
export function readSynthetic({ synthetic, task, classes: given }: SyntheticSource, limits: ImportLimits): Table {
  const { inputs, features, targets, classCount } = generate(synthetic, Math.min(maxBytes, limits.maxBytes));
  const rows = targets.length;
  const table = (rest: Pick<Table, 'task' | 'targetShape' | 'classes'>, values: Int32Array | Float32Array): Table => ({
    ...rest,
    inputShape: [features],
    inputType: 'float32',
    train: {
      rows,
      targets: values,
      inputs: async function* () {
        yield bytesOf(inputs);
      },
    },
  });
  const isRegression = classCount === 0;
  if (isRegression && task === 'classification') {
    throw invalid('/task', `${synthetic.kind} has numbers as targets: a regression is expected`);
  }
  if (isRegression || task === 'regression') {
    if (given) throw invalid('/classes', 'a regression has no classes');
    return table({ task: 'regression', targetShape: [1], classes: null }, Float32Array.from(targets));
  }
  const all = Array.from({ length: classCount }, (_, index) => index);
  const { classes, indices } = resolveClasses([targets, all], given, ({ label, expected }) =>
    invalid('/classes', `${synthetic.kind} has a class ${label}; expected ${expected}`),
  );
  return table({ task: 'classification', targetShape: [], classes }, indices[0]!);
}

function invalid(pointer: string, message: string): HebbError {
  return new HebbError('invalid-data', `${pointer}: ${message}`, [{ pointer, message }]);
}

function generate(config: SyntheticConfig, limitBytes: number): Points {
  const size = (rows: number, features: number) => {
    const bytes = rows * features * 4;
    if (bytes <= limitBytes) return rows * features;
    throw new HebbError(
      'too-large',
      `${rows} samples of ${features} features take ${bytes} bytes, at most ${limitBytes} are made.`,
    );
  };
  const seed = config.seed ?? 0;
  switch (config.kind) {
    case 'blobs':
      return blobs(config, seed, size);
    case 'circles': {
      const { samples = 200, factor = 0.5 } = config;
      const inputs = normals(seed, size(samples, 2), config.noise ?? 0);
      const angles = uniforms(seed, samples);
      const targets = Int32Array.from({ length: samples }, (_, row) => row % 2);
      for (let row = 0; row < samples; row++) {
        const angle = 2 * Math.PI * angles[row]!;
        const radius = targets[row] === 0 ? 1 : factor;
        inputs[2 * row]! += radius * Math.cos(angle);
        inputs[2 * row + 1]! += radius * Math.sin(angle);
      }
      return { inputs: Float32Array.from(inputs), features: 2, targets, classCount: 2 };
    }
    case 'moons': {
      const { samples = 200 } = config;
      return points(config, size(samples, 2), 2, (row, uniform) => {
        const angle = Math.PI * uniform;
        const [x, y] = [Math.cos(angle), Math.sin(angle)];
        return row % 2 === 0 ? { x, y, label: 0 } : { x: 1 - x, y: 0.5 - y, label: 1 };
      });
    }
    case 'spiral': {
      const { samples = 200, classes = 2, turns = 1 } = config;
      return points(config, size(samples, 2), classes, (row, radius) => {
        const label = row % classes;
        const angle = 2 * Math.PI * (label / classes + turns * radius);
        return { x: radius * Math.cos(angle), y: radius * Math.sin(angle), label };
      });
    }
    case 'checkerboard': {
      const { samples = 200, fields = 4 } = config;
      return points(config, size(samples, 2), 2, (_row, u, v) => {
        const label = (Math.floor(fields * u) + Math.floor(fields * v)) % 2;
        return { x: 2 * u - 1, y: 2 * v - 1, label };
      });
    }
    case 'line': {
      const { samples = 100, slope = 2, intercept = 1 } = config;
      const errors = normals(seed, size(samples, 1), config.noise ?? 0);
      const inputs = Float32Array.from(uniforms(seed, samples), (value) => 2 * value - 1);
      const targets = Float32Array.from(inputs, (x, row) => slope * x + intercept + errors[row]!);
      return { inputs, features: 1, targets, classCount: 0 };
    }
    default: {
      const rows = config.samples ?? 4;
      const inputs = normals(seed, size(rows, 2), config.noise ?? 0);
      const targets = new Int32Array(rows);
      for (let row = 0; row < rows; row++) {
        const [a, b] = [(row >> 1) & 1, row & 1];
        inputs[2 * row]! += a;
        inputs[2 * row + 1]! += b;
        targets[row] = { xor: a ^ b, and: a & b, or: a | b, nand: 1 - (a & b) }[config.kind];
      }
      return { inputs: Float32Array.from(inputs), features: 2, targets, classCount: 2 };
    }
  }
}

/**
 * Points in the plane, with noise on them.
 * @param place where a row is and its class, given two numbers in [0, 1)
 */
function points(
  { seed = 0, noise = 0 }: { seed?: number; noise?: number },
  elements: number,
  classCount: number,
  place: (row: number, u: number, v: number) => { x: number; y: number; label: number },
): Points {
  const inputs = normals(seed, elements, noise);
  const numbers = uniforms(seed, elements);
  const targets = new Int32Array(elements / 2);
  for (let row = 0; row < targets.length; row++) {
    const { x, y, label } = place(row, numbers[2 * row]!, numbers[2 * row + 1]!);
    inputs[2 * row]! += x;
    inputs[2 * row + 1]! += y;
    targets[row] = label;
  }
  return { inputs: Float32Array.from(inputs), features: 2, targets, classCount };
}

function blobs(
  config: Extract<SyntheticConfig, { kind: 'blobs' }>,
  seed: number,
  size: (rows: number, features: number) => number,
): Points {
  const { samples = 200, classes = 3, features = 2, spread = 10, noise = 1 } = config;
  const inputs = normals(seed, size(samples, features), noise);
  const centres = uniforms(seed, classes * features).map((value) => (2 * value - 1) * spread); // (classes, features)
  const targets = Int32Array.from({ length: samples }, (_, row) => row % classes);
  for (let i = 0; i < inputs.length; i++) {
    inputs[i]! += centres[targets[Math.floor(i / features)]! * features + (i % features)]!;
  }
  return { inputs: Float32Array.from(inputs), features, targets, classCount: classes };
}

/** Streams of one seed: the noise does not change the points that it is added to. */
const streams = { uniform: 0, normal: 1 };

/** Uniform numbers in [0, 1). */
function uniforms(seed: number, count: number): Float64Array {
  const bits = randomBits({ seed, purpose: purpose.synthetic, step: streams.uniform }, 0, count);
  return Float64Array.from(bits, (word) => word / 2 ** 32);
}

/** Normal numbers of mean 0 (Box and Muller, "A note on the generation of random normal deviates", 1958). */
function normals(seed: number, count: number, standardDeviation: number): Float64Array {
  if (standardDeviation === 0) return new Float64Array(count);
  const bits = randomBits({ seed, purpose: purpose.synthetic, step: streams.normal }, 0, 2 * count);
  return Float64Array.from({ length: count }, (_, i) => {
    // The first in (0, 1]: it has a logarithm.
    const [u, v] = [(bits[2 * i]! + 1) / 2 ** 32, bits[2 * i + 1]! / 2 ** 32];
    return standardDeviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  });
}
