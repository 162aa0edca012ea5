// Many listeners: a training with and without event listeners, half of which never read, in turns.
//   npm run drill:listeners -- [--listeners 200] [--seconds 10] [--rounds 5] [--json FILE]
// Starts the real service on a folder of its own. Ends with 1 where training loses more than 5 %, or the 99th percentile of
// /healthz is over 20 ms, or a reader is left behind.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { usableCores } from '../../src/config.ts';
import { freePort } from '../helpers/processes.ts';
import { DrilledService } from './service.ts';

const { values } = parseArgs({
  options: {
    listeners: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});
const [listeners, seconds, rounds] = [values.listeners, values.seconds, values.rounds].map(Number) as number[];

const mostLoss = 0.05;
const mostHealthMs = 20;
/** After the listeners came, or left, before it is measured: they read the job's past first. */
const settleMs = 4000;

const request = {
  name: 'listened to',
  dataset: { name: 'digits', builtin: 'mnist', limit: { train: 2000, test: 10 } },
  network: {
    layers: [{ type: 'flatten' }, { type: 'dense', units: 30, activation: 'sigmoid' }, { type: 'dense', units: 10 }],
  },
  training: { epochs: 1_000_000, batchSize: 32, logEverySteps: 20, optimizer: { type: 'sgd', learningRate: 0.01 } },
};

interface Heard {
  readers: number;
  bytes: number;
  lost: number;
  oldestId: number;
}

/** What a stretch of the training was like. */
interface Measurement {
  samplesPerSecond: number;
  epochsPerSecond: number;
  healthMs: { p50: number; p99: number; max: number };
  /** Of one core. */
  serviceCpu: number;
  listenersCpu: number;
}

/** CPU time of a process in seconds (proc_pid_stat(5): utime and stime, in ticks of 10 ms). */
function cpuSeconds(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const percentile = (sorted: number[], share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
const median = (numbers: number[]) =>
  percentile(
    [...numbers].sort((a, b) => a - b),
    0.5,
  );

class Drill {
  private readonly folder = mkdtempSync(join(tmpdir(), 'hebb-drill-'));
  private readonly agent = new Agent({ keepAlive: true });
  private service!: DrilledService;
  private port = 0;
  private job = '';

  async start(): Promise<void> {
    this.port = await freePort();
    this.service = new DrilledService(this.folder, this.port, { HEBB_THREADS: String(usableCores()) });
    await this.service.start();
    const { status, body } = await this.service.post('/v1/jobs', request);
    if (status !== 202) throw new Error(JSON.stringify(body));
    this.job = body.id;
    while ((await this.progress()).step === 0) await sleep(50);
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    await this.service.end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async progress(): Promise<{ step: number; epoch: number }> {
    const { body: job } = await this.service.call(`/v1/jobs/${this.job}`);
    if (!['queued', 'running'].includes(job.state))
      throw new Error(`the job is ${job.state}: ${JSON.stringify(job.error)}`);
    return job.progress;
  }

  /** How far the training is at the moment when that is news: the service hears of it in batches. */
  private async freshProgress(): Promise<{ step: number; epoch: number; at: number }> {
    const { step } = await this.progress();
    for (;;) {
      const progress = await this.progress();
      if (progress.step !== step) return { ...progress, at: performance.now() };
      await sleep(2);
    }
  }

  private health(): Promise<number> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      get(`http://127.0.0.1:${this.port}/healthz`, { agent: this.agent }, (response) => {
        response.resume().on('end', () => resolve(performance.now() - started));
      }).on('error', reject);
    });
  }

  async measure(listening?: ChildProcess): Promise<Measurement> {
    const cpu = () => [cpuSeconds(this.service.pid), cpuSeconds(listening?.pid)] as const;
    const start = await this.freshProgress();
    const before = cpu();
    const latencies: Promise<number>[] = [];
    const timer = setInterval(() => latencies.push(this.health()), 20);
    await sleep(seconds! * 1000);
    clearInterval(timer);
    const [end, after] = [await this.freshProgress(), cpu()];
    const elapsed = (end.at - start.at) / 1000;
    const sorted = (await Promise.all(latencies)).sort((a, b) => a - b);
    const epochsPerSecond = (end.step - start.step) / Math.ceil(2000 / 32) / elapsed;
    return {
      samplesPerSecond: epochsPerSecond * 2000,
      epochsPerSecond,
      healthMs: { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1)! },
      serviceCpu: (after[0] - before[0]) / elapsed,
      listenersCpu: (after[1] - before[1]) / elapsed,
    };
  }

  /** Connects the listeners, measures, and lets them go. @throws Error where a reader was dropped or left behind */
  async measureListenedTo(): Promise<Measurement & Heard> {
    const options = JSON.stringify({ port: this.port, job: this.job, listeners });
    const client = fork(fileURLToPath(new URL('./listenersClient.ts', import.meta.url)), [options]);
    try {
      await once(client, 'message');
      await sleep(settleMs);
      const { oldestId: reached } = await this.heard(client);
      const measurement = await this.measure(client);
      const heard = await this.heard(client);
      if (heard.lost > 0) throw new Error(`${heard.lost} connections were lost`);
      // Of the events that came meanwhile each reader must have most: what is on its way may be missing.
      const least = reached + 0.7 * measurement.epochsPerSecond * seconds!;
      if (heard.oldestId < least)
        throw new Error(`a reader is at event ${heard.oldestId}, at least ${least} was expected`);
      return { ...measurement, ...heard };
    } finally {
      client.kill('SIGKILL');
    }
  }

  private async heard(client: ChildProcess): Promise<Heard> {
    client.send('report');
    const [heard] = await once(client, 'message');
    return heard as Heard;
  }
}

const row = (what: string, m: Measurement) =>
  `${what.padEnd(9)} ${Math.round(m.samplesPerSecond).toLocaleString('en').padStart(9)} samples/s ` +
  `${m.epochsPerSecond.toFixed(0).padStart(5)} epochs/s   /healthz p50 ${m.healthMs.p50.toFixed(1)} p99 ${m.healthMs.p99.toFixed(1)} ` +
  `max ${m.healthMs.max.toFixed(1)} ms   CPU: service ${(m.serviceCpu * 100).toFixed(0)} %, listeners ${(m.listenersCpu * 100).toFixed(0)} %`;

const load = loadavg()[0]!;
console.log(
  `${listeners} listeners, half of which never read; ${rounds} rounds of ${seconds} s; ${cpus().length} × ${cpus()[0]?.model}; ` +
    `load before ${load.toFixed(2)}`,
);
const drill = new Drill();
await drill.start();
try {
  await sleep(settleMs);
  const alone = [await drill.measure()];
  console.log(row('alone', alone[0]!));
  const together: (Measurement & Heard)[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds!; round++) {
    const heard = await drill.measureListenedTo();
    console.log(`${row('listened', heard)}   ${(heard.bytes / 1e6).toFixed(1)} MB read`);
    await sleep(settleMs);
    const after = await drill.measure();
    console.log(row('alone', after));
    // Beside its neighbours in time: a machine's speed drifts.
    ratios.push(heard.samplesPerSecond / ((alone.at(-1)!.samplesPerSecond + after.samplesPerSecond) / 2));
    together.push(heard);
    alone.push(after);
  }
  const taken = (m: Measurement) => m.serviceCpu + m.listenersCpu;
  const summary = {
    listeners,
    rounds,
    seconds,
    load,
    ratio: median(ratios),
    ratios,
    // Tells something even where other programs run beside: what service and listeners took more than the service alone.
    coresTaken: median(together.map(taken)) - median(alone.map(taken)),
    healthP99Ms: {
      alone: median(alone.map((m) => m.healthMs.p99)),
      listened: median(together.map((m) => m.healthMs.p99)),
    },
  };
  const good = summary.ratio >= 1 - mostLoss && summary.healthP99Ms.listened <= mostHealthMs;
  console.log(
    `training with listeners at ${(summary.ratio * 100).toFixed(1)} % of its speed (median; rounds ` +
      `${ratios.map((ratio) => (ratio * 100).toFixed(1)).join(', ')}), at least ${100 * (1 - mostLoss)} % promised; ` +
      `/healthz p99 ${summary.healthP99Ms.listened.toFixed(1)} ms (alone ${summary.healthP99Ms.alone.toFixed(1)}), ` +
      `at most ${mostHealthMs} promised; CPU taken for them ${(summary.coresTaken * 100).toFixed(0)} % of a core: ${good ? 'kept' : 'BROKEN'}`,
  );
  if (values.json) writeFileSync(values.json, `${JSON.stringify(summary)}\n`);
  if (!good) process.exitCode = 1;
} finally {
  await drill.stop();
}
