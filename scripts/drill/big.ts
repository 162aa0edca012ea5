// A set of a million images: is it taken in little memory, does it begin to train at once, and as fast as a small one?
//   npm run drill:big -- [--rows 1000000] [--formats idx,npy,npz] [--seconds 6] [--rounds 3] [--threads N]
// Makes its files in a temporary folder (about four times the set is needed there), starts the real service on a folder of its own,
// and removes both. Ends with 1 where a target is missed. Needs Linux.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { usableCores } from '../../src/config.ts';
import { freePort } from '../helpers/processes.ts';
import { highWater } from '../helpers/processMemory.ts';
import { type BigFormat, bigFormats, upload, writeFiles } from './bigFiles.ts';
import { firstStep, speedOf, stopped } from './bigJobs.ts';
import { DrilledService } from './service.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    formats: { type: 'string', default: bigFormats.join(',') },
    seconds: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(usableCores()) },
  },
});
const [rows, seconds, rounds] = [values.rows, values.seconds, values.rounds].map(Number) as [number, number, number];
const formats = values.formats.split(',') as BigFormat[];
const smallRows = 10_000;

const targets = { residentBytes: 200e6, firstStepMs: 2000, speed: 0.8 };

const networks = {
  '784-30-10, batch 32': {
    layers: [{ type: 'flatten' }, { type: 'dense', units: 30, activation: 'sigmoid' }, { type: 'dense', units: 10 }],
  },
  'LeNet-5, batch 32': { preset: 'lenet5' },
};

const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
const lines: string[] = [];
let missed = 0;

function tell(what: string, target: string, seen: string, met: boolean | null): void {
  if (met === false) missed += 1;
  lines.push(`| ${what} | ${target} | ${seen} | ${met === null ? '' : met ? 'yes' : '**no**'} |`);
  console.error(`${what}: ${seen}`);
}

async function drill(folder: string): Promise<void> {
  const service = new DrilledService(join(folder, 'data'), await freePort(), { HEBB_THREADS: values.threads });
  const [big, small] = [join(folder, 'big'), join(folder, 'small')];
  try {
    await writeFiles(small, 'idx', smallRows);
    await service.start();
    for (const format of formats) {
      // A fresh service each: memory that another upload left would count.
      await service.end('SIGTERM');
      rmSync(join(folder, 'data'), { recursive: true, force: true });
      const files = join(big, format);
      const bytes = await writeFiles(files, format, rows);
      await service.start();
      const started = performance.now();
      const { most, before } = await highWater(service.pid!, () => upload(service, files, format, 'big'));
      const elapsed = (performance.now() - started) / 1000;
      rmSync(files, { recursive: true });
      const name = `upload as ${format.toUpperCase()}`;
      const limit = `< ${mb(targets.residentBytes)}`;
      tell(
        `${name}: resident memory at its highest (VmHWM)`,
        limit,
        `${mb(most.resident)} (before: ${mb(before.resident)})`,
        most.resident < targets.residentBytes,
      );
      tell(`${name}: of it anonymous (RssAnon)`, limit, mb(most.anonymous), most.anonymous < targets.residentBytes);
      tell(`${name}: time from the first byte to 201`, '', `${elapsed.toFixed(1)} s, ${mb(bytes / elapsed)}/s`, null);
    }
    await upload(service, small, 'idx', 'small');
    for (const [name, network] of Object.entries(networks)) await train(service, name, network);
  } finally {
    await service.end('SIGTERM');
  }
}

async function train(service: DrilledService, name: string, network: object): Promise<void> {
  const { ms, job } = await firstStep(service, 'big', network);
  await stopped(service, job);
  tell(
    `${name}: from POST /v1/jobs to the first step`,
    `< ${targets.firstStepMs / 1000} s`,
    `${ms.toFixed(0)} ms`,
    ms < targets.firstStepMs,
  );
  const speeds: Record<'big' | 'small', number[]> = { big: [], small: [] };
  for (let round = 0; round < rounds; round++) {
    for (const dataset of ['small', 'big'] as const) {
      speeds[dataset].push(await speedOf(service, dataset, network, seconds));
    }
  }
  const ratios = speeds.big.map((speed, round) => speed / speeds.small[round]!);
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  const thousands = (speed: number) => `${(speed / 1000).toFixed(1)}k/s`;
  const range = `rounds ${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))}`;
  tell(
    `${name}: samples per second beside a set of ${smallRows}`,
    `≥ ${percent(targets.speed)}`,
    `${percent(median(ratios))} (${range}; ${thousands(median(speeds.big))} of ${thousands(median(speeds.small))})`,
    median(ratios) >= targets.speed,
  );
}

const folder = mkdtempSync(join(tmpdir(), 'hebb-drill-'));
try {
  await drill(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const load = loadavg()[0]!.toFixed(1);
console.log(
  `\n${rows.toLocaleString('en')} × 784 uint8, ${values.threads} threads, ${cpus()[0]!.model}, load ${load}\n`,
);
console.log(['| what | target | seen | met |', '|---|---|---|---|', ...lines].join('\n'));
process.exitCode = missed > 0 ? 1 : 0;
