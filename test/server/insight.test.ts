import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { bodyOf, eventually, startServer } from '../helpers/server.ts';

const json = { 'content-type': 'application/json' };
const images = { fit: undefined, invert: undefined, center: undefined };

test('options of an explanation stand in the query or in the body; a picture is asked for by format or Accept', async () => {
  const { url, services } = await startServer();
  const at = `${url}/v1/models/digits/explain`;
  const send = (query: string, body: unknown, headers = {}) =>
    fetch(at + query, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) });
  const instances = [[0, 1]];
  await send('?method=occlusion&patch=4&stride=2&fill=0.5', { instances, class: '7' });
  await send('?method=gradient', { instances, method: 'contributions' });
  const pictures = [
    await send('?format=png', { instances }),
    await send('', { instances, format: 'png' }),
    await send('', { instances }, { accept: 'image/png' }),
    await fetch(`${at}?layer=conv&invert=auto`, {
      method: 'POST',
      headers: { 'content-type': 'image/png', accept: 'image/png,*/*' },
      body: 'pixels',
    }),
  ];
  for (const picture of pictures) {
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(await picture.text()).toBe('png');
  }
  const numbers = await send('?format=json', { instances }, { accept: 'image/png' });
  expect(numbers.headers.get('content-type')).toMatch(/^application\/json/);
  const called = services.calls.map(({ name, args }) => [name, args[1]]);
  expect(called).toEqual([
    ['explain', { ...images, method: 'occlusion', patch: 4, stride: 2, fill: 0.5, class: '7' }],
    ['explain', { ...images, method: 'contributions' }],
    ['explainPng', images],
    ['explainPng', images],
    ['explainPng', images],
    ['explainPng', { ...images, layer: 'conv', invert: 'auto' }],
    ['explain', images],
  ]);
  const form = new FormData();
  for (let i = 0; i < 17; i++) form.append('image', new Blob(['x']), 'x');
  expect((await fetch(at, { method: 'POST', body: form })).status).toBe(413);
  for (const body of [{}, { instances, images: ['aaaa'] }, { instances, method: 'magic' }, { instances, patch: 0 }]) {
    expect((await send('', body)).status).toBe(400);
  }
});

test('suggestions from rows, images or a dataset, with their defaults', async () => {
  const { url, services } = await startServer();
  const send = (query: string, body: unknown) =>
    fetch(`${url}/v1/models/digits/suggest${query}`, { method: 'POST', headers: json, body: JSON.stringify(body) });
  await send('', { instances: [[1]] });
  await send('?count=3&spread=false', { dataset: 'mnist', split: 'train', strategy: 'margin' });
  const form = new FormData();
  for (let i = 0; i < 300; i++) form.append('image', new Blob(['x']), 'x');
  await fetch(`${url}/v1/models/digits/suggest?strategy=leastConfidence`, { method: 'POST', body: form });
  expect(services.calls.map(({ args }) => args)).toEqual([
    [{ instances: [[1]] }, { ...images, strategy: 'entropy', count: 10, spread: true }],
    [
      { dataset: 'mnist', split: 'train' },
      { ...images, strategy: 'margin', count: 3, spread: false },
    ],
    [
      expect.objectContaining({ images: expect.any(Array) }),
      { ...images, strategy: 'leastConfidence', count: 10, spread: true },
    ],
  ]);
  const bad = [
    {},
    { instances: [[1]], dataset: 'mnist' },
    { instances: [[1]], split: 'train' },
    { instances: [[1]], count: 101 },
    { instances: [[1]], count: '3' },
  ];
  for (const body of bad) expect((await send('', body)).status).toBe(400);
});

test('an evaluation whose client goes away is told so', async () => {
  const { url, port, services } = await startServer();
  let signal: AbortSignal | undefined;
  services.insight.evaluate = (_id, _request, given) => {
    signal = given;
    return new Promise((_, reject) => given.addEventListener('abort', () => reject(given.reason)));
  };
  const body = JSON.stringify({ dataset: 'mnist' });
  const socket = connect(port, '127.0.0.1', () =>
    socket.write(
      `POST /v1/models/digits/evaluate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    ),
  );
  await eventually(() => signal !== undefined);
  expect(signal!.aborted).toBe(false);
  socket.destroy();
  await eventually(() => signal!.aborted);
  const answer = await fetch(`${url}/v1/models/digits/evaluate`, {
    method: 'POST',
    headers: json,
    body: '{"split":"test"}',
  });
  expect([answer.status, (await bodyOf(answer)).code]).toEqual([400, 'invalid-request']);
});
