// Imports run in one direction only: each room may use those named here and nothing else of the house.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const leaves = ['errors', 'config', 'shape', 'native', 'validate', 'words', 'workerThread', 'turns'];
/** Room (a folder or a file of src/) → rooms that it may import. */
const allowed: Record<string, string[]> = {
  errors: [],
  shape: [],
  config: [],
  native: [],
  validate: ['errors', 'words'],
  words: [],
  workerThread: [],
  turns: [],
  data: [...leaves],
  nn: [...leaves],
  training: ['nn', 'data', ...leaves],
  models: ['nn', 'data', ...leaves],
  // Rows of the database hold jobs, datasets and models: their types are the services', imported as types alone.
  store: ['nn', 'data', 'training', 'service', ...leaves],
  presets: ['nn', 'data', ...leaves],
  service: ['training', 'presets', 'models', 'store', 'nn', 'data', ...leaves],
  server: ['service', 'presets', 'training', 'nn', 'data', ...leaves],
  main: ['server', 'service', ...leaves],
  backup: ['service', ...leaves],
  index: ['nn', ...leaves],
  // Runs in browsers as well: it knows the service from the OpenAPI document alone.
  client: [],
  cli: ['client', 'main', 'config', 'words'],
};

interface Import {
  file: string;
  from: string;
  to: string;
  typeOnly: boolean;
}

function room(path: string): string {
  return path.split('/')[0]!.replace(/\.ts$/, '');
}

function imports(): Import[] {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join('src', file), 'utf8');
    return [...text.matchAll(/(?:^|\n)(import|export)( type)?[^;]*?from '(\.[^']+)'/g)].map((match) => ({
      file,
      from: room(file),
      to: room(normalize(join(dirname(file), match[3]!))),
      typeOnly: match[2] !== undefined,
    }));
  });
}

test('imports run in one direction', () => {
  const found = imports();
  expect(found.length).toBeGreaterThan(100);
  const wrong = found.filter(({ from, to }) => from !== to && !allowed[from]?.includes(to));
  expect(wrong).toEqual([]);
});

test('the store knows the services’ types, never their code', () => {
  expect(imports().filter(({ from, to, typeOnly }) => from === 'store' && to === 'service' && !typeOnly)).toEqual([]);
});

test('the training process runs nn, data and native alone', () => {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const i of imports().filter((entry) => entry.file === file && !entry.typeOnly)) {
      const text = readFileSync(join('src', file), 'utf8');
      for (const match of text.matchAll(/from '(\.[^']+)'/g)) {
        const target = normalize(join(dirname(file), match[1]!));
        if (room(target) === i.to) visit(target);
      }
    }
  };
  visit('training/worker.ts');
  expect([...new Set([...reached].map(room))].sort()).toEqual([
    'data',
    'errors',
    'native',
    'nn',
    'shape',
    'training',
    'validate',
    'words',
  ]);
});

/** Packages that are loaded with a file, not only when something of them is needed. */
function packagesOf(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(join('src', entry), 'utf8');
  for (const [, , type, from] of text.matchAll(/(?:^|\n)(import|export)( type)?[^;]*? from '([^']+)'/g)) {
    if (type) continue;
    if (from!.startsWith('.')) packagesOf(normalize(join(dirname(entry), from!)), seen);
    else if (!from!.startsWith('node:')) seen.add(`package ${from}`);
  }
  return seen;
}

test('the thread that reads data loads no package before it needs it: most data take less memory and time', () => {
  const loaded = [...packagesOf('data/importWorker.ts')];
  expect(loaded).toContain('data/readers/idx.ts');
  expect(loaded.filter((name) => name.startsWith('package '))).toEqual([]);
  expect([...packagesOf('data/source.ts')]).toContain('package typebox');
});
