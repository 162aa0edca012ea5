// A copy of the data directory while the service runs: node dist/backup.js TARGET. Reads HEBB_DATA_DIR.
import { constants, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { readConfig } from './config.ts';
import { backUp } from './service/backup.ts';

async function main(): Promise<void> {
  const [target, ...rest] = process.argv.slice(2);
  if (target === undefined || target.startsWith('-') || rest.length > 0) {
    throw new Error('one argument was expected: the folder to make, for instance `npm run backup -- backups/monday`');
  }
  // The service and its training go first.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const { datasets, models, missing } = await backUp(readConfig().dataDir, target);
  for (const file of missing) process.stderr.write(`hebb: missing before the backup already: ${file}\n`);
  process.stdout.write(`${resolve(target)}: ${datasets} datasets, ${models} models\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`hebb: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
