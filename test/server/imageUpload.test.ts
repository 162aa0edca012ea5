// Archives over HTTP, to the real services: what is wrong is a 4xx with its place, and nothing stays behind.
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { buildApp } from '../../src/server/app.ts';
import { imageArchive, png, tar, zip } from '../helpers/images.ts';
import { bodyOf } from '../helpers/server.ts';
import { startServices, temporaryFolder } from '../helpers/service.ts';

async function start(settings: NodeJS.ProcessEnv = {}) {
  const dataDir = await temporaryFolder();
  const services = await startServices(dataDir, settings);
  const config = readConfig({ HEBB_DATA_DIR: dataDir, HEBB_LOG_LEVEL: 'silent', ...settings });
  const info = { name: 'hebb', version: '0', isa: 'scalar', threads: 1, jobs: 1, kernelVersion: '1' };
  const app = buildApp(services, config, { info });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  const upload = (archive: Buffer, meta: object = {}, labels?: string) => {
    const form = new FormData();
    form.append('meta', JSON.stringify({ name: 'set', ...meta }));
    form.append('file', new Blob([new Uint8Array(archive)]), 'set.zip');
    if (labels) form.append('labels', new Blob([labels]), 'labels.csv');
    return fetch(`${url}/v1/datasets`, { method: 'POST', body: form });
  };
  return { dataDir, url, upload };
}

/** Files of the data directory that are not the database's. */
function filesOf(dataDir: string): string[] {
  const names = readdirSync(dataDir, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /^(datasets|tmp)\//.test(name)).sort();
}

/** Paths that this process has open, where the system tells them; one may be closed while they are asked for. */
function openFiles(): string[] {
  if (!existsSync('/proc/self/fd')) return [];
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });
}

test('a good archive, what it becomes, and how it looks', async () => {
  const { dataDir, url, upload } = await start();
  const archive = await imageArchive({ 'a/1.png': [4, 4, [200, 10, 10]], 'b/2.png': [4, 4, [10, 10, 200]] });
  const response = await upload(archive, { image: { height: 2, width: 2 } });
  expect(response.status).toBe(201);
  const { id, inputShape, classes } = await bodyOf(response);
  expect([inputShape, classes]).toEqual([
    [2, 2, 3],
    ['a', 'b'],
  ]);
  expect(filesOf(dataDir)).toEqual([
    `datasets/${id}`,
    ...['report.json', 'test.bin', 'train.bin', 'validation.bin'].map((name) => `datasets/${id}/${name}`),
  ]);
  for (const path of ['sheet.png', 'histogram.svg', 'report', 'samples/0.png']) {
    expect((await fetch(`${url}/v1/datasets/set/${path}`)).status, path).toBe(200);
  }
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(await png(9, 9, [0, 255, 0]))]));
  form.append('label', 'a');
  const grown = await bodyOf(await fetch(`${url}/v1/datasets/set/samples`, { method: 'POST', body: form }));
  expect(grown.samples.train).toBe(3);
  const { items } = await bodyOf(await fetch(`${url}/v1/datasets/set/samples?offset=2`));
  expect(items[0]).toEqual({
    index: 2,
    input: [
      [
        [0, 255, 0],
        [0, 255, 0],
      ],
      [
        [0, 255, 0],
        [0, 255, 0],
      ],
    ],
    target: 'a',
  });
}, 60_000);

test('what is wrong is told, and neither a file nor a descriptor stays', async () => {
  const { dataDir, url, upload } = await start({ HEBB_MAX_ARCHIVE_ENTRIES: '20' });
  const dot = await png(1, 1, [7]);
  const good = { name: 'a/1.png', content: dot };
  const cases: [Buffer, object, string | undefined, number, string, RegExp][] = [
    [zip([good, { name: '../1.png', content: dot }]), {}, undefined, 400, 'invalid-file', /"..\/1.png" leads out/],
    [
      await tar([good, { name: 'a/x', type: 'symlink', linkname: '/' }]),
      {},
      undefined,
      400,
      'invalid-file',
      /"a\/x" is a symlink/,
    ],
    [zip([good]).subarray(0, 100), {}, undefined, 400, 'invalid-file', /damaged or cut short/],
    [zip([good, { name: 'a/2.png', content: 'text' }]), {}, undefined, 400, 'invalid-image', /"a\/2.png"/],
    [zip([good, { name: 'a/2.png', content: Buffer.alloc(20e6) }]), {}, undefined, 413, 'too-large', /"a\/2.png"/],
    [
      zip(Array.from({ length: 21 }, (_, i) => ({ name: `a/${i}.png`, content: dot }))),
      {},
      undefined,
      413,
      'too-large',
      /more than 20 files/,
    ],
    [zip([good]), { image: { height: 3 } }, undefined, 400, 'invalid-request', /width/],
    [zip([good]), { broken: 'ignore' }, undefined, 400, 'invalid-request', /broken/],
    [
      zip([good]),
      {},
      'file,label\nb.png,1\n',
      400,
      'invalid-file',
      /labels: line 2: no image in the archive is called "b.png"/,
    ],
  ];
  for (const [archive, meta, labels, status, code, message] of cases) {
    const response = await upload(archive, meta, labels);
    const problem = await bodyOf(response);
    expect([response.status, problem.code]).toEqual([status, code]);
    expect(problem.detail).toMatch(message);
    expect(filesOf(dataDir)).toEqual([]);
  }
  const left = openFiles().filter(
    (path) => path.startsWith(`${dataDir}/tmp`) || path.startsWith(`${dataDir}/datasets`),
  );
  expect(left).toEqual([]);
  expect((await bodyOf(await fetch(`${url}/v1/datasets`))).items).toEqual([]);
}, 120_000);
