// What a training process holds: the process of a real job, on a dataset in a file, as the service runs it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { bytesOf, type Table } from '../../src/data/table.ts';
import { writeDataset } from '../../src/data/writeDataset.ts';
import { selectIsa } from '../../src/native.ts';
import { optimizerStates } from '../../src/nn/optimizers.ts';
import { planJob } from '../../src/nn/plan.ts';
import { elementCount, type Shape } from '../../src/shape.ts';
import { type Outcome, TrainingProcesses } from '../../src/training/runner.ts';
import { noise } from './measure.ts';
import { type Column, formatTable } from './table.ts';
import { targets } from './targets.ts';
import { jobOf, type Workload } from './workloads.ts';

export interface MemoryResult {
  workload: string;
  /** Bytes; `anonymous` is the largest RssAnon seen: memory that no file backs. */
  anonymous: number;
  parameters: number;
  gradients: number;
  optimizer: number;
  activations: number;
  /** What the dry run says. */
  told: number;
  target: number;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Of the dataset: enough for an epoch to be more than its end. */
const rowsOf = ({ batch }: Workload) => Math.max(20 * batch, 500);

/** The service runs what tsc made of the sources; TypeScript's loader would count as memory of ours. */
export function buildWorker(): string {
  execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'ignore' });
  return join(root, 'dist/training/worker.js');
}

/** RssAnon of a process in bytes; 0 once it is gone. */
function anonymousBytes(pid: number): number {
  try {
    const [, kilobytes] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** A dataset as an import leaves it, of noise. */
function writeNoise(
  folder: string,
  { rows, inputShape, classes }: { rows: number; inputShape: Shape; classes: number },
) {
  const values = noise(rows * elementCount(inputShape), 4).floats;
  const table: Table = {
    task: 'classification',
    inputShape,
    inputType: 'float32',
    targetShape: [],
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    train: {
      rows,
      targets: Int32Array.from({ length: rows }, (_, i) => i % classes),
      async *inputs() {
        yield bytesOf(values);
      },
    },
  };
  // Of the source only its options are looked at, and there are none.
  return writeDataset(table, { kind: 'json', inputs: [], targets: [] }, folder);
}

/** Trains for `seconds` in a process of its own. @param worker what buildWorker returned */
export async function measureMemory(
  workload: Workload,
  settings: { threads: number; seconds: number; worker: string },
): Promise<MemoryResult> {
  const { network, training, inputShape, classes } = jobOf(workload);
  const rows = rowsOf(workload);
  const folder = mkdtempSync(join(tmpdir(), 'hebb-bench-'));
  const processes = new TrainingProcesses({ size: 1, logger: pino({ level: 'silent' }), entry: settings.worker });
  try {
    const [datasetDirectory, outputDirectory] = [join(folder, 'dataset'), join(folder, 'output')];
    mkdirSync(datasetDirectory);
    mkdirSync(outputDirectory);
    const dataset = await writeNoise(datasetDirectory, { rows, inputShape, classes });
    const plan = planJob(
      { network, training: { ...training, epochs: 1_000_000 }, dataset },
      { isa: selectIsa(), threads: settings.threads },
    );
    const run = processes.run({
      jobId: 'bench',
      attempt: 0,
      datasetDirectory,
      dataset,
      network: plan.network,
      training: plan.training,
      outputDirectory,
      initialWeights: null,
      checkpoints: [],
      mustResume: false,
      rateChanges: [],
      toldStep: 0,
      isa: selectIsa(),
      threads: settings.threads,
    });
    const anonymous = await largestWhileTraining(run, settings.seconds);
    const { parameterFloats, floatsPerSample } = plan.resolved;
    const parameters = 4 * parameterFloats;
    const optimizer = parameters * optimizerStates(plan.training.optimizer);
    const activations = 4 * workload.batch * floatsPerSample;
    const { factor, plusBytes } = targets.memory;
    const target = factor * (2 * parameters + optimizer + activations) + plusBytes;
    const told = plan.memoryBytes;
    return {
      workload: workload.name,
      anonymous,
      parameters,
      gradients: parameters,
      optimizer,
      activations,
      told,
      target,
    };
  } finally {
    await processes.close();
    rmSync(folder, { recursive: true });
  }
}

/** Ends the run after an epoch at least. @throws Error where the run ended otherwise */
async function largestWhileTraining(run: ReturnType<TrainingProcesses['run']>, seconds: number): Promise<number> {
  let anonymous = 0;
  let outcome: Outcome | null = null;
  void run.outcome.then((end) => {
    outcome = end;
  });
  let trained = false;
  const reading = (async () => {
    for await (const updates of run.updates()) trained ||= updates.some(({ type }) => type === 'row');
  })();
  for (let end = Infinity; performance.now() < end && !outcome; await setTimeout(10)) {
    if (run.pid !== undefined) anonymous = Math.max(anonymous, anonymousBytes(run.pid));
    if (trained) end = Math.min(end, performance.now() + seconds * 1000);
  }
  run.cancel();
  await reading;
  const { type } = await run.outcome;
  if (type !== 'cancelled') throw new Error(`the training ${type}`);
  return anonymous;
}

export const memoryIsReadable = existsSync('/proc/self/status');

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

export function memoryTable(results: MemoryResult[]): string {
  const columns: Column[] = [
    { title: 'workload' },
    ...['parameters', 'gradients', 'optimiser', 'activations', 'target', 'dry run', 'RssAnon', ''].map((title) => ({
      title,
      right: title !== '',
    })),
  ];
  const rows = results.map((r) => [
    r.workload,
    ...[r.parameters, r.gradients, r.optimizer, r.activations, r.target, r.told, r.anonymous].map(megabytes),
    r.anonymous > r.target ? '✗' : '',
  ]);
  return `In MB; target: ${targets.memory.factor} × the parts + ${megabytes(targets.memory.plusBytes)}.\n\n${formatTable(columns, rows)}`;
}
