import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointNote, TrainingResult } from './protocol.ts';

/*
 * Names of the files in a job's folder. All carry the number of the attempt that writes them, so that one that was given up and
 * still lives for a moment spoils nothing.
 */

export const weightsFileOf = (attempt: number): string => `${attempt}.safetensors`;

/** After so many steps. */
export const checkpointFileOf = (attempt: number, step: number): string => `${attempt}-${step}.checkpoint`;

/** The history that belongs to a weights file. */
export const historyFileOf = (weightsFile: string): string => weightsFile.replace(/\.safetensors$/, '.history');
export const isHistoryFile = (file: string): boolean => file.endsWith('.history');

/** A checkpoint that came from another job. */
export const forkFileOf = (step: number): string => `fork-${step}.checkpoint`;
export const isForkFile = (file: string): boolean => file.startsWith('fork-');

/** Removes all files of a job that has ended but its checkpoints and, where it left one, its model; the folder where none is left. */
export async function keepOnly(
  directory: string,
  checkpoints: CheckpointNote[],
  result: TrainingResult | null | undefined,
): Promise<void> {
  const kept = checkpoints.map(({ file }) => file);
  if (result) kept.push(result.weightsFile, historyFileOf(result.weightsFile));
  if (kept.length === 0) return rm(directory, { recursive: true, force: true });
  for (const name of await readdir(directory)) {
    if (!kept.includes(name)) await rm(join(directory, name), { force: true });
  }
}
