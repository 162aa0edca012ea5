import { createHash } from 'node:crypto';
import { HebbError } from '../errors.ts';
import type { IdempotencyKey, IdempotencyStore } from '../store/idempotency.ts';

export interface Idempotency {
  /**
   * Does a request once for its key: the same request again, also while the first is under way, gives the same job.
   * @param create does it, and stores the key together with the job
   * @returns the job's id
   * @throws HebbError('idempotency-mismatch') where the key came with another request before; what `create` throws is
   * forgotten, so that the request can be sent again
   */
  once(key: string, request: unknown, create: (key: IdempotencyKey) => Promise<string>): Promise<string>;
}

export function createIdempotency(store: IdempotencyStore): Idempotency {
  const underWay = new Map<string, { hash: string; job: Promise<string> }>();

  return {
    async once(key, request, create) {
      const hash = createHash('sha256').update(JSON.stringify(request)).digest('hex');
      const before = underWay.get(key) ?? store.find(key);
      if (before && before.hash !== hash) {
        throw new HebbError(
          'idempotency-mismatch',
          `the Idempotency-Key "${key}" came with another request before: use a new key for a new request`,
        );
      }
      if (before) return before.job;
      const job = create({ key, hash });
      underWay.set(key, { hash, job });
      try {
        return await job;
      } finally {
        underWay.delete(key);
      }
    },
  };
}
