import { request } from 'node:http';
import { expect, test } from 'vitest';
import { HebbError } from '../../src/errors.ts';
import { bodyOf, sendRaw, startServer } from '../helpers/server.ts';

const json = { 'content-type': 'application/json' };

async function expectProblem(response: Response, status: number, code: string) {
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const problem = await bodyOf(response);
  expect(problem).toMatchObject({ status, code, type: `urn:hebb:problem:${code}` });
  return problem;
}

test('an unknown path is 404, a known path with another method 405 with Allow', async () => {
  const { url } = await startServer();
  await expectProblem(await fetch(`${url}/v1/nothing`), 404, 'not-found');
  const response = await fetch(`${url}/v1/jobs/digits`, { method: 'PUT' });
  expect(response.headers.get('allow')).toBe('DELETE, GET, HEAD, PATCH');
  await expectProblem(response, 405, 'method-not-allowed');
  const png = await fetch(`${url}/v1/datasets/mnist/samples/0.png`, { method: 'DELETE' });
  expect(png.headers.get('allow')).toBe('GET, HEAD');
  // The dot of the suffix is a dot.
  await expectProblem(await fetch(`${url}/v1/datasets/mnist/samples/0xpng`, { method: 'DELETE' }), 404, 'not-found');
});

test('OPTIONS tells the methods, HEAD answers as GET without a body', async () => {
  const { url } = await startServer();
  const options = await fetch(`${url}/v1/models`, { method: 'OPTIONS' });
  expect(options.status).toBe(204);
  expect(options.headers.get('allow')).toBe('GET, HEAD, POST');
  const head = await fetch(`${url}/v1/models`, { method: 'HEAD' });
  expect(head.status).toBe(200);
  expect(Number(head.headers.get('content-length'))).toBeGreaterThan(100);
  expect(await head.text()).toBe('');
});

test('bodies that are not JSON are 400', async () => {
  const { url } = await startServer();
  const post = (body: string | Uint8Array<ArrayBuffer>) =>
    fetch(`${url}/v1/jobs`, { method: 'POST', headers: json, body });
  for (const body of ['{', '', '{"name": "a"', 'NaN', '{"a": 1} x', '"\u0001"']) {
    await expectProblem(await post(body), 400, 'invalid-json');
  }
  const notUtf8 = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
  expect(await expectProblem(await post(notUtf8), 400, 'invalid-json')).toMatchObject({
    detail: expect.stringContaining('UTF-8'),
  });
  const bom = Buffer.from('\ufeff{"name": "a"}');
  expect((await post(bom)).status).toBe(202);
});

test('depth is checked before parsing, and brackets in strings do not count', async () => {
  const { url, services } = await startServer();
  const post = (body: string) => fetch(`${url}/v1/jobs`, { method: 'POST', headers: json, body });
  for (const body of ['['.repeat(20_000), '{"a":'.repeat(20_000), `${'['.repeat(33)}${']'.repeat(33)}`]) {
    const problem = await expectProblem(await post(body), 400, 'invalid-json');
    expect(problem.detail).toContain('32 levels');
  }
  const nested = `${'['.repeat(31)}${']'.repeat(31)}`;
  expect((await post(`{"name": "a", "x": ${nested}}`)).status).toBe(202);
  expect((await post(`{"name": "\\"${'['.repeat(100)}\\\\"}`)).status).toBe(202);
  expect(services.calls).toHaveLength(2);
});

test('a __proto__ key is refused, however it is written, and as a value it is text', async () => {
  const { url, services } = await startServer();
  const post = (body: string) => fetch(`${url}/v1/jobs`, { method: 'POST', headers: json, body });
  await expectProblem(await post('{"name": "a", "__proto__": {"x": 1}}'), 400, 'invalid-json');
  await expectProblem(await post('{"name": "a", "b": [{"\\u005f_proto_\\u005F": {"x": 1}}]}'), 400, 'invalid-json');
  expect((await post('{"name": "__proto__"}')).status).toBe(202);
  expect(services.calls).toHaveLength(1);
  expect(({} as { x?: number }).x).toBeUndefined();
});

test('a JSON body over the limit is 413, names the way for more, and leaves the connection usable', async () => {
  const { url, services } = await startServer();
  const body = JSON.stringify({ name: 'a'.repeat(5 * 1024 ** 2) });
  const problem = await expectProblem(
    await fetch(`${url}/v1/datasets`, { method: 'POST', headers: json, body }),
    413,
    'too-large',
  );
  expect(problem.detail).toMatch(/IDX.*multipart/);
  // Without Content-Length as well.
  const stream = new Blob([body]).stream();
  const chunked = await fetch(`${url}/v1/datasets`, {
    method: 'POST',
    headers: json,
    body: stream,
    duplex: 'half',
  } as RequestInit);
  await expectProblem(chunked, 413, 'too-large');
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(services.calls).toEqual([]);
});

test('other media types and encodings are 415 and name what is taken', async () => {
  const { url } = await startServer();
  const post = (headers: Record<string, string>, path = '/v1/jobs') =>
    fetch(`${url}${path}`, { method: 'POST', headers, body: '{"name": "a"}' });
  expect(
    await expectProblem(await post({ 'content-type': 'text/plain' }), 415, 'unsupported-media-type'),
  ).toMatchObject({
    detail: 'a body of type application/json or multipart/form-data was expected, got text/plain',
  });
  await expectProblem(await post({ 'content-type': 'image/png' }), 415, 'unsupported-media-type');
  const multipart = { 'content-type': 'multipart/form-data; boundary=x' };
  await expectProblem(await post(multipart, '/v1/jobs/digits/fork'), 415, 'unsupported-media-type');
  await expectProblem(await post({ 'content-type': 'garbage' }), 415, 'unsupported-media-type');
  await expectProblem(await post({ ...json, 'content-encoding': 'gzip' }), 415, 'unsupported-media-type');
  const predict = await expectProblem(
    await post({ 'content-type': 'image/gif' }, '/predict'),
    415,
    'unsupported-media-type',
  );
  expect(predict.detail).toContain('image/png');
  expect((await post({ 'content-type': 'application/json; charset=utf-8' })).status).toBe(202);
});

test('a call without a body takes a JSON content type in its stride', async () => {
  const { url } = await startServer();
  expect((await fetch(`${url}/v1/jobs/digits`, { method: 'DELETE', headers: json })).status).toBe(204);
  expect((await fetch(`${url}/v1/jobs/digits/cancel`, { method: 'POST', headers: json })).status).toBe(200);
});

test('queries are coerced, unknown and impossible ones are 400 with all faults', async () => {
  const { url, services } = await startServer();
  await fetch(`${url}/v1/datasets?limit=7`);
  expect(services.calls).toEqual([{ name: 'list', args: [{ limit: 7 }] }]);
  const problem = await expectProblem(await fetch(`${url}/v1/datasets?limit=x&curser=a`), 400, 'invalid-request');
  expect(problem.errors.map((e: { pointer: string }) => e.pointer).sort()).toEqual(['/curser', '/limit']);
  await expectProblem(await fetch(`${url}/v1/datasets?limit=201`), 400, 'invalid-request');
  await expectProblem(await fetch(`${url}/v1/datasets?limit=1&limit=2`), 400, 'invalid-request');
  await expectProblem(await fetch(`${url}/v1/jobs?state=gone`), 400, 'invalid-request');
  await expectProblem(await fetch(`${url}/healthz?a=1`), 400, 'invalid-request');
});

test('ids are only looked up: no path is made of them', async () => {
  const { url, services } = await startServer();
  services.job.name = 'Ziffern ✓ 1';
  expect((await fetch(`${url}/v1/jobs/${encodeURIComponent(services.job.name)}`)).status).toBe(200);
  for (const id of ['..%2f..%2fetc', '%252e%252e%252fetc', '%00', '%2e%2e%2f', 'a'.repeat(257), '%F0%9F%98%80']) {
    const { status } = await fetch(`${url}/v1/models/${id}/export`);
    expect([400, 404]).toContain(status);
  }
  await expectProblem(await fetch(`${url}/v1/models/${'a'.repeat(3000)}`), 404, 'not-found');
  await expectProblem(await fetch(`${url}/v1/models/%zz`), 400, 'invalid-request');
  await expectProblem(await fetch(`${url}/v1/models/%C3%28`), 400, 'invalid-request');
});

test('what is not HTTP is answered with a problem, too', async () => {
  const { port } = await startServer();
  expect(await sendRaw(port, 'HELLO\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*application\/problem\+json.*invalid-request/s);
  const wide = await sendRaw(port, `GET / HTTP/1.1\r\nHost: a\r\n${'x'.repeat(20_000)}: 1\r\n\r\n`);
  expect(wide).toMatch(/^HTTP\/1.1 400 .*headers are larger/s);
  const long = `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${'x'.repeat(8000)}: 1\r\n\r\n`;
  expect(await sendRaw(port, long)).toMatch(/^HTTP\/1.1 200 /);
  const badLength = 'POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n';
  expect(await sendRaw(port, badLength)).toMatch(/^HTTP\/1.1 400 /);
});

test('a bug is a 500 that tells nothing, 503 and 429 say when to come back', async () => {
  const { url, services } = await startServer();
  services.jobs.get = () => {
    throw new TypeError('secret');
  };
  const text = await (await fetch(`${url}/v1/jobs/digits`)).text();
  expect(JSON.parse(text)).toMatchObject({ status: 500, code: 'internal' });
  expect(text).not.toContain('secret');
  // A status on an error does not make it one of ours.
  services.jobs.get = () => {
    throw Object.assign(new Error('secret'), { statusCode: 404, code: 'ENOENT' });
  };
  await expectProblem(await fetch(`${url}/v1/jobs/digits`), 500, 'internal');
  services.jobs.get = () => {
    throw new HebbError('too-many-requests', 'the queue is full');
  };
  const busy = await fetch(`${url}/v1/jobs/digits`);
  expect(busy.headers.get('retry-after')).toBe('5');
  await expectProblem(busy, 429, 'too-many-requests');
  services.isReady = false;
  const notReady = await fetch(`${url}/readyz`);
  expect(notReady.headers.get('retry-after')).toBe('5');
  await expectProblem(notReady, 503, 'unavailable');
});

test('a request id comes back; a strange one is replaced', async () => {
  const { url, port } = await startServer();
  const own = await fetch(`${url}/healthz`, { headers: { 'x-request-id': 'abc-123' } });
  expect(own.headers.get('x-request-id')).toBe('abc-123');
  const strange = await fetch(`${url}/nothing`, { headers: { 'x-request-id': '<script>"' } });
  expect(strange.headers.get('x-request-id')).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
  const status = await new Promise((resolve, reject) => {
    const headers = { 'x-request-id': 'y'.repeat(129) };
    request({ port, path: '/healthz', headers }, (r) => resolve(r.headers['x-request-id']))
      .on('error', reject)
      .end();
  });
  expect(status).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
});

test('browsers of other origins may call only where the settings say so', async () => {
  const closed = await startServer();
  const headers = { origin: 'http://a.example', 'access-control-request-method': 'POST' };
  const none = await fetch(`${closed.url}/v1/jobs`, { method: 'OPTIONS', headers });
  expect(none.headers.get('access-control-allow-origin')).toBeNull();
  const open = await startServer({ corsOrigins: ['http://a.example'] });
  const preflight = await fetch(`${open.url}/v1/jobs`, { method: 'OPTIONS', headers });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe('http://a.example');
  const other = await fetch(`${open.url}/v1/jobs`, { headers: { origin: 'http://b.example' } });
  expect(other.headers.get('access-control-allow-origin')).toBeNull();
  const all = await startServer({ corsOrigins: ['*'] });
  expect((await fetch(`${all.url}/v1/jobs`, { headers })).headers.get('access-control-allow-origin')).toBe('*');
});
