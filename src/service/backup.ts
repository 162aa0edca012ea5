import { constants, existsSync } from 'node:fs';
import { copyFile, link, lstat, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { splitNames } from '../data/dataset.ts';
import { syncPath } from '../data/durableFile.ts';
import { splitPath } from '../data/store.ts';
import { databaseFile } from '../store/database.ts';
import { type NamedFiles, namedFiles, openBeside } from '../store/snapshot.ts';
import { historyFileOf } from '../training/jobFiles.ts';
import { runInThread } from '../workerThread.ts';
import { pathsOf } from './paths.ts';

/** While the database is written, files that come are taken every so often: a checkpoint may not live long. */
const lookEveryMs = 100;
const historySuffix = historyFileOf('.safetensors');

/** A snapshot that names a file which came and went within that time is written anew. */
const mostSnapshots = 3;

export interface Backup {
  datasets: number;
  models: number;
  /** Files that the database names and the data directory does not have: it was damaged before. */
  missing: string[];
}

/**
 * Makes a copy of a data directory, which a service may be using, that is a data directory itself: all that was acknowledged
 * before is in it, and jobs under way go on from where they were. Files that never change are hard links where the file
 * system has them; no file of the copy is ever written to by the service that goes on.
 * @param target must not exist; appears in full or not at all
 * @throws Error where it exists, or there is no data directory
 */
export async function backUp(dataDir: string, target: string): Promise<Backup> {
  const path = resolve(target);
  refuseInside(dataDir, path);
  if (existsSync(path)) throw new Error(`${path} exists: name a folder that does not`);
  const live = openBeside(dataDir);
  let partial: string | undefined;
  const removePartial = () => partial && rm(partial, { recursive: true, force: true });
  try {
    await mkdir(dirname(path), { recursive: true });
    partial = await mkdtemp(`${path}.partial-`);
    const copy = new DirectoryCopy(dataDir, partial);
    const takeNew = () => copy.takeNamed(namedFiles(live));
    await takeNew();
    for (let snapshots = 1; ; snapshots++) {
      await writing(() => snapshot(dataDir, partial!), takeNew);
      const named = snapshotFiles(partial);
      await copy.takeNamed(named);
      // After the checkpoints: a history may be longer than a checkpoint says, never shorter.
      await copy.takeHistories();
      const missing = copy.missing(named);
      if (missing.length > 0 && snapshots < mostSnapshots) continue;
      await copy.sync();
      await rename(partial, path);
      await syncPath(dirname(path));
      return { datasets: named.datasets.length, models: named.models, missing };
    }
  } catch (error) {
    await removePartial();
    throw error;
  } finally {
    live.close();
  }
}

/** What the service tidies away, or takes for its own, is no place for a backup. */
function refuseInside(dataDir: string, target: string): void {
  for (const folder of Object.values(pathsOf(resolve(dataDir)))) {
    const path = relative(folder, target);
    if (path === '..' || path.startsWith(`..${sep}`)) continue;
    throw new Error(`${target} lies in ${folder}, which the service keeps for itself: name a folder outside`);
  }
}

/** Does the work, and meanwhile something else from time to time. */
async function writing(work: () => Promise<unknown>, meanwhile: () => Promise<void>): Promise<void> {
  let done = false;
  const working = work().finally(() => {
    done = true;
  });
  // Awaited below; a failure of what is done meanwhile must not leave it without anybody.
  working.catch(() => {});
  while (!done) {
    await meanwhile();
    await Promise.race([working, sleep(lookEveryMs)]);
  }
  await working;
}

async function snapshot(dataDir: string, targetDir: string): Promise<void> {
  await rm(join(targetDir, databaseFile), { force: true });
  await runInThread(new URL('./snapshotWorker', import.meta.url), { dataDir, targetDir });
}

function snapshotFiles(targetDir: string): NamedFiles & { models: number } {
  const db = openBeside(targetDir);
  try {
    const [{ models }] = db.prepare('SELECT COUNT(*) AS models FROM models').all() as [{ models: number }];
    return { ...namedFiles(db), models };
  } finally {
    db.close();
  }
}

/** Takes files of a data directory over into another one. */
class DirectoryCopy {
  private readonly from: string;
  private readonly to: string;
  private readonly taken = new Set<string>();
  private readonly folders = new Set<string>();
  private linking = true;

  constructor(from: string, to: string) {
    this.from = from;
    this.to = to;
  }

  /** Takes those that are there and were not taken before. They never change, so a link is a copy. */
  async takeNamed(files: NamedFiles): Promise<void> {
    for (const path of this.pathsOf(files)) {
      if (this.taken.has(path) || !(await this.isFile(path))) continue;
      await this.makeFolder(path);
      if (await this.linkOrCopy(path)) this.taken.add(path);
    }
  }

  /** Copies the histories of all jobs: these grow, and are cut off where a job goes on from before. */
  async takeHistories(): Promise<void> {
    const { models } = pathsOf('');
    for (const folder of await readdir(join(this.from, models), { withFileTypes: true })) {
      if (!folder.isDirectory()) continue;
      const names = (await ignoreAbsent(readdir(join(this.from, models, folder.name)))) ?? [];
      for (const name of names.filter((other) => other.endsWith(historySuffix))) {
        const path = join(models, folder.name, name);
        if (!(await this.isFile(path))) continue;
        await this.makeFolder(path);
        await ignoreAbsent(copyFile(join(this.from, path), join(this.to, path), constants.COPYFILE_FICLONE));
      }
    }
  }

  missing(files: NamedFiles): string[] {
    return this.pathsOf(files).filter((path) => !this.taken.has(path));
  }

  /** Makes all of it survive a power failure. */
  async sync(): Promise<void> {
    const entries = await readdir(this.to, { recursive: true, withFileTypes: true });
    for (const entry of entries) await syncPath(join(entry.parentPath, entry.name));
    await syncPath(this.to);
  }

  private pathsOf({ datasets, jobs }: NamedFiles): string[] {
    const paths = pathsOf('');
    return [
      ...datasets.flatMap((id) => splitNames.map((split) => splitPath(join(paths.datasets, id), split))),
      // A name is no path: a row that was tampered with leads nowhere else.
      ...jobs.map(({ id, file }) => join(paths.models, basename(id), basename(file))),
    ];
  }

  private async isFile(path: string): Promise<boolean> {
    const found = await ignoreAbsent(lstat(join(this.from, path)));
    return found?.isFile() ?? false;
  }

  private async makeFolder(path: string): Promise<void> {
    const folder = dirname(join(this.to, path));
    if (this.folders.has(folder)) return;
    await mkdir(folder, { recursive: true });
    this.folders.add(folder);
  }

  /** False where the file went meanwhile. */
  private async linkOrCopy(path: string): Promise<boolean> {
    const [from, to] = [join(this.from, path), join(this.to, path)];
    if (this.linking) {
      try {
        await link(from, to);
        return true;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return false;
        // Another file system, one without links, or files of another user: they are copied.
        this.linking = false;
      }
    }
    const copied = ignoreAbsent(
      copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).then(() => true),
    );
    return (await copied) ?? false;
  }
}

async function ignoreAbsent<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
