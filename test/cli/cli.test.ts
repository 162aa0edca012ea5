// The command line as a user has it: processes of its own against a real service.
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../scripts/helpers/processes.ts';
import { HebbClient } from '../../src/client/index.ts';
import { hebb, startHebb } from '../helpers/cli.ts';
import { mnistFiles, sleep, startService } from '../helpers/process.ts';
import { temporaryFolder } from '../helpers/service.ts';

const iris = 'src/data/builtin/iris.csv';
const irisJob = {
  name: 'flowers',
  network: {
    layers: [
      { type: 'dense', units: 16, activation: 'relu' },
      { type: 'dense', units: 3 },
    ],
  },
  training: { epochs: 40, batchSize: 8 },
};
/** Long enough to be interrupted. */
const longXor = ['train', '--preset', 'xor-tanh', '--set', 'training.epochs=1000000'];

test('a table: upload, plan, train, look, predict, clear away', { timeout: 180_000 }, async () => {
  const folder = await temporaryFolder();
  const { url } = await startService(await temporaryFolder());
  await writeFile(join(folder, 'job.json'), JSON.stringify(irisJob));
  const job = join(folder, 'job.json');
  const run = async (...args: string[]) => {
    const result = await hebb(args, url);
    expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(0);
    return result;
  };
  const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout);

  const made = await run('datasets', 'create', iris, '--target', 'class', '--split', 'test=0.2,seed=1');
  expect(made.stdout).toMatch(/^samples +120 train, 30 test$/m);
  expect(made.stderr).toContain('uploading src/data/builtin/iris.csv (3.8 KiB)');
  expect((await json('datasets', 'list'))[0]).toMatchObject({ name: 'iris', samples: { train: 120 } });
  expect((await run('datasets', 'report', 'iris')).stdout).toMatch(/^versicolor +40 +0 +10$/m);
  const exported = (await run('datasets', 'export', 'iris', '--split', 'test')).stdout.trimEnd().split('\n');
  expect(exported).toHaveLength(30);
  expect(JSON.parse(exported[0]!)).toMatchObject({ input: expect.any(Array), target: expect.any(String) });

  const plan = await run('train', job, '--dataset', 'iris', '--dry-run');
  expect(plan.stdout).toMatch(/^dense_1 +dense +3 +51 /m);
  const over = await run('train', job, '--dataset', 'iris', '--set', 'training.epochs=30', '--set', 'training.seed=3');
  expect(over.stdout).toMatch(/^flowers completed after .*: loss .* test: /);
  expect(over.stderr).toMatch(/epoch 30\/30 {2}loss/);
  expect(over.stdout + over.stderr).not.toContain('\u001b');
  const shown = await json('jobs', 'show', 'flowers');
  expect(shown.training).toMatchObject({ epochs: 30, seed: 3, batchSize: 8 });
  // The same job is the same, bit for bit.
  const again = await json(
    'train',
    job,
    '--dataset',
    'iris',
    '--set',
    'training.epochs=30',
    '--set',
    'training.seed=3',
  );
  expect(again).toMatchObject({ state: 'completed', weightsHash: shown.weightsHash });

  expect((await run('jobs', 'list', '--state', 'completed')).stdout.split('\n')).toHaveLength(4);
  expect((await json('jobs', 'metrics', 'flowers')).map((row: { epoch: number }) => row.epoch)).toEqual(
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  expect((await run('jobs', 'metrics', 'flowers', '--csv')).stdout).toMatch(/^seq,time,epoch,step,loss/);
  expect((await run('jobs', 'log', 'flowers')).stdout).toContain('the job was created');
  expect((await run('jobs', 'evaluation', 'flowers')).stdout).toMatch(/^setosa +\S+ % /m);
  expect((await run('jobs', 'checkpoints', 'flowers')).stdout).toMatch(/^ *450 +30 /m);
  expect((await run('jobs', 'diagnostics', 'flowers')).stdout).not.toBe('');
  await run('jobs', 'curves', 'flowers', '-o', join(folder, 'curves.svg'));
  expect(await readFile(join(folder, 'curves.svg'), 'utf8')).toMatch(/^<svg /);
  const watched = (await run('jobs', 'watch', 'flowers', '--json')).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(watched.at(-1)).toMatchObject({ type: 'state', data: { state: 'completed' } });

  const rows = (await readFile(iris, 'utf8')).split('\n').slice(0, 4).join('\n');
  const table = await hebb(['predict', '--model', 'flowers', '--rows', '-'], url, { stdin: rows });
  expect(table.stdout).toMatch(/^row 3 +setosa +\d+\.\d\d % /m);
  // More than one call takes.
  const many = join(folder, 'many.json');
  await writeFile(many, JSON.stringify(Array.from({ length: 2500 }, () => [5.1, 3.5, 1.4, 0.2])));
  const answer = await json('predict', '--rows', many);
  expect(answer.predictions).toHaveLength(2500);
  expect(answer.predictions[2499]).toMatchObject({ input: 'row 2500', class: 'setosa' });
  const wrong = await hebb(['predict', '--rows', '-'], url, { stdin: `${'[5, 3, 1, 0]\n'.repeat(1200)}[1]` });
  expect(wrong).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^hebb: row 1201: /) });

  await run('models', 'alias', 'best', 'flowers');
  expect(await json('models', 'alias', 'best')).toMatchObject({ alias: 'best', model: again.id });
  expect((await run('models', 'aliases')).stdout).toMatch(/^best +/m);
  const file = join(folder, 'w.safetensors');
  await run('models', 'export', 'best', '-o', file);
  expect(
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
  ).toBe(shown.weightsHash);
  const onnx = join(folder, 'flowers.onnx');
  await run('models', 'export', 'flowers', '--format', 'onnx', '-o', onnx);
  const copy = await json('models', 'import', onnx, '--name', 'copy');
  expect(copy).toMatchObject({ name: 'copy', job: null, weightsHash: shown.weightsHash });
  expect((await run('models', 'compare', 'flowers', 'copy')).stdout).toMatch(/^parameters +\d+ +\d+$/m);
  expect((await run('models', 'evaluate', 'copy', 'iris', '--split', 'all')).stdout).toMatch(/^setosa +\d\.\d{3} /m);
  expect((await run('models', 'card', 'copy')).stdout).toMatch(/^# copy, version 1\n/);
  await run('models', 'alias', 'best', 'copy');
  expect(await json('models', 'rollback', 'best')).toMatchObject({ alias: 'best', model: again.id });
  expect((await hebb(['models', 'import'], url)).code).toBe(2);
  await run('models', 'delete', 'copy');

  expect((await hebb(['jobs', 'delete', 'best'], url)).code).toBe(1);
  await run('models', 'alias', 'best', '--delete');
  expect((await json('models', 'show', 'flowers')).columns).toHaveLength(5);
  await run('jobs', 'delete', shown.id, again.id);
  expect(await json('models', 'list')).toEqual([]);
  await run('datasets', 'delete', 'iris');
  expect((await run('datasets', 'list')).stdout).toBe('no datasets yet: hebb datasets create makes one\n');
});

test('images: IDX files, a sheet, PNGs', async () => {
  const folder = await temporaryFolder();
  const { url } = await startService(await temporaryFolder());
  const { images, labels } = mnistFiles(200);
  await writeFile(join(folder, 'images'), images);
  await writeFile(join(folder, 'labels'), labels);
  const made = await hebb(['datasets', 'create', '--name', 'some', '--images', 'images', '--labels', 'labels'], url, {
    cwd: folder,
  });
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^input +28×28×1 uint8$/m) });
  expect(await hebb(['datasets', 'sheet', 'some', '--rows', '2'], url, { cwd: folder })).toMatchObject({ code: 0 });
  expect((await sharp(await readFile(join(folder, 'some.png'))).metadata()).format).toBe('png');
  const job = JSON.stringify({
    network: { layers: [{ type: 'flatten' }, { type: 'dense', units: 10 }] },
    dataset: 'some',
  });
  const trained = await hebb(['train', '-', '--name', 'reader', '--set', 'training.epochs=1'], url, { stdin: job });
  expect(trained.stdout).toMatch(/^reader completed/);
  const paths: string[] = [];
  for (let i = 0; i < 70; i++) {
    paths.push(`${i}.png`);
    await sharp(images.subarray(16 + i * 784, 16 + (i + 1) * 784), { raw: { width: 28, height: 28, channels: 1 } })
      .png()
      .toFile(join(folder, paths[i]!));
  }
  const answer = await hebb(['predict', ...paths, '--top', '2', '--json'], url, { cwd: folder });
  const { predictions } = JSON.parse(answer.stdout);
  expect(predictions.map((one: { input: string }) => one.input)).toEqual(paths);
  expect(predictions[69].top).toHaveLength(2);
  const absent = await hebb(['predict', 'absent.png'], url, { cwd: folder });
  expect(absent).toMatchObject({ code: 1, stdout: '', stderr: 'hebb: absent.png: there is no such file\n' });
  expect((await hebb(['datasets', 'create', folder], url)).stderr).toContain('is a folder: pack it first');
});

test('what the service refuses is told with the places, on standard error alone', async () => {
  const { url } = await startService(await temporaryFolder());
  const refused = await hebb(
    ['train', '--preset', 'xor-tanh', '--set', 'training.epochz=3', '--set', 'training.batchSize=0', '--json'],
    url,
  );
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('/training/epochz: unknown key "epochz" (did you mean "epochs"?)');
  expect(refused.stderr).toContain('/training/batchSize: must be an integer');
  expect(await hebb(['jobs', 'show', 'absent'], url)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('"absent"'),
  });
  expect(await hebb(['jobs', 'show', '..'], url)).toMatchObject({ code: 1, stderr: 'hebb: ".." is no id\n' });
  // A job that diverges is one that failed.
  const diverged = await hebb(
    [
      'train',
      '--preset',
      'xor-tanh',
      '--set',
      'training.optimizer={"type":"sgd","learningRate":1e5}',
      '--set',
      'training.loss={"type":"meanSquaredError"}',
      '--set',
      'network={"layers":[{"type":"dense","units":1}]}',
    ],
    url,
  );
  expect(diverged).toMatchObject({ code: 1, stdout: expect.stringMatching(/^xor-tanh failed/) });
});

test('wrong usage', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'no.json'), '{"network": ');
  const cases: [string[], number, string][] = [
    [['trian'], 2, 'did you mean hebb train?'],
    [['train'], 2, 'either JOB.json or --preset NAME'],
    [['train', '--preset', 'x', '--target', 'y'], 2, '--target and --split are for'],
    [['train', 'no.json'], 1, 'no.json is not JSON'],
    [['train', 'absent.json'], 1, 'absent.json: there is no such file'],
    [['predict'], 2, 'one of IMAGE..., --row and --rows'],
    [['predict', '--row', '{a'], 2, '--row takes JSON'],
    [['predict', 'a.png', '--top', '0'], 2, '--top takes a whole number from 1'],
    [['datasets', 'create'], 2, 'one of FILE'],
    [['jobs', 'list', '--state', 'done'], 2, '--state takes one of queued'],
    [['jobs', 'list', '--url', 'nowhere'], 2, 'must be a URL such as'],
    [['jobs', 'list', '--url', 'ftp://a'], 2, 'must be a URL such as'],
    [['serve', '--port', 'x'], 2, 'HEBB_PORT (--port) must be a whole number'],
  ];
  for (const [args, code, message] of cases) {
    const result = await hebb(args, 'http://127.0.0.1:9', { cwd: folder });
    expect(result, args.join(' ')).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
    expect(result.stderr).not.toMatch(/\n {4}at /);
  }
});

test('nobody there: how to start the service', async () => {
  const port = await freePort();
  const result = await hebb(['jobs', 'list', '--json'], `http://127.0.0.1:${port}`);
  expect(result).toMatchObject({ code: 1, stdout: '' });
  expect(result.stderr).toContain(`no answer from http://127.0.0.1:${port}: `);
  expect(result.stderr).toContain('hebb serve starts one');
});

test('Ctrl-C leaves the job to the service, or cancels it', async () => {
  const { url } = await startService(await temporaryFolder());
  const client = new HebbClient({ baseUrl: url });
  const left = startHebb(longXor, { HEBB_URL: url });
  await until(() => left.stderr().includes('epoch '));
  left.process.kill('SIGINT');
  const { code, stderr } = await left.finished;
  expect(code).toBe(130);
  const [job] = (await client.jobs.list()).items;
  expect(stderr).toContain(`hebb jobs watch ${job!.id}`);
  expect(['queued', 'running']).toContain(job!.state);

  const watching = startHebb(['jobs', 'watch', job!.id, '--cancel-on-interrupt'], { HEBB_URL: url });
  await until(() => watching.stderr().includes('epoch '));
  watching.process.kill('SIGINT');
  expect((await watching.finished).code).toBe(130);
  expect(watching.stdout()).toMatch(/^xor-tanh cancelled/);
  expect((await client.jobs.get(job!.id)).state).toBe('cancelled');
});

test('a training is followed over a new start of the service', async () => {
  const dataDir = await temporaryFolder();
  const port = String(await freePort());
  const url = `http://127.0.0.1:${port}`;
  const serve = () =>
    startHebb(['serve', '--port', port, '--data-dir', dataDir, '--log-level', 'warn', '--threads', '1']);
  const client = new HebbClient({ baseUrl: url });
  const first = serve();
  await until(() => client.isReady());
  const settings = ['--set', 'training.epochs=4000', '--json'];
  const running = startHebb(['preset', 'run', 'xor-tanh', ...settings], { HEBB_URL: url });
  await until(async () => ((await client.jobs.list()).items[0]?.progress.epoch ?? 0) > 0);
  first.process.kill('SIGKILL');
  await first.finished;
  serve();
  const { code, stdout, stderr } = await running.finished;
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ state: 'completed', progress: { epoch: 4000 }, restarts: 1 });
});

test('detached, paused, resumed, forked', async () => {
  const { url } = await startService(await temporaryFolder());
  const run = async (...args: string[]) => JSON.parse((await hebb([...args, '--json'], url)).stdout);
  const job = await run(...longXor, '--detach');
  expect(job.state).toMatch(/queued|running/);
  await until(async () => (await run('jobs', 'show', job.id)).progress.step > 0);
  expect(await run('jobs', 'pause', job.id)).toMatchObject({ state: 'paused' });
  expect((await run('jobs', 'rate', job.id, '0.05')).learningRateChanges.at(-1)).toMatchObject({ learningRate: 0.05 });
  const fork = await run('jobs', 'fork', job.id, '--name', 'other', '--set', 'training.epochs=999999', '-d');
  expect(fork).toMatchObject({ name: 'other', fork: { job: job.id }, training: { epochs: 999_999 } });
  expect((await run('jobs', 'resume', job.id)).state).toMatch(/queued|running/);
  expect((await run('jobs', 'cancel', job.id)).state).toBe('cancelled');
  expect((await run('jobs', 'cancel', 'other')).state).toBe('cancelled');
});

test('who reads no further does no harm', async () => {
  // A list that is far larger than a pipe holds.
  const items = Array.from({ length: 20_000 }, (_, i) => ({ alias: `alias-${i}`, model: 'm'.repeat(36) }));
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items, next: null }));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await until(() => server.listening);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const args of [
    ['models', 'aliases'],
    ['models', 'aliases', '--json'],
  ]) {
    const running = startHebb(args, { HEBB_URL: url });
    running.process.stdout!.once('data', () => running.process.stdout!.destroy());
    expect(await running.finished).toMatchObject({ code: 0, stderr: '' });
  }
  const whole = await hebb(['models', 'aliases', '--json'], url);
  expect(JSON.parse(whole.stdout)).toHaveLength(20_000);
});

test('hebb serve starts the service, and stops it when asked to', async () => {
  const dataDir = await temporaryFolder();
  const port = await freePort();
  const serve = ['serve', '--port', String(port), '--data-dir', dataDir, '--log-level', 'warn', '--threads', '1'];
  const running = startHebb(serve, { HEBB_URL: `http://127.0.0.1:${port}` });
  const client = new HebbClient({ baseUrl: `http://127.0.0.1:${port}` });
  await until(() => client.isReady());
  expect(running.stderr()).toContain(`Hebb starts at http://127.0.0.1:${port}`);
  expect(await client.info()).toMatchObject({ name: 'hebb', threads: 1 });
  expect(await readdir(dataDir)).not.toEqual([]);
  const second = await hebb(['serve', '--port', String(port), '--data-dir', await temporaryFolder()], '');
  expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('EADDRINUSE') });
  running.process.kill('SIGINT');
  expect((await running.finished).code).toBe(0);
});

test('the version, and help for all and each', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'));
  expect(await hebb(['--version'], '')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  expect((await hebb([], '')).stdout).toContain('hebb COMMAND --help');
  expect((await hebb(['jobs', '--help'], '')).stdout).toContain('jobs watch JOB');
  expect((await hebb(['train', '-h'], '')).stdout).toContain('Examples:\n  hebb train --preset xor-tanh');
});

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(30);
}
