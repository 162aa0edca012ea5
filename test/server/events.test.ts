import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { eventually, startServer } from '../helpers/server.ts';

const state = (id: number, value: string) => ({ id, type: 'state' as const, data: { state: value } });
const epoch = (id: number) => ({ id, type: 'epoch' as const, data: { epoch: id, text: 'two\nlines' } });

test('past events come first, then new ones, and the stream ends with the job', async () => {
  const { url, services } = await startServer();
  services.job.state = 'running';
  services.log = [state(1, 'running'), epoch(2)];
  const response = await fetch(`${url}/v1/jobs/digits/events`, { headers: { accept: '*/*' } });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('id: 2')) text += (await reader.read()).value;
  services.log.push(state(3, 'completed'));
  services.job.state = 'completed';
  services.wake();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) text += chunk.value;
  expect(text).toBe(
    'retry: 2000\n\n' +
      'id: 1\nevent: state\ndata: {"state":"running"}\n\n' +
      'id: 2\nevent: epoch\ndata: {"epoch":2,"text":"two\\nlines"}\n\n' +
      'id: 3\nevent: state\ndata: {"state":"completed"}\n\n',
  );
  expect(services.readers).toBe(0);
});

test('Last-Event-ID replays what was missed; 204 where nothing was', async () => {
  const { url, services } = await startServer();
  services.log = [state(1, 'running'), epoch(2), state(3, 'completed')];
  const get = (id: string) => fetch(`${url}/v1/jobs/digits/events`, { headers: { 'last-event-id': id } });
  expect((await (await get('1')).text()).match(/id: \d/g)).toEqual(['id: 2', 'id: 3']);
  expect((await (await get('')).text()).match(/id: \d/g)).toEqual(['id: 1', 'id: 2', 'id: 3']);
  expect((await get('3')).status).toBe(204);
  expect((await get('x')).status).toBe(400);
  expect((await fetch(`${url}/v1/jobs/absent/events`)).status).toBe(404);
});

test('a silent stream shows that it is alive', async () => {
  const { url, services } = await startServer({}, { heartbeatMs: 20 });
  services.job.state = 'running';
  const response = await fetch(`${url}/v1/jobs/digits/events`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while ((text.match(/^:/gm) ?? []).length < 2) text += (await reader.read()).value;
  await reader.cancel();
  await eventually(() => services.readers === 0);
});

test('a reader that leaves, or reads nothing, holds nothing', async () => {
  const { port, services } = await startServer();
  services.job.state = 'running';
  const filler = 'x'.repeat(10_000);
  services.log = Array.from({ length: 2000 }, (_, i) => ({ id: i + 1, type: 'progress' as const, data: { filler } }));
  const socket = connect(port, '127.0.0.1', () =>
    socket.write('GET /v1/jobs/digits/events HTTP/1.1\r\nHost: a\r\n\r\n'),
  );
  socket.pause();
  await eventually(() => services.readers === 1);
  socket.destroy();
  await eventually(() => services.readers === 0);
});

test('a reader that takes nothing for too long is dropped, and others are not', async () => {
  const { port, url, services } = await startServer({}, { stalledMs: 300, heartbeatMs: 50 });
  services.job.state = 'running';
  const filler = 'x'.repeat(10_000);
  services.log = Array.from({ length: 2000 }, (_, i) => ({ id: i + 1, type: 'progress' as const, data: { filler } }));
  const socket = connect(port, '127.0.0.1', () =>
    socket.write('GET /v1/jobs/digits/events HTTP/1.1\r\nHost: a\r\n\r\n'),
  );
  socket.on('error', () => {});
  socket.pause();
  const reader = (await fetch(`${url}/v1/jobs/digits/events`)).body!.pipeThrough(new TextDecoderStream()).getReader();
  await eventually(() => services.readers === 2);
  const read = (async () => {
    let text = '';
    while (!text.includes('id: 2001\n')) text = text.slice(-20_000) + (await reader.read()).value;
  })();
  await eventually(() => services.readers === 1);
  // The one that reads is still told of what comes.
  services.log.push(state(2001, 'running'));
  services.wake();
  await read;
  expect(services.readers).toBe(1);
  await reader.cancel();
  socket.destroy();
});

test('closing the server ends open streams', async () => {
  const { app, url, services } = await startServer();
  services.job.state = 'running';
  const response = await fetch(`${url}/v1/jobs/digits/events`);
  await eventually(() => services.readers === 1);
  await app.close();
  expect(await response.text()).toContain('retry');
  expect(services.readers).toBe(0);
});

test('HEAD does not follow a job to its end', async () => {
  const { url } = await startServer();
  expect((await fetch(`${url}/v1/jobs/digits/events`, { method: 'HEAD' })).status).toBe(405);
});
