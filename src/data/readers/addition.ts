import { readFile, stat } from 'node:fs/promises';
import { setImmediate as pause } from 'node:timers/promises';
import { type Fault, HebbError } from '../../errors.ts';
import { elementCount, formatShape } from '../../shape.ts';
import type { AdditionSource } from '../addition.ts';
import { resolveClasses, sortClasses } from '../classes.ts';
import { type SplitName, splitNames } from '../dataset.ts';
import { maxEntryBytes } from '../images/archive.ts';
import { decodeImage } from '../images/decode.ts';
import type { ImportLimits } from '../importer.ts';
import { pictureShape } from '../samplePng.ts';
import { splitPath } from '../store.ts';
import { storeChunks } from '../storeChunks.ts';
import { bytesOf, type Part, type Table } from '../table.ts';
import { readJson } from './json.ts';

const maxFaults = 20;

/** Samples that are new, in the types of the store. */
interface Added {
  rows: number;
  inputs: Uint8Array;
  targets: Int32Array | Float32Array;
  classes: string[] | null;
}

/**
 * A stored dataset with samples behind those of one of its splits. The stored rows are taken over as they stand.
 * @throws HebbError('invalid-data'), ('invalid-image') or ('invalid-request') for what does not fit the dataset, ('too-large')
 */
export async function readAddition(source: AdditionSource, limits: ImportLimits): Promise<Table> {
  const { base, options } = source;
  const { info } = base;
  const added =
    'images' in source.added ? await addedImages(source, source.added.images) : addedRows(source, source.added);
  const rowBytes = elementCount(info.inputShape) * (info.inputType === 'uint8' ? 1 : 4);
  const rows = splitNames.reduce((sum, split) => sum + info.samples[split], added.rows);
  if (rows * rowBytes > limits.maxBytes) {
    const bytes = rows * rowBytes;
    throw new HebbError('too-large', `the samples would take ${bytes} bytes, at most ${limits.maxBytes} are stored.`);
  }
  const part = (split: SplitName): Part | undefined => {
    const own = split === options.split ? added : undefined;
    const total = info.samples[split] + (own?.rows ?? 0);
    if (total === 0) return undefined;
    return {
      rows: total,
      stored: { path: splitPath(base.folder, split), rows: info.samples[split] },
      targets: joinedTargets(source, split, own),
      inputs: async function* () {
        for (const chunk of storeChunks(base.folder, split)) {
          await pause();
          yield chunk.inputBytes;
        }
        if (own) yield own.inputs;
      },
    };
  };
  const [validation, test] = [part('validation'), part('test')];
  return {
    task: info.task,
    inputShape: info.inputShape,
    inputType: info.inputType,
    targetShape: info.targetShape,
    classes: added.classes,
    ...(info.features && { features: info.features }),
    ...(info.columns && { columns: info.columns }),
    train: part('train')!,
    ...(validation && { validation }),
    ...(test && { test }),
  };
}

function joinedTargets({ base }: AdditionSource, split: SplitName, added: Added | undefined) {
  const { info, folder } = base;
  const elements = elementCount(info.targetShape);
  const count = (info.samples[split] + (added?.rows ?? 0)) * elements;
  const targets = info.task === 'classification' ? new Int32Array(count) : new Float32Array(count);
  for (const chunk of storeChunks(folder, split)) targets.set(chunk.targets, chunk.first * elements);
  if (added) targets.set(added.targets, info.samples[split] * elements);
  return targets;
}

async function addedImages(source: AdditionSource, images: { path: string; label: string }[]): Promise<Added> {
  const { info } = source.base;
  const shape = pictureShape(info);
  if (info.inputType !== 'uint8') {
    throw new HebbError(
      'invalid-request',
      'the samples are float32, and which brightness is which number is not known: send their numbers as "inputs"',
    );
  }
  const bytes = elementCount(info.inputShape);
  const inputs = new Uint8Array(images.length * bytes);
  const faults: Fault[] = [];
  for (const [index, { path }] of images.entries()) {
    try {
      if ((await stat(path)).size > maxEntryBytes) throw new Error(`it has more than ${maxEntryBytes} bytes`);
      const { pixels } = await decodeImage(await readFile(path), shape, source.options);
      inputs.set(pixels, index * bytes);
    } catch (error) {
      if (faults.length < maxFaults) {
        const message = `image ${index} cannot be read: ${(error as Error).message}`;
        faults.push({ pointer: `/image/${index}`, message });
      }
    }
  }
  if (faults.length > 0) {
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
    throw new HebbError('invalid-image', `${faults[0]!.message}${more}`, faults);
  }
  const labels = images.map(({ label }) => label);
  if (info.task === 'classification') return { rows: images.length, inputs, ...classIndices(source, labels, '/label') };
  const values = Float32Array.from(labels, Number);
  if (elementCount(info.targetShape) !== 1) {
    throw new HebbError('invalid-request', `targets are ${formatShape(info.targetShape)}: send the samples as JSON`);
  }
  const wrong = values.findIndex((value, i) => !Number.isFinite(value) || labels[i]!.trim() === '');
  if (wrong >= 0) {
    const message = `the label ${wrong} must be a number; got ${JSON.stringify(labels[wrong])}`;
    throw new HebbError('invalid-data', message, [{ pointer: `/label/${wrong}`, message, received: labels[wrong] }]);
  }
  return { rows: images.length, inputs, targets: values, classes: null };
}

function addedRows(source: AdditionSource, { inputs, targets }: { inputs: unknown[]; targets: unknown[] }): Added {
  const { info } = source.base;
  const classification = info.task === 'classification';
  // Targets of a classification are looked up below; here only the inputs are read.
  const numbers = readJson({
    kind: 'json',
    inputs,
    targets: classification ? inputs.map(() => 0) : targets,
    task: 'regression',
  });
  const values = numbers.train;
  const flat = numbers.inputShape.length === 1 && numbers.inputShape[0] === elementCount(info.inputShape);
  if (!flat && numbers.inputShape.join() !== info.inputShape.join()) {
    throw misfit('/inputs/0', info.inputShape, numbers.inputShape, 'samples');
  }
  const stored = storedInputs(source, inputs);
  if (classification) {
    if (targets.length !== inputs.length) {
      const message = `as many targets as inputs are expected: ${inputs.length}; got ${targets.length}`;
      throw new HebbError('invalid-data', `/targets: ${message}`, [{ pointer: '/targets', message }]);
    }
    return { rows: inputs.length, inputs: stored, ...classIndices(source, targets, '/targets') };
  }
  if (numbers.targetShape.join() !== info.targetShape.join()) {
    throw misfit('/targets/0', info.targetShape, numbers.targetShape, 'targets');
  }
  return { rows: values.rows, inputs: stored, targets: values.targets, classes: null };
}

function misfit(pointer: string, expected: number[], received: number[], what: string): HebbError {
  const message = `the dataset's ${what} are ${formatShape(expected)}; got ${formatShape(received)}`;
  return new HebbError('invalid-data', `${pointer}: ${message}`, [{ pointer, message, expected, received }]);
}

/** Numbers that readJson has checked, in the store's type. */
function storedInputs({ base }: AdditionSource, inputs: unknown[]): Uint8Array {
  const flat = inputs.flat(4) as number[];
  if (base.info.inputType === 'float32') return bytesOf(Float32Array.from(flat));
  const wrong = flat.findIndex((value) => !Number.isInteger(value) || value < 0 || value > 255);
  if (wrong < 0) return Uint8Array.from(flat);
  const sample = Math.floor(wrong / elementCount(base.info.inputShape));
  const message = `whole numbers from 0 to 255 are expected, as the dataset has them; got ${flat[wrong]}`;
  throw new HebbError('invalid-data', `/inputs/${sample}: ${message}`, [
    { pointer: `/inputs/${sample}`, message, expected: 'uint8', received: flat[wrong] },
  ]);
}

function classIndices({ base, options }: AdditionSource, labels: unknown[], pointer: string) {
  const known = base.info.classes!;
  const names = labels.map((label, index) => {
    if (typeof label === 'boolean') return String(label);
    if (typeof label === 'string' && label.length <= 200 && label !== '') return label;
    if (typeof label === 'number' && Number.isSafeInteger(label)) return label;
    const message = `a class is expected: its name, or its index; got ${JSON.stringify(label)?.slice(0, 100)}`;
    throw new HebbError('invalid-data', `${pointer}/${index}: ${message}`, [
      { pointer: `${pointer}/${index}`, message, expected: known.slice(0, 100) },
    ]);
  });
  const unknown = new Set(names.filter((name) => typeof name === 'string' && !known.includes(name)) as string[]);
  const classes = options.newClasses ? [...known, ...sortClasses(unknown)] : known;
  const { indices } = resolveClasses([names], classes, ({ index, label, expected }) => {
    const message = `must be ${expected}; got ${JSON.stringify(label)}${options.newClasses ? '' : ' (newClasses=true takes it as a new class)'}`;
    return new HebbError('invalid-data', `${pointer}/${index}: ${message}`, [
      { pointer: `${pointer}/${index}`, message, expected, received: label },
    ]);
  });
  return { targets: indices[0]!, classes };
}
