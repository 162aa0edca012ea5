import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../helpers/service.ts';

// Without Node's types: whatever only Node has would not compile.
test('the client compiles for browsers, and its types refuse what the service would', () => {
  const { stdout, status } = spawnSync('node_modules/.bin/tsc', ['-p', 'test/client/types/tsconfig.json'], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

test('the examples of docs/client.md compile', async () => {
  const folder = await temporaryFolder();
  const page = await readFile('docs/client.md', 'utf8');
  const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1]!);
  expect(blocks.length).toBeGreaterThan(4);
  for (const [i, block] of blocks.entries()) await writeFile(join(folder, `example${i}.mts`), block);
  const compilerOptions = {
    types: ['node'],
    typeRoots: [resolve('node_modules/@types')],
    paths: { 'hebb/client': [resolve('src/client/index.ts')] },
  };
  const config = { extends: resolve('tsconfig.json'), compilerOptions, include: ['*.mts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout, status } = spawnSync('node_modules/.bin/tsc', ['-p', folder], { encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

test('the client imports nothing but itself', () => {
  const texts = readdirSync('src/client').map((file) => readFileSync(join('src/client', file), 'utf8'));
  const imported = texts.flatMap((text) =>
    [...text.matchAll(/(?:from|import\() ?'([^']+)'/g)].map((match) => match[1]!),
  );
  expect(imported.length).toBeGreaterThan(10);
  expect(imported.filter((path) => !/^\.\/\w+\.ts$/.test(path))).toEqual([]);
});
