import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HebbError } from '../../errors.ts';
import { resolveClasses, unlikeClasses } from '../classes.ts';
import type { SplitName } from '../dataset.ts';
import { type ArchiveLimits, archiveEntries, quoted } from '../images/archive.ts';
import { type Channels, decodeImage } from '../images/decode.ts';
import { csvTooLarge, manyFaults, matchLabels, maxCsvBytes, maxFaults, readLabels } from '../images/labelsCsv.ts';
import { byName, classFolders, fileName } from '../images/layout.ts';
import { RowFile } from '../images/rowFile.ts';
import { type ArchiveContents, BrokenImages, brokenMessage, scanArchive } from '../images/scan.ts';
import type { ImportLimits } from '../importer.ts';
import type { ImagesSource } from '../source.ts';
import { maxRowElements, type Part, type Table, type TableWarning } from '../table.ts';
import { tooLarge } from './fileBytes.ts';
import { invalidFile } from './idxFile.ts';

const part = 'file';
/** Files and folders of an archive, where no setting says otherwise. */
const defaultEntries = 200_000;
/** A size that nobody asked for has at most so many pixels: photographs are to be made smaller on purpose. */
const maxCommonPixels = 2 ** 20;
/** Images that are decoded at once, large ones by themselves: the process has four threads for that, and two imports may be under way. */
const decodesAtOnce = 2;
const largeBytes = 2 ** 20;

/** An image with its label, in the order of the dataset. */
interface Labelled {
  entry: string;
  label: string;
  split: SplitName;
  /** Line of the CSV that it comes from. */
  line?: number;
}

/**
 * Images in a ZIP, TAR or gzipped TAR: in one folder a class, also with folders train, validation, test above them, or with a CSV of
 * labels. All get one size and one number of channels, uint8. Samples stand in the order of the names of their files, then of
 * their folders, so that classes are mixed where their files are numbered alike; with a CSV in its order.
 *
 * The archive is gone through twice: for names and sizes, and for the pixels, which go to files beside it.
 *
 * @throws HebbError('invalid-file'), ('invalid-image') with the entries that are broken, ('too-large'), ('invalid-data')
 */
export async function readImages(source: ImagesSource, limits: ImportLimits): Promise<Table> {
  const { files, image: wanted = {} } = source;
  const skip = source.broken === 'skip';
  const archiveLimits = { entries: limits.maxArchiveEntries ?? defaultEntries, bytes: limits.maxBytes };
  const broken = new BrokenImages(part);
  const options = { sizes: wanted.height === undefined, broken, stop: () => !skip && broken.tooMany };
  const contents = await scanArchive(files.file, part, archiveLimits, options);
  // With fewer the others are looked at first, so that all faults are told at once.
  if (broken.tooMany || broken.names.size === contents.images.length) refuseBroken(broken, skip);
  if (contents.images.length === 0) throw noImages(contents);
  const warnings: TableWarning[] = [];
  const images = await labelled(source, contents, warnings);
  const { height, width } = sizeOf(source, contents, warnings);
  const elements = height * width * (wanted.channels ?? 1);
  if (elements > maxRowElements || images.length * elements > limits.maxBytes) {
    throw new HebbError(
      'too-large',
      `/image: ${images.length} images of ${width} × ${height} take ${images.length * elements} bytes; at most ${limits.maxBytes} are stored, and ${maxRowElements} of one image: ask for a smaller size.`,
    );
  }
  const rows = new RowFile(`${files.file}.rows`, images.length, height * width);
  try {
    await decodeAll(
      source,
      archiveLimits,
      images,
      { height, width, channels: wanted.channels ?? 'auto' },
      rows,
      broken,
    );
  } finally {
    rows.close();
  }
  refuseBroken(broken, skip);
  warnings.push(...passedOver(contents, broken));
  return tableOf(source, images, rows, [height, width, wanted.channels ?? rows.channels], limits, warnings);
}

function noImages({ others }: ArchiveContents): HebbError {
  const got =
    others.count > 0 ? `${others.count} other files (${others.names.slice(0, 3).map(quoted).join(', ')})` : 'nothing';
  return invalidFile(
    part,
    `the archive has no images (.png, .jpg, .webp, .gif, .tiff, .avif), but ${got}`,
    'CLASS/NAME.png',
  );
}

function refuseBroken(broken: BrokenImages, skip: boolean): void {
  if (skip || broken.faults.length === 0) return;
  const { message, faults } = manyFaults(part, broken.faults, 'invalid-image');
  throw new HebbError('invalid-image', `${message} With "broken": "skip" such images are left out.`, faults);
}

/** The images that go into the dataset, in its order. */
async function labelled(
  source: ImagesSource,
  contents: ArchiveContents,
  warnings: TableWarning[],
): Promise<Labelled[]> {
  const { labels } = source.files;
  const csv = labels ? { name: 'labels', content: await readWhole(labels) } : contents.csv;
  if (csv) {
    const csvPart = labels ? 'labels' : part;
    const rows = readLabels(csv.content, csvPart);
    const folder = labels ? '' : dirname(csv.name).replace(/^\.$/, '');
    const matches = matchLabels(rows, contents.images, folder, csvPart);
    const without = contents.images.length - rows.length;
    if (without > 0) {
      warnings.push({ code: 'unlabelled-images', message: `${without} images have no line in the CSV: left out.` });
    }
    return rows.map(({ label, split, line }, i) => ({ entry: contents.images[matches[i]!]!, label, split, line }));
  }
  const { images, emptyFolders, faults } = classFolders(contents.images, contents.folders);
  if (faults.length > 0) {
    const expected = 'CLASS/NAME.png or SPLIT/CLASS/NAME.png, or a file labels.csv';
    throw manyFaults(
      part,
      faults.slice(0, maxFaults).map(({ entry, message }) => ({
        pointer: `/${part}`,
        message: `the image ${quoted(entry)} ${message}; expected ${expected}`,
        expected,
        received: entry,
      })),
    );
  }
  if (emptyFolders.length > 0) {
    const expected = 'images in the folder of each class';
    throw manyFaults(
      part,
      emptyFolders.slice(0, maxFaults).map((folder) => ({
        pointer: `/${part}`,
        message: `no image is in the folder ${quoted(folder)}: put some of this class there, or leave it out`,
        expected,
        received: folder,
      })),
    );
  }
  return images.sort((a, b) => byName(fileName(a.entry), fileName(b.entry)) || byName(a.entry, b.entry));
}

/** @throws HebbError('too-large') before it is in memory */
async function readWhole(path: string): Promise<Buffer> {
  if ((await stat(path)).size > maxCsvBytes) throw csvTooLarge('labels');
  return readFile(path);
}

/** The size asked for, else the one that most images have; of several that are as common the largest. */
function sizeOf({ image = {} }: ImagesSource, { sizes }: ArchiveContents, warnings: TableWarning[]) {
  if (image.height !== undefined && image.width !== undefined) return { height: image.height, width: image.width };
  const all = [...sizes].map(([key, count]) => {
    const [height, width] = key.split('×').map(Number) as [number, number];
    return { height, width, count };
  });
  if (all.length === 0) throw invalidFile(part, 'none of its images can be read');
  all.sort((a, b) => b.count - a.count || b.height * b.width - a.height * a.width || b.height - a.height);
  const { height, width, count } = all[0]!;
  if (height * width > maxCommonPixels) {
    const message = `most images are ${width} × ${height} pixels; say which size is wanted, for instance "image": {"height": 64, "width": 64}`;
    throw new HebbError('too-large', `/image: ${message}: at most ${maxCommonPixels} pixels are taken unasked.`, [
      { pointer: '/image', message, expected: `≤ ${maxCommonPixels} pixels`, received: height * width },
    ]);
  }
  const total = all.reduce((sum, one) => sum + one.count, 0);
  if (count < total) {
    const message = `${total - count} of ${total} images were not ${width} × ${height}: fitted (${image.fit ?? 'contain'}).`;
    warnings.push({ code: 'images-resized', message });
  }
  return { height, width };
}

/** The second pass. Ends early where enough is broken. */
async function decodeAll(
  source: ImagesSource,
  limits: ArchiveLimits,
  images: Labelled[],
  shape: { height: number; width: number; channels: Channels | 'auto' },
  rows: RowFile,
  broken: BrokenImages,
): Promise<void> {
  const slots = new Map(images.map(({ entry }, slot) => [entry, slot]));
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  const decode = async (slot: number, bytes: Buffer) => {
    try {
      const { pixels, channels } = await decodeImage(bytes, shape, { fit: source.image?.fit });
      rows.write(slot, pixels, channels);
    } catch (error) {
      try {
        broken.add(images[slot]!.entry, brokenMessage(error));
      } catch (unexpected) {
        failure ??= { error: unexpected };
      }
    }
  };
  try {
    for await (const entry of archiveEntries(source.files.file, part, limits)) {
      const slot = entry.folder ? undefined : slots.get(entry.name);
      if (slot === undefined || broken.names.has(entry.name)) continue;
      let bytes: Buffer;
      try {
        bytes = await entry.read();
      } catch (error) {
        broken.add(entry.name, brokenMessage(error));
        continue;
      }
      const others = bytes.length > largeBytes ? 0 : decodesAtOnce - 1;
      while (running.size > others) await Promise.race(running);
      const task: Promise<void> = decode(slot, bytes).finally(() => running.delete(task));
      running.add(task);
      if (others === 0) await task;
      if (failure || (source.broken !== 'skip' && broken.tooMany)) break;
    }
  } finally {
    // The thread must not end while one is being decoded.
    await Promise.all(running);
  }
  if (failure) throw failure.error;
}

function passedOver({ others }: ArchiveContents, broken: BrokenImages): TableWarning[] {
  const warnings: TableWarning[] = [];
  if (others.count > 0) {
    const message = `${others.count} files that are no images were ignored: ${listed(others.names, others.count)}.`;
    warnings.push({ code: 'ignored-files', message });
  }
  if (broken.names.size > 0) {
    const names = [...broken.names].slice(0, maxFaults);
    const message = `${broken.names.size} images cannot be read and were left out: ${listed(names, broken.names.size)}.`;
    warnings.push({ code: 'broken-images', message });
  }
  return warnings;
}

function listed(names: string[], count: number): string {
  const shown = names.slice(0, maxFaults).map(quoted).join(', ');
  return count > Math.min(names.length, maxFaults)
    ? `${shown} and ${count - Math.min(names.length, maxFaults)} more`
    : shown;
}

function tableOf(
  source: ImagesSource,
  all: Labelled[],
  rows: RowFile,
  inputShape: number[],
  limits: ImportLimits,
  warnings: TableWarning[],
): Table {
  const kept = all.map((image, slot) => ({ ...image, slot })).filter(({ slot }) => rows.has(slot));
  const channels = inputShape[2] as Channels;
  const bytes = kept.length * inputShape.reduce((a, b) => a * b);
  if (bytes > limits.maxBytes) {
    throw tooLarge(part, `the images take ${bytes} bytes, at most ${limits.maxBytes} are stored`, limits.maxBytes);
  }
  const { task, classes, targetsOf } = targets(source, kept);
  const partOf = (split: SplitName): Part | undefined => {
    const images = kept.filter((image) => image.split === split);
    if (images.length === 0) return undefined;
    const slots = Uint32Array.from(images, ({ slot }) => slot);
    return { rows: images.length, targets: targetsOf(split), inputs: () => rows.read(slots, channels) };
  };
  const train = partOf('train');
  if (!train) throw invalidFile(part, 'no image is left to train on', '≥ 1 image');
  const [validation, test] = [partOf('validation'), partOf('test')];
  return {
    task,
    inputShape,
    inputType: 'uint8',
    targetShape: task === 'regression' ? [1] : [],
    classes,
    train,
    ...(validation && { validation }),
    ...(test && { test }),
    warnings,
  };
}

function targets(source: ImagesSource, images: (Labelled & { slot: number })[]) {
  const where = (line: number | undefined, entry: string) =>
    line ? `line ${line}: the label` : `${quoted(entry)}: the class`;
  const numbers = images.map(({ label }) => Number(label));
  // Whole numbers are classes, as those of IDX files are: 0 to 9 are digits, not amounts.
  const fractional = numbers.every(Number.isFinite) && !numbers.every(Number.isSafeInteger);
  const task = source.task ?? (fractional ? 'regression' : 'classification');
  const ofSplit = (split: SplitName) => images.flatMap((image, i) => (image.split === split ? [i] : []));
  if (task === 'regression') {
    if (source.classes) throw new HebbError('invalid-data', '/classes: a regression has no classes');
    const faults = images.flatMap(({ label, line, entry }, i) =>
      Number.isFinite(Math.fround(numbers[i]!)) && label.trim() !== ''
        ? []
        : [
            {
              pointer: '/labels',
              message: `${where(line, entry)} must be a number for a regression; got ${quoted(label)}`,
              expected: 'a number',
              received: label,
            },
          ],
    );
    if (faults.length > 0) throw manyFaults('labels', faults);
    return {
      task,
      classes: null,
      targetsOf: (split: SplitName) => Float32Array.from(ofSplit(split), (i) => numbers[i]!),
    } as const;
  }
  const { classes, indices } = resolveClasses(
    [images.map(({ label }) => label)],
    source.classes,
    ({ index, label, expected }) => {
      const { line, entry } = images[index]!;
      const message = `${where(line, entry)} must be ${expected}; got ${quoted(String(label))}`;
      return new HebbError('invalid-data', `file: ${message}.`, [
        { pointer: '/classes', message, expected, received: label },
      ]);
    },
  );
  if (!source.classes && unlikeClasses(classes.length, images.length)) {
    const message = `the ${images.length} images are of ${classes.length} classes, that is fewer than two images a class; one folder for each class, or one label, is expected. If they are meant, name them in "classes"`;
    throw new HebbError('invalid-data', `file: ${message}.`, [
      { pointer: `/${part}`, message, expected: 'classes with several images', received: classes.length },
    ]);
  }
  const all = indices[0]!;
  return { task, classes, targetsOf: (split: SplitName) => Int32Array.from(ofSplit(split), (i) => all[i]!) } as const;
}
