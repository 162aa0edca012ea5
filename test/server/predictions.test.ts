import { expect, test } from 'vitest';
import { bodyOf, startServer } from '../helpers/server.ts';

const none = { top: undefined, layers: undefined, fit: undefined, invert: undefined, center: undefined };
const json = { 'content-type': 'application/json' };

test('an image, several images in parts, base64 and rows all reach the model', async () => {
  const { url, services } = await startServer();
  for (const type of ['image/png', 'image/jpeg', 'image/webp']) {
    const response = await fetch(`${url}/predict`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: 'pixels',
    });
    expect(response.status).toBe(200);
  }
  const form = new FormData();
  form.append('one', new Blob(['first'], { type: 'image/png' }), 'a.png');
  form.append('one', new Blob(['second']), 'b.png');
  await fetch(`${url}/v1/models/digits/predict?top=3&layers=a,%20b&fit=fill&invert=true&center=mass`, {
    method: 'POST',
    body: form,
  });
  const post = (body: unknown) =>
    fetch(`${url}/predict?model=my%20model`, { method: 'POST', headers: json, body: JSON.stringify(body) });
  await post({ images: [Buffer.from('third').toString('base64'), `data:image/png;base64,${btoa('fourth')}`] });
  await post({ instances: [[0, 1], { height: 2 }] });
  expect(services.calls.slice(2)).toEqual([
    { name: 'predictImages', args: ['default', ['pixels'], none] },
    {
      name: 'predictImages',
      args: ['digits', ['first', 'second'], { top: 3, layers: ['a', 'b'], fit: 'fill', invert: true, center: 'mass' }],
    },
    { name: 'predictImages', args: ['my model', ['third', 'fourth'], none] },
    { name: 'predictInstances', args: ['my model', [[0, 1], { height: 2 }], none] },
  ]);
});

test('bodies that say nothing, or two things, are 400', async () => {
  const { url, services } = await startServer();
  const post = async (body: string | FormData | undefined, headers: Record<string, string> = {}, query = '') => {
    const response = await fetch(`${url}/predict${query}`, { method: 'POST', headers, body });
    return [response.status, (await bodyOf(response)).code];
  };
  for (const body of [
    '{}',
    '{"instances": [[1]], "images": ["aaaa"]}',
    '{"instances": []}',
    '{"instances": 3}',
    'null',
  ]) {
    expect(await post(body, json)).toEqual([400, 'invalid-request']);
  }
  expect(await post('{"images": ["not base64!"]}', json)).toEqual([400, 'invalid-request']);
  expect(await post('{"instanzes": [[1]]}', json)).toEqual([400, 'invalid-request']);
  expect(await post(undefined)).toEqual([400, 'invalid-request']);
  expect(await post('', { 'content-type': 'image/png' })).toEqual([400, 'invalid-image']);
  const empty = new FormData();
  empty.append('image', new Blob([]), 'a.png');
  expect(await post(empty)).toEqual([400, 'invalid-image']);
  expect(await post(new FormData())).toEqual([400, 'invalid-request']);
  expect(await post('{"instances": [[1]]}', json, '?invert=maybe')).toEqual([400, 'invalid-request']);
  expect(await post('{"instances": [[1]]}', json, '?top=0')).toEqual([400, 'invalid-request']);
  expect(services.calls).toEqual([]);
});

test('images over the limit are 413, one by one or together', async () => {
  const { url, services } = await startServer({ maxUploadBytes: 10_000 });
  const body = 'x'.repeat(6000);
  const one = await fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'image/png' },
    body: body + body,
  });
  expect(one.status).toBe(413);
  const form = new FormData();
  for (const name of ['a', 'b', 'c']) form.append(name, new Blob([body]), name);
  expect((await fetch(`${url}/predict`, { method: 'POST', body: form })).status).toBe(413);
  const many = new FormData();
  for (let i = 0; i < 300; i++) many.append('image', new Blob(['x']), 'x');
  const response = await fetch(`${(await startServer()).url}/predict`, { method: 'POST', body: many });
  expect([response.status, (await bodyOf(response)).detail]).toEqual([413, 'more than 256 parts']);
  expect(services.calls).toEqual([]);
});
