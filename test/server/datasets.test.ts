import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { bodyOf, eventually, sendAndCut, sendRaw, startServer } from '../helpers/server.ts';
import { leftovers } from '../helpers/serverServices.ts';

const boundary = 'xyz';
const multipartType = `multipart/form-data; boundary=${boundary}`;

function part(name: string, content: string, extra = ''): string {
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n${content}\r\n`;
}

function upload(url: string, ...parts: string[]): Promise<Response> {
  const body = `${parts.join('')}--${boundary}--\r\n`;
  return fetch(`${url}/v1/datasets`, { method: 'POST', headers: { 'content-type': multipartType }, body });
}

const meta = part('meta', '{"name": "digits"}');

test('a dataset from JSON is 201 with Location', async () => {
  const { url, services } = await startServer();
  const response = await fetch(`${url}/v1/datasets`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name": "xor", "synthetic": {"kind": "xor"}}',
  });
  expect(response.status).toBe(201);
  const dataset = await bodyOf(response);
  expect(response.headers.get('location')).toBe(`/v1/datasets/${dataset.id}`);
  expect(services.calls).toEqual([{ name: 'create', args: [{ name: 'xor', synthetic: { kind: 'xor' } }] }]);
});

test('files arrive as they were sent, with or without file names, and their folder is removed', async () => {
  const { url, services } = await startServer();
  const form = new FormData();
  form.append('meta', new Blob(['{"name": "digits"}'], { type: 'application/json' }), 'meta.json');
  form.append('images', new Blob(['\u0000\u0001pixels']), '../../etc/passwd');
  form.append('labels', new Blob(['labels']), 'labels.gz');
  const response = await fetch(`${url}/v1/datasets`, { method: 'POST', body: form });
  expect(response.status).toBe(201);
  expect(response.headers.get('location')).toMatch(/^\/v1\/datasets\//);
  expect((await upload(url, meta, part('file', 'a,b\r\n1,2'))).status).toBe(201);
  expect(services.calls.map((call) => call.args)).toEqual([
    [{ name: 'digits' }, { images: '\u0000\u0001pixels', labels: 'labels' }],
    [{ name: 'digits' }, { file: 'a,b\r\n1,2' }],
  ]);
  expect(await leftovers(services)).toEqual([]);
});

test('wrong parts are told, and nothing stays', async () => {
  const { url, services } = await startServer();
  const expectRefused = async (response: Response, status: number, text: string) => {
    expect(response.status).toBe(status);
    expect((await bodyOf(response)).detail).toContain(text);
    expect(await leftovers(services)).toEqual([]);
  };
  await expectRefused(await upload(url), 400, '"meta" is missing');
  await expectRefused(await upload(url, part('file', 'x'), meta), 400, 'before "meta"');
  await expectRefused(await upload(url, meta, part('file', 'x'), part('file', 'y')), 400, '"file" came twice');
  await expectRefused(await upload(url, meta, meta), 400, '"meta" came twice');
  await expectRefused(await upload(url, meta, part('photo', 'x')), 400, 'unknown part "photo"');
  await expectRefused(await upload(url, meta, part('constructor', 'x')), 400, 'not allowed as field name');
  await expectRefused(await upload(url, part('meta', '{"name": ')), 400, 'the part "meta" is not JSON');
  await expectRefused(await upload(url, part('meta', '['.repeat(20_000))), 400, 'deeper than 32');
  await expectRefused(await upload(url, part('meta', '{"name": "a", "nam": 1}')), 400, 'unknown key "nam"');
  await expectRefused(await upload(url, meta, ...Array(20).fill(part('file', 'x'))), 400, 'came twice');
  const noBoundary = await fetch(`${url}/v1/datasets`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data' },
    body: 'x',
  });
  await expectRefused(noBoundary, 400, 'multipart');
  const truncated = await fetch(`${url}/v1/datasets`, {
    method: 'POST',
    headers: { 'content-type': multipartType },
    body: meta + part('file', 'x').slice(0, -3),
  });
  await expectRefused(truncated, 400, 'multipart');
  expect(services.calls).toEqual([]);
});

test('an upload over the limit is 413, with and without a declared length', async () => {
  const { url, services } = await startServer({ maxUploadBytes: 100_000 });
  const half = 'x'.repeat(60_000);
  const declared = await upload(url, meta, part('images', half), part('labels', half));
  expect(declared.status).toBe(413);
  const body = Readable.from([meta, part('images', half), part('labels', half), `--${boundary}--\r\n`]);
  const streamed = await fetch(`${url}/v1/datasets`, {
    method: 'POST',
    headers: { 'content-type': multipartType },
    body: Readable.toWeb(body),
    duplex: 'half',
  } as RequestInit);
  expect(streamed.status).toBe(413);
  expect(await bodyOf(streamed)).toMatchObject({ code: 'too-large', detail: expect.stringContaining('100000 bytes') });
  expect(await leftovers(services)).toEqual([]);
  expect(services.calls).toEqual([]);
});

test('a refusal reaches a client that is still sending', async () => {
  const { port } = await startServer({ maxUploadBytes: 1024 ** 3 });
  const body = part('file', 'x'.repeat(3_000_000)) + meta;
  const head = `POST /v1/datasets HTTP/1.1\r\nHost: a\r\nContent-Type: ${multipartType}\r\nContent-Length: ${body.length}\r\n`;
  const close = 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const answer = await sendRaw(port, `${head}\r\n${body}${close}`);
  expect(answer).toMatch(/^HTTP\/1.1 400 .*before \\"meta\\".*HTTP\/1.1 200 /s);
});

test('a connection that is cut in the middle leaves nothing', async () => {
  const { port, services, url } = await startServer();
  const head = `POST /v1/datasets HTTP/1.1\r\nHost: a\r\nContent-Type: ${multipartType}\r\nContent-Length: 500000\r\n\r\n`;
  await sendAndCut(port, `${head}${meta}${part('file', 'x'.repeat(100_000))}`);
  await sendAndCut(port, `${head}${meta.slice(0, 30)}`);
  await sendAndCut(port, head);
  await eventually(async () => (await leftovers(services)).length === 0);
  expect(services.calls).toEqual([]);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test('samples and their pictures', async () => {
  const { url, services } = await startServer();
  await fetch(`${url}/v1/datasets/mnist/samples`);
  await fetch(`${url}/v1/datasets/mnist/samples?split=test&offset=5&limit=2`);
  const png = await fetch(`${url}/v1/datasets/mnist/samples/12.png?split=test`);
  expect(png.headers.get('content-type')).toBe('image/png');
  expect(services.calls.map((call) => call.args)).toEqual([
    [{ split: 'train', offset: 0, limit: 50 }],
    [{ split: 'test', offset: 5, limit: 2 }],
    ['test', 12],
  ]);
  expect((await fetch(`${url}/v1/datasets/mnist/samples/x.png`)).status).toBe(404);
});

test('a dataset in use is not deleted', async () => {
  const { url } = await startServer();
  const response = await fetch(`${url}/v1/datasets/mnist`, { method: 'DELETE' });
  expect(response.status).toBe(409);
  expect(await bodyOf(response)).toMatchObject({ code: 'in-use' });
});
