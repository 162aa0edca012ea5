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
