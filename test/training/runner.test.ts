import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { TrainingTask } from '../../src/training/protocol.ts';
import { TrainingProcesses, type TrainingRun, type Update } from '../../src/training/runner.ts';
import { behaviour } from '../helpers/fakeWorker.mjs';
import { datasetInfo, fakeWorker, jobRecord, silent, temporaryFolder } from '../helpers/service.ts';

function startProcesses(size = 1, entry = fakeWorker): TrainingProcesses {
  const processes = new TrainingProcesses({ size, logger: silent, entry });
  onTestFinished(() => processes.close());
  return processes;
}

async function task(changes: Partial<TrainingTask['training']> = {}): Promise<TrainingTask> {
  const { network, training } = jobRecord('');
  return {
    jobId: 'a',
    attempt: 0,
    datasetDirectory: '',
    dataset: datasetInfo,
    network,
    training: { ...training, ...changes },
    outputDirectory: await temporaryFolder(),
    initialWeights: null,
    checkpoints: [],
    mustResume: false,
    rateChanges: [],
    toldStep: 0,
    isa: 'scalar',
    threads: 1,
  };
}

async function updatesOf(run: TrainingRun): Promise<Update[]> {
  const all: Update[] = [];
  for await (const updates of run.updates()) all.push(...updates);
  return all;
}

/** Reads on until the run has told of its first epoch. */
async function firstRow(run: TrainingRun): Promise<void> {
  for await (const updates of run.updates()) {
    if (updates.some(({ type }) => type === 'row')) return;
  }
  throw new Error('the run ended without a row');
}

describe('a run', () => {
  test('tells all updates in order, then its result', async () => {
    const run = startProcesses().run(await task({ epochs: 700 }));
    const updates = await updatesOf(run);
    expect(updates[0]).toEqual({ type: 'started', isa: 'scalar', kernelVersion: 'fake' });
    const epochs = updates.flatMap((update) => (update.type === 'row' ? [update.row.epoch] : []));
    expect(epochs).toEqual(Array.from({ length: 700 }, (_, i) => i + 1));
    expect(await run.outcome).toMatchObject({ type: 'completed', result: { step: 7000 } });
  });

  test('that fails tells the problem', async () => {
    const run = startProcesses().run(await task({ seed: behaviour.diverge }));
    expect(await run.outcome).toMatchObject({ type: 'failed', problem: { code: 'diverged' } });
  });

  test('that is cancelled at any moment leaves its weights', async () => {
    const processes = startProcesses();
    const early = await task({ seed: behaviour.endless });
    const first = processes.run(early);
    await firstRow(first);
    first.cancel();
    expect(await first.outcome).toMatchObject({ type: 'cancelled', result: { weightsFile: '0.safetensors' } });
    expect(await readFile(join(early.outputDirectory, '0.safetensors'), 'utf8')).toMatch(/after 1 epochs/);
  });

  test('whose process exits has died with its exit code and last words', async () => {
    const run = startProcesses().run(await task({ seed: behaviour.crash }));
    expect(await run.outcome).toEqual({
      type: 'died',
      outOfMemory: false,
      signal: null,
      exitCode: 3,
      stderr: expect.stringContaining('something is wrong\n'),
    });
  });

  test('whose process is killed has died by the signal', async () => {
    const run = startProcesses().run(await task({ seed: behaviour.endless }));
    await firstRow(run);
    process.kill(run.pid!, 'SIGKILL');
    expect(await run.outcome).toMatchObject({ type: 'died', signal: 'SIGKILL', exitCode: null });
  });

  test('whose process cannot even start has died', async () => {
    const run = startProcesses(1, join(await temporaryFolder(), 'absent.js')).run(await task());
    const outcome = await run.outcome;
    expect(outcome).toMatchObject({ type: 'died', exitCode: 1 });
    expect(outcome).toHaveProperty('stderr', expect.stringContaining('absent.js'));
  });

  test('that completed before its process died is completed', async () => {
    const run = startProcesses().run(await task({ seed: behaviour.lastWords }));
    expect(await run.outcome).toMatchObject({ type: 'completed' });
  });
});

describe('processes', () => {
  test('that ended a job cleanly take the next one; those that died do not', async () => {
    const processes = startProcesses();
    const first = processes.run(await task());
    await first.outcome;
    const second = processes.run(await task({ seed: behaviour.diverge }));
    await second.outcome;
    const third = processes.run(await task({ seed: behaviour.crash }));
    await third.outcome;
    expect([second.pid, third.pid]).toEqual([first.pid, first.pid]);
    const fourth = processes.run(await task());
    expect(fourth.pid).not.toBe(first.pid);
    expect(await fourth.outcome).toMatchObject({ type: 'completed' });
  });

  test('are started ahead, and no more of them than there may be', async () => {
    const processes = startProcesses(1);
    processes.warm();
    processes.warm();
    expect(processes.pids).toHaveLength(1);
    const run = processes.run(await task());
    expect(processes.pids).toEqual([run.pid]);
    await run.outcome;
  });

  test('all end when they are closed, those with a job too', async () => {
    const processes = startProcesses(2);
    const run = processes.run(await task({ seed: behaviour.deaf }));
    await firstRow(run);
    processes.warm();
    const { pids } = processes;
    expect(pids).toHaveLength(2);
    await processes.close();
    expect(await run.outcome).toMatchObject({ type: 'died', signal: 'SIGKILL' });
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });
});
