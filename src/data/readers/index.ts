import type { ImportLimits } from '../importer.ts';
import type { Source } from '../source.ts';
import type { Table } from '../table.ts';
import { readNpy } from './arrays.ts';
import { readBuiltin } from './builtin.ts';
import { readFile } from './file.ts';
import { readIdx } from './idx.ts';
import { readJson } from './json.ts';

/** One reader a kind of source. */
export const readers: {
  [Kind in Source['kind']]: (source: Extract<Source, { kind: Kind }>, limits: ImportLimits) => Promise<Table> | Table;
} = {
  idx: readIdx,
  npy: readNpy,
  file: readFile,
  json: readJson,
  builtin: readBuiltin,
  // These load decoders, unpackers and schemas, for which the others need not wait.
  synthetic: async (source, limits) => (await import('../synthetic.ts')).readSynthetic(source, limits),
  images: async (source, limits) => (await import('./images.ts')).readImages(source, limits),
  addition: async (source, limits) => (await import('./addition.ts')).readAddition(source, limits),
};

/** @throws HebbError for what is wrong with the source */
export async function readSource(source: Source, limits: ImportLimits): Promise<Table> {
  const read = readers[source.kind] as (source: Source, limits: ImportLimits) => Promise<Table> | Table;
  return await read(source, limits);
}
