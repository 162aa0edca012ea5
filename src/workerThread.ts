import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';

/** A thread did not come to answer for so long, or took more memory than it may: what it works on keeps it busy. */
export class ThreadLostError extends Error {}

export interface ThreadOptions {
  /** Longest time for the whole. */
  timeoutMs?: number;
  /**
   * Longest time without an answer of the thread's event loop; the module must call `answerPings(workerData)`.
   */
  stallMs?: number;
  /** Most MiB of its JavaScript heap. */
  heapMiB?: number;
  /** Most MiB for young objects [48]; buffers that nobody needs any more pile up to two thirds of that. */
  youngMiB?: number;
}

/**
 * Runs a module in a thread of its own and waits for the one message that it posts; then the thread is gone.
 * @param entry URL of the module without its extension, as new URL('./importWorker', import.meta.url)
 * @throws what the module throws; ThreadLostError; Error where it ends without a message, or takes longer than `timeoutMs`
 */
export async function runInThread<Result>(
  entry: URL,
  workerData: object,
  { timeoutMs, stallMs, heapMiB, youngMiB }: ThreadOptions = {},
): Promise<Result> {
  const { port1: pings, port2: theirs } = new MessageChannel();
  const worker = startThread(entry, { ...workerData, pings: theirs }, theirs, { heapMiB, youngMiB });
  let timer: NodeJS.Timeout | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Result>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', (error: NodeJS.ErrnoException) => {
        const lost = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        reject(lost ? new ThreadLostError('the thread took more memory than it may', { cause: error }) : error);
      });
      worker.once('exit', (code) => reject(new Error(`the thread ended with code ${code} and no answer`)));
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => reject(new Error(`the thread did not answer within ${timeoutMs} ms`)), timeoutMs);
      }
      if (stallMs === undefined) return;
      let unanswered = 0;
      pings.on('message', () => {
        unanswered = 0;
      });
      const tries = 10;
      heartbeat = setInterval(() => {
        if (unanswered++ > tries) reject(new ThreadLostError(`the thread was busy for ${stallMs} ms without a pause`));
        pings.postMessage('ping');
      }, stallMs / tries);
    });
  } finally {
    clearTimeout(timer);
    clearInterval(heartbeat);
    pings.close();
    await worker.terminate();
  }
}

/** Lets the thread that this one was started by know that it gets on. */
export function answerPings({ pings }: { pings?: MessagePort }): void {
  pings?.on('message', () => pings.postMessage('pong'));
  pings?.unref();
}

function startThread(
  entry: URL,
  workerData: object,
  port: MessagePort,
  { heapMiB, youngMiB }: Pick<ThreadOptions, 'heapMiB' | 'youngMiB'>,
): Worker {
  const options = {
    workerData,
    transferList: [port],
    resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: youngMiB },
  };
  // What is built runs as it is; in the source tree a thread has to register the TypeScript loader itself.
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(`${entry.href}.js`), options);
  // By its path, since the name would be looked up as CommonJS, whose variant (4.23) cannot load its own files.
  const tsxPackage = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const tsx = new URL('./dist/esm/api/index.mjs', tsxPackage).href;
  const script = `import { register } from ${JSON.stringify(tsx)}; register(); await import(${JSON.stringify(`${entry.href}.ts`)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), options);
}
