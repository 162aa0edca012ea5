import { onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { buildApp } from '../../src/server/app.ts';
import type { Services } from '../../src/service/types.ts';

/** The HTTP interface of real services, on a free port until the test is over. @returns its URL */
export async function listening(services: Services): Promise<string> {
  const info = { name: 'hebb', version: '0.1.0', isa: 'avx2', threads: 1, jobs: 1, kernelVersion: '1' };
  const app = buildApp(services, readConfig({ HEBB_LOG_LEVEL: 'silent' }), { info });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  return url;
}
