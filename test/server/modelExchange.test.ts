// Models over HTTP, to the real services: out, in, used, deleted; what is wrong is a 4xx with its place, and nothing stays behind.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { buildApp } from '../../src/server/app.ts';
import { backUp } from '../../src/service/backup.ts';
import { bodyOf } from '../helpers/server.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const info = { name: 'hebb', version: '0', isa: 'scalar', threads: 1, jobs: 1, kernelVersion: '1' };

async function start(settings: NodeJS.ProcessEnv = {}, dataDir?: string) {
  const folder = dataDir ?? (await temporaryFolder());
  const services = await startServices(folder, settings, null);
  const config = readConfig({ HEBB_DATA_DIR: folder, HEBB_LOG_LEVEL: 'silent', ...settings });
  const app = buildApp(services, config, { info });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const close = async () => {
    app.server.closeAllConnections();
    await app.close();
  };
  onTestFinished(close);
  const send = (parts: Record<string, Uint8Array | object>) => {
    const form = new FormData();
    for (const [name, part] of Object.entries(parts)) {
      if (part instanceof Uint8Array) form.append(name, new Blob([new Uint8Array(part)]), name);
      else form.append(name, JSON.stringify(part));
    }
    return fetch(`${url}/v1/models`, { method: 'POST', body: form });
  };
  const predict = async (model: string, instances: unknown[]) => {
    const response = await fetch(`${url}/v1/models/${encodeURIComponent(model)}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances }),
    });
    return bodyOf(response);
  };
  const file = async (id: string, format: string) => {
    const response = await fetch(`${url}/v1/models/${id}/export?format=${format}`);
    return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
  };
  return { services, folder, url, send, predict, file, close };
}

/** Files of models and uploads. */
const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /^(models|tmp)\//.test(name))
    .sort();

const job = {
  name: 'reader',
  dataset: { synthetic: { kind: 'blobs', samples: 60, classes: 3, seed: 4 } },
  network: {
    layers: [
      { type: 'dense', name: 'body', units: 6, activation: 'tanh' },
      { type: 'dense', name: 'head', units: 3 },
    ],
  },
  training: { epochs: 3, seed: 1 },
};

test('a trained model leaves in every format, comes back, and is one like others', async () => {
  const { services, url, send, predict, file } = await start();
  const trained = await services.jobs.create(job);
  expect((await reached(services, trained.id)).error).toBeNull();
  const { id, weightsHash } = services.models.get('reader');
  const rows = [
    [0.5, -1],
    [2, 3],
  ];
  const expected = await predict(id, rows);

  const weights = await file(id, 'safetensors');
  expect(createHash('sha256').update(weights.bytes).digest('hex')).toBe(weightsHash);
  const onnx = await file(id, 'onnx');
  expect(onnx.response.headers.get('content-type')).toBe('application/octet-stream');
  expect(onnx.response.headers.get('content-disposition')).toContain('filename="reader.onnx"');
  const json = await file(id, 'json');
  expect(json.response.headers.get('content-type')).toMatch(/^application\/json/);
  const ts = await file(id, 'ts');
  expect(ts.response.headers.get('content-type')).toMatch(/^text\/typescript/);
  expect(new TextDecoder().decode(ts.bytes)).toContain('export function predict(');

  const session = await InferenceSession.create(onnx.bytes);
  const { output } = await session.run({ input: new Tensor('float32', Float32Array.from(rows.flat()), [2, 2]) });
  const values = expected.predictions.flatMap((prediction: { output: number[] }) => prediction.output);
  for (const [i, value] of (output!.data as Float32Array).entries()) expect(value).toBeCloseTo(values[i], 5);
  await session.release();

  // Nobody has to load again what did not change.
  for (const { response } of [weights, onnx, json, ts]) {
    const tag = response.headers.get('etag')!;
    const again = await fetch(response.url, { headers: { 'if-none-match': tag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  }
  const parsed = JSON.parse(new TextDecoder().decode(json.bytes));
  expect(parsed).toMatchObject({ version: 1, name: 'reader', weightsHash, keras: { class_name: 'Functional' } });

  const ways: Record<string, Uint8Array | object>[] = [
    { file: onnx.bytes },
    { network: parsed, weights: weights.bytes },
  ];
  for (const [i, parts] of ways.entries()) {
    const response = await send({ meta: { name: 'back' }, ...parts });
    const model = await bodyOf(response);
    expect([response.status, response.headers.get('location')]).toEqual([201, `/v1/models/${model.id}`]);
    const { dataset: _, metrics: __, test: ___, ...traits } = services.models.get(id);
    expect(model).toEqual({
      ...traits,
      id: model.id,
      createdAt: model.createdAt,
      name: 'back',
      job: null,
      isa: null,
      dataset: null,
      metrics: {},
      test: null,
      version: i + 1,
    });
    const answer = await predict(model.id, rows);
    expect(answer.predictions).toEqual(expected.predictions);
    expect((await file(model.id, 'safetensors')).bytes).toEqual(weights.bytes);
  }

  // The newest of the name; default stays with what was trained here.
  expect(services.models.get('default').id).toBe(id);
  const { id: imported } = services.models.get('back');
  expect(services.models.setAlias('live', 'back')).toMatchObject({ alias: 'live', model: imported });
  expect((await fetch(`${url}/v1/models/back`, { method: 'DELETE' })).status).toBe(409);
  const started = await services.jobs.create({
    ...job,
    name: 'onwards',
    training: { epochs: 1, initialModel: 'live' },
  });
  expect(await reached(services, started.id)).toMatchObject({
    state: 'completed',
    error: null,
    initialWeights: { model: imported },
  });
  services.models.removeAlias('live');
  expect((await fetch(`${url}/v1/models/${imported}`, { method: 'DELETE' })).status).toBe(204);
  expect((await fetch(`${url}/v1/models/${imported}`)).status).toBe(404);
});

test('an ONNX file of PyTorch is imported, kept over a restart, and goes with its files', async () => {
  const first = await start();
  const response = await first.send({
    file: readFileSync('test/fixtures/onnx/lenet.onnx'),
    meta: {
      name: 'lenet',
      task: 'classification',
      inputType: 'uint8',
      normalization: { type: 'scale', factor: 1 / 255 },
    },
  });
  const model = await bodyOf(response);
  expect(model).toMatchObject({
    name: 'lenet',
    inputShape: [16, 16, 1],
    outputShape: [10],
    loss: 'softmaxCrossEntropy',
  });
  const fixture = JSON.parse(readFileSync('test/fixtures/onnx/lenet.json', 'utf8'));
  const image = fixture.inputs.slice(0, 256).map((value: number) => value * 255);
  const { predictions } = await first.predict('lenet', [image]);
  for (const [i, value] of predictions[0].output.entries()) expect(value).toBeCloseTo(fixture.outputs[i], 5);
  const copy = join(await temporaryFolder(), 'copy');
  expect(await backUp(first.folder, copy)).toEqual({ datasets: 0, models: 1, missing: [] });
  expect(filesOf(copy)).toEqual(filesOf(first.folder));
  await first.services.close();
  await first.close();

  // What a service that was killed in the middle of an import leaves: a folder that no row names.
  const left = join(first.folder, 'models', '01941f29-7c00-7000-8000-00000000dead');
  mkdirSync(left);
  writeFileSync(join(left, 'imported.safetensors'), 'half');
  const second = await start({}, first.folder);
  expect(filesOf(second.folder)).toEqual([`models/${model.id}`, `models/${model.id}/imported.safetensors`]);
  expect((await second.predict('lenet', [image])).predictions).toEqual(predictions);
  await second.services.models.delete('lenet');
  expect(filesOf(second.folder)).toEqual([]);
});

test('what is wrong is told, and nothing stays behind', async () => {
  const { folder, url, send, services } = await start({ HEBB_MAX_UPLOAD_BYTES: '20000' });
  const onnx = new Uint8Array(readFileSync('test/fixtures/onnx/perceptrons.onnx'));
  const network = { input: [2], layers: [{ type: 'dense', units: 1 }] };
  const cases: [Record<string, Uint8Array | object>, number, string][] = [
    [{}, 400, 'invalid-request'],
    [{ network }, 400, 'invalid-request'],
    [{ weights: onnx }, 400, 'invalid-request'],
    [{ file: onnx, network }, 400, 'invalid-request'],
    [{ file: onnx, other: onnx }, 400, 'invalid-request'],
    [{ file: onnx, meta: { name: '../../tmp/x' } }, 400, 'invalid-request'],
    [{ file: onnx, meta: { klasses: 3 } }, 400, 'invalid-request'],
    [{ file: onnx, meta: new TextEncoder().encode('{"name":') }, 400, 'invalid-json'],
    [{ network, weights: onnx }, 400, 'invalid-file'],
    [{ file: onnx.subarray(0, 1000) }, 400, 'invalid-file'],
    [{ file: new Uint8Array(30_000) }, 413, 'too-large'],
    [{ file: onnx, meta: { classes: ['a', 'b', 'c'] } }, 422, 'invalid-network'],
  ];
  for (const [parts, status, code] of cases) {
    const response = await send(parts);
    const body = await bodyOf(response);
    expect([response.status, body.code], JSON.stringify(Object.keys(parts))).toEqual([status, code]);
  }
  const plain = await fetch(`${url}/v1/models`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(plain.status).toBe(415);
  expect(filesOf(folder)).toEqual([]);
  expect(services.models.list({ limit: 5 }).items).toEqual([]);
});

test('an export that a format cannot hold is 422, of a model that is none 404', async () => {
  const { services, url, file } = await start();
  const large = {
    layers: [
      { type: 'dense', units: 400_000 },
      { type: 'dense', units: 3 },
    ],
    input: [2],
  };
  const created = await services.jobs.create({ name: 'large', network: large, training: { epochs: 0 } });
  expect((await reached(services, created.id)).state).toBe('completed');
  const { response, bytes } = await file('large', 'ts');
  expect(response.status).toBe(422);
  const problem = JSON.parse(new TextDecoder().decode(bytes));
  expect(problem).toMatchObject({
    code: 'unsuitable-model',
    detail: expect.stringMatching(/at most 1000000 .*export ONNX/),
  });
  expect((await fetch(`${url}/v1/models/absent/export?format=onnx`)).status).toBe(404);
});
