// Normalisation against scikit-learn's formulas, written out in plain loops.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Memory, type Source } from '../../src/native.ts';
import { Network } from '../../src/nn/network.ts';
import { affineOf, fitsLayout, layoutOf, type Normalization, workOut } from '../../src/nn/normalization.ts';
import { planTraining } from '../../src/nn/plan.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { uniform } from '../helpers/networks.ts';

const rows = 60;
const shape = [4, 3, 2];
const elements = 24;
/** Features of very different sizes; feature 5 never changes. */
const values = Float32Array.from(uniform(rows * elements, 3), (x, i) =>
  i % elements === 5 ? 7.25 : x * 10 ** ((i % elements) % 5) + (i % elements) * 3,
);

function sourceOf(data: Float32Array | Uint8Array): Source {
  const memory = new Memory(Math.ceil(data.byteLength / 4));
  new Uint8Array(memory.floats.buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { memory, offset: 0, type: data instanceof Uint8Array ? 'uint8' : 'float32', rows, elements };
}

/** StandardScaler and MinMaxScaler of the values of a group of columns: (x − origin) / extent, extent 1 where x never changes. */
function scaler(type: 'standard' | 'minmax', group: number[]): { origin: number; extent: number } {
  const mean = group.reduce((sum, x) => sum + x / group.length, 0);
  const [min, max] = [group.reduce((a, b) => Math.min(a, b)), group.reduce((a, b) => Math.max(a, b))];
  if (type === 'minmax') return { origin: min, extent: max - min || 1 };
  const variance = group.reduce((sum, x) => sum + (x - mean) ** 2 / group.length, 0);
  return { origin: mean, extent: max > min ? Math.sqrt(variance) : 1 };
}

const some = Uint32Array.from({ length: 40 }, (_, i) => (i * 37) % rows);

describe.each(['standard', 'minmax'] as const)('%s', (type) => {
  test.each([
    ['feature', elements],
    ['channel', 2],
    ['whole', 1],
  ] as const)('per %s, on the rows that are asked for, is scikit-learn’s', async (per, groups) => {
    for (const data of [values, Uint8Array.from(values, (x, i) => (i % elements === 5 ? 9 : Math.abs(x) * 7))]) {
      const found = await workOut({ type, per }, sourceOf(data), some, { shape, threads: 2 });
      const { scale, offset } = affineOf(found);
      expect(scale).toHaveLength(groups);
      for (let group = 0; group < groups; group++) {
        const column: number[] = [];
        for (const row of some) for (let e = group; e < elements; e += groups) column.push(data[row * elements + e]!);
        const { origin, extent } = scaler(type, column);
        for (const x of [...column.slice(0, 20), 1234]) {
          const wanted = (x - origin) / extent;
          const size = Math.abs(x / extent) + Math.abs(origin / extent);
          expect(Math.abs(x * scale[group]! + offset[group]! - wanted)).toBeLessThanOrEqual(2e-7 * size + 1e-9);
        }
      }
      if (per === 'feature') expect([scale[5], offset[5]]).toEqual([1, -data[5]!]);
    }
  });
});

test('is the same for any number of threads and order of rows, and has the digits of a float32', async () => {
  const settings = { shape, threads: 1 };
  const first = await workOut({ type: 'standard', per: 'feature' }, sourceOf(values), some, settings);
  for (const threads of [2, 3, 8]) {
    expect(await workOut({ type: 'standard', per: 'feature' }, sourceOf(values), some, { shape, threads })).toEqual(
      first,
    );
  }
  const reversed = some.slice().reverse();
  expect(await workOut({ type: 'standard', per: 'feature' }, sourceOf(values), reversed, settings)).toEqual(first);
  for (const x of [...affineOf(first).scale, ...affineOf(first).offset]) {
    expect(Number(Math.fround(x).toPrecision(9))).toBe(x);
  }
});

test('features that mean no quantity stay as they are; what changes by less than a float32 can tell becomes 0', async () => {
  const settings = { shape, keep: [1, 2], threads: 1 };
  const { scale, offset } = affineOf(await workOut({ type: 'standard', per: 'feature' }, sourceOf(values), some, settings)); // biome-ignore format: one call
  expect([scale[1], offset[1], scale[2], offset[2]]).toEqual([1, 0, 1, 0]);
  expect(scale[3]).not.toBe(1);
  const tiny = values.map((_, i) => (i % 2) * 1e-40);
  const dull = affineOf(await workOut({ type: 'minmax', per: 'whole' }, sourceOf(tiny), some, { shape, threads: 1 }));
  expect([dull.scale, dull.offset]).toEqual([[1], [0]]);
});

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

test('a fit works it out on its training data; prediction, evaluation, gradients and a saved network use it', async () => {
  const classes = Int32Array.from({ length: rows }, (_, i) => Number(values[i * elements]! > 0));
  const network = new Network({ input: shape, layers: [{ type: 'flatten' }, { type: 'dense', units: 2 }] });
  await network.fit({ inputs: values, targets: classes }, { epochs: 3, normalization: { type: 'standard', per: 'feature' } }); // biome-ignore format: one call
  const { normalization } = network;
  expect(normalization).toMatchObject({ type: 'standard', per: 'feature' });
  const { scale, offset } = affineOf(normalization);
  const [weight, bias] = network.weights().map((tensor) => tensor.values) as [Float32Array, Float32Array];
  const plain = (row: number, unit: number) => {
    let sum = bias[unit]!;
    for (let e = 0; e < elements; e++) {
      sum += (values[row * elements + e]! * scale[e]! + offset[e]!) * weight[e * 2 + unit]!;
    }
    return sum;
  };
  const outputs = network.predict(values);
  for (let row = 0; row < rows; row++) {
    for (const unit of [0, 1]) expect(outputs[row * 2 + unit]).toBeCloseTo(plain(row, unit), 4);
  }
  // The same bits in whatever program.
  expect(await network.predictAsync(values)).toEqual(outputs);
  expect((await network.activations(values)).dense_1).toEqual(outputs);
  const right = classes.filter((c, row) => Number(outputs[row * 2 + 1]! > outputs[row * 2]!) === c).length;
  expect((await network.evaluate(values, classes, 'softmaxCrossEntropy')).accuracy).toBe(right / rows);
  const folder = await mkdtemp(join(tmpdir(), 'hebb-normalization-'));
  folders.push(folder);
  await network.save(join(folder, 'model'));
  const loaded = await Network.load(join(folder, 'model'));
  expect(loaded.normalization).toEqual(normalization);
  expect(loaded.predict(values)).toEqual(outputs);
});

test('numbers that are the same for all elements give the bits of a scale, however they are said', async () => {
  const run = async (normalization: TrainingRequest['normalization']) => {
    const network = new Network({ input: [elements], layers: [{ type: 'dense', units: 1 }] }, { seed: 3 });
    const targets = Float32Array.from({ length: rows }, (_, i) => values[i * elements]!);
    await network.fit({ inputs: values, targets }, { epochs: 2, optimizer: { type: 'sgd' }, normalization });
    return network.toSafetensors();
  };
  const scaled = await run({ type: 'scale', factor: 0.001 });
  expect(await run({ type: 'affine', scale: [0.001], offset: [0] })).toEqual(scaled);
  const each = { scale: new Array(elements).fill(0.001), offset: new Array(elements).fill(0) };
  expect(await run({ type: 'affine', ...each })).toEqual(scaled);
  expect(await run({ type: 'none' })).not.toEqual(scaled);
});

describe('a plan', () => {
  const planned = (normalization: TrainingRequest['normalization'], inputShape: number[], input = inputShape) => {
    const units = { type: 'dense' as const, units: 2 };
    const layers = input.length > 1 ? [{ type: 'flatten' as const }, units] : [units];
    const { resolved } = new Network({ input, layers });
    const data = { task: 'classification' as const, classes: ['a', 'b'], targetShape: [], samples: { train: 9 } };
    return planTraining({ normalization }, resolved, { ...data, inputType: 'float32', inputShape });
  };
  test('normalises images per channel, rows per feature, by the shape that says which they are', () => {
    const per = (inputShape: number[], input?: number[]) =>
      planned({ type: 'standard' }, inputShape, input).training.normalization;
    expect(per([13])).toEqual({ type: 'standard', per: 'feature' });
    expect(per([8, 8, 3])).toEqual({ type: 'standard', per: 'channel' });
    expect(per([8, 8, 3], [192])).toEqual({ type: 'standard', per: 'channel' });
    expect(per([192], [8, 8, 3])).toEqual({ type: 'standard', per: 'channel' });
    expect(layoutOf([8, 8, 3], [64, 3])).toEqual([8, 8, 3]);
  });

  test.each([
    [{ type: 'standard', per: 'channel' }, [13], '/per', /\(13\) have no channels/],
    [{ type: 'minmax', per: 'feature' }, [100, 100], '/per', /at most 4096 features.*per "channel"/],
    [{ type: 'affine', scale: [1, 2], offset: [1, 2] }, [8, 8, 3], '', /1 or 3 or 192 numbers/],
    [{ type: 'affine', scale: [1], offset: [1, 2, 3] }, [8, 8, 3], '', /got 1 and 3/],
  ] as const)('%j of %j is refused', (normalization, inputShape, pointer, message) => {
    expect(() => planned(normalization as never, [...inputShape])).toThrow(
      expect.objectContaining({
        code: 'invalid-training',
        message: expect.stringMatching(message),
        faults: [expect.objectContaining({ pointer: `/training/normalization${pointer}` })],
      }),
    );
  });

  test('knows whether another model’s numbers are those of its inputs, too', () => {
    const numbers = (n: number): Normalization => ({
      type: 'standard',
      per: 'feature',
      scale: new Array(n).fill(1),
      offset: new Array(n).fill(0),
    });
    expect([13, 1, 12].map((n) => fitsLayout(numbers(n), [13]))).toEqual([true, true, false]);
    expect(fitsLayout({ type: 'scale', factor: 2 }, [13])).toBe(true);
  });
});
