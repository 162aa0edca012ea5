import { expect, test } from 'vitest';
import * as examples from '../../src/server/schemas/examples.ts';
import { bodyOf, startServer } from '../helpers/server.ts';

const text = JSON.stringify(examples.inferRequest);

test('JSON and what follows it reach the model, whatever the content type', async () => {
  const { url, services } = await startServer();
  const post = (path: string, body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) =>
    fetch(`${url}/v2/models/${path}/infer`, { method: 'POST', body, headers });
  expect(await bodyOf(await post('digits', text, { 'content-type': 'application/json' }))).toEqual(
    examples.inferResponse,
  );
  const binary = Buffer.concat([Buffer.from(text), Buffer.from('bytes')]);
  const length = { 'inference-header-content-length': String(text.length) };
  for (const type of ['application/octet-stream', 'application/json', 'text/plain']) {
    expect((await post('digits/versions/3', binary, { ...length, 'content-type': type })).status).toBe(200);
  }
  expect((await post('digits', new Blob([binary]), length)).status).toBe(200);
  expect(services.calls.map(({ args }) => args)).toEqual([
    ['digits', undefined, examples.inferRequest, ''],
    ['digits', '3', examples.inferRequest, 'bytes'],
    ['digits', '3', examples.inferRequest, 'bytes'],
    ['digits', '3', examples.inferRequest, 'bytes'],
    ['digits', undefined, examples.inferRequest, 'bytes'],
  ]);
});

test('binary data follow the JSON of an answer', async () => {
  const { url, services } = await startServer();
  const { infer } = services.openInference;
  services.openInference.infer = async (...args) => ({
    ...(await infer(...args)),
    binary: [Buffer.from('ab'), Buffer.from('c')],
  });
  const response = await fetch(`${url}/v2/models/digits/infer`, { method: 'POST', body: text });
  const body = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get('inference-header-content-length'));
  expect(response.headers.get('content-type')).toBe('application/octet-stream');
  expect(JSON.parse(body.subarray(0, length).toString())).toEqual(examples.inferResponse);
  expect(body.subarray(length).toString()).toBe('abc');
});

test('errors are the protocol’s own, wherever they come from', async () => {
  const { url, services } = await startServer({ maxJsonBytes: 1000, maxUploadBytes: 5000 });
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, init);
    const body = await bodyOf(response);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(Object.keys(body)).toEqual(['error']);
    return [response.status, body.error];
  };
  const infer = (body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) =>
    ask('/v2/models/digits/infer', { method: 'POST', body, headers });
  expect(await ask('/v2/models/absent')).toEqual([404, 'no model "absent"']);
  expect(await ask('/v2/models/absent/versions/1/ready')).toEqual([404, 'no model "absent"']);
  expect(await ask('/v2/models/digits/nothing')).toEqual([404, expect.stringContaining('nothing at /v2/models')]);
  expect(await ask('/v2/models/digits/infer')).toEqual([405, expect.stringContaining('only POST')]);
  expect(await ask('/v2?x=1')).toEqual([400, expect.stringContaining('unknown key "x"')]);
  expect(await infer('')).toEqual([400, expect.stringContaining('is empty')]);
  expect(await infer('{')).toEqual([400, expect.stringContaining('is not JSON')]);
  expect(await infer('['.repeat(900))).toEqual([400, expect.stringContaining('deeper than 32')]);
  for (const length of ['-1', 'x', '1e2', '', '99999', '1, 2']) {
    const [status, error] = await infer('{}', { 'inference-header-content-length': length });
    expect([status, error]).toEqual([400, expect.stringContaining('Inference-Header-Content-Length')]);
  }
  expect(await infer('{} ', { 'inference-header-content-length': '0' })).toEqual([
    400,
    expect.stringContaining('is empty'),
  ]);
  expect(await infer(`{"a": "${'x'.repeat(1000)}"}`)).toEqual([413, expect.stringContaining('binary data')]);
  expect(await infer('x'.repeat(6000))).toEqual([413, expect.any(String)]);
  expect(await infer('{}', { 'content-encoding': 'gzip' })).toEqual([415, expect.stringContaining('gzip')]);
  services.isReady = false;
  expect(await ask('/v2/health/ready')).toEqual([503, expect.any(String)]);
  expect((await fetch(`${url}/v2/health/live`)).status).toBe(200);
  expect(services.calls).toEqual([]);
  // Other paths keep theirs.
  const other = await fetch(`${url}/v2x`);
  expect(other.headers.get('content-type')).toMatch(/^application\/problem\+json/);
});
