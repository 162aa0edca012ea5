import { expect, test } from 'vitest';
import * as examples from '../../src/server/schemas/examples.ts';
import { bodyOf, startServer } from '../helpers/server.ts';

const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name": "digits"}' };

test('a job is 202 with Location, a dry run 200', async () => {
  const { url, services } = await startServer();
  const response = await fetch(`${url}/v1/jobs`, post);
  expect(response.status).toBe(202);
  const job = await bodyOf(response);
  expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`);
  const dryRun = await fetch(`${url}/v1/jobs?dryRun=true`, post);
  expect(dryRun.status).toBe(200);
  expect(dryRun.headers.get('location')).toBeNull();
  expect(await bodyOf(dryRun)).toHaveProperty('flopsPerSample');
  await fetch(`${url}/v1/jobs?dryRun=false`, post);
  expect(services.calls.map((call) => call.name)).toEqual(['create', 'dryRun', 'create']);
});

test('a list takes a state and a cursor', async () => {
  const { url, services } = await startServer();
  await fetch(`${url}/v1/jobs?state=running&limit=3&cursor=abc`);
  expect(services.calls).toEqual([{ name: 'list', args: [{ state: 'running', limit: 3, cursor: 'abc' }] }]);
});

test('metrics are JSON, or CSV where the client prefers it', async () => {
  const { url, services } = await startServer();
  services.rows = [
    { seq: 1, time: 't1', epoch: 1, step: 10, loss: 0.5 },
    { seq: 2, time: 't2', epoch: 2, step: 20, loss: 0.25, 'a,"b"': 1 },
  ];
  const csv = 'seq,time,epoch,step,loss,"a,""b"""\r\n1,t1,1,10,0.5,\r\n2,t2,2,20,0.25,1\r\n';
  const get = (accept: string) => fetch(`${url}/v1/jobs/digits/metrics`, { headers: { accept } });
  for (const accept of ['text/csv', 'text/csv, application/json;q=0.5', 'text/*', 'Text/CSV;q=1']) {
    const response = await get(accept);
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(await response.text()).toBe(csv);
  }
  for (const accept of ['*/*', 'application/json', 'text/csv;q=0, */*', 'text/html', 'application/json, text/csv']) {
    expect(await (await get(accept)).json()).toEqual({ rows: services.rows, next: 1 });
  }
  services.calls.length = 0;
  await fetch(`${url}/v1/jobs/digits/metrics?resolution=step&since=4&points=100`);
  expect(services.calls[0]!.args).toEqual([{ resolution: 'step', since: 4, points: 100 }]);
});

test('the log is JSON, or lines where the client prefers them', async () => {
  const { url, services } = await startServer();
  const path = `${url}/v1/jobs/digits/log`;
  expect(await (await fetch(path)).json()).toEqual(examples.jobLog);
  expect(services.calls[0]!.args).toEqual([{ limit: 200 }]);
  const lines = await fetch(`${path}?since=7&limit=1000`, { headers: { accept: 'application/x-ndjson' } });
  expect(services.calls[1]!.args).toEqual([{ since: 7, limit: 1000 }]);
  expect(lines.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
  expect(await lines.text()).toBe(examples.jobLogLines);
  for (const wrong of ['limit=0', 'limit=1001', 'since=-1', 'since=x', 'before=1']) {
    expect((await fetch(`${path}?${wrong}`)).status, wrong).toBe(400);
  }
  expect((await fetch(`${url}/v1/jobs/absent/log`)).status).toBe(404);
});

test('curves are a picture, with and without rows', async () => {
  const { url, services } = await startServer();
  services.job.name = '<b>&"\u0001';
  services.rows = [1, 2, 3].map((epoch) => ({
    seq: epoch,
    time: 't',
    epoch,
    step: epoch,
    loss: 1 / epoch,
    accuracy: 0.9,
  }));
  const path = `${url}/v1/jobs/${services.job.id}/curves.svg`;
  const response = await fetch(path);
  expect(response.headers.get('content-type')).toBe('image/svg+xml');
  const svg = await response.text();
  expect(svg).toContain('&lt;b&gt;&amp;&quot;\ufffd');
  expect(svg.match(/<polyline/g)).toHaveLength(2);
  services.rows = [];
  expect(await (await fetch(path)).text()).toContain('no epoch is finished yet');
});

test('cancel answers with the job, delete with nothing', async () => {
  const { url } = await startServer();
  const cancelled = await fetch(`${url}/v1/jobs/digits/cancel`, { method: 'POST' });
  expect(cancelled.status).toBe(200);
  expect(await bodyOf(cancelled)).toHaveProperty('state');
  const deleted = await fetch(`${url}/v1/jobs/digits`, { method: 'DELETE' });
  expect([deleted.status, await deleted.text()]).toEqual([204, '']);
  expect((await fetch(`${url}/v1/jobs/absent`, { method: 'DELETE' })).status).toBe(404);
});

test('numbers that JSON lacks leave as null', async () => {
  const { url, services } = await startServer();
  services.job.metrics = { loss: Number.NaN, accuracy: Number.POSITIVE_INFINITY };
  const text = await (await fetch(`${url}/v1/jobs/digits`)).text();
  expect(text).toContain('"metrics":{"loss":null,"accuracy":null}');
});

test('diagnostics are rows and findings', async () => {
  const { url } = await startServer();
  const answer = await bodyOf(await fetch(`${url}/v1/jobs/digits/diagnostics`));
  expect(answer).toMatchObject({
    rows: [{ epoch: 1, layers: [{ name: 'dense_1' }] }],
    findings: [{ code: 'saturated' }],
  });
  expect((await fetch(`${url}/v1/jobs/absent/diagnostics`)).status).toBe(404);
});

test('an evaluation tells of classes and samples', async () => {
  const { url } = await startServer();
  const answer = await bodyOf(await fetch(`${url}/v1/jobs/digits/evaluation`));
  expect(answer).toMatchObject({ split: 'test', classes: [{ class: '0' }, { class: '1' }], worst: [{ index: 1247 }] });
  expect((await fetch(`${url}/v1/jobs/absent/evaluation`)).status).toBe(404);
});

test('a decision region is a picture with a title, axes, points and a legend; the epoch is a query', async () => {
  const { url, services } = await startServer();
  services.job.name = 'a<b';
  const response = await fetch(`${url}/v1/jobs/${services.job.id}/decision.svg?epoch=7`);
  expect(response.headers.get('content-type')).toBe('image/svg+xml');
  const svg = await response.text();
  expect(svg).toContain('a&lt;b: decision region, epoch 7</title>');
  expect(svg.match(/<rect class="c c/g)).toHaveLength(3);
  expect(svg).toContain('<circle class="point c1" cx="166" cy="166"');
  for (const text of ['x1', 'x2', 'no', 'yes', '0.2']) expect(svg).toContain(`>${text}</text>`);
  expect((await fetch(`${url}/v1/jobs/${services.job.id}/decision.svg?epoch=0`)).status).toBe(400);
  expect((await fetch(`${url}/v1/jobs/absent/decision.svg`)).status).toBe(404);
});

test('a key goes with the request to the service', async () => {
  const { url, services } = await startServer();
  const headers = { ...post.headers, 'idempotency-key': 'my key' };
  expect((await fetch(`${url}/v1/jobs`, { ...post, headers })).status).toBe(202);
  expect(services.calls).toEqual([{ name: 'create', args: [{ name: 'digits' }, 'my key'] }]);
  const tooLong = { ...headers, 'idempotency-key': 'k'.repeat(256) };
  expect((await fetch(`${url}/v1/jobs`, { ...post, headers: tooLong })).status).toBe(400);
});
