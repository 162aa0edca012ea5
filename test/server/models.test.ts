import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bodyOf, startServer } from '../helpers/server.ts';

test('an export is the file, with its length and a name', async () => {
  const { url, services } = await startServer();
  services.weightsPath = join(services.uploadRoot, 'w.safetensors');
  const bytes = Buffer.alloc(300_000, 7);
  await writeFile(services.weightsPath, bytes);
  const named = services.models.get;
  services.models.get = (id) => ({ ...named(id), name: 'Ziffern "ü"' });
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
  const response = await fetch(`${url}/v1/models/digits/export?format=onnx`);
  expect(response.status).toBe(400);
  expect((await bodyOf(response)).errors[0]).toMatchObject({ pointer: '/format', expected: ['safetensors'] });
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
  expect(await (await put({ model: id })).json()).toEqual({ alias: 'best one', model: id });
  expect((await put({ model: 'absent' })).status).toBe(422);
  expect((await put({ model: 3 })).status).toBe(400);
  expect((await put({ modell: id })).status).toBe(400);
  expect((await fetch(`${url}/v1/aliases/x`, { method: 'PUT' })).status).toBe(400);
  expect((await bodyOf(await fetch(`${url}/v1/aliases`))).items).toHaveLength(1);
});
