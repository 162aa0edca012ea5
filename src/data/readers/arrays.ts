import { type Fault, HebbError } from '../../errors.ts';
import { elementCount, formatShape, type Shape } from '../../shape.ts';
import { resolveClasses, unlikeClasses } from '../classes.ts';
import { type SplitName, splitNames } from '../dataset.ts';
import type { ImportLimits } from '../importer.ts';
import type { NpySource, SourceOptions } from '../source.ts';
import type { Part, Table } from '../table.ts';
import { allFloats, floatRows, type Targets } from './arrayFile.ts';
import { invalidFile, openFile, tooLarge, unpackedFile } from './fileBytes.ts';
import { type NpyFile, npyLabels, npyRows, openNpy } from './npy.ts';

/** Samples and their targets. */
export interface ArrayPair {
  inputs: NpyFile;
  targets: NpyFile;
}

/** Those of each split that the source has. */
export type ArrayPairs = { train: ArrayPair } & Partial<Record<SplitName, ArrayPair>>;
type ArrayPart = keyof NpySource['files'];

/** Targets are held in memory, unlike inputs. */
const maxTargetBytes = 2 ** 28;

/** NPY files in parts of their own. */
export async function readNpy({ files, ...source }: NpySource, limits: ImportLimits): Promise<Table> {
  const opened = async (path: string, part: string) => openArray(path, part, limits);
  const pair = async (inputs: ArrayPart, targets: ArrayPart): Promise<ArrayPair> => ({
    inputs: await opened(files[inputs]!, inputs),
    targets: await opened(files[targets]!, targets),
  });
  const pairs: ArrayPairs = { train: await pair('inputs', 'targets') };
  if (files.validationInputs) pairs.validation = await pair('validationInputs', 'validationTargets');
  if (files.testInputs) pairs.test = await pair('testInputs', 'testTargets');
  return readArrays(pairs, source, limits);
}

/** An array whose file can be read to and fro, as that of Fortran's order must. */
export async function openArray(path: string, part: string, limits: ImportLimits): Promise<NpyFile> {
  const file = await openNpy(await openFile(path, part));
  return file.fortranOrder && file.gzipped ? openNpy(await unpackedFile(file, limits.maxBytes)) : file;
}

/**
 * Arrays of samples (n, …) and targets (n) or (n, outputs). uint8 inputs stay uint8, (height, width) of them becoming
 * [height, width, 1] as in IDX; all others become float32. Whole numbers, truth values and text as targets are classes, and
 * so are rows of one 1 and zeros where each class has a sample; others a regression; `task` overrides.
 *
 * @throws HebbError('invalid-file' | 'invalid-data' | 'too-large') that names the array and the place
 */
export async function readArrays(given: ArrayPairs, source: SourceOptions, limits: ImportLimits): Promise<Table> {
  const { train } = given;
  const names = splitNames.filter((name) => given[name]);
  const pairs = names.map((name) => given[name]!);
  for (const pair of pairs) checkPair(pair);
  for (const pair of pairs.slice(1)) checkAlike(train, pair);
  for (const name of names) {
    const fraction = name === 'train' ? undefined : source.split?.[name];
    if (!fraction) continue;
    const message = `the upload has ${name} samples of its own: no fraction can be split off for it`;
    throw dataError({ pointer: `/split/${name}`, message, expected: 0, received: fraction });
  }
  const { inputs } = train;
  const isBytes = inputs.type.name === 'uint8';
  const elements = elementCount(inputs.shape);
  const bytes = pairs.reduce((sum, pair) => sum + pair.inputs.rows * elements * (isBytes ? 1 : 4), 0);
  if (bytes > limits.maxBytes) {
    const message = `the samples take ${bytes} bytes, at most ${limits.maxBytes} are stored`;
    throw tooLarge(inputs.part, message, limits.maxBytes);
  }
  const targets = await readTargets(pairs, source);
  const part = (index: number): Part => ({
    rows: pairs[index]!.inputs.rows,
    targets: targets.values[index]!,
    inputs: () =>
      isBytes ? npyRows(pairs[index]!.inputs) : floatRows(pairs[index]!.inputs, npyRows(pairs[index]!.inputs)),
  });
  return {
    task: targets.classes ? 'classification' : 'regression',
    inputShape: inputShape(inputs.shape, isBytes),
    inputType: isBytes ? 'uint8' : 'float32',
    targetShape: targets.shape,
    classes: targets.classes,
    ...(targets.warnings && { warnings: targets.warnings }),
    train: part(0),
    ...Object.fromEntries(names.map((name, index) => [name, part(index)])),
  };
}

function inputShape(shape: Shape, isBytes: boolean): Shape {
  if (shape.length === 0) return [1];
  return isBytes && shape.length === 2 ? [...shape, 1] : shape;
}

function checkPair({ inputs, targets }: ArrayPair): void {
  if (inputs.characters !== null) throw invalidFile(inputs.part, 'numbers are expected, got text', 'numbers', 'text');
  const rank = inputs.shape.length + 1;
  if (rank > 5) throw invalidFile(inputs.part, `at most 5 dimensions are expected, got ${rank}`, 5, rank);
  if (inputs.rows !== targets.rows) {
    const message = `${inputs.rows} targets are expected, as many as ${inputs.part}; got ${targets.rows}`;
    throw invalidFile(targets.part, message, inputs.rows, targets.rows);
  }
  if (inputs.rows < 2) throw invalidFile(inputs.part, `at least 2 samples are expected, got ${inputs.rows}`, 2, 1);
}

function checkAlike(train: ArrayPair, test: ArrayPair): void {
  for (const key of ['inputs', 'targets'] as const) {
    const describe = ({ type, shape, characters }: NpyFile) =>
      `${characters === null ? type.name : 'text'} ${formatShape(shape)}`;
    const [expected, got] = [describe(train[key]), describe(test[key])];
    if (expected === got) continue;
    const message = `samples are expected to be ${expected}, as in ${train[key].part}; got ${got}`;
    throw invalidFile(test[key].part, message, expected, got);
  }
}

async function readTargets(pairs: ArrayPair[], { task, classes }: SourceOptions): Promise<Targets> {
  const arrays = pairs.map(({ targets }) => targets);
  const [first] = arrays as [NpyFile];
  const elements = elementCount(first.shape);
  for (const { part, rows } of arrays) {
    if (rows * elements * 4 <= maxTargetBytes) continue;
    const message = `the targets take ${rows * elements * 4} bytes, at most ${maxTargetBytes} are taken`;
    throw tooLarge(part, message, maxTargetBytes);
  }
  if (first.characters === null && first.shape.length === 1 && elements > 1 && task !== 'regression') {
    const labels = await oneHotLabels(arrays);
    if (labels && (task ?? classes ?? everyClass(labels, elements)))
      return oneHotTargets(labels, elements, arrays, classes);
  }
  const asked = task ?? (first.type.integer || classes ? 'classification' : 'regression');
  if (asked === 'classification') return readClasses(arrays, classes);
  if (classes) {
    const message = 'a regression has no classes; for numbers that are classes, say "task": "classification"';
    throw dataError({ pointer: '/classes', message });
  }
  if (first.characters !== null) throw invalidFile(first.part, 'numbers are expected, got text', 'numbers', 'text');
  const values: Float32Array[] = [];
  for (const file of arrays) values.push(await allFloats(file, npyRows(file)));
  return { classes: null, shape: first.shape.length === 0 ? [1] : first.shape, values };
}

/** The place of the one in each row of a one and zeros; undefined where there is another row. */
async function oneHotLabels(arrays: NpyFile[]): Promise<Int32Array[] | undefined> {
  const lists: Int32Array[] = [];
  for (const file of arrays) {
    const values = await allFloats(file, npyRows(file));
    const width = elementCount(file.shape);
    const labels = new Int32Array(file.rows).fill(-1);
    for (const [i, value] of values.entries()) {
      if (value === 0) continue;
      const row = Math.floor(i / width);
      if (value !== 1 || labels[row] !== -1) return undefined;
      labels[row] = i % width;
    }
    if (labels.includes(-1)) return undefined;
    lists.push(labels);
  }
  return lists;
}

/** Whether each class has a sample: rows that are one-hot by chance hardly have that. */
function everyClass([train]: Int32Array[], classes: number): boolean {
  return new Set(train).size === classes;
}

function oneHotTargets(labels: Int32Array[], width: number, arrays: NpyFile[], given: string[] | undefined): Targets {
  const { part } = arrays[0]!;
  if (given && given.length !== width) {
    const message = `${width} names are expected, one for each column of one-hot targets; got ${given.length}`;
    throw dataError({ pointer: '/classes', message, expected: width, received: given.length });
  }
  const classes = given ?? Array.from({ length: width }, (_, i) => String(i));
  const message = `The targets in ${part} are one-hot rows of ${width} and are taken for classes; if they are numbers, say "task": "regression".`;
  return { classes, shape: [], values: labels, warnings: [{ code: 'one-hot-targets', message }] };
}

async function readClasses(arrays: NpyFile[], given: string[] | undefined): Promise<Targets> {
  const lists: ((number | string)[] | Float64Array)[] = [];
  for (const file of arrays) {
    const { part, shape, type } = file;
    if (elementCount(shape) !== 1) {
      const got = `${type.name} ${formatShape(shape)} for each sample`;
      const message = `one class for each sample, or a row of one 1 and zeros, is expected; got ${got} (for numbers as targets, say "task": "regression")`;
      throw invalidFile(part, message, 'one class', got);
    }
    const isNumber = file.characters === null && type.name !== 'bool';
    // A list of a million numbers takes several times the room.
    const labels: (number | string)[] | Float64Array = isNumber ? new Float64Array(file.rows) : [];
    let filled = 0;
    for await (const rows of npyRows(file)) {
      for (const label of npyLabels(file, rows)) labels[filled++] = type.name === 'bool' ? String(label === 1) : label;
    }
    const wrong = isNumber ? (labels as Float64Array).findIndex((label) => !Number.isSafeInteger(label)) : -1;
    if (wrong >= 0) {
      const message = `sample ${wrong}: a whole number or text is expected as a class, got ${labels[wrong]}; for numbers, say "task": "regression"`;
      throw invalidFile(part, message, 'a whole number', String(labels[wrong]));
    }
    lists.push(labels);
  }
  const { classes, indices } = resolveClasses(lists, given, ({ list, index, label, expected }) =>
    invalidFile(arrays[list]!.part, `the label of sample ${index} must be ${expected}; got ${label}`, expected, label),
  );
  const samples = lists.reduce((sum, { length }) => sum + length, 0);
  if (!given && unlikeClasses(classes.length, samples)) {
    const message = `the targets have ${classes.length} different values in ${samples} samples, that is fewer than two a class; for numbers, say "task": "regression"`;
    throw dataError({ pointer: `/${arrays[0]!.part}`, message, expected: 'classes with several samples' });
  }
  return { classes, shape: [], values: indices };
}

function dataError(fault: Fault): HebbError {
  return new HebbError('invalid-data', `${fault.pointer}: ${fault.message}`, [fault]);
}
