// A short round of the drill: npm run drill does many.
import { expect, test } from 'vitest';
import { drill } from '../scripts/drill/drill.ts';

test.skipIf(process.platform !== 'linux')(
  'a job whose processes are killed in every way ends in the same bits, and nothing is missing',
  { timeout: 180_000 },
  async () => {
    const kills = [
      'the training process is killed',
      'the service is killed',
      'the newest checkpoint is spoilt and both are killed',
    ];
    const { rounds, faults, restarts } = await drill({
      rounds: kills.length,
      seed: 1,
      jobs: ['adam, dropout, many epochs'],
      script: kills,
    });
    expect(rounds).toBe(kills.length);
    expect(restarts).toBeGreaterThanOrEqual(kills.length);
    expect(faults).toEqual(Object.fromEntries(kills.map((kill) => [kill, 1])));
  },
);
