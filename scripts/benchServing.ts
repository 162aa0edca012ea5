// How fast predictions are, over HTTP and in process; docs/serving.md shows the tables.
//   npm run bench:serving -- [--seconds 3] [--rounds 5] [--json FILE]
// The service and what it is measured beside run on one core, the load generator on another.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import sharp from 'sharp';
import { measureInProcess, networks } from './bench/onnxRuntime.ts';
import { DrilledService } from './drill/service.ts';
import { freePort } from './helpers/processes.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const connections = 10;

/** By the names of their models. */
const served = { mlp: networks['mlp 784-30-10'], lenet: networks['LeNet-5'] };

/** Keeps a process to one core, where there are two and taskset; the load generator takes the other. */
function pin(pid: number, core: number): void {
  if (cpus().length > 1) spawnSync('taskset', ['-acp', String(core), String(pid)]);
}

interface Load {
  url: string;
  body: Buffer | string;
  type: string;
}

/** Requests a second with as many connections as keep it busy, or latency in milliseconds at a given rate. */
async function load({ url, body, type }: Load, rate?: number): Promise<{ rate: number; p50: number; p99: number }> {
  const result = await autocannon({
    url,
    method: 'POST',
    body,
    headers: { 'content-type': type },
    connections,
    duration: seconds,
    ...(rate && { overallRate: Math.round(rate) }),
  });
  const failed = result.non2xx + result.errors + result.timeouts;
  if (failed > 0) throw new Error(`${failed} requests to ${url} failed`);
  return { rate: result.requests.total / result.duration, p50: result.latency.p50, p99: result.latency.p99 };
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

const folder = mkdtempSync(join(tmpdir(), 'hebb-serving-'));
const port = await freePort();
const service = new DrilledService(join(folder, 'data'), port, { HEBB_LOG_LEVEL: 'info' });
const echoPort = await freePort();
let echo: ReturnType<typeof spawn> | undefined;
try {
  console.log(`${cpus().length} × ${cpus()[0]?.model}; load before ${loadavg()[0]!.toFixed(2)}`);
  await service.start();
  for (const [name, network] of Object.entries(served)) {
    const dataset = { name: 'digits', builtin: 'mnist', limit: { train: 1000, test: 10 } };
    const { body } = await service.post('/v1/jobs', { name, dataset, network, training: { epochs: 1 } });
    while ((await service.call(`/v1/jobs/${body.id}`)).body.state !== 'completed') await sleep(50);
  }
  const pixels = Buffer.from(Array.from({ length: 784 }, (_, i) => ((i * 37) % 256) * (i % 28 > 8 ? 1 : 0)));
  const png = await sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
  writeFileSync(join(folder, 'digit.png'), png);
  const json = JSON.stringify({ instances: [[...pixels]] });
  const ofService = (model: string) => `http://127.0.0.1:${port}/predict?model=${model}`;
  const answer = await (
    await fetch(ofService('mlp'), { method: 'POST', body: json, headers: { 'content-type': 'application/json' } })
  ).text();
  echo = spawn(
    process.execPath,
    [fileURLToPath(new URL('./bench/echo.mjs', import.meta.url)), String(echoPort), answer],
    { stdio: 'inherit' },
  );
  pin(service.pid!, 0);
  pin(echo.pid!, 0);
  pin(process.pid, 1);
  await sleep(1000);
  const rows = {
    echo: { url: `http://127.0.0.1:${echoPort}/predict`, body: json, type: 'application/json' },
    mlpJson: { url: ofService('mlp'), body: json, type: 'application/json' },
    lenetJson: { url: ofService('lenet'), body: json, type: 'application/json' },
    lenetPng: { url: ofService('lenet'), body: png, type: 'image/png' },
  };
  const decode = () =>
    Number(
      execFileSync('taskset', [
        '-c',
        '0',
        process.execPath,
        fileURLToPath(new URL('./bench/decode.mjs', import.meta.url)),
        join(folder, 'digit.png'),
        String(seconds),
      ]).toString(),
    );
  const rates: Record<string, number[]> = { decode: [] };
  for (const load_ of Object.values(rows)) await load(load_);
  for (let round = 0; round < rounds; round++) {
    for (const [name, row] of Object.entries(rows)) {
      rates[name] ??= [];
      rates[name].push((await load(row)).rate);
    }
    rates.decode!.push(decode());
  }
  const ratio = (name: string, beside: string) => median(rates[name]!.map((value, i) => value / rates[beside]![i]!));
  const rate = (name: string) => median(rates[name]!);
  const asTable = (lines: string[][]) => lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const half = {
    mlpJson: await load(rows.mlpJson, rate('mlpJson') / 2),
    lenetPng: await load(rows.lenetPng, rate('lenetPng') / 2),
  };
  const line = (
    title: string,
    name: string,
    beside?: [string, string, number],
    latency?: { p50: number; p99: number },
  ) => [
    title,
    rate(name).toFixed(0),
    beside ? `${(100 * ratio(name, beside[0])).toFixed(0)} % of the ${beside[1]} (${100 * beside[2]} %)` : '',
    latency ? `${latency.p50}, ${latency.p99}` : '',
  ];
  const bare = 'Fastify alone, same body, constant answer';
  console.log(
    asTable([
      ['', 'a second', 'share (target)', 'ms at half of that: p50, p99'],
      ['---', '---', '---', '---'],
      line(bare, 'echo'),
      line('JSON of 784 numbers to 784-30-10', 'mlpJson', ['echo', 'first line', 0.5], half.mlpJson),
      line('JSON of 784 numbers to LeNet-5', 'lenetJson'),
      line('sharp alone, decoding a PNG of 28×28', 'decode'),
      line('PNG of 28×28 to LeNet-5', 'lenetPng', ['decode', 'line before', 0.7], half.lenetPng),
    ]),
  );
  await service.end('SIGTERM');
  echo.kill();
  const inProcess = await measureInProcess(Math.min(300, 100 * seconds), rounds);
  console.log(
    asTable([
      ['in process, one thread', 'rows', 'Hebb, µs', 'onnxruntime, µs', 'times as fast'],
      ['---', '---', '---', '---', '---'],
      ...inProcess.map(({ name, rows: count, hebb, onnxRuntime, ratio: times }) => [
        name,
        String(count),
        hebb.toFixed(1),
        onnxRuntime.toFixed(1),
        times.toFixed(2),
      ]),
    ]),
  );
  if (options.json) writeFileSync(options.json, JSON.stringify({ rates, half, inProcess }, null, 2));
} finally {
  if (echo && echo.exitCode === null) {
    echo.kill();
    await once(echo, 'exit');
  }
  await service.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
