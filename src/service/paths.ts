import { join } from 'node:path';

/** Where things are in a data directory, besides the database. */
export interface Paths {
  /** A folder for each dataset, named by its id. */
  datasets: string;
  /** A folder for each job, with the weights of its model. */
  models: string;
  /** Uploads and trials under way; emptied at every start. */
  tmp: string;
}

export function pathsOf(dataDir: string): Paths {
  return { datasets: join(dataDir, 'datasets'), models: join(dataDir, 'models'), tmp: join(dataDir, 'tmp') };
}
