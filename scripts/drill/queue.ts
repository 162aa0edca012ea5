// Many small jobs: how long they take, and what the service keeps of them.
//   npm run drill:queue -- [--jobs 2000]
// Ends with 1 past 5 minutes for 2000 jobs, 20 MB of memory, or where a file or a process is left behind.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../helpers/processes.ts';
import { DrilledService } from './service.ts';

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '2000' } } });
const jobs = Number(values.jobs);
const mostSeconds = (300 * jobs) / 2000;
const mostGrowth = 20e6;
/** Before it is measured: the heap and the caches of SQLite have their size then. */
const warmUp = 200;
const postsAtOnce = 8;

const request = {
  dataset: 'xor',
  network: {
    layers: [
      { type: 'dense', units: 4, activation: 'tanh' },
      { type: 'dense', units: 1, activation: 'tanh' },
    ],
  },
  training: {
    epochs: 100,
    batchSize: 1,
    loss: { type: 'meanSquaredError' },
    optimizer: { type: 'sgd', learningRate: 0.1 },
  },
};

/** Resident memory without pages of mapped files, in bytes (proc_pid_status(5)). */
const memoryOf = (pid: number) =>
  1024 * Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
const filesOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

const folder = mkdtempSync(join(tmpdir(), 'hebb-drill-'));
const service = new DrilledService(folder, await freePort());

async function post(count: number, seed: number): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) {
      const body = { ...request, training: { ...request.training, seed: seed + next++ } };
      const { status, body: answer } = await service.post('/v1/jobs', body);
      if (status !== 202) throw new Error(`POST /v1/jobs: ${status} ${JSON.stringify(answer)}`);
    }
  };
  await Promise.all(Array.from({ length: postsAtOnce }, one));
}

async function allDone(): Promise<void> {
  for (const state of ['queued', 'running']) {
    while ((await service.call(`/v1/jobs?state=${state}&limit=1`)).body.items.length > 0) await sleep(100);
  }
  const { body } = await service.call('/v1/jobs?state=failed&limit=1');
  if (body.items.length > 0) throw new Error(`a job failed: ${JSON.stringify(body.items[0].error)}`);
}

try {
  await service.start();
  // By itself, for it is the jobs that are looked at.
  await service.post('/v1/datasets', { name: 'xor', synthetic: { kind: 'xor' } });
  await post(warmUp, 0);
  await allDone();
  await sleep(2000);
  const pid = service.pid!;
  const before = { memory: memoryOf(pid), files: filesOf(pid), processes: service.trainers.length };
  const started = performance.now();
  await post(jobs, warmUp);
  const posted = (performance.now() - started) / 1000;
  await allDone();
  const seconds = (performance.now() - started) / 1000;
  // The heap is given back when it is collected, not before.
  await sleep(5000);
  const after = { memory: memoryOf(pid), files: filesOf(pid), processes: service.trainers.length };
  const growth = after.memory - before.memory;
  const left = after.files - before.files;
  console.log(
    `${jobs} jobs in ${seconds.toFixed(0)} s (${((1000 * seconds) / jobs).toFixed(0)} ms a job; all were accepted after ${posted.toFixed(0)} s)\n` +
      `memory of the service ${(before.memory / 1e6).toFixed(0)} → ${(after.memory / 1e6).toFixed(0)} MB (RssAnon), ` +
      `open files ${before.files} → ${after.files}, training processes ${before.processes} → ${after.processes}`,
  );
  if (seconds > mostSeconds || growth > mostGrowth || left > 0 || after.processes > 1) {
    console.log(`promised: ${mostSeconds} s, ${mostGrowth / 1e6} MB, no file and no process left`);
    process.exitCode = 1;
  }
} finally {
  await service.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
