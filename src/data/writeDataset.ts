import { HebbError } from '../errors.ts';
import { elementCount, formatShape } from '../shape.ts';
import { type DatasetInfo, type SplitName, splitNames } from './dataset.ts';
import type { Source } from './source.ts';
import { splitRows } from './split.ts';
import { accumulate, constantElements } from './statistics.ts';
import { splitPath } from './store.ts';
import { contentsOf, datasetSha256, type SplitDigest, SplitWriter } from './storeWriter.ts';
import { bytesOf, type Part, type Table } from './table.ts';

/** In an assignment of rows to splits: in none. */
const dropped = 255;

/**
 * Writes a table into the store's three files, in one pass over its inputs.
 * @param folder exists, and is empty
 * @throws HebbError('invalid-data') where shape, features or split do not fit the data
 */
export async function writeDataset(table: Table, source: Source, folder: string): Promise<DatasetInfo> {
  const { task, inputType, targetShape, classes } = table;
  const inputShape = reshape(table, source);
  const features = checkFeatures(inputShape, source) ?? ownFeatures(inputShape, table);
  const { assignments, samples, warnings } = assign(table, source);
  warnings.unshift(...(table.warnings ?? []));
  if (samples.train === 0) throw invalid('/split', 'nothing is left to train on', '≥ 1 sample', 0);
  const shapes = { task, inputShape, inputType, targetShape, classes };
  const [, trainAssignment] = assignments[0]!;
  await table.learn?.((row) => trainAssignment[row] === 0);
  const statistics = accumulate(inputType);
  // Images have borders: only that all of their elements are constant says something.
  const constants = constantElements(inputShape.length > 1);
  const classCounts = classes && new Array<number>(classes.length).fill(0);
  const inputBytes = elementCount(inputShape) * (inputType === 'uint8' ? 1 : 4);
  const writers: SplitWriter[] = [];
  try {
    for (const name of splitNames) {
      const contents = contentsOf(shapes, samples[name]);
      writers.push(new SplitWriter(splitPath(folder, name), contents, table[name]?.stored));
    }
    for (const [part, assignment] of assignments) {
      const targets = bytesOf(part.targets);
      const targetBytes = targets.length / part.rows;
      let row = 0;
      for await (const chunk of part.inputs()) {
        for (let offset = 0; offset < chunk.length; offset += inputBytes, row++) {
          const split = assignment[row]!;
          if (split === dropped) continue;
          const input = chunk.subarray(offset, offset + inputBytes);
          writers[split]!.append(input, targets.subarray(row * targetBytes, (row + 1) * targetBytes));
          if (split !== 0) continue;
          statistics.add(input);
          constants.add(input);
          if (classCounts) classCounts[part.targets[row]!]! += 1;
        }
      }
    }
  } catch (error) {
    for (const writer of writers) writer.close();
    throw error;
  }
  const digests = Object.fromEntries(splitNames.map((name, i) => [name, writers[i]!.finish()]));
  const moments = statistics.result();
  const constant = constants.result(inputType === 'uint8' ? 1 : 4);
  warnings.push(
    ...emptyClasses(classes, classCounts),
    ...constantInputs(inputShape, constant, features, samples.train),
  );
  return {
    ...shapes,
    features,
    columns: table.columns ?? null,
    samples,
    statistics: { ...moments, classCounts },
    warnings,
    bytes: writers.reduce((sum, { split }) => sum + split.fileBytes, 0),
    sha256: datasetSha256(shapes, digests as Record<SplitName, SplitDigest>),
  };
}

function invalid(pointer: string, message: string, expected?: unknown, received?: unknown): HebbError {
  return new HebbError('invalid-data', `${pointer}: ${message}`, [{ pointer, message, expected, received }]);
}

function reshape({ inputShape }: Table, { shape }: Source): number[] {
  if (!shape) return inputShape;
  const [expected, got] = [elementCount(inputShape), elementCount(shape)];
  if (expected === got) return shape;
  throw invalid(
    '/shape',
    `a sample ${formatShape(inputShape)} has ${expected} elements, the shape ${formatShape(shape)} has ${got}`,
    expected,
    got,
  );
}

function checkFeatures(inputShape: number[], { features }: Source): string[] | null {
  if (!features) return null;
  if (inputShape.length !== 1) {
    throw invalid('/features', `only inputs of rank 1 have named features; the inputs are ${formatShape(inputShape)}`);
  }
  const count = inputShape[0]!;
  if (features.length === count) return features;
  throw invalid(
    '/features',
    `${count} names are expected, one for each input; got ${features.length}`,
    count,
    features.length,
  );
}

/** Names that the source itself has; none where the samples are viewed in another shape. */
function ownFeatures(inputShape: number[], { features }: Table): string[] | null {
  return features && inputShape.length === 1 ? features : null;
}

/** For each part of the table, in which split (index into splitNames) each of its rows goes. */
function assign(table: Table, { split = {}, limit = {} }: Source) {
  const labels = table.classes ? table.train.targets : undefined;
  const parts = splitRows(table.train.rows, labels, split, table.train.keys);
  const train = new Uint8Array(table.train.rows).fill(dropped);
  const warnings: DatasetInfo['warnings'] = [];
  const small = (name: SplitName, message: string) =>
    warnings.push({ code: 'small-split', message: `${name}: ${message}` });
  const samples: Record<SplitName, number> = { train: 0, validation: 0, test: 0 };
  const kept = (name: SplitName, available: number) => {
    const wanted = limit[name];
    if (wanted !== undefined && available < wanted)
      small(name, `${wanted} samples were asked for, there are ${available}.`);
    samples[name] += Math.min(available, wanted ?? available);
    return samples[name];
  };
  const own = splitNames.filter((name) => name !== 'train' && table[name]);
  for (const name of own) {
    if (!split[name as 'validation' | 'test']) continue;
    const message = `the data has ${name} samples of its own: no fraction can be split off for it`;
    throw invalid(`/split/${name}`, message, 0, split[name as 'validation' | 'test']);
  }
  for (const [index, name] of splitNames.entries()) {
    if (own.includes(name)) continue;
    const rows = parts[name];
    if (name !== 'train' && split[name] && rows.length === 0) {
      small(name, `${split[name]} of ${table.train.rows} samples is none.`);
    }
    for (const row of rows.subarray(0, kept(name, rows.length))) train[row] = index;
  }
  const assignments: [Part, Uint8Array][] = [[table.train, train]];
  for (const name of own) {
    const part = table[name]!;
    const rows = new Uint8Array(part.rows).fill(dropped);
    assignments.push([part, rows.fill(splitNames.indexOf(name), 0, kept(name, part.rows))]);
  }
  return { assignments, samples, warnings };
}

function emptyClasses(classes: string[] | null, counts: number[] | null): DatasetInfo['warnings'] {
  const empty = classes?.filter((_, index) => counts![index] === 0) ?? [];
  if (empty.length === 0) return [];
  return [{ code: 'empty-class', message: `No sample to train on of class ${brieflyListed(empty)}.` }];
}

function constantInputs(
  shape: number[],
  constant: number[],
  features: string[] | null,
  rows: number,
): DatasetInfo['warnings'] {
  const all = constant.length === elementCount(shape);
  if (rows < 2 || constant.length === 0 || (shape.length > 1 && !all)) return [];
  const which = all
    ? 'All inputs'
    : `Input ${brieflyListed(constant.map((index) => features?.[index] ?? String(index)))}`;
  return [{ code: 'constant-inputs', message: `${which} never change${all ? '' : 's'} in the training split.` }];
}

function brieflyListed(names: string[]): string {
  return names.length > 10 ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more` : names.join(', ');
}
