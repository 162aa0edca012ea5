// What goes out comes back as the same model, bit for bit; what is wrong is told with its place.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../src/data/durableFile.ts';
import type { ModelDescription } from '../../src/models/description.ts';
import { exportJson } from '../../src/models/exporters/json.ts';
import { exportOnnx } from '../../src/models/exporters/onnx.ts';
import { readModel } from '../../src/models/importers/readModel.ts';
import { Network } from '../../src/nn/network.ts';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../../src/nn/weights.ts';
import { elementCount } from '../../src/shape.ts';
import { temporaryFolder, thrown } from '../helpers/data.ts';
import { describedModel, inputsOfCase, networkOfCase } from '../helpers/models.ts';
import { changedOnnx, onnxFile } from '../helpers/onnx.ts';
import { layerCases } from '../nn/layerCases.ts';

const folder = await temporaryFolder();
const saved = (bytes: Uint8Array): string => {
  const path = join(mkdtempSync(join(folder, 'part-')), 'file');
  writeFileSync(path, bytes);
  return path;
};
const fromOnnx = (file: Uint8Array, meta?: unknown) => readModel({ file: saved(file), meta });
const fromWeights = (network: unknown, weights: Uint8Array, meta?: unknown) =>
  readModel({ network: JSON.parse(JSON.stringify(network)), weights: saved(weights), meta });

const classifier = describedModel(
  {
    input: [4, 4, 1],
    layers: [
      { type: 'conv2d', filters: 3, kernel: 3, activation: 'relu' },
      { type: 'batchNorm' },
      { type: 'flatten' },
      { type: 'dense', name: 'head', units: 2 },
    ],
  },
  {
    name: 'shapes',
    task: 'classification',
    loss: 'softmaxCrossEntropy',
    classes: ['circle', 'square'],
    normalization: { type: 'scale', factor: 1 / 255 },
    inputType: 'uint8',
  },
);
const onnx = exportOnnx(classifier.model, classifier.network.weights());
const weights = classifier.network.toSafetensors();

const cases = Object.entries(layerCases).flatMap(([type, list]) =>
  list.map((layerCase) => ({ title: `${type} ${JSON.stringify(layerCase.layer)}`, layerCase })),
);
test.each(cases)('$title comes back with the same bits', async ({ layerCase }) => {
  const { model, network } = describedModel(networkOfCase(layerCase));
  const inputs = inputsOfCase(layerCase, 3);
  const expected = network.predict(inputs);
  const json = JSON.parse(new TextDecoder().decode(exportJson(model)));
  for (const back of [
    await fromOnnx(exportOnnx(model, network.weights())),
    await fromWeights(json, network.toSafetensors()),
    await fromWeights(network.config, network.toSafetensors()),
  ]) {
    expect(back.model.weightsHash).toBe(model.weightsHash);
    expect(sha256(back.weights)).toBe(model.weightsHash);
    const made = new Network(back.model.network, { initializer: null });
    made.setWeights(decodeSafetensors(back.weights));
    expect(made.predict(inputs)).toEqual(expected);
  }
});

test('all traits come back', async () => {
  const { parameters, ...ofOnnx } = (await fromOnnx(onnx)).model;
  expect(ofOnnx).toEqual(classifier.model);
  expect(parameters).toBe(classifier.network.resolved.parameterCount);
  const json = JSON.parse(new TextDecoder().decode(exportJson(classifier.model)));
  const { parameters: _, ...ofJson } = (await fromWeights(json, weights)).model;
  expect(ofJson).toEqual(classifier.model);
  const changed = await fromOnnx(onnx, { name: 'other', classes: ['a', 'b'], inputType: 'float32' });
  expect(changed.model).toMatchObject({ name: 'other', classes: ['a', 'b'], inputType: 'float32', step: 3 });
});

test('a file of Hebb whose weights were changed elsewhere is taken by its nodes', async () => {
  const file = changedOnnx(onnx, ({ graph }) => {
    const bias = graph.initializer.find(({ name }) => name === 'head.bias')!;
    bias.rawData = new Uint8Array(Float32Array.of(5, -5).buffer);
  });
  const { model, weights: changed } = await fromOnnx(file);
  // The preprocessing is nodes now: a layer of the network.
  expect(model).toMatchObject({ name: 'shapes', classes: ['circle', 'square'], normalization: { type: 'none' } });
  expect(model.weightsHash).not.toBe(classifier.model.weightsHash);
  const made = new Network(model.network, { initializer: null });
  made.setWeights(decodeSafetensors(changed));
  const input = Float32Array.from({ length: 16 }, (_, i) => i * 16);
  const [before, after] = [classifier.network.predict(input), made.predict(input)];
  const bias = classifier.network.weights().find(({ name }) => name === 'head.bias')!.values;
  expect(after[0]! - 5).toBeCloseTo(before[0]! - bias[0]!, 5);
  expect(after[1]! + 5).toBeCloseTo(before[1]! - bias[1]!, 5);
});

test('traits that nobody says follow from the network', async () => {
  const dense = (units: number, activation: string) =>
    describedModel({ input: [2], layers: [{ type: 'dense', units, activation: activation as 'relu' }] });
  const traits = async (units: number, activation: string, meta?: object) => {
    const { network } = dense(units, activation);
    return (await fromWeights(network.config, network.toSafetensors(), meta)).model;
  };
  expect(await traits(3, 'linear')).toMatchObject({
    task: 'regression',
    classes: null,
    loss: null,
    name: null,
    step: 0,
  });
  expect(await traits(3, 'softmax')).toMatchObject({
    task: 'classification',
    classes: ['0', '1', '2'],
    loss: 'softmaxCrossEntropy',
  });
  expect(await traits(1, 'linear', { classes: ['no', 'yes'] })).toMatchObject({
    loss: 'binaryCrossEntropy',
    classes: ['no', 'yes'],
  });
  expect(await traits(2, 'linear', { task: 'classification' })).toMatchObject({
    loss: 'softmaxCrossEntropy',
    classes: ['0', '1'],
  });
  const beside = describedModel({ input: [2], layers: [{ type: 'dense', units: 2 }] }).network;
  const json = { ...beside.config, classes: ['a', 'b'], name: 'beside' };
  expect((await fromWeights(json, beside.toSafetensors())).model).toMatchObject({
    name: 'beside',
    classes: ['a', 'b'],
  });
});

describe('weights that do not fit are told one by one:', () => {
  const tensors = classifier.network.weights();
  const refused = async (list: NamedTensor[]) =>
    (await thrown('invalid-file', () => fromWeights(classifier.network.config, encodeSafetensors(list)))).faults;

  test('missing, unknown, of another shape', async () => {
    const [first, ...rest] = tensors as [NamedTensor, ...NamedTensor[]];
    const list = [...rest.slice(0, -1), { ...rest.at(-1)!, shape: [1, 2] }, { ...first, name: 'other.weight' }];
    expect(await refused(list)).toEqual([
      expect.objectContaining({
        pointer: '/weights/conv2d_0.weight',
        message: expect.stringMatching(/conv2d_0.weight \(3, 3, 1, 3\) is missing/),
      }),
      expect.objectContaining({ pointer: '/weights/head.bias', expected: [2], received: [1, 2] }),
      expect.objectContaining({ pointer: '/weights/other.weight', message: 'the network has no tensor other.weight' }),
    ]);
  });

  test('not finite, or a variance below zero', async () => {
    const list = tensors.map(({ name, shape, values }) => ({ name, shape, values: values.slice() }));
    list[0]!.values[4] = Number.NaN;
    list.find(({ name }) => name.endsWith('.variance'))!.values[1] = -1;
    expect((await refused(list)).map(({ message }) => message)).toEqual([
      'number 4 of the tensor conv2d_0.weight is NaN: a finite number was expected',
      'number 1 of the tensor batchNorm_1.variance is -1: a finite number from 0 on was expected',
    ]);
  });
});

describe('a safetensors file that', () => {
  const data = new Uint8Array(8);
  const file = (header: unknown, length?: bigint, tail = data): Uint8Array => {
    const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
    const size = new DataView(new ArrayBuffer(8));
    size.setBigUint64(0, length ?? BigInt(text.length), true);
    return Buffer.concat([new Uint8Array(size.buffer), text, tail]);
  };
  const entry = (from: number, to: number, more: object = {}) => ({
    dtype: 'F32',
    shape: [(to - from) / 4],
    data_offsets: [from, to],
    ...more,
  });
  const network = { input: [1], layers: [{ type: 'dense', name: 'a', units: 1 }] };
  test.each([
    ['is empty', new Uint8Array(0), /too few/],
    ['says a longer header than it has', file({}, 2n ** 63n), /the header is to have/],
    ['has a header of no JSON', file('{"a":'), /not JSON/],
    ['has a header of another kind', file('[]'), /not an object/],
    ['has tensors that overlap', file({ a: entry(0, 8), b: entry(4, 8) }), /overlap at byte 4/],
    ['has tensors with a gap', file({ a: entry(4, 8) }), /bytes 0 to 4 .* belong to no tensor/],
    ['has bytes of nobody at the end', file({ a: entry(0, 4) }), /last 4 bytes belong to no tensor/],
    [
      'has one name twice',
      file(`{"a":${JSON.stringify(entry(0, 4))},"a":${JSON.stringify(entry(4, 8))}}`),
      /belong to no tensor/,
    ],
    ['reaches past its end', file({ a: entry(0, 16) }), /lies at 0 to 16 of 8 bytes/],
    ['has offsets below zero', file({ a: entry(-4, 4) }), /no shape or offsets/],
    ['has offsets beyond all numbers', file({ a: entry(0, 2 ** 60) }), /no shape or offsets|lies at/],
    ['has numbers of another type', file({ a: entry(0, 8, { dtype: 'BF16' }) }), /type BF16, expected F32/],
    ['has a shape that is none', file({ a: entry(0, 8, { shape: [2, -1] }) }), /no shape or offsets/],
    ['has a huge shape', file({ a: entry(0, 8, { shape: [2 ** 31, 2 ** 31, 2 ** 31] }) }), /lies at/],
    ['has a header of nulls', file({ a: null }), /type undefined/],
  ])('%s', async (_, bytes, message) => {
    const { message: said } = await thrown('invalid-file', () => fromWeights(network, bytes));
    expect(said).toMatch(message);
  });
});

describe('parts that are something else:', () => {
  test.each([
    ['JSON', new TextEncoder().encode('{"a":1}'), /is JSON/],
    ['safetensors', weights, /is a safetensors file/],
    ['ZIP', Buffer.from('PK\x03\x04 and so on'), /is a ZIP archive/],
    ['nothing', new Uint8Array(0), /is empty/],
    ['text', new TextEncoder().encode('hello, this is no model'), /not an ONNX file/],
  ])('%s', async (_, bytes, message) => {
    expect((await thrown('invalid-file', () => fromOnnx(bytes))).message).toMatch(message);
  });
});

test.each([
  [{ name: '../../etc/passwd' }, '/meta/name'],
  [{ name: '..' }, '/meta/name'],
  [{ name: 'a\\b' }, '/meta/name'],
  [{ name: 'a\u0000' }, '/meta/name'],
  [{ classes: ['a', 'a'] }, '/meta/classes'],
  [{ klasses: [] }, '/meta/klasses'],
  [{ loss: 'guess' }, '/meta/loss'],
  [{ normalization: { type: 'scale', factor: -1 } }, '/meta/normalization/factor'],
])('meta %j is refused at its place', async (meta, pointer) => {
  const { faults } = await thrown('invalid-request', () => fromOnnx(onnx, meta));
  expect(faults.map((fault) => fault.pointer)).toContain(pointer);
});

test.each([
  [{ classes: ['a', 'b', 'c'] }, '/meta/classes'],
  [{ inputShape: [4, 4], classes: ['a'] }, '/meta/classes'],
  [{ inputShape: [3, 5] }, '/meta/inputShape'],
  [{ task: 'regression', classes: ['a', 'b'] }, '/meta/classes'],
])('meta %j that does not go with the network is refused', async (meta, pointer) => {
  const { faults } = await thrown('invalid-network', () => fromOnnx(onnx, meta));
  expect(faults.map((fault) => fault.pointer)).toContain(pointer);
});

test('a network that is impossible is refused as a job’s is', async () => {
  const impossible = { input: [4, 4, 1], layers: [{ type: 'dense', units: 2 }] };
  expect((await thrown('invalid-network', () => fromWeights(impossible, weights))).message).toMatch(
    /add {"type": "flatten"}/,
  );
  const huge = { input: [64, 64, 16], layers: [{ type: 'upSampling2d', size: 64 }] };
  expect((await thrown('invalid-network', () => fromWeights(huge, encodeSafetensors([])))).message).toMatch(
    /at most 1073741824/,
  );
  await thrown('invalid-network', () => fromWeights({ layers: 7 }, weights));
  await thrown('invalid-network', () => fromWeights({ network: null }, weights));
  await thrown('invalid-request', () => fromWeights([], weights));
});

describe('an ONNX file', () => {
  const float = (name: string, dims: number[], count = dims.reduce((a, b) => a * b, 1)) => ({
    name,
    dataType: DataType.FLOAT,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(new Float32Array(count).fill(0.5).buffer),
  });
  const matMul = { opType: 'MatMul', name: 'm', input: ['input', 'w'], output: ['output'] };
  const relu = (input: string, output: string) => ({ opType: 'Relu', name: output, input: [input], output: [output] });
  const w = float('w', [2, 3]);

  test('with operators that are not known says each, with its node', async () => {
    const nodes = [
      { opType: 'LSTM', name: 'l', input: ['input'], output: ['a'] },
      relu('a', 'b'),
      { opType: 'Attention', domain: 'com.microsoft', name: 'x', input: ['b'], output: ['c'] },
      { opType: 'LSTM', name: 'm', input: ['c'], output: ['output'] },
      { opType: 'Unneeded', name: 'u', input: ['c'], output: ['nowhere'] },
    ];
    const { message, faults } = await thrown('unsuitable-model', () => fromOnnx(onnxFile([2], { node: nodes })));
    expect(message).toMatch(/2 operators .*: LSTM, com.microsoft.Attention$/);
    expect(faults.map(({ pointer, received }) => [pointer, received])).toEqual([
      ['/graph/node/0', 'LSTM'],
      ['/graph/node/2', 'com.microsoft.Attention'],
      ['/graph/node/3', 'LSTM'],
    ]);
  });

  test.each([
    [
      'with a cycle',
      onnxFile([2], { node: [relu('b', 'a'), relu('a', 'b'), relu('b', 'output')] }),
      'invalid-file',
      /takes "b", which no input, initializer or node before it gives/,
    ],
    ['with an initializer that lacks', onnxFile([2], { node: [matMul] }), 'invalid-file', /takes "w"/],
    ['without an output', onnxFile([2], { node: [matMul], initializer: [w], output: [] }), 'unsuitable-model', /has 0/],
    [
      'whose output nobody gives',
      onnxFile([2], { node: [], output: [{ name: 'y' }] }),
      'invalid-file',
      /"y" does not depend/,
    ],
    [
      'with less data than it says',
      onnxFile([2], { node: [matMul], initializer: [float('w', [2, 3], 5)] }),
      'invalid-file',
      /has 5 numbers, its shape \(2, 3\) 6/,
    ],
    [
      'with huge sizes',
      onnxFile([2], { node: [matMul], initializer: [{ ...w, dims: [2n ** 40n, 2n ** 40n] }] }),
      'invalid-file',
      /at most 2³¹/,
    ],
    [
      'with sizes below zero',
      onnxFile([2], { node: [matMul], initializer: [{ ...w, dims: [-2n, -3n] }] }),
      'invalid-file',
      /sizes from 0/,
    ],
    [
      'with its data elsewhere',
      onnxFile([2], {
        node: [matMul],
        initializer: [
          {
            ...w,
            rawData: new Uint8Array(0),
            dataLocation: 1,
            externalData: [{ key: 'location', value: '/etc/passwd' }],
          },
        ],
      }),
      'invalid-file',
      /data in another file/,
    ],
    [
      'with text for weights',
      onnxFile([2], { node: [matMul], initializer: [{ ...w, dataType: DataType.STRING }] }),
      'invalid-file',
      /type STRING/,
    ],
    [
      'with a matrix of another size',
      onnxFile([3], { node: [matMul], initializer: [w] }),
      'invalid-file',
      /takes 2 numbers, it gets 3/,
    ],
    [
      'with an open input',
      changedOnnx(onnxFile([2], { node: [matMul], initializer: [w] }), ({ graph }) => {
        const type = graph.input[0]!.type!.value;
        if (type.case === 'tensorType') type.value.shape!.dim[1]!.value = { case: 'dimParam', value: 'm' };
      }),
      'unsuitable-model',
      /dimension 1 .* is "m"/,
    ],
    [
      'with two inputs',
      changedOnnx(onnxFile([2], { node: [matMul], initializer: [w] }), ({ graph }) => {
        graph.input.push({ ...graph.input[0]!, name: 'more' });
      }),
      'unsuitable-model',
      /has 2: "input", "more"/,
    ],
    [
      'with weights that are not finite',
      onnxFile([2], {
        node: [matMul],
        initializer: [{ ...w, rawData: new Uint8Array(Float32Array.of(1, 2, Number.NaN, 4, 5, 6).buffer) }],
      }),
      'invalid-file',
      /number 2 of the tensor dense_0.weight is NaN/,
    ],
    ['of no version', onnxFile([2], { node: [matMul], initializer: [w] }, 3), 'invalid-file', /version 3/],
    [
      'with one value twice',
      onnxFile([2], { node: [relu('input', 'a'), relu('input', 'a'), relu('a', 'output')] }),
      'invalid-file',
      /"a" is there twice/,
    ],
    [
      'that makes a huge constant',
      onnxFile([2], {
        node: [
          { opType: 'ConstantOfShape', input: ['s'], output: ['c'] },
          { opType: 'Add', input: ['input', 'c'], output: ['output'] },
        ],
        initializer: [{ name: 's', dataType: DataType.INT64, dims: [2n], int64Data: [2n ** 30n, 2n ** 30n] }],
      }),
      'unsuitable-model',
      /makes a constant of the shape/,
    ],
  ] as const)('%s', async (_, file, code, message) => {
    expect((await thrown(code, () => fromOnnx(file))).message).toMatch(message);
  });

  test('that names a large weight many times over is stopped before it fills the memory', async () => {
    const large = float('w', [1000, 1000]);
    const name = (i: number) => (i === 600 ? 'output' : `v${i}`);
    const node = Array.from({ length: 600 }, (_, i) => ({
      opType: 'MatMul',
      name: `m${i}`,
      input: [i === 0 ? 'input' : name(i), 'w'],
      output: [name(i + 1)],
    }));
    const { message } = await thrown('unsuitable-model', () =>
      fromOnnx(onnxFile([1000], { node, initializer: [large] })),
    );
    expect(message).toMatch(/node 536 .*more than 536870912/);
  });

  test('of other widths is taken as float32', async () => {
    const doubles = { ...w, dataType: DataType.DOUBLE, rawData: new Uint8Array(new Float64Array(6).fill(0.1).buffer) };
    // 1.5 and −2 as IEEE 754 binary16, and as the upper halves of float32.
    const halves = {
      ...w,
      dataType: DataType.FLOAT16,
      rawData: new Uint8Array(Uint16Array.of(0x3e00, 0xc000, 0, 0x0001, 0x3c00, 0x7bff).buffer),
    };
    const brains = {
      ...w,
      dataType: DataType.BFLOAT16,
      rawData: new Uint8Array(Uint16Array.of(0x3fc0, 0xc000, 0, 0x3f80, 0x4000, 0x4040).buffer),
    };
    const valuesOf = async (tensor: typeof w) => {
      const { weights } = await fromOnnx(onnxFile([2], { node: [matMul], initializer: [tensor] }));
      return Array.from(decodeSafetensors(weights)[0]!.values);
    };
    expect(await valuesOf(doubles)).toEqual(Array(6).fill(Math.fround(0.1)));
    expect(await valuesOf(halves)).toEqual([1.5, -2, 0, 2 ** -24, 1, 65504]);
    expect(await valuesOf(brains)).toEqual([1.5, -2, 0, 1, 2, 3]);
  });
});

describe('damaged files end in an error that says so, or in a model:', () => {
  const random = (seed: number) => () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  const meanings: Record<string, number> = {};
  async function survives(read: () => ReturnType<typeof readModel>) {
    try {
      const { model, weights: own } = await read();
      // A model that is taken can be used.
      const made = new Network(model.network, { initializer: null });
      made.setWeights(decodeSafetensors(own));
      made.predict(new Float32Array(elementCount(made.inputShape)));
      made.dispose();
      meanings.model = (meanings.model ?? 0) + 1;
    } catch (error) {
      const { status, code } = error as { status?: number; code: string };
      if (status === undefined || status < 400 || status >= 500) throw error;
      meanings[code] = (meanings[code] ?? 0) + 1;
    }
  }
  function* damaged(file: Uint8Array, count: number, seed: number): Generator<Uint8Array> {
    const next = random(seed);
    for (let i = 0; i < count; i++) {
      const copy = file.slice();
      const flips = 1 + Math.floor(next() * 3);
      for (let k = 0; k < flips; k++) copy[Math.floor(next() * copy.length)]! ^= 1 << Math.floor(next() * 8);
      yield next() < 0.3 ? copy.subarray(0, Math.floor(next() * copy.length)) : copy;
    }
  }
  const small = describedModel({
    input: [6],
    layers: [
      { type: 'reshape', shape: [3, 2, 1] },
      { type: 'conv2d', filters: 2, kernel: 2 },
      { type: 'flatten' },
      { type: 'dense', units: 2 },
    ],
  });
  const withoutMetadata = changedOnnx(exportOnnx(small.model as ModelDescription, small.network.weights()), (model) => {
    model.metadataProps = [];
  });
  test.each([
    ['ONNX of Hebb', onnx],
    ['ONNX of others', withoutMetadata],
    ['ONNX of PyTorch', readFileSync('test/fixtures/onnx/lenet.onnx')],
  ])('%s', async (_, file) => {
    for (const bytes of damaged(file, 500, file.length)) await survives(() => fromOnnx(bytes));
    expect(meanings['invalid-file']).toBeGreaterThan(50);
  });
  test('safetensors', async () => {
    for (const bytes of damaged(weights, 500, 3)) await survives(() => fromWeights(classifier.network.config, bytes));
  });
});
