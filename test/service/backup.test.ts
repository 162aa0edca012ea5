import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { backUp } from '../../src/service/backup.ts';
import { type ServiceProcess, sleep, startService } from '../helpers/process.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the command as an operator does. */
function runBackup(dataDir: string, ...parameters: string[]) {
  const env = { PATH: process.env.PATH, HEBB_DATA_DIR: dataDir };
  const command = [join(root, 'dist/backup.js'), ...parameters];
  return promisify(execFile)(process.execPath, command, { cwd: root, env });
}

/** Relative path → SHA-256 of all files of a folder. */
function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
  return Object.fromEntries(files.sort().map((name) => [name, hash(name)]));
}

const blobs = (name: string, seed: number) => ({ name, synthetic: { kind: 'blobs', samples: 300, classes: 3, seed } });
const layers = [
  { type: 'dense', units: 16, activation: 'relu' },
  { type: 'dense', units: 3 },
];
const jobOn = (dataset: unknown, epochs: number) => ({ dataset, network: { layers }, training: { epochs, seed: 1 } });

async function created(service: ServiceProcess, path: string, body: unknown) {
  const answer = await service.post(path, body);
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}

describe.skipIf(process.platform !== 'linux')('a backup of a service that is at work', () => {
  test('has all that was acknowledged, is never written to, and its jobs end in the same bits', async () => {
    const [dataDir, elsewhere] = [await temporaryFolder(), await temporaryFolder()];
    const first = await startService(dataDir);
    const dataset = await created(first, '/v1/datasets', blobs('kept', 1));
    const done = await first.job((await created(first, '/v1/jobs', jobOn('kept', 3))).id);
    const { id } = await created(first, '/v1/jobs', jobOn('kept', 6000));
    while ((await first.call(`/v1/jobs/${id}/checkpoints`)).body.items.length === 0) await sleep(20);
    const queued = await created(first, '/v1/jobs', { ...jobOn('kept', 2), name: 'waits' });

    // The service goes on taking things in and throwing things away.
    let busy = true;
    const bustle = (async () => {
      for (let seed = 2; busy; seed++) {
        const { id } = await created(first, '/v1/datasets', blobs(`passing-${seed}`, seed));
        if (seed % 2 === 0) await first.call(`/v1/datasets/${id}`, { method: 'DELETE' });
      }
    })();
    const target = join(elsewhere, 'backups', 'monday');
    const { stdout, stderr } = await runBackup(dataDir, target);
    busy = false;
    await bustle;
    expect(stderr).toBe('');
    expect(stdout).toContain(target);
    expect(readdirSync(join(elsewhere, 'backups'))).toEqual(['monday']);
    const steps = (await first.job(id, () => true)).progress.step;
    expect(steps).toBeLessThan(60_000);

    const before = contents(target);
    expect(Object.keys(before)).toContain(join('models', done.id, readdirSync(join(target, 'models', done.id))[0]!));
    const undisturbed = await first.job(id);
    await first.job(queued.id);
    await first.call(`/v1/jobs/${done.id}`, { method: 'DELETE' });
    expect(contents(target)).toEqual(before);

    const second = await startService(target);
    expect((await second.call(`/v1/datasets/${dataset.id}`)).body).toEqual(dataset);
    expect((await second.call(`/v1/jobs/${done.id}`)).body).toEqual(done);
    const weights = await second.call(`/v1/models/${done.id}/export?format=safetensors`);
    expect(weights.status).toBe(200);
    for (const { id } of (await second.call('/v1/datasets?limit=200')).body.items) {
      expect((await second.call(`/v1/datasets/${id}/samples`)).status, id).toBe(200);
    }
    expect(['queued', 'running']).toContain((await second.call(`/v1/jobs/${queued.id}`)).body.state);
    const copied = await second.job(id);
    expect(copied).toMatchObject({ state: 'completed', restarts: 1, weightsHash: undisturbed.weightsHash });
    // From a checkpoint of before the backup's end, not from the start.
    const { items } = (await second.call(`/v1/jobs/${id}/log`)).body;
    const { data } = items.find(({ event }: { event: string }) => event === 'requeued');
    expect(data.step).toBeGreaterThan(0);
    expect(data.step).toBeLessThanOrEqual(steps);
    const rows = async (service: ServiceProcess) =>
      // biome-ignore lint/suspicious/noExplicitAny: rows as they come
      (await service.call(`/v1/jobs/${id}/metrics?points=100000`)).body.rows.map(({ time: _, ...row }: any) => row);
    expect(await rows(second)).toEqual(await rows(first));
    expect((await second.job(queued.id)).state).toBe('completed');
  }, 120_000);
});

describe('a backup', () => {
  async function folderWithModel() {
    const dataDir = await temporaryFolder();
    const services = await startServices(dataDir, {}, null);
    const dataset = await services.datasets.create(blobs('blobs', 1));
    const job = await reached(services, (await services.jobs.create(jobOn('blobs', 1))).id);
    await services.close();
    return { dataDir, dataset, job };
  }

  test('of a folder that no service uses: links to what never changes, a copy of what grows', async () => {
    const { dataDir, dataset, job } = await folderWithModel();
    const target = join(await temporaryFolder(), 'copy');
    expect(await backUp(dataDir, target)).toEqual({ datasets: 1, models: 1, missing: [] });
    const inode = (folder: string, ...path: string[]) => statSync(join(folder, ...path)).ino;
    for (const path of [
      ['datasets', dataset.id, 'train.bin'],
      ['models', job.id, '0.safetensors'],
    ]) {
      expect(inode(target, ...path)).toBe(inode(dataDir, ...path));
    }
    expect(inode(target, 'models', job.id, '0.history')).not.toBe(inode(dataDir, 'models', job.id, '0.history'));
    const [original, copy] = [contents(dataDir), contents(target)];
    // A report is made again where it is asked for.
    const kept = Object.entries(original).filter(([path]) => !/hebb\.|report\.json$/.test(path));
    for (const [path, hash] of kept) expect(copy[path], path).toBe(hash);
  });

  test('takes neither leftovers nor what a link leads to', async () => {
    const { dataDir, dataset, job } = await folderWithModel();
    const secret = join(await temporaryFolder(), 'secret');
    await writeFile(secret, 'secret');
    await writeFile(join(dataDir, 'models', job.id, '1.safetensors.tmp'), 'half');
    await mkdir(join(dataDir, 'datasets', `${dataset.id}.partial-1`));
    await symlink(secret, join(dataDir, 'models', job.id, '7.history'));
    const others = await temporaryFolder();
    await writeFile(join(others, '0.history'), 'secret');
    await symlink(others, join(dataDir, 'models', 'linked'));
    await unlink(join(dataDir, 'datasets', dataset.id, 'test.bin'));
    await symlink(secret, join(dataDir, 'datasets', dataset.id, 'test.bin'));
    const target = join(await temporaryFolder(), 'copy');
    const { missing } = await backUp(dataDir, target);
    expect(missing).toEqual([join('datasets', dataset.id, 'test.bin')]);
    expect(Object.keys(contents(target))).toEqual([
      join('datasets', dataset.id, 'train.bin'),
      join('datasets', dataset.id, 'validation.bin'),
      'hebb.db',
      join('models', job.id, '0-10.checkpoint'),
      join('models', job.id, '0.history'),
      join('models', job.id, '0.safetensors'),
    ]);
  });

  test('goes nowhere where something is, or where the service tidies', async () => {
    const { dataDir } = await folderWithModel();
    const elsewhere = await temporaryFolder();
    await expect(backUp(dataDir, elsewhere)).rejects.toThrow(/exists/);
    for (const name of ['tmp', 'datasets', 'models']) {
      await expect(backUp(dataDir, join(dataDir, name, 'copy'))).rejects.toThrow(/keeps for itself/);
    }
    const empty = join(elsewhere, 'empty');
    await mkdir(empty);
    await expect(backUp(empty, join(elsewhere, 'copy'))).rejects.toThrow(/no data directory of hebb/);
    expect(existsSync(join(empty, 'hebb.db'))).toBe(false);
    expect(readdirSync(elsewhere)).toEqual(['empty']);
    // Inside the data directory it is safe.
    const inside = join(dataDir, 'backups', 'one');
    await backUp(dataDir, inside);
    const services = await startServices(dataDir);
    expect(existsSync(join(inside, 'hebb.db'))).toBe(true);
    await services.close();
  });

  test('that fails leaves nothing', async () => {
    const { dataDir } = await folderWithModel();
    await rm(join(dataDir, 'models'), { recursive: true });
    const elsewhere = await temporaryFolder();
    await expect(backUp(dataDir, join(elsewhere, 'copy'))).rejects.toThrow(/ENOENT/);
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('is asked for with one folder', async () => {
    for (const parameters of [[], ['--help'], ['a', 'b']]) {
      await expect(runBackup(await temporaryFolder(), ...parameters)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('hebb: one argument was expected'),
      });
    }
  });
});
