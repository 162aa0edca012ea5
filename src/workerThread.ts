import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/**
 * Runs a module in a thread of its own and waits for the one message that it posts; then the thread is gone.
 * @param entry URL of the module without its extension, as new URL('./importWorker', import.meta.url)
 * @throws what the module throws; Error where it ends without a message, or takes longer than `timeoutMs`
 */
export async function runInThread<Result>(
  entry: URL,
  workerData: unknown,
  { timeoutMs }: { timeoutMs?: number } = {},
): Promise<Result> {
  const worker = startThread(entry, workerData);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Result>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the thread ended with code ${code} and no answer`)));
      if (timeoutMs === undefined) return;
      timer = setTimeout(() => reject(new Error(`the thread did not answer within ${timeoutMs} ms`)), timeoutMs);
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

function startThread(entry: URL, workerData: unknown): Worker {
  // What is built runs as it is; in the source tree a thread has to register the TypeScript loader itself.
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(`${entry.href}.js`), { workerData });
  // By its path, since the name would be looked up as CommonJS, whose variant (4.23) cannot load its own files.
  const tsxPackage = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const tsx = new URL('./dist/esm/api/index.mjs', tsxPackage).href;
  const script = `import { register } from ${JSON.stringify(tsx)}; register(); await import(${JSON.stringify(`${entry.href}.ts`)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { workerData });
}
