import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bodyOf, startServer } from '../helpers/server.ts';

test('an export is the file, with its length and a name', async () => {
  const { url, services } = await startServer();
  services.weightsPath = join(services.uploadRoot, 'w.safetensors');
  const bytes = Buffer.alloc(300_000, 7);
  await writeFile(services.weightsPath, bytes);
  const given = services.models.export;
  services.models.export = async (...call) => ({ ...(await given(...call)), name: 'Ziffern "ü"' });
  const response = await fetch(`${url}/v1/models/digits/export?format=safetensors`);
  expect(response.headers.get('content-length')).toBe('300000');
  expect(response.headers.get('content-disposition')).toBe(
    `attachment; filename="Ziffern____.safetensors"; filename*=UTF-8''Ziffern%20%22%C3%BC%22.safetensors`,
  );
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  const head = await fetch(`${url}/v1/models/digits/export`, { method: 'HEAD' });
  expect(head.headers.get('content-length')).toBe('300000');
});

test('a format that does not exist is 400 and names those that do', async () => {
  const { url } = await startServer();
  const response = await fetch(`${url}/v1/models/digits/export?format=keras`);
  expect(response.status).toBe(400);
  expect((await bodyOf(response)).errors[0]).toMatchObject({
    pointer: '/format',
    expected: ['safetensors', 'onnx', 'json', 'ts'],
  });
});

test('aliases are set and listed', async () => {
  const { url, services } = await startServer();
  const { id } = services.job;
  const put = (body: unknown) =>
    fetch(`${url}/v1/aliases/best%20one`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  expect(await (await put({ model: id })).json()).toMatchObject({ alias: 'best one', model: id });
  expect((await put({ model: 'absent' })).status).toBe(422);
  expect((await put({ model: 3 })).status).toBe(400);
  expect((await put({ modell: id })).status).toBe(400);
  expect((await fetch(`${url}/v1/aliases/x`, { method: 'PUT' })).status).toBe(400);
  expect((await bodyOf(await fetch(`${url}/v1/aliases`))).items).toHaveLength(1);
});

test('models are filtered by name, compared, described and put on a card', async () => {
  const { url, services } = await startServer();
  await fetch(`${url}/v1/models?name=digits&limit=3`);
  expect(services.calls.pop()).toEqual({ name: 'list', args: [{ limit: 3, name: 'digits' }] });
  // Not a model of that name.
  expect((await fetch(`${url}/v1/models/compare`)).status).toBe(400);
  expect((await fetch(`${url}/v1/models/compare?a=digits&b=absent`)).status).toBe(404);
  expect((await bodyOf(await fetch(`${url}/v1/models/compare?a=digits&b=digits`))).layers).toHaveLength(1);
  const card = await fetch(`${url}/v1/models/digits/card`);
  expect(card.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
  expect(await card.text()).toBe('# digits\n');
  const patch = async (body: unknown) => {
    const response = await fetch(`${url}/v1/models/digits`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return [response.status, await bodyOf(response)];
  };
  expect(await patch({ notes: 'x' })).toEqual([200, expect.objectContaining({ notes: 'x' })]);
  expect((await patch({ tags: [] }))[0]).toBe(200);
  for (const body of [
    {},
    { notes: 3 },
    { notes: 'x'.repeat(10_001) },
    { tags: ['a', 'a'] },
    { tags: [''] },
    { tags: Array.from({ length: 21 }, String) },
    { name: 'other' },
  ]) {
    expect((await patch(body))[0], JSON.stringify(body).slice(0, 40)).toBe(400);
  }
});

test('an alias is looked at, followed back and rolled back', async () => {
  const { url } = await startServer();
  expect(await bodyOf(await fetch(`${url}/v1/aliases/best`))).toMatchObject({ alias: 'best', version: 1 });
  expect((await bodyOf(await fetch(`${url}/v1/aliases/best/history?limit=1`))).items).toHaveLength(1);
  expect((await bodyOf(await fetch(`${url}/v1/aliases/best/rollback`, { method: 'POST' }))).message).toMatch(/again/);
  for (const path of ['', '/history']) expect((await fetch(`${url}/v1/aliases/absent${path}`)).status).toBe(404);
  expect((await fetch(`${url}/v1/aliases/absent/rollback`, { method: 'POST' })).status).toBe(404);
});
