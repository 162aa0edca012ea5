import { statfs } from 'node:fs/promises';

const megabytes = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MB`;

/**
 * A function that tells what is wrong with the room on a folder's disk; null where nothing is.
 * @param leastBytes of room; 0: any will do
 */
export function diskSpaceOf(folder: string, leastBytes: number): () => Promise<string | null> {
  return async () => {
    if (leastBytes === 0) return null;
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free >= leastBytes) return null;
    return `The disk of the data directory has ${megabytes(free)} left, less than the ${megabytes(leastBytes)} of HEBB_MIN_FREE_BYTES.`;
  };
}
