import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Job } from '../../src/service/types.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const request = {
  dataset: { name: 'xor', synthetic: { kind: 'xor', samples: 40 } },
  network: { layers: [{ type: 'dense', units: 2 }] },
  training: { epochs: 2 },
};

/** A data directory with a dataset and a model, and beside it a folder of somebody else's. */
async function dataDirectory() {
  const [dataDir, others] = [await temporaryFolder(), await temporaryFolder()];
  const services = await startServices(dataDir, {}, null);
  const job = await reached(services, (await services.jobs.create(request)).id);
  expect(job.state).toBe('completed');
  await services.close();
  await writeFile(join(others, 'precious'), 'precious');
  await mkdir(join(others, 'folder'));
  await writeFile(join(others, 'folder', 'precious'), 'precious');
  const datasetFolder = join(dataDir, 'datasets', job.dataset!);
  const modelFolder = join(dataDir, 'models', job.id);
  return { dataDir, others, job, datasetFolder, modelFolder };
}

/** Paths of all that there is below a folder, links not followed. */
const tree = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();

async function untouched(others: string): Promise<void> {
  expect(tree(others)).toEqual(['folder', join('folder', 'precious'), 'precious']);
  for (const path of ['precious', join('folder', 'precious')]) {
    expect(await readFile(join(others, path), 'utf8')).toBe('precious');
  }
}

async function works(dataDir: string, job: Job): Promise<void> {
  const services = await startServices(dataDir, {}, null);
  const { items } = await services.datasets.samples(job.dataset!, { split: 'train', offset: 0, limit: 3 });
  expect(items).toHaveLength(3);
  const { predictions } = await services.predictions.predictInstances(job.id, [[0, 1]], {});
  expect(predictions).toHaveLength(1);
  await services.close();
}

test('a start leaves what rows name and removes all else, whatever it is', async () => {
  const { dataDir, others, job, datasetFolder, modelFolder } = await dataDirectory();
  const before = [tree(join(dataDir, 'datasets')), tree(join(dataDir, 'models'))];
  for (const folder of [join(dataDir, 'datasets'), join(dataDir, 'models'), datasetFolder, modelFolder]) {
    await writeFile(join(folder, 'stray'), '');
    await writeFile(join(folder, '9.safetensors.tmp'), 'half');
    await mkdir(join(folder, 'stray-folder', 'deep'), { recursive: true });
    await writeFile(join(folder, 'stray-folder', 'deep', 'train.bin'), 'half');
    await symlink(others, join(folder, 'link'));
    await symlink(join(others, 'precious'), join(folder, 'link-to-file'));
    await symlink('nowhere', join(folder, 'dangling'));
    await symlink(join(others, 'folder'), join(folder, 'stray-folder', 'link'));
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff, 0xfe])]), 'no UTF-8');
  }
  await mkdir(join(dataDir, 'datasets', `${job.dataset}.partial`));
  await writeFile(join(dataDir, 'datasets', `${job.dataset}.partial`, 'train.bin'), 'half');
  await mkdir(join(dataDir, 'tmp', 'upload'), { recursive: true });
  await symlink(others, join(dataDir, 'tmp', 'upload', 'link'));
  await symlink(others, join(dataDir, 'tmp', 'link'));

  await works(dataDir, job);
  expect([tree(join(dataDir, 'datasets')), tree(join(dataDir, 'models'))]).toEqual(before);
  expect(tree(join(dataDir, 'tmp'))).toEqual([]);
  await untouched(others);
});

test('a folder where a file is expected goes, and a file where a folder is', async () => {
  const { dataDir, others, job, datasetFolder, modelFolder } = await dataDirectory();
  await rename(modelFolder, join(dataDir, 'kept'));
  await writeFile(modelFolder, 'a file');
  await rename(join(datasetFolder, 'test.bin'), join(dataDir, 'kept-test'));
  await mkdir(join(datasetFolder, 'test.bin'));
  await (await startServices(dataDir)).close();
  expect(existsSync(modelFolder)).toBe(false);
  expect(existsSync(join(datasetFolder, 'test.bin'))).toBe(false);

  // Put back, it is as it was.
  await rename(join(dataDir, 'kept'), modelFolder);
  await rename(join(dataDir, 'kept-test'), join(datasetFolder, 'test.bin'));
  await works(dataDir, job);
  await untouched(others);
});

test('a link in the place of what a row names is removed; what it leads to stays', async () => {
  const { dataDir, others, datasetFolder, modelFolder } = await dataDirectory();
  const files = readdirSync(modelFolder);
  await rename(modelFolder, join(others, 'model'));
  await symlink(join(others, 'model'), modelFolder);
  await writeFile(join(others, 'model', 'somebody’s'), '');
  await rename(join(datasetFolder, 'train.bin'), join(others, 'train'));
  await symlink(join(others, 'train'), join(datasetFolder, 'train.bin'));
  await (await startServices(dataDir)).close();
  expect(existsSync(modelFolder)).toBe(false);
  expect(readdirSync(datasetFolder).sort()).toEqual(['report.json', 'test.bin', 'validation.bin']);
  expect(readdirSync(join(others, 'model')).sort()).toEqual([...files, 'somebody’s'].sort());
  expect(existsSync(join(others, 'train'))).toBe(true);
});

test('another thing in the place of the folder for uploads gives way to one', async () => {
  for (const place of ['link', 'file'] as const) {
    const [dataDir, others] = [await temporaryFolder(), await temporaryFolder()];
    await writeFile(join(others, 'precious'), '');
    if (place === 'link') await symlink(others, join(dataDir, 'tmp'));
    else await writeFile(join(dataDir, 'tmp'), '');
    await (await startServices(dataDir)).close();
    expect(lstatSync(join(dataDir, 'tmp')).isDirectory()).toBe(true);
    expect(readdirSync(others)).toEqual(['precious']);
  }
});
