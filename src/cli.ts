#!/usr/bin/env node
import { run } from './cli/run.ts';

// Whoever reads our output may stop reading: `hebb jobs list | head -1`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

// Output that is still on its way is written before the process ends; `hebb serve` goes on.
process.exitCode = await run(process.argv.slice(2));
