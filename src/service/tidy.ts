import type { Dirent } from 'node:fs';
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import type { Logger } from 'pino';
import { splitNames } from '../data/dataset.ts';
import { reportPath } from '../data/report/report.ts';
import { splitPath } from '../data/store.ts';
import type { Store } from '../store/store.ts';
import { historyFileOf, isHistoryFile } from '../training/jobFiles.ts';
import type { Paths } from './paths.ts';

/** Files of a dataset. */
const datasetFiles: readonly string[] = [...splitNames.map((split) => splitPath('', split)), reportPath('')].map(
  (path) => basename(path),
);

/**
 * Makes the folders, and removes what a service that was killed left half done, or anybody else: what no row of the database
 * names was never promised. Links are removed, never followed: what they lead to is not ours. What cannot be removed is told
 * and left.
 */
export async function tidy(store: Store, paths: Paths, logger: Logger): Promise<void> {
  const remove = async (path: Buffer, why: string) => {
    try {
      await rm(path, { recursive: true, force: true });
      logger.info({ path: path.toString() }, why);
    } catch (error) {
      logger.warn({ err: error, path: path.toString() }, 'a leftover could not be removed');
    }
  };
  /** Removes all of a folder that is not wanted. */
  const sweep = async (folder: string, wanted: (entry: Dirent, name: string) => boolean): Promise<void> => {
    // As bytes: a name need not be UTF-8.
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const name = entry.name.toString();
      if (wanted(entry as unknown as Dirent, name)) continue;
      await remove(Buffer.concat([Buffer.from(folder + sep), entry.name]), 'removed what no row of the database names');
    }
  };
  /** Removes all but the folders of these names, and all in these but the files that they may have. */
  const sweepFolders = async (folder: string, wanted: Map<string, (file: string) => boolean>): Promise<void> => {
    await sweep(folder, (entry, name) => entry.isDirectory() && wanted.has(name));
    for (const name of await readdir(folder)) {
      await sweep(join(folder, name), (entry, file) => entry.isFile() && wanted.get(name)!(file));
    }
  };

  // Emptied, for it may be a place where another disk is mounted; another thing of that name goes.
  const tmp = await lstat(paths.tmp).catch(() => undefined);
  if (tmp && !tmp.isDirectory()) await remove(Buffer.from(paths.tmp), 'removed what stood in the place of a folder');
  for (const path of Object.values(paths)) await mkdir(path, { recursive: true });
  await sweep(paths.tmp, () => false);
  await sweepFolders(
    paths.datasets,
    new Map(store.datasets.ids().map((id) => [id, (file) => datasetFiles.includes(file)])),
  );
  const weights = new Map(store.models.files().map(({ id, weightsFile }) => [id, weightsFile]));
  const checkpoints = new Map<string, Set<string>>();
  for (const { job, file } of store.checkpoints.files())
    checkpoints.set(job, (checkpoints.get(job) ?? new Set()).add(file));
  const filesOf = (job: string) => (file: string) => {
    const weightsFile = weights.get(job);
    if (checkpoints.get(job)?.has(file) || file === weightsFile) return true;
    // The histories of a job that is not finished belong to its checkpoints.
    return weightsFile === undefined ? isHistoryFile(file) : file === historyFileOf(weightsFile);
  };
  const jobs = new Set([...weights.keys(), ...checkpoints.keys()]);
  await sweepFolders(paths.models, new Map([...jobs].map((job) => [job, filesOf(job)])));
}
