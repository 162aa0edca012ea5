// The tutorial's commands, as a reader runs them: they print what its pages say, and make the pictures that the pages show.
//   HEBB_TUTORIAL=write npx vitest run test/tutorial.test.ts     puts those pictures into docs/tutorial
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { presets } from '../src/presets/index.ts';
import { startService } from './helpers/process.ts';
import { temporaryFolder } from './helpers/service.ts';
import { blocksOf, isAlike, runBlocks } from './helpers/tutorial.ts';

const folder = 'docs/tutorial';
const pages = readdirSync(folder).filter((name) => /^\d\d-.*\.md$/.test(name));
const picturesOf = (page: string) => [...page.matchAll(/!\[[^\]]*\]\(([\w-]+\.svg)\)/g)].map((match) => match[1]!);
const read = (page: string) => readFileSync(join(folder, page), 'utf8');

test('the table of contents has every page, and every preset of the course is in one', () => {
  const contents = readFileSync(join(folder, 'README.md'), 'utf8');
  expect([...contents.matchAll(/\]\((\d\d-[a-z0-9-]+\.md)\)/g)].map((match) => match[1])).toEqual(pages);
  const text = pages.map(read).join('\n');
  const missing = presets.filter(({ name, course }) => course !== null && !text.includes(name));
  expect(missing.map(({ name }) => name)).toEqual([]);
});

test('commands print what the pages say', async () => {
  const service = await startService(await temporaryFolder());
  let count = 0;
  for (const page of pages) {
    const blocks = blocksOf(read(page)).filter(({ long }) => !long);
    expect(blocks.length, page).toBeGreaterThan(0);
    const made = await temporaryFolder();
    const printed = await runBlocks(blocks, service.url, made);
    for (const picture of picturesOf(read(page))) {
      expect(existsSync(join(made, picture)), `${page} makes ${picture}`).toBe(true);
      if (process.env.HEBB_TUTORIAL === 'write') copyFileSync(join(made, picture), join(folder, picture));
      const titleOf = (path: string) => /<title>([^<]*)</.exec(readFileSync(path, 'utf8'))?.[1];
      expect(titleOf(join(made, picture))).toBeDefined();
      expect(titleOf(join(folder, picture))).toBe(titleOf(join(made, picture)));
    }
    for (const [i, { line, expected }] of blocks.entries()) {
      const place = `${page}:${line}`;
      if (!isAlike(printed[i] ?? '', expected)) expect(printed[i], place).toBe(expected);
      count++;
    }
  }
  expect(count).toBeGreaterThan(25);
}, 600_000);

test('the comparison sees what differs', () => {
  expect(isAlike('loss 0.12301\n', 'loss 0.1230')).toBe(true);
  expect(isAlike('a   1.0', 'a 1.0\n')).toBe(true);
  expect(isAlike('{"id":"ab-1","x":[1]}', '{"id":"…","x":[1]}')).toBe(true);
  for (const [text, expected] of [
    ['loss 0.14', 'loss 0.12'],
    ['"output":[1]', '"output":[0]'],
    ['epoch 19', 'epoch 20'],
    ['', 'anything'],
    ['anything', ''],
    ['0.5 0.5', '0.5'],
    ['class male', 'class female'],
  ] as const) {
    expect(isAlike(text, expected), text).toBe(false);
  }
});
