import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const tsx = fileURLToPath(import.meta.resolve('tsx'));
const host = fileURLToPath(new URL('../helpers/serviceHost.ts', import.meta.url));

const request = {
  name: 'blobs',
  dataset: { synthetic: { kind: 'blobs', samples: 2000, classes: 3 } },
  network: {
    layers: [
      { type: 'dense', units: 32, activation: 'relu' },
      { type: 'dense', units: 3 },
    ],
  },
  training: { epochs: 500, seed: 3, validation: { fraction: 0.1 } },
};

/** Ids of the training processes of a service. */
function trainingProcesses(parent: number): number[] {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ').map(Number);
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join('training', 'worker.ts')));
}

async function gone(pid: number): Promise<void> {
  try {
    for (;;) {
      process.kill(pid, 0);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } catch {
    // There is no such process any more.
  }
}

test.skipIf(process.platform !== 'linux')(
  'a service that is killed in the middle of a job ends it with the same bits as one that is not',
  async () => {
    const folder = await temporaryFolder();
    const server = fork(host, [folder, JSON.stringify(request)], { execArgv: ['--import', tsx] });
    const [id] = (await once(server, 'message')) as [string];
    const [training] = trainingProcesses(server.pid!) as [number];
    expect(training).toBeGreaterThan(0);
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
    // No orphan trains on.
    await gone(training);

    const services = await startServices(folder, {}, null);
    const disturbed = await reached(services, id);
    expect(disturbed).toMatchObject({ state: 'completed', restarts: 1, progress: { epoch: 500, fraction: 1 } });
    const created = await services.jobs.create(request);
    const undisturbed = await reached(services, created.id);
    expect(undisturbed).toMatchObject({ state: 'completed', restarts: 0, dataset: disturbed.dataset });
    expect(disturbed.weightsHash).toBe(undisturbed.weightsHash);
    const curve = (job: string) =>
      services.jobs.metrics(job, { resolution: 'epoch' }).rows.map(({ time: _, ...row }) => row);
    expect(curve(id)).toEqual(curve(undisturbed.id));
    expect(curve(id)).toHaveLength(500);
    expect(undisturbed.progress.step).toBe(created.progress.steps);
  },
);
