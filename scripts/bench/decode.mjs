// What sharp alone does: decodes one PNG again and again, as many at a time as there are threads for it.
//   node scripts/bench/decode.mjs PNG SECONDS
import { readFileSync } from 'node:fs';
import sharp from 'sharp';

const [file, seconds] = process.argv.slice(2);
const png = readFileSync(file);
sharp.concurrency(1);
sharp.cache(false);
let count = 0;
async function decodeUntil(end) {
  while (performance.now() < end) {
    await sharp(png).raw().toBuffer();
    count++;
  }
}
const together = (end) => Promise.all(Array.from({ length: 4 }, () => decodeUntil(end)));
await together(performance.now() + 300);
count = 0;
const started = performance.now();
await together(started + 1000 * Number(seconds));
process.stdout.write(String(count / ((performance.now() - started) / 1000)));
