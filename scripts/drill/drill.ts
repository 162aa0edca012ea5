// The promise "nothing lost", tried: jobs train in the real service while processes are killed, checkpoints spoilt and disks
// filled. After each round all that was acknowledged must be there, and the job must end in the bits of an undisturbed one.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../helpers/processes.ts';
import { type Fault, faults, fullDisk } from './faults.ts';
import { drillJobs } from './jobs.ts';
import { DrilledService, type Json } from './service.ts';

export interface DrillOptions {
  rounds: number;
  seed: number;
  /** Told of each round. */
  report?: (line: string) => void;
  /** Names of the jobs and of the faults to take [all]. */
  jobs?: string[];
  faults?: string[];
  /** Faults in a round at most [3]. */
  mostFaults?: number;
  /** The one fault of each round, by name, in place of those that the seed draws. */
  script?: string[];
}

export interface DrillSummary {
  rounds: number;
  /** How often each fault happened. */
  faults: Record<string, number>;
  restarts: number;
  /** Rows of curves that were compared. */
  rows: number;
  /** Faults that could not be tried here, and why. */
  left: string[];
}

const finalStates = ['completed', 'failed', 'cancelled'];
const roundTimeoutMs = 180_000;
/** Of the small disk: what some jobs take that are kept to the end. */
const diskMegabytes = (rounds: number) => 64 + 5 * rounds;

/** What is known of a job that was not disturbed. */
interface Undisturbed {
  job: Json;
  epochs: Json[];
  steps: Json[];
  seconds: number;
}

/** @throws Error that says what was lost, or differs, in which round */
export async function drill(options: DrillOptions): Promise<DrillSummary> {
  const parent = mkdtempSync(join(tmpdir(), 'hebb-drill-'));
  const unmount = mountSmallDisk(parent, diskMegabytes(options.rounds));
  const folder = join(parent, 'data');
  mkdirSync(folder);
  const service = new DrilledService(folder, await freePort(), { HEBB_MIN_FREE_BYTES: String(4 * 2 ** 20) });
  try {
    await service.start();
    return await new Drill(service, folder, options, unmount !== null).run();
  } catch (error) {
    throw new Error(`${(error as Error).message}\nthe service's log:\n${service.log}`, { cause: error });
  } finally {
    await service.end('SIGKILL');
    unmount?.();
    rmSync(parent, { recursive: true, force: true });
  }
}

/** Puts a small disk under a folder; null where that is not allowed. */
function mountSmallDisk(folder: string, megabytes: number): (() => void) | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'hebb-drill', folder], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return () => execFileSync('umount', ['-l', folder]);
}

class Drill {
  private readonly service: DrilledService;
  private readonly folder: string;
  private readonly options: DrillOptions;
  private readonly faults: [string, Fault][];
  private readonly random: () => number;
  private readonly undisturbed = new Map<string, Undisturbed>();
  /** Ids that were answered with 2xx. */
  private readonly acknowledged = { datasets: new Set<string>(), jobs: new Map<string, string>() };
  private readonly summary: DrillSummary;

  constructor(service: DrilledService, folder: string, options: DrillOptions, smallDisk: boolean) {
    this.service = service;
    this.folder = folder;
    this.options = options;
    this.random = mulberry32(options.seed);
    const all = Object.entries(faults);
    if (smallDisk) all.push(['the disk is full for a while', fullDisk]);
    this.faults = all.filter(([name]) => options.faults?.includes(name) ?? true);
    const left = smallDisk ? [] : ['the disk is full for a while: no small disk could be mounted'];
    this.summary = { rounds: 0, faults: {}, restarts: 0, rows: 0, left };
  }

  async run(): Promise<DrillSummary> {
    const { jobs = Object.keys(drillJobs), rounds, report = () => {} } = this.options;
    for (const name of jobs) {
      this.undisturbed.set(name, await this.trainUndisturbed(name));
      report(`undisturbed: ${name}: ${this.undisturbed.get(name)!.seconds.toFixed(1)} s`);
    }
    for (let round = 1; round <= rounds; round++) {
      const name = jobs[Math.floor(this.random() * jobs.length)]!;
      const started = performance.now();
      try {
        const happened = await this.round(name, round);
        this.summary.rounds++;
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        report(`${round}/${rounds}: ${name}: ${happened.join(', ')}: the same bits after ${seconds} s`);
      } catch (error) {
        throw new Error(`round ${round} (${name}): ${(error as Error).message}`, { cause: error });
      }
    }
    return this.summary;
  }

  private async trainUndisturbed(name: string): Promise<Undisturbed> {
    const started = performance.now();
    const { id } = (await this.expect(202, '/v1/jobs', { name, ...drillJobs[name] })) as Json;
    const job = await this.ended(id);
    const seconds = (performance.now() - started) / 1000;
    if (job.state !== 'completed')
      throw new Error(`undisturbed, ${name} is ${job.state}: ${JSON.stringify(job.error)}`);
    this.acknowledged.jobs.set(id, job.weightsHash);
    this.acknowledged.datasets.add(job.dataset);
    return { job, epochs: await this.rows(id, 'epoch'), steps: await this.rows(id, 'step'), seconds };
  }

  /** One job with some faults. @returns what happened */
  private async round(name: string, round: number): Promise<string[]> {
    const expected = this.undisturbed.get(name)!;
    const dataset = { name: `small-${round}`, inputs: [[round], [round + 1]], targets: [0, 1] };
    this.acknowledged.datasets.add(((await this.expect(201, '/v1/datasets', dataset)) as Json).id);
    const key = { 'idempotency-key': `${this.options.seed}-${round}` };
    const request = { name, ...drillJobs[name] };
    const { id } = (await this.expect(202, '/v1/jobs', request, key)) as Json;
    const happened: string[] = [];
    const seen = new Map<number, Json>();
    const scripted = this.faults.find(([what]) => what === this.options.script?.[round - 1]);
    const count = scripted ? 1 : 1 + Math.floor(this.random() * (this.options.mostFaults ?? 3));
    // Shares of the job that are done; at the very beginning, too.
    const moments = Array.from({ length: count }, () => this.random()).sort((a, b) => a - b);
    for (const moment of moments) {
      if (scripted) await this.firstCheckpoint(id);
      else if (!(await this.reached(id, moment))) break;
      await this.acknowledge(id, seen);
      const [what, fault] = scripted ?? this.faults[Math.floor(this.random() * this.faults.length)]!;
      await fault({ service: this.service, folder: this.folder, job: id, random: this.random });
      happened.push(what);
      this.summary.faults[what] = (this.summary.faults[what] ?? 0) + 1;
      // The same key, also after a restart, is the same job.
      const again = await this.service.post('/v1/jobs', request, key);
      if (again.status !== 202 || again.body.id !== id)
        throw new Error(`the key gave ${again.status} ${again.body.id}`);
    }
    const job = await this.ended(id);
    this.acknowledged.jobs.set(id, job.weightsHash);
    this.summary.restarts += job.restarts;
    await this.compare(job, expected, seen);
    await this.checkAcknowledged();
    return happened.length > 0 ? happened : ['nothing in time'];
  }

  /** Waits until a share of the job is done. @returns false where it ended before */
  private async reached(id: string, fraction: number): Promise<boolean> {
    for (;;) {
      const { state, progress } = await this.job(id);
      if (finalStates.includes(state)) return false;
      if (progress.fraction >= fraction) return true;
      await sleep(10);
    }
  }

  /** Rows that a client has seen must be there for ever, as they are. */
  private async acknowledge(id: string, seen: Map<number, Json>): Promise<void> {
    for (const row of await this.rows(id, 'epoch')) seen.set(row.seq, row);
  }

  private async compare(job: Json, expected: Undisturbed, seen: Map<number, Json>): Promise<void> {
    const differs = (what: string, got: unknown, wanted: unknown) => {
      if (JSON.stringify(got) === JSON.stringify(wanted)) return;
      throw new Error(
        `${what} differs: ${JSON.stringify(got)?.slice(0, 500)}, undisturbed ${JSON.stringify(wanted)?.slice(0, 500)}`,
      );
    };
    for (const key of ['state', 'weightsHash', 'metrics', 'best', 'test', 'rangeTest']) {
      differs(key, job[key], expected.job[key]);
    }
    differs(
      'progress',
      [job.progress.step, job.progress.epoch],
      [expected.job.progress.step, expected.job.progress.epoch],
    );
    const curve = (rows: Json[]) => rows.map(({ time: _, seq: __, ...row }) => row);
    const epochs = await this.rows(job.id, 'epoch');
    const steps = await this.rows(job.id, 'step');
    differs('the rows of epochs', curve(epochs), curve(expected.epochs));
    differs('the rows of steps', curve(steps), curve(expected.steps));
    const seqs = [...epochs, ...steps].map(({ seq }) => seq).sort((a, b) => a - b);
    if (seqs.some((seq, i) => seq !== i + 1)) throw new Error('the numbers of the rows have a gap');
    for (const row of epochs) {
      if (seen.has(row.seq)) differs(`row ${row.seq}, which a client had seen,`, row, seen.get(row.seq));
      seen.delete(row.seq);
    }
    if (seen.size > 0) throw new Error(`${seen.size} rows that a client had seen are gone`);
    this.summary.rows += epochs.length + steps.length;
    const diagnosed = async (id: string) => (await this.get(`/v1/jobs/${id}/diagnostics`)).rows;
    differs('the diagnostics', await diagnosed(job.id), await diagnosed(expected.job.id));
    differs(
      'the evaluation',
      await this.get(`/v1/jobs/${job.id}/evaluation`),
      await this.get(`/v1/jobs/${expected.job.id}/evaluation`),
    );
  }

  private async checkAcknowledged(): Promise<void> {
    for (const id of this.acknowledged.datasets) {
      const { status } = await this.service.call(`/v1/datasets/${id}/samples?limit=1`);
      if (status !== 200) throw new Error(`the dataset ${id} is gone: ${status}`);
    }
    for (const [id, hash] of this.acknowledged.jobs) {
      const job = await this.job(id);
      if (job.weightsHash !== hash) throw new Error(`the job ${id} has another hash now`);
      if ((await this.get(`/v1/models/${id}`)).weightsHash !== hash)
        throw new Error(`the model ${id} has another hash now`);
    }
  }

  private async ended(id: string): Promise<Json> {
    const deadline = Date.now() + roundTimeoutMs;
    for (;;) {
      const job = await this.job(id);
      if (finalStates.includes(job.state)) return job;
      if (Date.now() > deadline)
        throw new Error(`the job does not end: ${JSON.stringify({ ...job, network: 0, training: 0 })}`);
      await sleep(50);
    }
  }

  /** Waits until there is something to go on from. */
  private async firstCheckpoint(id: string): Promise<void> {
    while ((await this.get(`/v1/jobs/${id}/checkpoints`)).items.length === 0) await sleep(10);
  }

  private job(id: string): Promise<Json> {
    return this.get(`/v1/jobs/${id}`);
  }

  private async rows(id: string, resolution: string): Promise<Json[]> {
    const rows: Json[] = [];
    for (let since = 0; ; ) {
      const page = await this.get(`/v1/jobs/${id}/metrics?resolution=${resolution}&since=${since}`);
      rows.push(...page.rows);
      if (page.next <= since) return rows;
      since = page.next;
    }
  }

  private async get(path: string): Promise<Json> {
    const { status, body } = await this.service.call(path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  private async expect(status: number, path: string, body: object, headers?: Record<string, string>): Promise<Json> {
    const answer = await this.service.post(path, body, headers);
    if (answer.status !== status) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}

/** Numbers from 0 to 1 that a seed determines (Mulberry32, Tommy Ettinger, public domain). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
