import { HebbError } from '../../errors.ts';
import { elementCount, formatShape } from '../../shape.ts';
import { resolveClasses, unlikeClasses } from '../classes.ts';
import type { ImportLimits } from '../importer.ts';
import type { IdxSource } from '../source.ts';
import type { Part, Table } from '../table.ts';
import { type ArrayFile, allFloats, floatRows, type Targets } from './arrayFile.ts';
import { decodeIntegers, idxRows, invalidFile, openIdx } from './idxFile.ts';

/** One of the upload's pairs. */
interface Pair {
  images: ArrayFile;
  labels: ArrayFile;
}

/**
 * IDX files as of MNIST: images (n, height, width), (n, height, width, channels) or (n, elements), and labels (n).
 * uint8 images stay uint8, all others become float32; shape (height, width) becomes [height, width, 1]. Labels are
 * classes; with `task: "regression"` they are numbers.
 *
 * @throws HebbError('invalid-file') that names the file and the place; HebbError('too-large')
 */
export async function readIdx(source: IdxSource, limits: ImportLimits): Promise<Table> {
  const { files } = source;
  const train = await openPair(files.images, files.labels, 'images', 'labels');
  const test =
    files.testImages && files.testLabels
      ? await openPair(files.testImages, files.testLabels, 'testImages', 'testLabels')
      : undefined;
  if (test) checkAlike(train, test);
  const pairs = test ? [train, test] : [train];
  const inputType = train.images.type.name === 'uint8' ? 'uint8' : 'float32';
  const elements = elementCount(train.images.shape);
  const bytes = pairs.reduce((sum, { images }) => sum + images.rows * elements * (inputType === 'uint8' ? 1 : 4), 0);
  if (bytes > limits.maxBytes) {
    throw new HebbError('too-large', `images: the samples take ${bytes} bytes, at most ${limits.maxBytes} are stored.`);
  }
  const targets =
    source.task === 'regression' ? await readNumbers(pairs, limits) : await readClasses(pairs, source.classes);
  const part = (index: number): Part => ({
    rows: pairs[index]!.images.rows,
    targets: targets.values[index]!,
    inputs: () =>
      inputType === 'uint8'
        ? idxRows(pairs[index]!.images)
        : floatRows(pairs[index]!.images, idxRows(pairs[index]!.images)),
  });
  const { shape } = train.images;
  return {
    task: targets.classes ? 'classification' : 'regression',
    inputShape: shape.length === 2 ? [...shape, 1] : shape,
    inputType,
    targetShape: targets.shape,
    classes: targets.classes,
    train: part(0),
    ...(test && { test: part(1) }),
  };
}

async function openPair(imagesPath: string, labelsPath: string, imagesPart: string, labelsPart: string): Promise<Pair> {
  const images = await openIdx(imagesPath, imagesPart);
  const rank = images.shape.length + 1;
  if (rank < 2 || rank > 4) {
    const hint = rank === 1 ? '; is this the file of the labels?' : '';
    throw invalidFile(
      imagesPart,
      `2 to 4 dimensions are expected, the first being the samples; got ${rank}${hint}`,
      '2 to 4',
      rank,
    );
  }
  const labels = await openIdx(labelsPath, labelsPart);
  if (images.rows !== labels.rows) {
    throw invalidFile(
      labelsPart,
      `${images.rows} labels are expected, as many as ${imagesPart}; got ${labels.rows}`,
      images.rows,
      labels.rows,
    );
  }
  return { images, labels };
}

function checkAlike(train: Pair, test: Pair): void {
  for (const key of ['images', 'labels'] as const) {
    const [expected, got] = [train[key], test[key]].map((file) => `${file.type.name} ${formatShape(file.shape)}`);
    if (expected !== got) {
      throw invalidFile(
        test[key].part,
        `samples are expected to be ${expected}, as in ${train[key].part}; got ${got}`,
        expected,
        got,
      );
    }
  }
}

async function readClasses(pairs: Pair[], given: string[] | undefined): Promise<Targets> {
  const lists: Int32Array[] = [];
  for (const { labels } of pairs) {
    if (labels.shape.length > 0 || !labels.type.integer) {
      const got = `${labels.type.name} of ${labels.shape.length + 1} dimension${labels.shape.length ? 's' : ''}`;
      throw invalidFile(
        labels.part,
        `class labels are expected: integers of 1 dimension; got ${got} (for numbers as targets, say "task": "regression")`,
        'integers of 1 dimension',
        got,
      );
    }
    const values = new Int32Array(labels.rows);
    let filled = 0;
    for await (const rows of idxRows(labels)) {
      const decoded = decodeIntegers(labels, rows);
      values.set(decoded, filled);
      filled += decoded.length;
    }
    lists.push(values);
  }
  const { classes, indices } = resolveClasses(lists, given, ({ list, index, label, expected }) =>
    invalidFile(
      pairs[list]!.labels.part,
      `the label of sample ${index} must be ${expected}; got ${label}`,
      expected,
      label,
    ),
  );
  const samples = lists.reduce((sum, { length }) => sum + length, 0);
  if (!given && unlikeClasses(classes.length, samples)) {
    const message = `the labels have ${classes.length} different values in ${samples} samples, that is fewer than two a class; for numbers, say "task": "regression"`;
    throw invalidFile(pairs[0]!.labels.part, message, 'classes with several samples', classes.length);
  }
  return { classes, shape: [], values: indices };
}

async function readNumbers(pairs: Pair[], limits: ImportLimits): Promise<Targets> {
  const { shape } = pairs[0]!.labels;
  const values: Float32Array[] = [];
  for (const { labels } of pairs) {
    const elements = elementCount(labels.shape);
    const bytes = labels.rows * elements * 4;
    // Held in memory, unlike the images.
    const limit = Math.min(limits.maxBytes, 2 ** 28);
    if (bytes > limit) {
      throw new HebbError('too-large', `${labels.part}: the targets take ${bytes} bytes, at most ${limit} are taken.`);
    }
    values.push(await allFloats(labels, idxRows(labels)));
  }
  return { classes: null, shape: shape.length === 0 ? [1] : shape, values };
}
