// Pause, resume, change and fork by HTTP, over real services and the fake training process.
import { expect, onTestFinished, test } from 'vitest';
import { buildApp } from '../../src/server/app.ts';
import { behaviour } from '../helpers/fakeWorker.mjs';
import { testConfig } from '../helpers/serverServices.ts';
import { firstEvent, startServices, temporaryFolder } from '../helpers/service.ts';

async function start() {
  const services = await startServices(await temporaryFolder());
  const info = { name: 'hebb', version: '0.1.0', isa: 'avx2', threads: 1, jobs: 1, kernelVersion: '1' };
  const app = buildApp(services, testConfig, { info });
  onTestFinished(() => app.close());
  const call = async (method: 'GET' | 'POST' | 'PATCH', url: string, body?: unknown, headers = {}) => {
    const answer = await app.inject({ method, url, headers, ...(body !== undefined && { payload: body as object }) });
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
  };
  await services.datasets.create({ name: 'xor', synthetic: { kind: 'xor' } });
  const create = async (seed: number) => {
    const network = { layers: [{ type: 'dense', units: 2 }] };
    return (await services.jobs.create({ dataset: 'xor', network, training: { epochs: 3, seed } })).id;
  };
  return { services, call, create };
}

test('a job is paused, changed, resumed and cancelled', async () => {
  const { services, call, create } = await start();
  const id = await create(behaviour.endless);
  await firstEvent(services, id, 'epoch');
  const path = `/v1/jobs/${id}`;
  const patch = { training: { optimizer: { learningRate: 0.25 } } };
  const first = await call('PATCH', path, patch);
  expect(first).toMatchObject({ status: 200, body: { learningRateChanges: [{ step: 10, learningRate: 0.25 }] } });
  expect(await call('POST', `${path}/resume`)).toMatchObject({ status: 409, body: { code: 'state-conflict' } });
  // Laid beside the jobs' folders for the fake process only in tests of the queue: here it dies, and the job is put aside.
  const paused = await call('POST', `${path}/pause`);
  expect(paused).toMatchObject({ status: 200, body: { state: 'paused', pause: { code: 'asked' } } });
  expect(await call('POST', `${path}/pause`)).toMatchObject({
    status: 409,
    body: { code: 'state-conflict', errors: [{ expected: ['queued', 'running'], received: 'paused' }] },
  });
  const second = await call('PATCH', path, { training: { optimizer: { learningRate: 0.5 } } });
  expect(second.body.learningRateChanges.at(-1)).toMatchObject({ learningRate: 0.5 });
  expect(await call('POST', `${path}/resume`)).toMatchObject({ status: 200, body: { pause: null } });
  expect(await call('POST', `${path}/cancel`)).toMatchObject({ status: 200, body: { state: 'cancelled' } });
  expect(await call('PATCH', path, patch)).toMatchObject({
    status: 409,
    body: { errors: [{ pointer: '/state', expected: ['running', 'paused'], received: 'cancelled' }] },
  });
  expect(await call('GET', `${path}/checkpoints`)).toMatchObject({ status: 200, body: { items: [], next: null } });
  expect(await call('POST', `${path}/fork`, {})).toMatchObject({ status: 409, body: { code: 'state-conflict' } });
});

test('wrong bodies are 400, each with the place that is wrong', async () => {
  const { services, call, create } = await start();
  const id = await create(behaviour.endless);
  await firstEvent(services, id, 'epoch');
  const path = `/v1/jobs/${id}`;
  for (const [body, pointer] of [
    [{}, '/training'],
    [[], ''],
    [{ training: {} }, '/training/optimizer'],
    [{ training: { optimizer: {} } }, '/training/optimizer/learningRate'],
    [{ training: { optimizer: { learningRate: 0 } } }, '/training/optimizer/learningRate'],
    [{ training: { optimizer: { learningRate: 'auto' } } }, '/training/optimizer/learningRate'],
    [{ training: { optimizer: { learningRate: 1, momentum: 0 } } }, '/training/optimizer/momentum'],
    [{ training: { epochs: 5, optimizer: { learningRate: 1 } } }, '/training/epochs'],
    [{ name: 'a', training: { optimizer: { learningRate: 1 } } }, '/name'],
  ] as const) {
    const { status, body: problem } = await call('PATCH', path, body);
    expect({ status, code: problem.code }, JSON.stringify(body)).toEqual({ status: 400, code: 'invalid-request' });
    expect(problem.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  }
  for (const [body, pointer] of [
    [{ step: -1 }, '/step'],
    [{ step: 1.5 }, '/step'],
    [{ step: '10' }, '/step'],
    [{ name: '' }, '/name'],
    [{ priority: 5000 }, '/priority'],
    [{ network: {} }, '/network'],
    [{ training: 5 }, '/training'],
    [{ training: { epochs: -1 } }, '/training/epochs'],
    [{ training: { optimizer: 'adam' } }, '/training/optimizer'],
    [{ training: { unknown: 1 } }, '/training/unknown'],
    [[], ''],
  ] as const) {
    const { status, body: problem } = await call('POST', `${path}/fork`, body);
    expect({ status, code: problem.code }, JSON.stringify(body)).toEqual({ status: 400, code: 'invalid-request' });
    expect(problem.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  }
  for (const action of ['pause', 'resume', 'fork', 'cancel']) {
    expect(await call('POST', `/v1/jobs/absent/${action}`, action === 'fork' ? {} : undefined)).toMatchObject({
      status: 404,
    });
  }
  expect(await call('PATCH', '/v1/jobs/absent', { training: { optimizer: { learningRate: 1 } } })).toMatchObject({
    status: 404,
  });
  await services.jobs.cancel(id);
});
