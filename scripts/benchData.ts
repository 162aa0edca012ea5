// How fast files become datasets, beside the library that each reader stands on, in turns.
//   npm run bench:data -- [--rounds 5] [--scale 1] [--only NAME …] [--json FILE]
// Makes its files in a temporary folder (about 600 MB at scale 1) and removes them. Each measurement is a process of its own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type DataCase, writeCases } from './bench/data/files.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});

interface Measured {
  seconds: number;
  rssBytes: number;
}

/** What was seen of a case: the shortest time, and the most memory, of all rounds. */
interface Result {
  name: string;
  libraryName: string;
  rows: number;
  bytes: number;
  hebb: Measured;
  library: Measured;
}

const child = fileURLToPath(new URL('./bench/data/child.mjs', import.meta.url));
const run = (request: object): Measured =>
  JSON.parse(execFileSync(process.execPath, [child, JSON.stringify(request)], { encoding: 'utf8' }));

function best(results: Measured[]): Measured {
  const seconds = Math.min(...results.map((result) => result.seconds));
  return { seconds, rssBytes: Math.max(...results.map((result) => result.rssBytes)) };
}

function measure({ name, libraryName, rows, bytes, source, library, file }: DataCase, parent: string): Result {
  const [ours, theirs]: Measured[][] = [[], []];
  for (let round = 0; round < Number(options.rounds); round++) {
    const folder = join(parent, 'dataset');
    const beside = new Set(readdirSync(join(parent, 'files')));
    ours!.push(run({ source, folder }));
    rmSync(folder, { recursive: true });
    // What a reader unpacked beside an upload goes with the upload's folder.
    for (const name of readdirSync(join(parent, 'files'))) {
      if (!beside.has(name)) rmSync(join(parent, 'files', name));
    }
    theirs!.push(run({ library, file }));
  }
  return { name, libraryName, rows, bytes, hebb: best(ours!), library: best(theirs!) };
}

function line({ name, libraryName, rows, bytes, hebb, library }: Result): string {
  const speed = (seconds: number) => (bytes / 1e6 / seconds).toPrecision(3);
  const cells = [
    name,
    (bytes / 1e6).toFixed(1),
    rows.toLocaleString('en'),
    speed(hebb.seconds),
    Math.round(rows / hebb.seconds).toLocaleString('en'),
    (hebb.rssBytes / 1e6).toFixed(0),
    libraryName,
    speed(library.seconds),
    (library.rssBytes / 1e6).toFixed(0),
    `${((100 * library.seconds) / hebb.seconds).toFixed(0)} %`,
  ];
  return `| ${cells.join(' | ')} |`;
}

const folder = mkdtempSync(join(tmpdir(), 'hebb-bench-'));
try {
  const wanted = ({ name }: DataCase) => options.only.length === 0 || options.only.some((only) => name.includes(only));
  const cases = (await writeCases(join(folder, 'files'), Number(options.scale))).filter(wanted);
  console.log(
    [
      `${cpus()[0]!.model}, Node.js ${process.version}, best of ${options.rounds}, load ${loadavg()[0]!.toFixed(1)} at the start\n`,
      '| file | MB | rows | MB/s | rows/s | RSS, MB | library alone | its MB/s | its RSS, MB | of its speed |',
      '|---|--:|--:|--:|--:|--:|---|--:|--:|--:|',
    ].join('\n'),
  );
  const results: Result[] = [];
  for (const one of cases) {
    const result = measure(one, folder);
    results.push(result);
    console.log(line(result));
  }
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
