// Against a server whose every answer is scripted: what the client does when something goes wrong.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type ClientOptions, HebbClient, HebbConnectionError, HebbProblem } from '../../src/client/index.ts';
import { job } from '../../src/server/schemas/examples.ts';
import { bodyOf, startServer } from '../helpers/server.ts';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** A server that gives these answers in turn, and tells what came. */
async function scripted(answers: Answer[], options: ClientOptions = {}) {
  const requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({ method: request.method!, url: request.url!, headers: request.headers, body });
    (answers[requests.length - 1] ?? problem(500, 'internal'))(response, request);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const retried: Error[] = [];
  const client = new HebbClient({ baseUrl, onRetry: (error) => retried.push(error), ...options });
  return { client, requests, retried, baseUrl };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const problem = (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  json(status, { status, code, title: 'No', detail: `because of ${code}`, errors: [] }, headers);
const cut: Answer = (response) => response.destroy();
const cutInside: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"id":', () => response.destroy());
};
const busy = problem(503, 'unavailable', { 'retry-after': '0' });

test('what the service refuses is an error with all that it said', async () => {
  const { url } = await startServer();
  const client = new HebbClient({ baseUrl: `${url}/` });
  const error = await client.datasets.create({ name: 3 } as never).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(HebbProblem);
  expect(error).toMatchObject({
    status: 400,
    code: 'invalid-request',
    message: expect.stringContaining('/name'),
    requestId: expect.stringMatching(/^[0-9a-f]{12}-[0-9a-z]+$/),
  });
  await expect(client.jobs.get('absent')).rejects.toMatchObject({ status: 404, code: 'not-found' });
});

test('an answer of something else is told, too', async () => {
  const { client } = await scripted([(response) => response.writeHead(502).end('<h1>Bad\n gateway</h1>')]);
  await expect(client.info()).rejects.toMatchObject({
    name: 'HebbProblem',
    code: 'unknown',
    status: 502,
    message: expect.stringContaining('<h1>Bad gateway</h1>'),
  });
});

test('calls that may be repeated are, after broken connections, broken answers and a busy service', async () => {
  const { client, requests, retried } = await scripted([cut, cutInside, busy, json(200, { id: 'a' })]);
  expect(await client.jobs.get('a')).toEqual({ id: 'a' });
  expect(requests).toHaveLength(4);
  expect(retried.map(({ name }) => name)).toEqual(['HebbConnectionError', 'HebbConnectionError', 'HebbProblem']);
});

test('others are not', async () => {
  for (const answer of [cut, busy]) {
    const { client, requests } = await scripted([answer, json(200, { id: 'a' })]);
    await expect(client.jobs.pause('a')).rejects.toThrow();
    expect(requests).toHaveLength(1);
  }
});

test('it is given up after so many times, and a refusal is never repeated', async () => {
  const busyForEver = await scripted([busy, busy, busy], { retries: 1 });
  await expect(busyForEver.client.jobs.get('a')).rejects.toMatchObject({ status: 503, retryAfterSeconds: 0 });
  expect(busyForEver.requests).toHaveLength(2);
  const refused = await scripted([problem(404, 'not-found')]);
  await expect(refused.client.jobs.get('a')).rejects.toMatchObject({ status: 404 });
  expect(refused.requests).toHaveLength(1);
});

test('repetitions of the creation of a job have one key, two creations have two', async () => {
  const { client, requests } = await scripted([cut, json(202, job), json(202, job), json(202, job)]);
  await client.jobs.create({ preset: 'xor-tanh' });
  await client.jobs.create({ preset: 'xor-tanh' });
  await client.jobs.fork('a', {}, { idempotencyKey: 'mine' });
  const keys = requests.map(({ headers }) => headers['idempotency-key']);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(keys[1]).toBe(keys[0]);
  expect(keys[2]).not.toBe(keys[0]);
  expect(keys[3]).toBe('mine');
  expect(requests.map(({ body }) => body)).toEqual([...Array(3).fill('{"preset":"xor-tanh"}'), '{}']);
});

test('a deletion whose answer was lost has happened; one of nothing has not', async () => {
  const lost = await scripted([cut, problem(404, 'not-found')]);
  await expect(lost.client.jobs.delete('a')).resolves.toBeUndefined();
  const absent = await scripted([busy, problem(404, 'not-found')]);
  await expect(absent.client.jobs.delete('a')).rejects.toMatchObject({ status: 404 });
});

test('nobody there, no answer in time, and a signal', async () => {
  const { client, baseUrl } = await scripted([() => {}, () => {}, () => {}]);
  const late = await client.jobs.get('a', { timeoutMs: 30 }).catch((error) => error);
  expect(late).toBeInstanceOf(HebbConnectionError);
  expect(late).toMatchObject({ timedOut: true, message: `no answer from ${baseUrl}: it took over 0.03 s` });

  const controller = new AbortController();
  const stopped = client.jobs.get('a', { signal: controller.signal });
  setTimeout(() => controller.abort(new Error('enough')), 30);
  await expect(stopped).rejects.toThrow('enough');
  await expect(new HebbClient({ signal: AbortSignal.abort(new Error('never')) }).info()).rejects.toThrow('never');

  const nobody = new HebbClient({ baseUrl: 'http://127.0.0.1:9', retries: 0 });
  await expect(nobody.info()).rejects.toThrow(/no answer from http:\/\/127\.0\.0\.1:9: /);
  expect(await nobody.isReady()).toBe(false);
});

test('a wait between repetitions ends with its signal', async () => {
  const { client } = await scripted([problem(503, 'unavailable', { 'retry-after': '60' })]);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('enough')), 50);
  await expect(client.jobs.get('a', { signal: controller.signal })).rejects.toThrow('enough');
});

test('names go into the path as they are, and none leads elsewhere', async () => {
  const { client, requests } = await scripted([json(200, {}), json(200, {})]);
  await client.jobs.get('a/b c?ü#%');
  await client.datasets.list({ limit: 3, cursor: undefined });
  expect(requests.map(({ url }) => url)).toEqual(['/v1/jobs/a%2Fb%20c%3F%C3%BC%23%25', '/v1/datasets?limit=3']);
  for (const name of ['', '.', '..']) await expect(client.jobs.get(name)).rejects.toThrow(TypeError);
});

test('headers and an address with a path are used in every call', async () => {
  const seen: { url: string; headers: Headers }[] = [];
  const client = new HebbClient({
    baseUrl: 'https://example.org/hebb/?a#b',
    headers: { authorization: 'Bearer secret' },
    fetch: async (url, init) => {
      seen.push({ url: String(url), headers: new Headers(init?.headers) });
      return Response.json({ items: [], next: null });
    },
  });
  await client.models.list({}, { headers: { 'x-request-id': 'mine' } });
  expect(seen[0]!.url).toBe('https://example.org/hebb/v1/models');
  expect(Object.fromEntries(seen[0]!.headers)).toEqual({
    accept: 'application/json',
    authorization: 'Bearer secret',
    'x-request-id': 'mine',
  });
});

test('lists are read page by page, no further than is wanted', async () => {
  const pages = [json(200, { items: [1, 2], next: 'x&y' }), json(200, { items: [3], next: null })];
  const { client, requests } = await scripted(pages);
  const items: unknown[] = [];
  for await (const item of client.jobs.all({ state: 'running' })) items.push(item);
  expect(items).toEqual([1, 2, 3]);
  expect(requests.map(({ url }) => url)).toEqual([
    '/v1/jobs?state=running&limit=200',
    '/v1/jobs?state=running&cursor=x%26y&limit=200',
  ]);
  const first = await scripted(pages);
  for await (const _ of first.client.jobs.all()) break;
  expect(first.requests).toHaveLength(1);
});

test('samples are read over offsets', async () => {
  const { client, requests } = await scripted([
    json(200, { items: ['a'], total: 2, next: 200 }),
    json(200, { items: ['b'], total: 2, next: null }),
  ]);
  const items: unknown[] = [];
  for await (const item of client.datasets.allSamples('d', { split: 'test' })) items.push(item);
  expect(items).toEqual(['a', 'b']);
  expect(requests[1]!.url).toBe('/v1/datasets/d/samples?split=test&offset=200&limit=200');
});

const stream =
  (pieces: string[], end: 'end' | 'cut' | 'open' = 'end'): Answer =>
  async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of pieces) {
      response.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (end === 'end') response.end();
    if (end === 'cut') response.destroy();
  };
const event = (id: number, type: string, data: unknown) =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

test('events go on behind the last one, through broken and silent streams, until the job is over', async () => {
  const last = event(4, 'state', { state: 'completed' });
  const { client, requests, retried } = await scripted([
    stream(
      ['retry: 1\n\n', event(1, 'state', { state: 'running' }), event(2, 'epoch', { epoch: 1 }).slice(0, 9)],
      'cut',
    ),
    busy,
    cut,
    stream([event(2, 'epoch', { epoch: 1 })], 'open'),
    stream([': still here\n\n', event(3, 'epoch', { epoch: 2 }), last.slice(0, 20), last.slice(20)], 'open'),
  ]);
  const seen: number[] = [];
  for await (const { id } of client.jobs.events('a', { silenceMs: 100 })) seen.push(id);
  expect(seen).toEqual([1, 2, 3, 4]);
  expect(retried.map(({ name }) => name)).toEqual([
    'HebbConnectionError',
    'HebbProblem',
    'HebbConnectionError',
    'HebbConnectionError',
  ]);
  expect(requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1', '1', '1', '2']);
});

test('events end where the service says that there is nothing more, or that there is no such job', async () => {
  const over = await scripted([(response) => response.writeHead(204).end()]);
  for await (const _ of over.client.jobs.events('a', { after: 7 })) throw new Error('an event came');
  expect(over.requests[0]!.headers['last-event-id']).toBe('7');
  const absent = await scripted([problem(404, 'not-found')]);
  await expect(absent.client.jobs.events('a').next()).rejects.toMatchObject({ status: 404 });
});

test('events are given up after a time without an answer, and end with their signal', async () => {
  const gone = await scripted([cut, cut, cut, cut, cut, cut]);
  await expect(gone.client.jobs.events('a', { patienceMs: 100 }).next()).rejects.toThrow(HebbConnectionError);
  const open = await scripted([stream([event(1, 'state', { state: 'running' })], 'open')]);
  const controller = new AbortController();
  const events = open.client.jobs.events('a', { signal: controller.signal });
  await events.next();
  setTimeout(() => controller.abort(new Error('enough')), 20);
  await expect(events.next()).rejects.toThrow('enough');
});

test.each(['\n', '\r', '\r\n'])('a stream with lines that end in %j, byte by byte', async (end) => {
  const lines = ['id: 1', 'event: epoch', 'data: {"name":', 'data:  "ä€"}', ': comment', '', 'data', 'event: x', ''];
  const bytes = new TextEncoder().encode(
    [...lines, 'id: 2', 'event: state', 'data: {"state":"failed"}', '', ''].join(end),
  );
  const { client } = await scripted([]);
  const byByte = new HebbClient({
    baseUrl: client.baseUrl,
    fetch: async () =>
      new Response(
        new ReadableStream({
          start(controller) {
            for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
            controller.close();
          },
        }),
      ),
  });
  const events = byByte.jobs.events('a');
  expect((await events.next()).value).toEqual({ id: 1, type: 'epoch', data: { name: 'ä€' } });
});

test('a file keeps its name and its bytes come as they are read', async () => {
  const { client } = await scripted([
    (response) =>
      response
        .writeHead(200, {
          'content-length': '3',
          'content-disposition': `attachment; filename="a.bin"; filename*=UTF-8''..%2F%C3%A4.bin`,
        })
        .end('abc'),
  ]);
  const { stream: body, filename, bytes } = await client.models.export('a');
  expect([filename, bytes, await new Response(body).text()]).toEqual(['.._ä.bin', 3, 'abc']);
});

test('forms: files, images with labels, images to be read', async () => {
  const { url, services } = await startServer();
  const client = new HebbClient({ baseUrl: url });
  const meta = { name: 'd', split: { test: 0.2 } };
  await client.datasets.upload(meta, { images: new Blob(['abc']), labels: new Uint8Array([120]) });
  expect(services.calls.at(-1)).toEqual({ name: 'createFromFiles', args: [meta, { images: 'abc', labels: 'x' }] });
  await client.models.predict(
    'digits',
    { images: [Buffer.from('one'), new Blob(['two'])] },
    { top: 2, invert: true, layers: ['a', 'b'] },
  );
  expect(services.calls.at(-1)).toMatchObject({ name: 'predictImages' });
  expect(services.calls.at(-1)!.args).toMatchObject([
    'digits',
    ['one', 'two'],
    { top: 2, invert: true, layers: ['a', 'b'] },
  ]);
});

test('the routes are those of the document', async () => {
  const { url } = await startServer();
  const client = new HebbClient({ baseUrl: url });
  const document = await bodyOf(await fetch(`${url}/openapi.json`));
  expect((await client.info()).version).toBe(document.info.version);
  expect(await client.isReady()).toBe(true);
  expect((await client.call('listPresets', {})).items.length).toBe((await client.presets.list()).length);
});
