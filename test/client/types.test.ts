import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

// Without Node's types: whatever only Node has would not compile.
test('the client compiles for browsers, and its types refuse what the service would', () => {
  const { stdout, status } = spawnSync('node_modules/.bin/tsc', ['-p', 'test/client/types/tsconfig.json'], {
    encoding: 'utf8',
  });
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
