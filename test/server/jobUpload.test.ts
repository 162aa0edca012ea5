// A job and its dataset in one call, to the real services.
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { buildApp } from '../../src/server/app.ts';
import { idx } from '../helpers/data.ts';
import { behaviour } from '../helpers/fakeWorker.mjs';
import { bodyOf, eventually, sendAndCut, sendRaw } from '../helpers/server.ts';
import { startServices, temporaryFolder } from '../helpers/service.ts';

const boundary = 'xyz';
const multipartType = `multipart/form-data; boundary=${boundary}`;
const csv = 'a,b,kind\n1,2,x\n3,4,y\n5,6,x\n7,9,y\n';
const network = { layers: [{ type: 'dense', units: 2 }] };
const job = { name: 'both', network, training: { epochs: 1 } };
const meta = { target: 'kind' };

type Parts = [name: string, content: string | object | Buffer][];

function bytesOf(parts: Parts): Buffer {
  const pieces = parts.flatMap(([name, content]) => [
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`,
    typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
    '\r\n',
  ]);
  return Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)));
}

async function start(settings: NodeJS.ProcessEnv = {}) {
  const dataDir = await temporaryFolder();
  const services = await startServices(dataDir, settings);
  const config = readConfig({ HEBB_DATA_DIR: dataDir, HEBB_LOG_LEVEL: 'silent', ...settings });
  const info = { name: 'hebb', version: '0', isa: 'scalar', threads: 1, jobs: 1, kernelVersion: '1' };
  const app = buildApp(services, config, { info });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  const send = async (parts: Parts, { key, path = '/v1/jobs' }: { key?: string; path?: string } = {}) => {
    const headers = { 'content-type': multipartType, ...(key !== undefined && { 'idempotency-key': key }) };
    const response = await fetch(url + path, { method: 'POST', headers, body: new Uint8Array(bytesOf(parts)) });
    return { status: response.status, location: response.headers.get('location'), body: await bodyOf(response) };
  };
  /** What stands in the folders of datasets and uploads. */
  const files = () =>
    readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
      .filter((name) => /^(datasets|tmp|models)\//.test(name))
      .sort();
  return { services, url, port: Number(new URL(url).port), send, files };
}

const both = (changes: object = {}, file: string | Buffer = csv, metaChanges: object = {}): Parts => [
  ['job', { ...job, ...changes }],
  ['meta', { ...meta, ...metaChanges }],
  ['file', file],
];

test('a table and its job become a dataset and a job of it', async () => {
  const { services, send, files } = await start();
  const { status, location, body } = await send(both());
  expect(status, JSON.stringify(body)).toBe(202);
  expect(location).toBe(`/v1/jobs/${body.id}`);
  const dataset = services.datasets.get(body.dataset);
  expect(dataset).toMatchObject({ classes: ['x', 'y'], inputShape: [2], samples: { train: 4 } });
  expect(dataset.name).toMatch(/^dataset-[0-9a-f]{8}$/);
  expect(body).toMatchObject({ name: 'both', network: { input: [2] } });
  expect(files()).toContain(`datasets/${dataset.id}/train.bin`);
  expect(files().filter((name) => name.startsWith('tmp/'))).toEqual([]);
});

test('images and labels for a preset, whose own dataset gives way', async () => {
  const { services, send } = await start();
  const digits = Array.from({ length: 10 }, (_, digit) => digit);
  const { status, body } = await send([
    ['job', { preset: 'mnist-tanh', training: { epochs: 1 } }],
    ['meta', { name: 'tiny digits' }],
    [
      'images',
      idx(
        8,
        [10, 2, 2],
        digits.flatMap((digit) => [digit, 0, 255, digit]),
      ),
    ],
    ['labels', idx(8, [10], digits)],
  ]);
  expect(status, JSON.stringify(body)).toBe(202);
  expect(body).toMatchObject({ name: 'mnist-tanh', network: { input: [2, 2, 1] } });
  expect(services.datasets.list({ limit: 9 }).items.map(({ id, name }) => [id, name])).toEqual([
    [body.dataset, 'tiny digits'],
  ]);
});

test('the same data is stored once, under one name or without', async () => {
  const { services, send, files } = await start();
  const first = await send(both());
  expect((await send(both())).body.dataset).toBe(first.body.dataset);
  const named = await send(both({}, csv, { name: 'mine' }));
  expect(named.body.dataset).not.toBe(first.body.dataset);
  expect((await send(both({}, csv, { name: 'mine' }))).body.dataset).toBe(named.body.dataset);
  expect((await send(both({}, csv.replace('7,9', '7,8')))).body.dataset).not.toBe(first.body.dataset);
  expect(services.datasets.list({ limit: 9 }).items).toHaveLength(3);
  expect(files().filter((name) => name.startsWith('tmp/'))).toEqual([]);
});

test('a dry run tells the cost, and nothing stays', async () => {
  const { services, send, files } = await start();
  const { status, body } = await send(both(), { path: '/v1/jobs?dryRun=true' });
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body.parameters).toBe(6);
  expect(services.datasets.list({ limit: 9 }).items).toEqual([]);
  expect(files()).toEqual([]);
});

test('a key gives the same job for the same job, meta and files, and is refused for others', async () => {
  const { services, send, files } = await start();
  const first = await send(both(), { key: 'k' });
  const again = await Promise.all([send(both(), { key: 'k' }), send(both(), { key: 'k' })]);
  expect(again.map(({ status, body }) => [status, body.id])).toEqual(Array(2).fill([202, first.body.id]));
  expect(services.jobs.list({ limit: 9 }).items).toHaveLength(1);
  const others = [
    both({ name: 'another' }),
    both({}, csv.replace('7,9', '7,8')),
    both({}, csv, { name: 'mine' }),
    [...both(), ['labels', 'x']] as Parts,
  ];
  for (const parts of others) {
    expect(await send(parts, { key: 'k' })).toMatchObject({ status: 422, body: { code: 'idempotency-mismatch' } });
  }
  expect(services.datasets.list({ limit: 9 }).items).toHaveLength(1);
  expect(files().filter((name) => name.startsWith('tmp/'))).toEqual([]);
});

test('a job or a dataset that is wrong is told with its place, and neither stays', async () => {
  const { services, send, files } = await start();
  const filesOfIdx = (labels: number): Parts => [
    ['images', idx(8, [2, 2], [0, 0, 0, 1])],
    ['labels', idx(8, [labels], Array(labels).fill(0))],
  ];
  const cases: [Parts, number, string, string?][] = [
    // By itself.
    [both({ dataset: 'mnist' }), 400, 'invalid-request', '/dataset'],
    [both({ network: { layers: [{ type: 'dense' }] } }), 400, 'invalid-request', '/network/layers/0/units'],
    [both({ nam: 'x' }), 400, 'invalid-request', '/nam'],
    [both({ training: { initialModel: 'absent' } }), 422, 'unknown-model', '/training/initialModel'],
    [[['job', '{'], ...both().slice(1)], 400, 'invalid-json'],
    [[['job', '[]'], ...both().slice(1)], 400, 'invalid-request'],
    [both({ preset: 'xor-tan' }), 422, 'unknown-preset', '/preset'],
    // What belongs to the dataset, where it would stand in JSON.
    [both({}, csv, { name: 5 }), 400, 'invalid-request', '/dataset/name'],
    [both({}, csv, { target: 'c' }), 400, 'invalid-request', '/dataset/target'],
    [both({}, csv, { split: { test: 0.6, validation: 0.6 } }), 400, 'invalid-request', '/dataset/split'],
    [[...both().slice(0, 1), ['meta', {}], ...filesOfIdx(3)], 400, 'invalid-file', '/dataset/labels'],
    // Each right, and not for each other.
    [
      both({ network: { input: [3], layers: [{ type: 'dense', units: 2 }] } }),
      422,
      'invalid-network',
      '/network/input',
    ],
    [both({ network: { layers: [{ type: 'dense', units: 5 }] } }), 422, 'invalid-network', '/network/layers/0'],
    // Parts.
    [both().slice(1), 400, 'invalid-request'],
    [both().slice(0, 1), 400, 'invalid-request'],
    [both().slice(0, 2), 400, 'invalid-request'],
    [[both()[1]!, both()[0]!, both()[2]!], 400, 'invalid-request'],
    [[both()[0]!, both()[2]!, both()[1]!], 400, 'invalid-request'],
    [[both()[0]!, ...both()], 400, 'invalid-request'],
    [[...both(), ['photo', 'x']], 400, 'invalid-request'],
  ];
  for (const [parts, status, code, pointer] of cases) {
    const answer = await send(parts);
    const what = JSON.stringify([parts, answer.body]);
    expect([answer.status, answer.body.code], what).toEqual([status, code]);
    if (pointer !== undefined) expect(answer.body.errors?.[0].pointer, what).toBe(pointer);
    expect(files(), what).toEqual([]);
  }
  expect(services.datasets.list({ limit: 9 }).items).toEqual([]);
  expect(services.jobs.list({ limit: 9 }).items).toEqual([]);
  // A set that was there before stays where a job does not fit it.
  const { dataset } = (await send(both())).body;
  expect((await send(both({ network: { layers: [{ type: 'dense', units: 5 }] } }))).status).toBe(422);
  expect(services.datasets.list({ limit: 9 }).items.map(({ id }) => id)).toEqual([dataset]);
});

test('a wrong job is refused while its files are still to come', async () => {
  const { port, files } = await start();
  const head = `POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: ${multipartType}\r\nContent-Length: 1000000\r\n\r\n`;
  const wrong = both({ network: { input: [2], layers: [{ type: 'conv2d', filters: 1, kernel: 3 }] } });
  const begun = bytesOf(wrong).subarray(0, -40);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat([Buffer.from(head), begun])));
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
    socket.on('error', reject);
  });
  expect(answer).toMatch(/^HTTP\/1.1 422 .*invalid-network/s);
  await eventually(() => files().length === 0);
});

test('too much is 413, and a connection that is cut leaves nothing', async () => {
  const { port, send, files, services, url } = await start({ HEBB_MAX_UPLOAD_BYTES: '100000' });
  expect(await send(both({}, 'x'.repeat(150_000)))).toMatchObject({ status: 413, body: { code: 'too-large' } });
  const body = bytesOf(both({}, csv.repeat(1000)));
  const head = `POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: ${multipartType}\r\nContent-Length: ${body.length}\r\n\r\n`;
  for (const length of [0, 30, 300, 20_000, body.length - 5]) {
    await sendAndCut(port, Buffer.concat([Buffer.from(head), body.subarray(0, length)]));
  }
  await eventually(() => files().length === 0);
  expect(services.datasets.list({ limit: 9 }).items).toEqual([]);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('other calls for jobs take no multipart body', async () => {
  const { port, send, services } = await start();
  const { id } = (await send(both({ training: { epochs: 1, seed: behaviour.endless } }))).body;
  for (const path of [`/v1/jobs/${id}/fork`, `/v1/jobs/${id}/pause`]) {
    expect(await send(both(), { path })).toMatchObject({ status: 415, body: { code: 'unsupported-media-type' } });
  }
  const noBoundary = `POST /v1/jobs HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\nx`;
  expect(await sendRaw(port, noBoundary)).toMatch(/^HTTP\/1.1 400 /);
  await services.jobs.cancel(id);
});
