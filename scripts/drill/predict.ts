// Minutes of predictions, good and bad, while models are replaced, evicted and deleted and a job trains.
//   npm run drill:predict -- [--minutes 10] [--models 200] [--memory 256] [--clients 16] [--seed 1]
// Starts the real service on a folder of its own. Every answer is compared with what the library predicts from the exported
// weights. Ends with 1 where one is wrong, where a request ends in 5xx other than the 503 that is promised, or where memory grows.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { Network } from '../../src/nn/network.ts';
import { decodeSafetensors } from '../../src/nn/weights.ts';
import { freePort } from '../helpers/processes.ts';
import { DrilledService, type Json } from './service.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    models: { type: 'string', default: '200' },
    memory: { type: 'string', default: '256' },
    clients: { type: 'string', default: '16' },
    seed: { type: 'string', default: '1' },
  },
});
const minutes = Number(options.minutes);
const wanted = Number(options.models);
const clients = Number(options.clients);
/** Together, of waiting and running predictions; a burst goes over it. */
const mostPredictions = 100;
const burst = 150;
/** Memory may differ by so much between the second and the last quarter, as a share and in bytes. */
const growth = { share: 0.05, bytes: 16 * 2 ** 20 };

/** Numbers below 1 that look random, the same for a seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
const random = randomOf(Number(options.seed));
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

const conv = (filters: number, kernel: number) => ({ type: 'conv2d', filters, kernel, activation: 'relu' });
const dense = (units: number, activation = 'relu') => ({ type: 'dense', units, activation });
/** Some are small, some take several megabytes. */
const networks: Json[] = [
  [{ type: 'flatten' }, dense(30, 'sigmoid'), dense(10, 'linear')],
  [{ type: 'flatten' }, dense(512), dense(256), dense(10, 'linear')],
  [conv(6, 5), { type: 'maxPool2d', size: 2 }, conv(16, 5), { type: 'maxPool2d', size: 2 }, { type: 'flatten' }, dense(84), dense(10, 'linear')],
  [conv(32, 3), conv(32, 3), { type: 'maxPool2d', size: 2 }, { type: 'flatten' }, dense(128), dense(10, 'linear')],
]; // biome-ignore format: a network a line

interface Known {
  id: string;
  /** By input: the outputs that the library predicts. */
  outputs: number[][];
  deleted: boolean;
}

const pictures = await Promise.all(
  Array.from({ length: 6 }, async (_, k) => {
    const pixels = Array.from({ length: 784 }, (_, i) => ((i * (2 * k + 7)) % 29 < 9 ? (i * 31 + k * 57) % 256 : 0));
    const image = sharp(Buffer.from(pixels), { raw: { width: 28, height: 28, channels: 1 } });
    // A model without a dataset takes images as numbers from 0 to 1.
    return {
      numbers: pixels.map((pixel) => Math.fround(pixel * (1 / 255))),
      png: await image.toColourspace('b-w').png().toBuffer(),
    };
  }),
);

const folder = mkdtempSync(join(tmpdir(), 'hebb-drill-'));
const port = await freePort();
const memoryBytes = Number(options.memory) * 2 ** 20;
const service = new DrilledService(join(folder, 'data'), port, {
  HEBB_MODEL_MEMORY_BYTES: String(memoryBytes),
  HEBB_MAX_PREDICTIONS: String(mostPredictions),
  HEBB_JOBS: '2',
});
const url = `http://127.0.0.1:${port}`;

const models: Known[] = [];
const counts = { good: 0, refused: 0, busy: 0, gone: 0, replaced: 0, ofRunning: 0 };
const wrong: string[] = [];
function note(what: string): void {
  if (wrong.length < 50) console.log(`WRONG: ${what}`);
  wrong.push(what);
}

async function send(path: string, body: string | Buffer, type = 'application/json'): Promise<{ status: number; body: Json; retry: string | null }> {
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': type }, body });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null, retry: response.headers.get('retry-after') };
} // biome-ignore format: short enough

let made = 0;
async function makeModel(): Promise<Known> {
  const number = made++;
  const layers = networks[number % networks.length];
  const { body } = await service.post('/v1/jobs', {
    name: `model-${number}`,
    network: { input: [28, 28, 1], layers },
    training: { epochs: 0, seed: number, initializer: 'heNormal' },
  });
  for (;;) {
    const job = (await service.call(`/v1/jobs/${body.id}`)).body;
    if (job.state === 'completed') break;
    if (job.state === 'failed') throw new Error(`a model could not be made: ${JSON.stringify(job.error)}`);
    await sleep(10);
  }
  const file = await fetch(`${url}/v1/models/${body.id}/export?format=safetensors`);
  const { network } = (await service.call(`/v1/models/${body.id}`)).body;
  const library = new Network(network, { initializer: null });
  library.setWeights(decodeSafetensors(new Uint8Array(await file.arrayBuffer())));
  const outputs = pictures.map(({ numbers }) => Array.from(library.predict(Float32Array.from(numbers))));
  library.dispose();
  return { id: body.id, outputs, deleted: false };
}

const same = (a: number[], b: number[]) => a.length === b.length && a.every((value, i) => value === b[i]);
const modelOf = (id: string) => models.find((model) => model.id === id);

/** Whether an answer is right, or one that is allowed. @param asked null: whoever has the alias */
function judge(what: string, asked: Known | null, answer: Awaited<ReturnType<typeof send>>, inputs: number[]): void {
  const { status, body, retry } = answer;
  if (status === 503 && body.code === 'unavailable' && retry !== null) counts.busy++;
  else if (status === 404 && asked?.deleted) counts.gone++;
  else if (status !== 200) note(`${what}: ${status} ${JSON.stringify(body)}`);
  else {
    const answered = modelOf(body.model ?? body.parameters.model);
    const outputs: number[][] = body.predictions
      ? body.predictions.map((prediction: Json) => prediction.output)
      : inputs.map((_, row) => body.outputs[0].data.slice(10 * row, 10 * row + 10));
    if (!answered || (asked && asked !== answered)) note(`${what}: another model answered: ${body.model}`);
    else if (!inputs.every((input, row) => same(outputs[row]!, answered.outputs[input]!)))
      note(`${what}: wrong outputs`);
    else counts.good++;
  }
}

const some = (count: number) => Array.from({ length: count }, () => Math.floor(random() * pictures.length));
const rowsOf = (inputs: number[]) => JSON.stringify({ instances: inputs.map((i) => pictures[i]!.numbers) });

async function good(): Promise<void> {
  const model = oneOf(models);
  const inputs = some(1 + Math.floor(random() * 4));
  const kind = random();
  if (kind < 0.55) {
    judge('rows', model, await send(`/v1/models/${model.id}/predict`, rowsOf(inputs)), inputs);
  } else if (kind < 0.75) {
    const [input] = inputs as [number];
    judge('png', model, await send(`/predict?model=${model.id}`, pictures[input]!.png, 'image/png'), [input]);
  } else if (kind < 0.88) {
    judge('alias', null, await send('/predict?model=best', rowsOf(inputs)), inputs);
  } else {
    const data = inputs.flatMap((i) => pictures[i]!.numbers);
    const tensor = { name: 'input', datatype: 'FP32', shape: [inputs.length, 28, 28, 1], data };
    const body = JSON.stringify({ inputs: [tensor], outputs: [{ name: 'output' }] });
    const answer = await send(`/v2/models/${model.id}/infer`, body);
    // This protocol's errors have a form of their own.
    if (answer.status === 503) answer.body.code = 'unavailable';
    judge('infer', model, answer, inputs);
  }
}

const bad: [string, string | Buffer, string, number][] = [
  ['', '{"instances": [[1, 2, 3]]}', 'application/json', 422],
  ['', '{"instances": [["x"]]}', 'application/json', 422],
  ['', '{"instances": [', 'application/json', 400],
  ['', '{"rows": []}', 'application/json', 400],
  ['', `{"instances": ${JSON.stringify(Array(1001).fill([1]))}}`, 'application/json', 422],
  ['', 'no image', 'image/png', 400],
  ['', pictures[0]!.png.subarray(0, 60), 'image/png', 400],
  ['', 'text', 'text/plain', 415],
  ['?layers=none', rowsOf([0]), 'application/json', 400],
  ['?top=0', rowsOf([0]), 'application/json', 400],
];

async function refused(): Promise<void> {
  const model = oneOf(models);
  const [query, body, type, expected] = oneOf(bad);
  const { status, body: problem } = await send(`/v1/models/${model.id}/predict${query}`, body, type);
  if (status === expected || (status === 404 && model.deleted)) counts.refused++;
  else if (status === 503) counts.busy++;
  else note(`${String(body).slice(0, 30)}: ${status} instead of ${expected}: ${JSON.stringify(problem)}`);
}

async function replaced(): Promise<void> {
  const model = await makeModel();
  models.push(model);
  const put = await service.call('/v1/aliases/best', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: model.id }),
  });
  if (put.status !== 200) note(`the alias: ${put.status}`);
  // The oldest goes, with requests for it under way.
  const oldest = models.find(({ deleted, id }) => !deleted && id !== model.id)!;
  oldest.deleted = true;
  const { status } = await service.call(`/v1/models/${oldest.id}`, { method: 'DELETE' });
  if (status !== 204) note(`deletion: ${status}`);
  // Those who asked just before may still come.
  setTimeout(() => models.splice(models.indexOf(oldest), 1), 5000).unref();
  counts.replaced++;
}

async function ofRunning(): Promise<void> {
  const { status, body } = await send('/predict?model=in-training', rowsOf([0]));
  if (status === 200 && body.step > 0 && body.predictions[0].output.length === 10) counts.ofRunning++;
  else if (status === 503) counts.busy++;
  else note(`the running job: ${status} ${JSON.stringify(body)}`);
}

const rss = () => 1024 * Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))![1]);
const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

try {
  console.log(`${cpus().length} × ${cpus()[0]?.model}; load before ${loadavg()[0]!.toFixed(2)}`);
  await service.start();
  const before = rss();
  while (models.length < wanted) models.push(await makeModel());
  await service.call('/v1/aliases/best', {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: models[0]!.id }),
  });
  await service.post('/v1/jobs', {
    name: 'in-training',
    dataset: { name: 'digits', builtin: 'mnist', limit: { train: 2000, test: 10 } },
    network: { preset: 'lenet5' },
    training: { epochs: 1_000_000, batchSize: 64, checkpoint: { everySeconds: 2 } },
  });
  while ((await send('/predict?model=in-training', rowsOf([0]))).status !== 200) await sleep(200);
  console.log(`${models.length} models; memory of the service ${megabytes(before)} at start, ${megabytes(rss())} now`);

  const started = performance.now();
  const end = started + 60_000 * minutes;
  const memory: number[] = [];
  const watch = setInterval(() => memory.push(rss()), 1000);
  const client = async () => {
    while (performance.now() < end) {
      const kind = random();
      if (kind < 0.85) await good();
      else if (kind < 0.97) await refused();
      else if (kind < 0.99) await ofRunning();
      else if (kind < 0.992) await Promise.all(Array.from({ length: burst }, good));
      else await sleep(20);
    }
  };
  const replacing = async () => {
    while (performance.now() < end) {
      await replaced();
      await sleep(1000);
    }
  };
  await Promise.all([...Array.from({ length: clients }, client), replacing()]);
  clearInterval(watch);
  const seconds = (performance.now() - started) / 1000;
  const quarter = Math.floor(memory.length / 4);
  const [second, last] = [mean(memory.slice(quarter, 2 * quarter)), mean(memory.slice(-quarter))];
  console.log(
    `${seconds.toFixed(0)} s: ${JSON.stringify(counts)}, ${(counts.good / seconds).toFixed(0)} right answers a second`,
  );
  console.log(
    `memory of the service: second quarter ${megabytes(second)}, last ${megabytes(last)}, highest ${megabytes(Math.max(...memory))} (models at most ${megabytes(memoryBytes)})`,
  );
  if (last > second * (1 + growth.share) + growth.bytes) note('memory grows');
  if (Math.max(...memory) > before + memoryBytes + 96 * 2 ** 20) note('memory beyond the limit of models');
  console.log(wrong.length === 0 ? 'nothing was wrong' : `${wrong.length} WRONG`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  await service.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
