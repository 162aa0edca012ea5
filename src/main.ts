import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { readConfig } from './config.ts';
import { kernelVersion, returnFreedMemory, selectIsa } from './native.ts';
import { buildApp } from './server/app.ts';
import { createServices } from './service/index.ts';
import type { Services } from './service/types.ts';

/** Requests under way get so long to finish, then their connections are cut. */
const drainMs = 4000;
/** After so long the process ends as it is; what it leaves is taken up at the next start. */
const stopMs = 9000;

async function main(): Promise<void> {
  // Uploads and the threads that read them come and go, in a process that stays for months.
  returnFreedMemory();
  const config = orExit(() => readConfig());
  const isa = orExit(() => selectIsa(config.isa));
  const logger = pino({ level: config.logLevel });
  for (const event of ['uncaughtException', 'unhandledRejection']) {
    process.on(event, (error) => {
      logger.fatal({ err: error }, event);
      process.exit(1);
    });
  }

  // A folder that another server has, or that cannot be written: the operator's matter as well.
  const services = await createServices(config, logger).catch((error) =>
    orExit((): Services => {
      throw error;
    }),
  );
  const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const info = { name, version, isa, threads: config.threads, jobs: config.jobs, kernelVersion };
  const app = buildApp(services, config, { info, logger });

  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping; once more to stop at once');
    setTimeout(() => app.server.closeAllConnections(), drainMs);
    setTimeout(() => {
      logger.warn('stopped in the middle of something');
      process.exit(1);
    }, stopMs);
    await Promise.all([services.stop(), app.close()]);
    await services.close();
    logger.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    // A port in use or an unknown host is a wrong setting too.
    await services.close();
    orExit(() => {
      throw error;
    });
  }
}

/** Settings are the operator's, so what is wrong with them is told in words, without a stack. */
function orExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`hebb: ${(error as Error).message}\n`);
    process.exit(1);
  }
}

await main();
