import { type SplitName, splitOf } from '../dataset.ts';
import { quoted } from './archive.ts';

/** An image of an archive, by where it stands. */
export interface PlacedImage {
  /** Name of its entry. */
  entry: string;
  /** The folder that it is in. */
  label: string;
  split: SplitName;
}

export interface Layout {
  images: PlacedImage[];
  /** Folders of a class in which there is no image. */
  emptyFolders: string[];
  /** Entries that are in no class, with what is wrong with them. */
  faults: { entry: string; message: string }[];
}

const imageEndings = /\.(png|jpe?g|jpe|jfif|webp|gif|tiff?|avif)$/i;
/** Images that are not read: better told than passed over. */
const otherImageEndings = /\.(bmp|heic|heif|svg|psd|jp2|jxl|ppm|pgm|raw|cr2|nef|dng)$/i;
const ofTheSystem = /^(__MACOSX|Thumbs\.db|ehthumbs\.db|desktop\.ini|Icon\r)$/i;

export type NameKind = 'image' | 'otherImage' | 'other' | 'ignored';

/** What a name in an archive promises. Hidden files and what systems leave behind are ignored. */
export function nameKind(name: string): NameKind {
  if (name.split('/').some((part) => part.startsWith('.') || ofTheSystem.test(part))) return 'ignored';
  if (imageEndings.test(name)) return 'image';
  return otherImageEndings.test(name) ? 'otherImage' : 'other';
}

/** How many folders around everything can be left out, so that `levels` are left above each of the files. */
export function commonFolders(files: string[], levels: number): number {
  const [first = ''] = files;
  const folders = first.split('/').slice(0, -1);
  let common = 0;
  while (common < folders.length) {
    const prefix = `${folders.slice(0, common + 1).join('/')}/`;
    // Looked at from the end of the name, where most differ: levels folders and the file itself must be left.
    const fits = files.every((file) => file.startsWith(prefix) && file.slice(prefix.length).split('/').length > levels);
    if (!fits) break;
    common += 1;
  }
  return common;
}

/**
 * Finds the classes of images: CLASS/NAME or SPLIT/CLASS/NAME, where folders below a class belong to it, and single
 * folders around everything do not count.
 * @param files names of images
 * @param folders names of folders, for those that are empty
 */
export function classFolders(files: string[], folders: string[]): Layout {
  let skipped = commonFolders(files, 1);
  // A folder of splits around everything is one of them, not one to be left out.
  const around = files[0]?.split('/').slice(0, skipped) ?? [];
  const splitAt = around.findIndex((part) => splitOf(part) !== undefined);
  if (splitAt >= 0) skipped = splitAt;
  const parts = files.map((file) => file.split('/').slice(skipped));
  const splits = areSplits(parts);
  const levels = splits ? 2 : 1;
  const layout: Layout = { images: [], emptyFolders: [], faults: [] };
  const full = new Set<string>();
  for (const [index, path] of parts.entries()) {
    const entry = files[index]!;
    if (path.length <= levels) {
      const where = splits ? `in ${quoted(path[0]!)}, but in no folder of a class` : 'in no folder of a class';
      layout.faults.push({ entry, message: `is ${where}` });
      continue;
    }
    const label = path[levels - 1]!;
    const fault = labelFault(label);
    if (fault) layout.faults.push({ entry, message: fault });
    else layout.images.push({ entry, label, split: splits ? splitOf(path[0]!)! : 'train' });
    full.add(path.slice(0, levels).join('/'));
  }
  for (const folder of folders) {
    const path = folder.split('/').slice(skipped);
    if (path.length !== levels || nameKind(folder) === 'ignored') continue;
    if (splits && splitOf(path[0]!) === undefined) continue;
    if (!full.has(path.join('/'))) layout.emptyFolders.push(folder);
  }
  return layout;
}

/** All in folders of splits, one of them of train, and at least one with a folder of a class below. */
function areSplits(paths: string[][]): boolean {
  const split = (path: string[]) => (path.length > 1 ? splitOf(path[0]!) : undefined);
  return (
    paths.length > 0 &&
    paths.every((path) => split(path) !== undefined) &&
    paths.some((path) => split(path) === 'train') &&
    paths.some((path) => path.length > 2)
  );
}

export const maxLabelLength = 200;

/** What is wrong with a text as the name of a class. */
export function labelFault(label: string): string | undefined {
  if (label.length > maxLabelLength) return `is of a class whose name has more than ${maxLabelLength} characters`;
  if (/\p{Cc}/u.test(label)) return 'is of a class whose name has control characters';
  if (label.includes('\ufffd')) return 'is of a class whose name is not UTF-8';
  return undefined;
}

/** By code point, so that the order is the same everywhere. */
export function byName(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The last part of a path. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
