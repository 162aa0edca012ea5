// What goes wrong in the drill. Each takes care that the service runs again when it is done.
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, signal } from '../helpers/processes.ts';
import type { DrilledService } from './service.ts';

export interface Scene {
  service: DrilledService;
  /** The data directory. */
  folder: string;
  /** Id of the job that trains. */
  job: string;
  /** A number from 0 to 1, the next of the drill's own. */
  random(): number;
}

export type Fault = (scene: Scene) => Promise<void>;

const killTrainer = async ({ service }: Scene) => {
  for (const pid of service.trainers) signal(pid, 'SIGKILL');
};

const restart = async ({ service }: Scene, end: NodeJS.Signals) => {
  const code = await service.end(end);
  if (end === 'SIGTERM' && code !== 0) throw new Error(`the service ended with ${code} on SIGTERM:\n${service.log}`);
  await service.start();
};

/** Spoils the newest checkpoint file: cuts it off, turns a bit over, or empties it. */
function spoilCheckpoint({ folder, job, random }: Scene): void {
  const directory = join(folder, 'models', job);
  const step = (file: string) => Number(/-(\d+)\.checkpoint$/.exec(file)![1]);
  const files = readdirSync(directory).filter((file) => file.endsWith('.checkpoint'));
  const [newest] = files.sort((a, b) => step(b) - step(a));
  if (newest === undefined) return;
  const path = join(directory, newest);
  const content = readFileSync(path);
  const how = random();
  if (how < 0.4) content[Math.floor(random() * content.length)]! ^= 1 << Math.floor(random() * 8);
  rmSync(path);
  writeFileSync(path, how < 0.4 ? content : content.subarray(0, how < 0.8 ? Math.floor(random() * content.length) : 0));
}

export const faults: Record<string, Fault> = {
  'the training process is killed': killTrainer,
  'the service is killed': (scene) => restart(scene, 'SIGKILL'),
  'both are killed': async (scene) => {
    const killed = restart(scene, 'SIGKILL');
    await killTrainer(scene);
    await killed;
  },
  'the service is stopped': (scene) => restart(scene, 'SIGTERM'),
  'the newest checkpoint is spoilt and both are killed': async (scene) => {
    const { service } = scene;
    const trainers = service.trainers;
    await service.end('SIGKILL');
    for (const pid of trainers) signal(pid, 'SIGKILL');
    while (trainers.some(isAlive)) await sleep(5);
    spoilCheckpoint(scene);
    await service.start();
  },
  'the service is killed and an orphan lives on beside the next one': async (scene) => {
    const { service, random } = scene;
    const orphans = service.trainers;
    for (const pid of orphans) signal(pid, 'SIGSTOP');
    await restart(scene, 'SIGKILL');
    await sleep(1000 * random());
    for (const pid of orphans) signal(pid, 'SIGCONT');
    for (let waited = 0; orphans.some(isAlive); waited += 20) {
      if (waited > 10_000) throw new Error('an orphan trains on');
      await sleep(20);
    }
  },
  'it is paused, and goes on': async ({ service, job }) => {
    const { status, body } = await service.post(`/v1/jobs/${job}/pause`, {});
    if (status === 409) return; // it ended just now
    if (status !== 200 || body.state !== 'paused') throw new Error(`pause: ${status} ${JSON.stringify(body)}`);
    if (service.trainers.length > 1) throw new Error('a paused job keeps its process busy');
    const resumed = await service.post(`/v1/jobs/${job}/resume`, {});
    if (resumed.status !== 200) throw new Error(`resume: ${resumed.status} ${JSON.stringify(resumed.body)}`);
  },
};

/** Needs a small disk of its own. */
export const fullDisk: Fault = async ({ service, folder, random }) => {
  const ballast = join(folder, 'ballast');
  const file = openSync(ballast, 'w');
  const chunk = Buffer.alloc(4096);
  try {
    for (;;) writeSync(file, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
  const { status } = await service.post('/v1/jobs', { preset: 'nand-neuron' });
  if (status !== 202 && status !== 503) throw new Error(`on a full disk POST /v1/jobs answers ${status}`);
  await sleep(1000 + 2000 * random());
  if ((await service.call('/healthz')).status !== 200) throw new Error('the service is not alive on a full disk');
  rmSync(ballast);
};
