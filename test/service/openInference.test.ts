import { expect, test } from 'vitest';
import type { InferResponse } from '../../src/service/types.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';
import { withSidesModel } from '../helpers/sides.ts';

/** Class "left" where the left column is brighter, else "right". */
const withModel = () => withSidesModel({ name: 'sides', classes: ['left', 'right'] });

const none: Uint8Array = new Uint8Array();
const rows = [1, 0, 2, 0.5, 0, 1, 0, 3];
const input = { name: 'input', shape: [2, 4], datatype: 'FP32' };
const bytes = (values: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array): Uint8Array =>
  new Uint8Array(values.buffer);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

test('a model tells what it takes and gives', async () => {
  const { openInference, models } = await withModel();
  const expected = {
    name: 'sides',
    versions: ['1'],
    platform: 'hebb',
    inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 2, 2, 1] }],
    outputs: [
      { name: 'output', datatype: 'FP32', shape: [-1, 2] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
    ],
  };
  expect(openInference.metadata('sides')).toEqual(expected);
  expect(openInference.metadata('sides', '1')).toEqual(expected);
  expect(openInference.metadata('default')).toEqual({ ...expected, name: 'default' });
  expect(openInference.ready('sides', '1')).toEqual({ name: 'sides', ready: true });
  expect(openInference.index()).toEqual([{ name: 'sides', version: '1', state: 'READY', reason: '' }]);
  for (const [name, version] of [
    ['sides', '2'],
    ['sides', '0'],
    ['sides', '01'],
    ['sides', 'x'],
    ['default', '2'],
    ['absent', '1'],
    ['absent', undefined],
  ] as const) {
    expect(() => openInference.metadata(name, version), `${name} ${version}`).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
  }
  expect(() => openInference.ready('sides', '2')).toThrow('has no version "2"; its versions: 1');
  models.setAlias('best', 'sides');
  expect(() => openInference.ready('best', '2')).toThrow('"best" is version 1 of "sides"');
});

test('data may be flat, nested or binary, in any datatype, and gives what /predict gives', async () => {
  const { openInference, predictions, models } = await withModel();
  const ask = async (tensor: object, binary = none): Promise<InferResponse> =>
    (await openInference.infer('sides', undefined, { id: 'a', inputs: [{ ...input, ...tensor }] }, binary)).response;
  const flat = [rows.slice(0, 4), rows.slice(4)];
  const { predictions: known } = await predictions.predictInstances('sides', flat, {});
  const answer = await ask({ data: rows });
  const p = sigmoid(2.5);
  expect(answer).toEqual({
    id: 'a',
    model_name: 'sides',
    model_version: '1',
    parameters: { model: models.get('sides').id, step: 0 },
    outputs: [
      { name: 'output', datatype: 'FP32', shape: [2, 2], data: [3, 0.5, 0, 4] },
      {
        name: 'probabilities',
        datatype: 'FP32',
        shape: [2, 2],
        data: [p, 1 - p, sigmoid(-4), sigmoid(4)].map((value) => expect.closeTo(value, 6)),
      },
    ],
  });
  expect(answer.outputs[0]!.data).toEqual(known.flatMap(({ output }) => output));
  expect(answer.outputs[1]!.data![0]).toBe(Math.fround(known[0]!.probability!));

  const nested = [
    [
      [[1], [0]],
      [[2], [0.5]],
    ],
    [
      [[0], [1]],
      [[0], [3]],
    ],
  ];
  const { outputs } = answer;
  expect((await ask({ data: flat })).outputs).toEqual(outputs);
  expect((await ask({ shape: [2, 2, 2, 1], data: nested })).outputs).toEqual(outputs);
  expect((await ask({ shape: [2, 2, 2, 1], data: rows })).outputs).toEqual(outputs);
  expect((await ask({ datatype: 'FP64', data: rows })).outputs).toEqual(outputs);
  const binary = (tensor: object, values: Parameters<typeof bytes>[0]) =>
    ask({ ...tensor, parameters: { binary_data_size: values.byteLength } }, bytes(values));
  expect((await binary({}, Float32Array.from(rows))).outputs).toEqual(outputs);
  expect((await binary({ datatype: 'FP64' }, Float64Array.from(rows))).outputs).toEqual(outputs);
  const whole = [1, 0, 2, 200, 0, 1, 0, 3];
  const ofWhole = (await ask({ data: whole })).outputs;
  expect((await binary({ datatype: 'UINT8' }, Uint8Array.from(whole))).outputs).toEqual(ofWhole);
  expect((await binary({ datatype: 'INT32' }, Int32Array.from(whole))).outputs).toEqual(ofWhole);
  const negative = [-1, 0, -3_000_000_000, 5_000_000_000, 0, 1, 0, 3];
  const ofLongs = await binary({ datatype: 'INT64' }, BigInt64Array.from(negative.map(BigInt)));
  expect(ofLongs.outputs).toEqual((await ask({ data: negative })).outputs);
  expect(ofLongs.outputs[0]!.data).toEqual([Math.fround(-3_000_000_001), 5_000_000_000, 0, 4]);
});

test('outputs are selected, as binary data or as classes', async () => {
  const { openInference } = await withModel();
  const ask = (request: object) =>
    openInference.infer('sides', '1', { inputs: [{ ...input, data: rows }], ...request }, none);
  const only = await ask({ outputs: [{ name: 'output', parameters: { binary_data: true } }] });
  expect(only.response).not.toHaveProperty('id');
  expect(only.response.outputs).toEqual([
    { name: 'output', datatype: 'FP32', shape: [2, 2], parameters: { binary_data_size: 16 } },
  ]);
  expect(only.binary.map((b) => [...new Float32Array(b.buffer, b.byteOffset, 4)])).toEqual([[3, 0.5, 0, 4]]);

  // What is asked of one output goes before what is asked of all.
  const mixed = await ask({
    parameters: { binary_data_output: true, priority: 3 },
    outputs: [{ name: 'probabilities', parameters: { binary_data: false } }, { name: 'output' }],
  });
  expect(mixed.response.outputs.map(({ name, data }) => [name, data?.length])).toEqual([
    ['probabilities', 4],
    ['output', undefined],
  ]);
  expect(mixed.binary).toHaveLength(1);

  const classes = await ask({ outputs: [{ name: 'output', parameters: { classification: 1 } }] });
  expect(classes.response.outputs).toEqual([
    { name: 'output', datatype: 'BYTES', shape: [2, 1], data: ['3.000000:0:left', '4.000000:1:right'] },
  ]);
  const more = await ask({
    outputs: [{ name: 'probabilities', parameters: { classification: 9, binary_data: true } }],
  });
  expect(more.response.outputs[0]).toMatchObject({ datatype: 'BYTES', shape: [2, 2] });
  const texts = ['0.924142:0:left', '0.075858:1:right', '0.982014:1:right', '0.017986:0:left'];
  const expected = Buffer.concat(texts.map((t) => Buffer.from([t.length, 0, 0, 0, ...Buffer.from(t)])));
  expect(more.binary[0]!.equals(expected)).toBe(true);
  expect(more.response.outputs[0]!.parameters).toEqual({ binary_data_size: expected.length });
});

test('one output that tells two classes apart has two probabilities; a regression has none', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { jobs, openInference } = services;
  const make = async (name: string, dataset: object, layer: object) => {
    const { id } = await jobs.create({ name, dataset, network: { layers: [layer] }, training: { epochs: 0 } });
    expect((await reached(services, id)).error).toBeNull();
  };
  const inputs = [[0], [1]];
  const unit = { type: 'dense', units: 1, weights: { weight: [[2]], bias: [-1] } };
  await make('two', { inputs, targets: ['no', 'yes'] }, { ...unit, activation: 'sigmoid' });
  await make('line', { inputs, targets: [0.5, 1.5], task: 'regression' }, unit);
  const request = { inputs: [{ name: 'input', shape: [2], datatype: 'FP32', data: [0, 1] }] };
  const two = await openInference.infer('two', undefined, request, none);
  const p = sigmoid(1);
  expect(two.response.outputs).toEqual([
    { name: 'output', datatype: 'FP32', shape: [2, 1], data: [1 - p, p].map((v) => expect.closeTo(v, 6)) },
    {
      name: 'probabilities',
      datatype: 'FP32',
      shape: [2, 2],
      data: [p, 1 - p, 1 - p, p].map((v) => expect.closeTo(v, 6)),
    },
  ]);
  const best = { ...request, outputs: [{ name: 'probabilities', parameters: { classification: 1 } }] };
  expect((await openInference.infer('two', undefined, best, none)).response.outputs[0]!.data).toEqual([
    '0.731059:0:no',
    '0.731059:1:yes',
  ]);
  expect(openInference.metadata('line').outputs).toEqual([{ name: 'output', datatype: 'FP32', shape: [-1, 1] }]);
  expect((await openInference.infer('line', undefined, request, none)).response.outputs).toEqual([
    { name: 'output', datatype: 'FP32', shape: [2, 1], data: [-1, 1] },
  ]);
});

test('what does not fit is refused, and says why', async () => {
  const { openInference } = await withModel();
  const good = { ...input, data: rows };
  const four = { ...input, shape: [1, 4] };
  const size = (binary_data_size: unknown) => ({ parameters: { binary_data_size } });
  const refusals: [object, RegExp, Uint8Array?][] = [
    [{}, /"inputs" is missing/],
    [{ inputs: [] }, /inputs/],
    [{ inputs: [good, good] }, /takes one input, "input", got "input", "input"/],
    [{ inputs: [{ ...good, name: 'x' }] }, /takes one input, "input", got "x"/],
    [{ inputs: [{ ...good, datatype: 'BYTES' }] }, /"BYTES"; it can be one of FP32, UINT8/],
    [{ inputs: [{ ...good, datatype: 'toString' }] }, /"toString"/],
    [{ inputs: [{ ...good, shape: [] }] }, /shape \(\), the model takes \(rows, 2, 2, 1\) or \(rows, 4\)/],
    [{ inputs: [{ ...good, shape: [2, 5] }] }, /shape \(2, 5\)/],
    [{ inputs: [{ ...good, shape: [2, 2, 2] }] }, /shape \(2, 2, 2\)/],
    [{ inputs: [{ ...good, shape: [-1, 4] }] }, /\/inputs\/0\/shape\/0: must be >= 0/],
    [{ inputs: [{ ...good, shape: [0, 4] }] }, /1 to 1000 inputs are expected in one call, got 0/],
    [{ inputs: [{ ...good, shape: [10_000, 4] }] }, /1 to 1000 inputs are expected in one call, got 10000/],
    [{ inputs: [{ ...good, shape: [1e15, 4] }] }, /got 1000000000000000/],
    [{ inputs: [{ ...good, shape: [2, 4, 1e9, 1e9] }] }, /the model takes/],
    [{ inputs: [{ ...good, data: rows.slice(1) }] }, /an array of 8 is expected at data, got one of 7/],
    [{ inputs: [{ ...four, data: [[1, 2, 3]] }] }, /an array of 4 is expected at data\/0, got one of 3/],
    [{ inputs: [{ ...four, data: [1, 2, '3', 4] }] }, /a finite number is expected at data\/2, got "3"/],
    [{ inputs: [{ ...four, data: [1, 2, 1e39, 4] }] }, /a finite number is expected at data\/2/],
    [{ inputs: [{ ...four, data: [1, null, 1, 4] }] }, /a finite number is expected at data\/1, got null/],
    [{ inputs: [{ ...four, datatype: 'UINT8', data: [1, 2, 256, 4] }] }, /an integer from 0 to 255 .* got 256/],
    [{ inputs: [{ ...four, datatype: 'INT8', data: [1, 2, 0.5, 4] }] }, /an integer from -128 to 127 .* got 0.5/],
    [{ inputs: [four] }, /must have either "data" or the parameter "binary_data_size"/],
    [{ inputs: [{ ...four, data: [1, 2, 3, 4], ...size(16) }] }, /must have either/, new Uint8Array(16)],
    [{ inputs: [{ ...four, data: [1, 2, 3, 4] }] }, /16 bytes follow the JSON, but no input/, new Uint8Array(16)],
    [{ inputs: [{ ...four, ...size(16) }] }, /said to be 16 bytes, but 15 bytes follow/, new Uint8Array(15)],
    [{ inputs: [{ ...four, ...size(16) }] }, /said to be 16 bytes, but 17 bytes follow/, new Uint8Array(17)],
    [
      { inputs: [{ ...four, ...size(8) }] },
      /said to be 8 bytes, but 4 numbers of FP32 are 16 bytes/,
      new Uint8Array(8),
    ],
    [{ inputs: [{ ...four, ...size(-16) }] }, /binary_data_size/, new Uint8Array(16)],
    [{ inputs: [{ ...four, ...size(1e300) }] }, /said to be 1e\+300 bytes/, new Uint8Array(16)],
    [
      { inputs: [{ ...four, ...size(16) }] },
      /number 2 of row 0 is NaN/,
      bytes(Float32Array.of(1, 2, Number.NaN, Number.POSITIVE_INFINITY)),
    ],
    [
      { inputs: [{ ...four, datatype: 'FP64', ...size(32) }] },
      /number 3 of row 0 is 1e\+39, which is no finite float32/,
      bytes(Float64Array.of(1, 2, 3, 1e39)),
    ],
    [{ inputs: [{ ...four, parameters: { shared_memory_region: 'a' } }] }, /shared memory/],
    [{ inputs: [good], outputs: [{ name: 'nope' }] }, /no output "nope", but "output", "probabilities"/],
    [{ inputs: [good], outputs: [{ name: 'output' }, { name: 'output' }] }, /"output" is asked for twice/],
    [{ inputs: [good], outputs: [{ name: 'output', parameters: { classification: -1 } }] }, /classification/],
    [{ inputs: [good], outputs: [{ name: 'output', parameters: { binary_data: 'yes' } }] }, /binary_data/],
    [{ inputs: [good], id: 7 }, /\/id: must be of type string/],
  ];
  for (const [request, message, binary = none] of refusals) {
    const error = await openInference.infer('sides', undefined, request, binary).then(
      () => null,
      (thrown) => thrown,
    );
    expect(error?.message, JSON.stringify(request)).toMatch(message);
    expect([400, 422]).toContain(error.status);
  }
  expect((await openInference.infer('sides', undefined, { inputs: [good] }, none)).response.outputs).toHaveLength(2);
});

test('more numbers than JSON carries go as binary data', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { id } = await services.jobs.create({
    name: 'wide',
    dataset: { inputs: [[1], [2]], targets: [[0], [0]].map(() => Array(2000).fill(0)) },
    network: { layers: [{ type: 'dense', units: 2000 }] },
    training: { epochs: 0 },
  });
  expect((await reached(services, id)).error).toBeNull();
  const ask = (rows: number, binary_data: boolean) => {
    const tensor = { name: 'input', shape: [rows, 1], datatype: 'FP32', data: Array(rows).fill(1) };
    const request = { inputs: [tensor], outputs: [{ name: 'output', parameters: { binary_data } }] };
    return services.openInference.infer('wide', undefined, request, none);
  };
  expect((await ask(50, false)).response.outputs[0]!.data).toHaveLength(100_000);
  await expect(ask(51, false)).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining('as binary data'),
  });
  expect((await ask(1000, true)).binary[0]).toHaveLength(8_000_000);

  const sorted = await services.jobs.create({
    name: 'many classes',
    dataset: { inputs: [[1], [2]], targets: ['c0', 'c1'], classes: Array.from({ length: 2000 }, (_, i) => `c${i}`) },
    network: { layers: [{ type: 'dense', units: 2000 }] },
    training: { epochs: 0, seed: 3 },
  });
  expect((await reached(services, sorted.id)).error).toBeNull();
  const classify = async (rows: number, name: string, classification: number) => {
    const tensor = { name: 'input', shape: [rows, 1], datatype: 'FP32', data: Array(rows).fill(1) };
    const outputs = [{ name, parameters: { classification, binary_data: name === 'output' } }];
    return services.openInference.infer('many classes', undefined, { inputs: [tensor], outputs }, none);
  };
  const { response } = await classify(2, 'probabilities', 20);
  const values = (response.outputs[0]!.data as string[]).map((text) => text.split(':'));
  const [known] = (await services.predictions.predictInstances('many classes', [[1]], { top: 20 })).predictions;
  expect(values.slice(20).map(([, , label]) => label)).toEqual(known!.top!.map((listed) => listed.class));
  expect(values[0]![2]).toBe(`c${values[0]![1]}`);
  await expect(classify(60, 'output', 2000)).rejects.toMatchObject({ status: 422 });
  await expect(classify(1000, 'output', 1)).rejects.toMatchObject({ status: 422 });
  await expect(classify(66, 'probabilities', 1)).rejects.toMatchObject({
    message: expect.stringContaining('probabilities and classes of 132000 numbers'),
  });
  expect((await classify(65, 'output', 1)).binary).toHaveLength(1);
});

test('a job that is not over answers from its newest checkpoint; it has no version yet', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { jobs, openInference, predictions } = services;
  const { id } = await jobs.create({
    name: 'blobs',
    dataset: { synthetic: { kind: 'blobs', samples: 200, classes: 3, seed: 1 } },
    network: { layers: [{ type: 'dense', units: 3 }] },
    training: { epochs: 1_000_000, batchSize: 16, seed: 3, checkpoint: { everySteps: 5000 } },
  });
  while (jobs.checkpoints(id).items.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await jobs.pause(id);
  expect(openInference.metadata('blobs')).not.toHaveProperty('versions');
  expect(() => openInference.metadata('blobs', '1')).toThrow(expect.objectContaining({ code: 'state-conflict' }));
  const request = { inputs: [{ name: 'input', shape: [1, 2], datatype: 'FP32', data: [0.5, -1] }] };
  const { response } = await openInference.infer('blobs', undefined, request, none);
  const known = await predictions.predictInstances('blobs', [[0.5, -1]], {});
  expect(response).not.toHaveProperty('model_version');
  expect(response.parameters).toEqual({ model: id, step: known.step });
  expect(response.outputs[0]!.data).toEqual(known.predictions[0]!.output);
});
