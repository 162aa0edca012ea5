// Benchmarks; docs/benchmarks.md says how to use and to read them.
//   npm run bench                                       training and prediction on the reference workloads
//   npm run bench -- --ops                              matrix products and convolutions
//   npm run bench -- [--ops] --peers [FOLDER]           beside other programs; FOLDER holds other lists of workloads and ops
//   npm run bench -- --profile WORKLOAD                 time of each instruction of a training step
//   npm run bench -- --memory                           memory of a training process
// Also: --only NAME … --threads N --seconds S --rounds N --tfjs FOLDER --json FILE --svg FILE
import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { selectIsa } from '../src/native.ts';
import { buildWorker, measureMemory, memoryIsReadable, memoryTable } from './bench/memory.ts';
import { OpBenchmark, opCases, opRequest } from './bench/ops.ts';
import { startPeers } from './bench/peers/programs.ts';
import { profileTable, profileWorkload } from './bench/profile.ts';
import { measureRounds, type Result, type RoundSettings } from './bench/rounds.ts';
import { hebbVersion } from './bench/rows.ts';
import { resultSvg } from './bench/svg.ts';
import { formatSpeed, remarks, resultTable } from './bench/table.ts';
import { nameOf } from './bench/targets.ts';
import { modes, readWorkloads, WorkloadBenchmark } from './bench/workloads.ts';

const { values: options, positionals } = parseArgs({
  options: {
    ops: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    profile: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    threads: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    tfjs: { type: 'string' },
    json: { type: 'string' },
    svg: { type: 'string' },
  },
  allowPositionals: true,
});
const threads = Number(options.threads);
const folder = options.peers ? positionals[0] : undefined;

/** A list from the peers' folder, so that both work from the same; otherwise our own copy of it. */
function listFile(name: string): string | URL {
  const theirs = folder && join(folder, name);
  return theirs && existsSync(theirs) ? theirs : new URL(`./bench/${name}`, import.meta.url);
}

function isWanted(...names: string[]): boolean {
  return options.only.length === 0 || options.only.some((only) => names.some((name) => name.includes(only)));
}

const workloads = () => readWorkloads(listFile('workloads.json'));

async function profile(name: string): Promise<void> {
  const names = workloads().map((workload) => workload.name);
  const workload = workloads()[names.indexOf(name)];
  if (!workload) throw new Error(`no workload is called ${name}: ${names.join(', ')}`);
  console.log(profileTable(await profileWorkload(workload, threads, Number(options.seconds ?? 1))));
}

async function memory(): Promise<void> {
  if (!memoryIsReadable) throw new Error('--memory reads /proc/PID/status, which only Linux has');
  const settings = { threads, seconds: Number(options.seconds ?? 1), worker: buildWorker() };
  const results = [];
  for (const workload of workloads()) {
    if (isWanted(workload.name)) results.push(await measureMemory(workload, settings));
  }
  console.log(memoryTable(results));
}

/** One result after another, in the order of the lists. */
async function* opResults(settings: RoundSettings): AsyncGenerator<Result> {
  const seconds = Number(options.seconds ?? 0.7);
  for (const opCase of opCases(listFile('ops.json'))) {
    if (!isWanted(opCase.op, opCase.shape, opCase.pass)) continue;
    const benchmark = new OpBenchmark(opCase, threads);
    const request = opRequest(opCase, threads, seconds);
    yield await measureRounds(settings, { flop: 1e9, request, hebb: () => benchmark.measure(seconds) });
    benchmark.dispose();
  }
}

async function* workloadResults(settings: RoundSettings): AsyncGenerator<Result> {
  for (const workload of workloads()) {
    if (!isWanted(workload.name)) continue;
    const benchmark = new WorkloadBenchmark(workload, threads);
    for (const mode of modes) {
      const seconds = Number(options.seconds ?? 1.5) / (mode === 'train' ? 1 : 2);
      const request = { workload, mode, threads, seconds };
      const flop = benchmark.flopPerSample(mode);
      yield await measureRounds(settings, { flop, request, hebb: () => benchmark.measure(mode, seconds) });
    }
    benchmark.dispose();
  }
}

/** Where and how the results came about: figures of another machine or day say little beside these. */
function conditions(results: Result[], rounds: number): string {
  const [peak] = results.flatMap((result) => result.peak ?? []).sort((a, b) => b.gflops - a.gflops);
  return [
    new Date().toISOString().slice(0, 10),
    cpus()[0]?.model,
    `Node ${process.versions.node}`,
    `hebb ${hebbVersion}`,
    `${selectIsa()}`,
    `${threads} thread${threads === 1 ? '' : 's'}`,
    `${rounds} round${rounds === 1 ? '' : 's'}`,
    ...(peak ? [`FMA peak up to ${peak.gflops.toFixed(0)} GFLOP/s (${peak.isa})`] : []),
  ].join(', ');
}

async function compare(): Promise<void> {
  if (options.svg && !options.ops && !options.peers)
    throw new Error('a picture of the workloads compares them: add --peers');
  const rounds = Number(options.rounds ?? (options.peers ? 5 : 1));
  const which = !options.peers ? 'none' : options.ops ? 'ops' : 'workloads';
  const started = await startPeers({ threads, peers: which, tfjs: options.tfjs });
  for (const absent of started.absent) console.error(`left out: ${absent}`);
  const { peak, peers } = started;
  const settings: RoundSettings = { rounds, threads, peak, peers };
  const results: Result[] = [];
  try {
    for await (const result of options.ops ? opResults(settings) : workloadResults(settings)) {
      results.push(result);
      console.error(`${nameOf(result.hebb)}: ${formatSpeed(result.hebb)}`);
    }
  } finally {
    await started.stop();
  }
  if (results.length === 0) throw new Error(`nothing is called ${options.only.join(' or ')}`);
  const text = [conditions(results, rounds), resultTable(results), remarks(results)];
  console.log(text.filter(Boolean).join('\n\n'));
  if (options.json) writeFileSync(options.json, results.map(({ hebb }) => `${JSON.stringify(hebb)}\n`).join(''));
  if (options.svg) writeFileSync(options.svg, resultSvg(results, text[0]!));
}

try {
  if (options.profile) await profile(options.profile);
  else if (options.memory) await memory();
  else await compare();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
