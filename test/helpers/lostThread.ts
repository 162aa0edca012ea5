import { parentPort, workerData } from 'node:worker_threads';
import { answerPings } from '../../src/workerThread.ts';

/** A thread that never pauses, takes memory without an end, or works for a while with pauses. */
answerPings(workerData);
if (workerData.kind === 'busy') while (workerData.kind === 'busy');
if (workerData.kind === 'greedy') for (const kept: number[][] = []; ; ) kept.push(new Array(10_000).fill(kept.length));
for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 100));
parentPort!.postMessage('done');
