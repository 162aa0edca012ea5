import { HebbError } from '../errors.ts';
import type { Listed, PageRequest } from '../store/datasets.ts';
import type { Page, PageQuery } from './types.ts';

/**
 * One page of a list, newest first.
 * @param read gives at most `limit` rows that came before one
 * @throws HebbError('invalid-request') for a cursor that no list gave
 */
export function pageOf<Stored, T>(
  { limit, cursor }: PageQuery,
  read: (page: PageRequest) => Listed<Stored>[],
  present: (record: Stored) => T,
): Page<T> {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor(cursor);
  // One more than asked for tells whether there is a next page.
  const rows = read({ before, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const next = rows.length > limit ? encodeCursor(shown.at(-1)!.seq) : null;
  return { items: shown.map(({ record }) => present(record)), next };
}

function encodeCursor(seq: number): string {
  return Buffer.from(`before ${seq}`).toString('base64url');
}

function decodeCursor(cursor: string): number {
  const seq = Number(/^before (\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1]);
  if (seq > 0) return seq;
  const message = 'the cursor is not one that a list gave as "next"';
  throw new HebbError('invalid-request', message, [{ pointer: '/cursor', message, received: cursor.slice(0, 60) }]);
}
