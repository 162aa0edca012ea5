import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/globalSetup.ts',
    pool: 'forks',
    // Many tests wait for processes: one more than cores.
    maxWorkers: availableParallelism() + 1,
    // Loading the sources anew for each file takes a tenth of the time; no test changes what is shared.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
