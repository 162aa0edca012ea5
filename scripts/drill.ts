// npm run drill -- [--rounds 20] [--seed 1]
// Needs Linux; the full disk is tried where a tmpfs may be mounted.
import { parseArgs } from 'node:util';
import { drill } from './drill/drill.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
});
const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
const started = performance.now();
const { faults, restarts, rows, left } = await drill({ rounds, seed, report: console.log });
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
console.log(`\n${rounds} of ${rounds} jobs ended with the undisturbed hash, in ${minutes} minutes (seed ${seed}).`);
console.log(`${restarts} restarts; ${rows} rows of curves compared; nothing that was acknowledged is missing.`);
for (const [what, count] of Object.entries(faults)) console.log(`  ${String(count).padStart(4)} × ${what}`);
for (const what of left) console.log(`  not tried: ${what}`);
