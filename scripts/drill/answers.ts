// How fast the service answers while a job trains on all cores: POST /predict and /healthz at fixed rates.
//   npm run drill:answers -- [--seconds 20] [--rate 100]
// Ends with 1 where the 99th percentile of /predict is over 25 ms or that of /healthz over 20 ms.
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../helpers/processes.ts';
import { DrilledService } from './service.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '20' }, rate: { type: 'string', default: '100' } },
});
const [seconds, rate] = [Number(values.seconds), Number(values.rate)];
const mostPredictMs = 25;
const mostHealthMs = 20;
const healthRate = 20;

const small = {
  name: 'small',
  dataset: { name: 'digits', builtin: 'mnist', limit: { train: 2000, test: 10 } },
  network: {
    layers: [{ type: 'flatten' }, { type: 'dense', units: 30, activation: 'sigmoid' }, { type: 'dense', units: 10 }],
  },
  training: { epochs: 1 },
};
const training = {
  name: 'in training',
  dataset: 'digits',
  network: { preset: 'lenet5' },
  training: { epochs: 1_000_000, batchSize: 64, checkpoint: { everySeconds: 5 } },
};

const folder = mkdtempSync(join(tmpdir(), 'hebb-drill-'));
const port = await freePort();
const service = new DrilledService(folder, port, { HEBB_THREADS: String(cpus().length) });
const agent = new Agent({ keepAlive: true });

/** Milliseconds from when it was due to the end of the answer: a request that waits for its turn has waited. */
function call(path: string, body: string | null, due: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers =
      body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request({ port, path, agent, method: body === null ? 'GET' : 'POST', headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`));
      response.resume().on('end', () => resolve(performance.now() - due));
    });
    sent.on('error', reject).end(body ?? undefined);
  });
}

async function atRate(perSecond: number, path: string, body: string | null): Promise<number[]> {
  const started = performance.now();
  const answers: Promise<number>[] = [];
  for (let i = 0; i < perSecond * seconds; i++) {
    const due = started + (1000 * i) / perSecond;
    await sleep(Math.max(0, due - performance.now()));
    answers.push(call(path, body, due));
  }
  return (await Promise.all(answers)).sort((a, b) => a - b);
}

const percentile = (sorted: number[], share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
const told = (sorted: number[]) =>
  [0.5, 0.99, 1]
    .map((share) => `${share === 1 ? 'max' : `p${share * 100}`} ${percentile(sorted, share).toFixed(1)}`)
    .join(', ');

try {
  console.log(`${cpus().length} × ${cpus()[0]?.model}; load before ${loadavg()[0]!.toFixed(2)}`);
  await service.start();
  const { body: first } = await service.post('/v1/jobs', small);
  while ((await service.call(`/v1/jobs/${first.id}`)).body.state !== 'completed') await sleep(50);
  const body = JSON.stringify({ instances: [Array.from({ length: 784 }, (_, i) => i % 256)] });
  const path = `/v1/models/${first.id}/predict`;
  await call(path, body, performance.now());
  const { body: job } = await service.post('/v1/jobs', training);
  while ((await service.call(`/v1/jobs/${job.id}`)).body.progress.step === 0) await sleep(50);
  await sleep(2000);
  const [predictions, health] = await Promise.all([atRate(rate, path, body), atRate(healthRate, '/healthz', null)]);
  const { progress } = (await service.call(`/v1/jobs/${job.id}`)).body;
  console.log(`POST /predict (784-30-10, JSON) at ${rate}/s: ${told(predictions)} ms`);
  console.log(`GET /healthz at ${healthRate}/s: ${told(health)} ms`);
  console.log(`meanwhile LeNet trains ${Math.round(progress.samplesPerSecond)} samples/s`);
  if (percentile(predictions, 0.99) > mostPredictMs || percentile(health, 0.99) > mostHealthMs) {
    console.log(`promised: 99 of 100 within ${mostPredictMs} and ${mostHealthMs} ms`);
    process.exitCode = 1;
  }
} finally {
  agent.destroy();
  await service.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
