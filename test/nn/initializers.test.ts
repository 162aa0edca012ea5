import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type InitializerConfig,
  type InitializerName,
  initialize,
  initializerNames,
  initializers,
} from '../../src/nn/initializers.ts';
import { Network } from '../../src/nn/network.ts';
import { planJob } from '../../src/nn/plan.ts';
import { weightsOf } from '../helpers/networks.ts';

const target = { fanIn: 77, fanOut: 13 };

function filled(config: InitializerConfig, shape: number[], { seed = 11, tensor = 6 } = {}): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b));
  initialize(values, config, { ...target, shape }, { seed, tensor });
  return values;
}

function moments(values: Float32Array) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const central = (power: number) => values.reduce((sum, v) => sum + (v - mean) ** power, 0) / values.length;
  return { mean, deviation: Math.sqrt(central(2)), kurtosis: central(4) / central(2) ** 2 };
}

describe('the values of those that draw', () => {
  const n = 100_000;
  const { fanIn, fanOut } = target;
  const uniform = (limit: number) => ({ deviation: limit / Math.sqrt(3), kurtosis: 1.8, limit });
  const normal = (variance: number) => ({
    deviation: Math.sqrt(variance),
    kurtosis: 3,
    limit: 6 * Math.sqrt(variance),
  });
  const cases: [InitializerConfig, { mean?: number; deviation: number; kurtosis: number; limit: number }][] = [
    ['glorotUniform', uniform(Math.sqrt(6 / (fanIn + fanOut)))],
    ['glorotNormal', normal(2 / (fanIn + fanOut))],
    ['heUniform', uniform(Math.sqrt(6 / fanIn))],
    ['heNormal', normal(2 / fanIn)],
    ['lecunUniform', uniform(Math.sqrt(3 / fanIn))],
    ['lecunNormal', normal(1 / fanIn)],
    ['normal', normal(1)],
    [
      { type: 'normal', mean: 3, stddev: 0.5 },
      { ...normal(0.25), mean: 3 },
    ],
    ['uniform', uniform(0.05)],
    [
      { type: 'uniform', min: -1, max: 3 },
      { ...uniform(2), mean: 1 },
    ],
    // Of a normal distribution cut at two deviations: variance 1 − 4 φ(2) / (2 Φ(2) − 1), fourth moment 2.0627 · variance².
    ['truncatedNormal', { deviation: 0.87962566, kurtosis: 2.3655, limit: 2 }],
    [
      { type: 'truncatedNormal', mean: -1, stddev: 0.1 },
      { mean: -1, deviation: 0.087962566, kurtosis: 2.3655, limit: 0.2 },
    ],
  ];

  test.each(cases)('%o: mean, deviation, kurtosis and bounds', (config, { mean = 0, deviation, kurtosis, limit }) => {
    const values = filled(config, [n]);
    const actual = moments(values);
    // Five standard errors; those of the deviation and the kurtosis are at most those of a normal distribution.
    expect(Math.abs(actual.mean - mean)).toBeLessThan((5 * deviation) / Math.sqrt(n));
    expect(Math.abs(actual.deviation / deviation - 1)).toBeLessThan(5 / Math.sqrt(2 * n));
    expect(Math.abs(actual.kurtosis - kurtosis)).toBeLessThan(5 * Math.sqrt(24 / n));
    const largest = values.reduce((most, v) => Math.max(most, Math.abs(v - mean)), 0);
    expect(largest).toBeLessThanOrEqual(limit * (1 + 1e-6));
    if (kurtosis < 3) expect(largest).toBeGreaterThan(limit * 0.999);
  });

  test('every initialiser in the table is tested here, and says what it computes', () => {
    const tested = cases.map(([config]) => (typeof config === 'string' ? config : config.type));
    expect(new Set([...tested, 'orthogonal', 'zeros', 'ones', 'constant'])).toEqual(new Set(initializerNames));
    for (const name of initializerNames) expect(initializers[name].formula).toMatch(/./);
  });
});

test('zeros, ones and constants', () => {
  expect(Array.from(filled('zeros', [3]))).toEqual([0, 0, 0]);
  expect(Array.from(filled('ones', [3]))).toEqual([1, 1, 1]);
  expect(Array.from(filled('constant', [2]))).toEqual([0, 0]);
  expect(Array.from(filled({ type: 'constant', value: -2.5 }, [2]))).toEqual([-2.5, -2.5]);
});

describe('orthogonal', () => {
  /** Dot products of the columns of a matrix (rows, columns), or of its rows. */
  function products(values: Float32Array, rows: number, columns: number, of: 'columns' | 'rows'): number[][] {
    const [count, length] = of === 'columns' ? [columns, rows] : [rows, columns];
    const at = (k: number, i: number) => (of === 'columns' ? values[i * columns + k]! : values[k * columns + i]!);
    const dot = (a: number, b: number) => {
      let sum = 0;
      for (let i = 0; i < length; i++) sum += at(a, i) * at(b, i);
      return sum;
    };
    return Array.from({ length: count }, (_, a) => Array.from({ length: count }, (_, b) => dot(a, b)));
  }

  test.each([
    { shape: [40, 40], gain: 1 },
    { shape: [50, 7], gain: Math.SQRT2 },
    { shape: [7, 50], gain: 1 },
    { shape: [3, 3, 5, 16], gain: 0.5 },
    { shape: [1, 1], gain: 1 },
    { shape: [6], gain: 1 },
  ])('$shape, gain $gain: the fewer of rows and columns are orthonormal', ({ shape, gain }) => {
    const columns = shape.at(-1)!;
    const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    const values = filled(gain === 1 ? 'orthogonal' : { type: 'orthogonal', gain }, shape);
    const gram = products(values, rows, columns, rows >= columns ? 'columns' : 'rows');
    for (const [a, line] of gram.entries()) {
      for (const [b, product] of line.entries()) expect(product).toBeCloseTo(a === b ? gain * gain : 0, 5);
    }
  });

  test('no direction is preferred: the signs of the first column’s elements are as often + as −', () => {
    let positive = 0;
    for (let seed = 0; seed < 400; seed++) positive += Number(filled('orthogonal', [3, 3], { seed })[0]! > 0);
    expect(Math.abs(positive - 200)).toBeLessThan(50);
  });

  test('too large a matrix is refused before it costs', () => {
    const config = { input: [5000], layers: [{ type: 'dense', units: 5000, initializer: 'orthogonal' as const }] };
    expect(() => new Network(config)).toThrow(
      /dense 'dense_0' after the input: an orthogonal matrix of \(5000, 5000\)/,
    );
    const { initializer: _, ...layer } = config.layers[0]!;
    expect(() => planned({ type: 'orthogonal' }, { ...config, layers: [layer] })).toThrow(
      /of \(5000, 5000\) takes too/,
    );
  });
});

const planned = (initializer: InitializerConfig, network = { input: [2], layers: [{ type: 'dense', units: 1 }] }) =>
  planJob({
    network,
    training: { initializer },
    dataset: {
      task: 'regression',
      inputShape: network.input,
      inputType: 'float32',
      targetShape: [network.layers[0]!.units],
      classes: null,
      samples: { train: 1 },
    },
  });

describe('seeds', () => {
  const drawing = initializerNames.filter((name) => !['zeros', 'ones', 'constant'].includes(name));

  test.each(drawing)(
    '%s: the job’s seed and the tensor’s number decide; a seed of its own takes the job’s place',
    (type) => {
      const shape = [9, 5];
      const values = filled(type, shape, { seed: 3 });
      expect(filled(type, shape, { seed: 3 })).toEqual(values);
      expect(filled(type, shape, { seed: 4 })).not.toEqual(values);
      expect(filled(type, shape, { seed: 3, tensor: 7 })).not.toEqual(values);
      for (const seed of [3, 4]) expect(filled({ type, seed: 3 }, shape, { seed })).toEqual(values);
      expect(filled({ type, seed: 5 }, shape, { seed: 3 })).not.toEqual(values);
    },
  );

  test('in a network, a layer with its own seed starts alike in every job, the others do not', () => {
    const build = (seed: number) =>
      weightsOf(
        new Network(
          {
            input: [4],
            layers: [
              { type: 'dense', name: 'own', units: 3, initializer: { type: 'heNormal', seed: 8 } },
              { type: 'dense', name: 'job', units: 3 },
            ],
          },
          { seed },
        ),
      );
    const [a, b] = [build(1), build(2)];
    expect(a['own.weight']).toEqual(b['own.weight']);
    expect(a['job.weight']).not.toEqual(b['job.weight']);
  });

  test('truncatedNormal redraws nothing but what is beyond its bounds', () => {
    const normal = filled('normal', [10_000]);
    const truncated = filled('truncatedNormal', [10_000]);
    for (const [i, value] of normal.entries()) {
      if (Math.abs(value) <= 2) expect(truncated[i]).toBe(value);
    }
    expect(normal.filter((v) => Math.abs(v) > 2).length).toBeGreaterThan(300);
  });
});

/** Known starting values: they change never, or every hash of every job does. */
const golden: [InitializerConfig, string][] = [
  ['glorotUniform', '1885a5894ab8cade'],
  ['heNormal', 'eb490bf3ab00575a'],
  ['normal', '72b7e05bc5059640'],
  ['uniform', 'c15bdf6b5d205674'],
  [{ type: 'normal', mean: 2, stddev: 0.1 }, 'c62680af9899ef0f'],
  [{ type: 'uniform', min: -3, max: 1 }, 'bada74fe221478ae'],
];

test.each(golden)('%o gives the known bits', (config, hash) => {
  const bytes = new Uint8Array(filled(config, [1001]).buffer);
  expect(createHash('sha256').update(bytes).digest('hex').slice(0, 16)).toBe(hash);
});

describe('settings that an initialiser does not take', () => {
  const layer = (initializer: object) => () =>
    new Network({
      input: [2],
      layers: [{ type: 'dense', units: 1, initializer: initializer as { type: InitializerName } }],
    });

  test('are refused in a layer and in a job', () => {
    expect(layer({ type: 'heNormal', stddev: 2 })).toThrow(
      /dense 'dense_0' after the input: the initialiser heNormal takes seed, but no stddev/,
    );
    expect(layer({ type: 'orthogonal', value: 2 })).toThrow(/orthogonal takes seed, gain, but no value/);
    expect(layer({ type: 'uniform', min: 2, max: 1 })).toThrow(/min 2 to max 1/);
    expect(layer({ type: 'uniform', min: 2 })).toThrow(/min 2 to max 0.05/);
    expect(layer({ type: 'heNorml' })).toThrow(
      /^\/layers\/0\/initializer\/type: "heNorml" is none of .* \(did you mean "heNormal"\?\)$/,
    );
    expect(layer({ type: 'heNormal', sede: 2 })).toThrow(
      /^\/layers\/0\/initializer\/sede: unknown key "sede" \(did you mean "seed"\?\)/,
    );
    expect(layer('heNorml' as never)).toThrow(
      /^\/layers\/0\/initializer: must be one of glorotUniform.* or an object \{type, /,
    );
    expect(() => planned({ type: 'zeros', gain: 3 })).toThrow(/zeros takes seed, but no gain/);
    try {
      planned({ type: 'zeros', gain: 3 });
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid-training', faults: [{ pointer: '/training/initializer/gain' }] });
    }
    const biased = { type: 'dense', units: 1, biasInitializer: { type: 'ones', max: 1 } } as const;
    expect(() => new Network({ input: [2], layers: [biased] })).toThrow(/ones takes seed, but no max/);
  });
});
