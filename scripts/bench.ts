// Training and prediction throughput on the reference workloads, in the form of the peers' rows.
//   npm run bench -- [--only WORKLOAD …] [--threads N] [--seconds S] [--json FILE] [--workloads FOLDER] [--peer FILE]
// Synthetic float32 input; the best of three windows of S seconds after a warm-up. --peer names a file of rows that another
// program printed (one JSON object a line): the table then shows the ratio to each.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Memory, purpose, randomBits, type Source, selectIsa } from '../src/native.ts';
import { Network } from '../src/nn/network.ts';
import type { LayerConfig } from '../src/nn/networkConfig.ts';
import { recordTraining } from '../src/nn/programs.ts';
import type { LossName, OptimizerConfig } from '../src/nn/trainingConfig.ts';
import { elementCount } from '../src/shape.ts';

interface Workload {
  name: string;
  /** [features] or [channels, height, width]. */
  input: number[];
  batch: number;
  loss: 'mse' | 'softmax-ce';
  optimizer: 'sgd' | 'adam';
  layers: {
    type: string;
    units?: number;
    filters?: number;
    kernel?: number;
    padding?: number;
    size?: number;
    activation?: string;
  }[];
}

interface Row {
  peer: string;
  workload: string;
  threads: number;
  batch: number;
  mode: 'train' | 'predict-1';
  samples_per_s?: number;
  us?: number;
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    threads: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '1.5' },
    json: { type: 'string' },
    workloads: { type: 'string', default: fileURLToPath(new URL('./bench', import.meta.url)) },
    peer: { type: 'string', multiple: true, default: [] },
  },
  allowPositionals: true,
});
const threads = Number(options.threads);
const seconds = Number(options.seconds);
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

function toLayer(layer: Workload['layers'][number]): LayerConfig {
  if (layer.type === 'maxpool2d') return { type: 'maxPool2d', size: layer.size! };
  return layer as LayerConfig;
}

function noise(floats: number, seed: number): Memory {
  const memory = new Memory(floats);
  const bits = randomBits({ seed, purpose: purpose.synthetic }, 0, floats);
  const view = memory.floats;
  for (let i = 0; i < floats; i++) view[i] = bits[i]! / 2 ** 31 - 1;
  return memory;
}

/** Best of three windows: calls a second. */
async function bestRate(step: () => Promise<number> | number, windowSeconds: number): Promise<number> {
  const window = async (length: number) => {
    const start = performance.now();
    let done = 0;
    do done += await step();
    while (performance.now() - start < length * 1000);
    return done / ((performance.now() - start) / 1000);
  };
  await window(Math.min(1, windowSeconds));
  return Math.max(await window(windowSeconds), await window(windowSeconds), await window(windowSeconds));
}

async function measure(workload: Workload): Promise<Row[]> {
  const [channels, height, width] = workload.input;
  const input = height === undefined ? [channels!] : [height, width!, channels!];
  const network = new Network({ input, layers: workload.layers.map(toLayer) }, { threads });
  const loss: LossName = workload.loss === 'mse' ? 'meanSquaredError' : 'softmaxCrossEntropy';
  const optimizer: OptimizerConfig =
    workload.optimizer === 'adam'
      ? { type: 'adam', learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
      : { type: 'sgd', learningRate: 0.01, momentum: 0 };
  network.prepareTraining(optimizer);
  const { rec } = recordTraining(network.resolved, {
    rows: workload.batch,
    loss,
    targets: 'classes',
    normalization: { type: 'none' },
    optimizer,
  });
  const program = rec.finish(network.memory, network.settings);
  const elements = elementCount(input);
  const samples = 16 * workload.batch;
  const inputs: Source = { memory: noise(samples * elements, 1), offset: 0, type: 'float32', rows: samples, elements };
  const labels = new Memory(samples);
  const classes = elementCount(network.outputShape);
  new Int32Array(labels.floats.buffer).set(Int32Array.from({ length: samples }, (_, i) => i % classes));
  const targets: Source = { memory: labels, offset: 0, type: 'int32', rows: samples, elements: 1 };
  // An epoch long enough for a slice of 50 ms, as in a job.
  const order = Uint32Array.from({ length: samples * 64 }, (_, i) => i % samples);
  const slice = async () => {
    const { steps } = await program.train({
      sources: [inputs, targets],
      order,
      batch: workload.batch,
      firstStep: 0,
      learningRates: Float64Array.of(1e-6),
      seed: 0,
      epoch: 0,
      globalStep: 0,
      budgetMs: 50,
      values: 2,
    });
    return steps * workload.batch;
  };
  const row = { peer: `hebb-${version}`, workload: workload.name, threads, batch: workload.batch };
  const trained = await bestRate(slice, seconds);
  const one = noise(elements, 2).floats.slice();
  const predicted = await bestRate(() => {
    for (let i = 0; i < 20; i++) network.predict(one);
    return 20;
  }, seconds / 2);
  program.dispose();
  network.dispose();
  return [
    { ...row, mode: 'train', samples_per_s: Math.round(trained) },
    { ...row, mode: 'predict-1', us: Math.round(1e7 / predicted) / 10 },
  ];
}

const workloads: Workload[] = JSON.parse(readFileSync(join(options.workloads, 'workloads.json'), 'utf8'));
const peers: Row[] = options.peer
  .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
  .filter(Boolean)
  .map((line) => JSON.parse(line));
const rows: Row[] = [];
console.log(`hebb ${version}, ${selectIsa()}, ${threads} thread${threads === 1 ? '' : 's'}\n`);
console.log(
  `| workload | mode | hebb |${[...new Set(peers.map((p) => p.peer))].map((p) => ` ${p} | ratio |`).join('')}`,
);
console.log(`|---|---|---|${'---|---|'.repeat(new Set(peers.map((p) => p.peer)).size)}`);
for (const workload of workloads) {
  if (options.only.length > 0 && !options.only.includes(workload.name)) continue;
  for (const row of await measure(workload)) {
    rows.push(row);
    const value = (r: Row) => (r.mode === 'train' ? `${r.samples_per_s!.toLocaleString('en')} /s` : `${r.us} µs`);
    const cells = [...new Set(peers.map((p) => p.peer))].map((peer) => {
      const other = peers.find((p) => p.peer === peer && p.workload === row.workload && p.mode === row.mode);
      if (!other || (other.samples_per_s ?? other.us) === undefined) return ' – | – |';
      const ratio = row.mode === 'train' ? row.samples_per_s! / other.samples_per_s! : other.us! / row.us!;
      return ` ${value(other)} | ${ratio.toFixed(1)}× |`;
    });
    console.log(`| ${row.workload} | ${row.mode} | ${value(row)} |${cells.join('')}`);
  }
}
if (options.json) writeFileSync(options.json, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
