import type { Fault } from '../../errors.ts';
import { type ArchiveLimits, archiveEntries, EntryError, quoted } from './archive.ts';
import { imageSize } from './decode.ts';
import { maxFaults } from './labelsCsv.ts';
import { nameKind } from './layout.ts';

/** What stands in an archive, without the pixels. */
export interface ArchiveContents {
  /** Names of images, in the order of the archive. */
  images: string[];
  folders: string[];
  /** Files that are no images: the first of their names, and how many there are. */
  others: { names: string[]; count: number };
  /** A file called labels.csv, where there is one. */
  csv: { name: string; content: Buffer } | undefined;
  /** How many images have which size ("HEIGHT×WIDTH"), where sizes were asked for. */
  sizes: Map<string, number>;
}

/** Images that cannot be read: how many, and the first of them. */
export class BrokenImages {
  readonly names = new Set<string>();
  readonly faults: Fault[] = [];
  private readonly part: string;

  constructor(part: string) {
    this.part = part;
  }

  add(name: string, message: string): void {
    this.names.add(name);
    if (this.faults.length < maxFaults) {
      const expected = 'a whole PNG, JPEG, WebP, GIF, TIFF or AVIF image';
      this.faults.push({
        pointer: `/${this.part}`,
        message: `the image ${quoted(name)}: ${message}`,
        expected,
        received: name,
      });
    }
  }

  get tooMany(): boolean {
    return this.faults.length >= maxFaults;
  }
}

/**
 * Goes through an archive once.
 * @param options sizes: read the header of each image; stopAt: end early where this says that enough is broken
 * @throws HebbError as archiveEntries
 */
export async function scanArchive(
  path: string,
  part: string,
  limits: ArchiveLimits,
  options: { sizes: boolean; broken: BrokenImages; stop: () => boolean },
): Promise<ArchiveContents> {
  const found: ArchiveContents = {
    images: [],
    folders: [],
    others: { names: [], count: 0 },
    csv: undefined,
    sizes: new Map(),
  };
  for await (const entry of archiveEntries(path, part, limits)) {
    const { name } = entry;
    if (entry.folder) {
      found.folders.push(name);
      continue;
    }
    const kind = nameKind(name);
    if (kind === 'ignored') continue;
    if (kind === 'other') {
      if (/(^|\/)labels\.csv$/i.test(name) && !found.csv) found.csv = { name, content: await entry.read() };
      else noteOther(found, name);
      continue;
    }
    found.images.push(name);
    if (kind === 'otherImage') {
      options.broken.add(
        name,
        `images "${name.slice(name.lastIndexOf('.'))}" are not read: turn them into PNG or JPEG`,
      );
    } else if (options.sizes) {
      try {
        const { height, width } = await imageSize(await entry.read());
        const key = `${height}×${width}`;
        found.sizes.set(key, (found.sizes.get(key) ?? 0) + 1);
      } catch (error) {
        options.broken.add(name, brokenMessage(error));
      }
    }
    if (options.stop()) break;
  }
  return found;
}

function noteOther(found: ArchiveContents, name: string): void {
  found.others.count += 1;
  if (found.others.names.length < 10) found.others.names.push(name);
}

/** What is wrong with one image. Faults of the archive and of the disk are not: those are thrown on. */
export function brokenMessage(error: unknown): string {
  const { syscall, message } = error as NodeJS.ErrnoException;
  const plain = Object.getPrototypeOf(error) === Error.prototype && syscall === undefined;
  if (error instanceof EntryError || plain) return message;
  throw error;
}
