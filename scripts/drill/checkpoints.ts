// What writing checkpoints costs a training: the same job with and without them, in turns.
//   npm run drill:checkpoints -- [--rounds 3]
// Ends with 1 where it is more than 5 %.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../helpers/processes.ts';
import { DrilledService } from './service.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const rounds = Number(values.rounds);
const mostLoss = 0.05;

/** 669,706 weights, and two numbers of Adam's for each: 13 MB a checkpoint with the last and the best weights. */
const job = {
  dataset: 'mnist',
  network: {
    layers: [
      { type: 'flatten' },
      { type: 'dense', units: 512, activation: 'relu' },
      { type: 'dense', units: 512, activation: 'relu' },
      { type: 'dense', units: 10 },
    ],
  },
  training: { epochs: 4, batchSize: 128 },
};
const ways = { none: { everySteps: 1_000_000_000 }, 'every second': { everySeconds: 1 } };

const folder = mkdtempSync(join(tmpdir(), 'hebb-drill-'));
const service = new DrilledService(folder, await freePort());

/** Seconds from the start of the job to its end, and how many checkpoints it wrote. */
async function train(checkpoint: object): Promise<{ seconds: number; written: number }> {
  const { body } = await service.post('/v1/jobs', { ...job, training: { ...job.training, checkpoint } });
  for (;;) {
    const { state, startedAt, finishedAt } = (await service.call(`/v1/jobs/${body.id}`)).body;
    if (state === 'completed') {
      const { items } = (await service.call(`/v1/jobs/${body.id}/log?limit=1000`)).body;
      const written = items.filter(({ event }: { event: string }) => event === 'checkpoint').length;
      return { seconds: (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000, written };
    }
    await sleep(100);
  }
}

const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

try {
  console.log(`${cpus().length} × ${cpus()[0]?.model}; load before ${loadavg()[0]!.toFixed(2)}`);
  await service.start();
  await service.post('/v1/datasets', { name: 'mnist', builtin: 'mnist' });
  await train(ways.none);
  const taken: Record<string, number[]> = { none: [], 'every second': [] };
  for (let round = 0; round < rounds; round++) {
    for (const [name, checkpoint] of Object.entries(ways)) {
      const { seconds, written } = await train(checkpoint);
      taken[name]!.push(seconds);
      console.log(`checkpoints ${name}: ${seconds.toFixed(2)} s, ${written} written`);
    }
  }
  const loss = median(taken['every second']!) / median(taken.none!) - 1;
  console.log(`checkpoints every second cost ${(100 * loss).toFixed(1)} % (medians)`);
  if (loss > mostLoss) process.exitCode = 1;
} finally {
  await service.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
