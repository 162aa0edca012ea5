import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import type { Config } from '../../src/config.ts';
import { buildApp } from '../../src/server/app.ts';
import type { StreamTimes } from '../../src/server/routes/events.ts';
import { type FakeServices, fakeServices, testConfig } from './serverServices.ts';

export interface TestServer {
  app: FastifyInstance;
  services: FakeServices;
  url: string;
  port: number;
}

/** The interface over services in memory, on a free port until the test is over. */
export async function startServer(config: Partial<Config> = {}, streams: StreamTimes = {}): Promise<TestServer> {
  const services = await fakeServices();
  const info = { name: 'hebb', version: '0.1.0', isa: 'avx2', threads: 2, jobs: 1, kernelVersion: '1' };
  const app = buildApp(services, { ...testConfig, ...config }, { info, streams });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
    await rm(services.uploadRoot, { recursive: true, force: true });
  });
  return { app, services, url, port: Number(new URL(url).port) };
}

/** A JSON body, to be looked into without ceremony. */
// biome-ignore lint/suspicious/noExplicitAny: what it holds is what the tests find out
export async function bodyOf(response: Response): Promise<any> {
  return response.json();
}

/** Sends bytes as they are and returns all that comes back until the server closes. */
export function sendRaw(port: number, request: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      answer += text;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

/** Sends bytes and cuts the connection as soon as they are on their way. */
export function sendAndCut(port: number, request: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(request, () => setTimeout(() => socket.destroy(), 50));
    });
    socket.on('close', () => resolve());
    socket.on('error', reject);
  });
}

/** Asks again until it is true. */
export async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 10));
}
