// Runs presets in full on a real service in a temporary folder, and prints what came of them:
//   npm run course [-- NAME…]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { readConfig } from '../src/config.ts';
import { kernelVersion, selectIsa } from '../src/native.ts';
import { decodeSafetensors } from '../src/nn/weights.ts';
import { presets } from '../src/presets/index.ts';
import { buildApp } from '../src/server/app.ts';
import { createServices } from '../src/service/index.ts';
import { expectations, type Finished } from './course/expectations.ts';

const names = process.argv.slice(2);
const wanted = presets.filter(({ name }) => names.length === 0 || names.includes(name));
const unknown = names.filter((name) => !presets.some((preset) => preset.name === name));
if (unknown.length > 0) throw new Error(`no preset is called ${unknown.join(', ')}`);

const dataDir = await mkdtemp(join(tmpdir(), 'hebb-course-'));
const config = readConfig({ ...process.env, HEBB_DATA_DIR: dataDir });
const services = await createServices(config, pino({ level: 'warn' }));
const isa = selectIsa(config.isa);
const app = buildApp(services, config, {
  info: { name: 'hebb', version: '0', isa, threads: config.threads, jobs: config.jobs, kernelVersion },
});
const base = await app.listen({ host: '127.0.0.1', port: 0 });

// biome-ignore lint/suspicious/noExplicitAny: the service's JSON
async function call(path: string, body?: unknown): Promise<any> {
  const response = await fetch(base + path, {
    ...(body !== undefined && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

async function run(preset: string): Promise<Finished> {
  const { id } = await call('/v1/jobs', { preset });
  // Ends with the job.
  await (await fetch(`${base}/v1/jobs/${id}/events`)).text();
  const job = await call(`/v1/jobs/${id}`);
  if (job.state !== 'completed') throw new Error(`${preset} ${job.state}: ${JSON.stringify(job.error)}`);
  const { rows } = await call(`/v1/jobs/${id}/metrics?resolution=epoch`);
  return {
    job,
    losses: rows.map((row: { loss: number }) => row.loss),
    async outputs(instances) {
      const { predictions } = await call(`/v1/models/${id}/predict`, { instances });
      return predictions.map(({ output }: { output: unknown[] }) => output.flat(3));
    },
    async weights() {
      const file = await (await fetch(`${base}/v1/models/${id}/export?format=safetensors`)).arrayBuffer();
      return Object.fromEntries(
        decodeSafetensors(new Uint8Array(file)).map((tensor) => [tensor.name, [...tensor.values]]),
      );
    },
    async samples(split, count) {
      return (await call(`/v1/datasets/${job.dataset}/samples?split=${split}&limit=${count}`)).items;
    },
  };
}

/** What the dry run says that the training takes. */
async function secondsTold(preset: string): Promise<string> {
  const { job } = presets.find(({ name }) => name === preset)!;
  const { secondsPerEpoch } = await call('/v1/jobs?dryRun=true', { preset });
  return secondsPerEpoch === null ? '' : (secondsPerEpoch * (job.training?.epochs ?? 10)).toFixed(1);
}

let failed = 0;
console.log(`${isa}, ${config.threads} threads\n`);
console.log('| preset | course | must come out | came | told, s | took, s |\n|---|---|---|---|---|---|');
try {
  for (const { name, course } of wanted) {
    const expectation = expectations[name]!;
    const told = await secondsTold(name);
    let took = 0;
    const result = await run(name)
      .then((finished) => {
        took = (Date.parse(finished.job.finishedAt) - Date.parse(finished.job.startedAt)) / 1000;
        return expectation.check(finished);
      })
      .catch((error) => ({ came: String(error), ok: false }));
    if (!result.ok) failed++;
    console.log(
      `| ${name} | ${course ?? ''} | ${expectation.must} | ${result.ok ? '' : 'NOT: '}${result.came} | ${told} | ${took.toFixed(1)} |`,
    );
  }
} finally {
  await app.close();
  await services.close();
  await rm(dataDir, { recursive: true, force: true });
}
console.log(`\n${wanted.length - failed} of ${wanted.length} came out as they must.`);
if (failed > 0) process.exitCode = 1;
