import { rm } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { buildApp } from '../../src/server/app.ts';
import * as examples from '../../src/server/schemas/examples.ts';
import { bodyOf, eventually, startServer } from '../helpers/server.ts';
import { fakeServices, testConfig } from '../helpers/serverServices.ts';

test('alive, ready, and what it is', async () => {
  const { url } = await startServer();
  expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' });
  expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ok' });
  expect(await (await fetch(`${url}/v1/info`)).json()).toMatchObject({ name: 'hebb', isa: 'avx2', threads: 2 });
  const root = await bodyOf(await fetch(url));
  for (const path of Object.values<string>(root.links)) expect((await fetch(url + path)).status).toBe(200);
});

test('while it stops /readyz is 503, and what is under way is answered', async () => {
  const services = await fakeServices();
  onTestFinished(() => rm(services.uploadRoot, { recursive: true }));
  let answer = (_value: never) => {};
  let arrived = () => {};
  const underWay = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  services.jobs.dryRun = () => {
    arrived();
    return new Promise((resolve) => {
      answer = resolve;
    });
  };
  const app = buildApp(services, testConfig, { info: examples.info });
  let ready: Response | undefined;
  app.addHook('preClose', async () => {
    ready = await fetch(`${url}/readyz`);
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });

  const slow = fetch(`${url}/v1/jobs?dryRun=true`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  await underWay;
  const closing = app.close();
  await eventually(() => ready !== undefined);
  expect(ready!.status).toBe(503);
  answer({ late: true } as never);
  expect(await (await slow).json()).toEqual({ late: true });
  await closing;
});
