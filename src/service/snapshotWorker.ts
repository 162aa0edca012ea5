import { parentPort, workerData } from 'node:worker_threads';
import { writeSnapshot } from '../store/snapshot.ts';

/** The entry of the thread that writes the snapshot of a backup. */
const { dataDir, targetDir } = workerData as { dataDir: string; targetDir: string };
writeSnapshot(dataDir, targetDir);
parentPort!.postMessage('done');
