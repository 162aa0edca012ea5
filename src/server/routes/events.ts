import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { JobEvent, Services } from '../../service/types.ts';
import { isFinal } from '../../training/states.ts';
import type { IdParams } from '../schemas/common.ts';
import * as schemas from '../schemas/jobs.ts';

const reconnectMs = 2000;

export interface StreamTimes {
  /** How often a silent stream says that it is still there [15 s]. */
  heartbeatMs?: number;
  /** A reader that takes nothing for so long is gone [60 s]. */
  stalledMs?: number;
}

/** Server-sent events (WHATWG HTML, section 9.2) of a job. */
export function eventRoutes(app: FastifyInstance, services: Services, times: StreamTimes): void {
  const { heartbeatMs = 15_000, stalledMs = 60_000 } = times;
  const open = new Set<AbortController>();
  // A stream ends only with its job; stopping must not wait for that.
  app.addHook('preClose', async () => {
    for (const controller of open) controller.abort();
  });

  app.get<{ Params: IdParams }>(
    '/v1/jobs/:id/events',
    // HEAD would follow the job to its end to tell the length.
    { schema: schemas.events, exposeHeadRoute: false },
    async (request, reply) => {
      const job = services.jobs.get(request.params.id);
      const lastId = request.headers['last-event-id'];
      const after = lastId ? Number(lastId) : undefined;

      const controller = new AbortController();
      const pages = services.jobs.eventPages(job.id, after, controller.signal)[Symbol.asyncIterator]();
      open.add(controller);
      reply.raw.once('close', () => {
        open.delete(controller);
        controller.abort();
        // One that waits is ended by the signal, one that stands at a page by this; a failure then is nobody's.
        pages.return?.().catch(() => {});
      });
      let first = pages.next();
      if (after !== undefined && isFinal(job.state)) {
        const result = await first;
        // Browsers come back for ever to a stream that ends; 204 tells them to stop.
        if (result.done) return reply.code(204).send();
        first = Promise.resolve(result);
      }

      reply.raw.setTimeout(stalledMs, () => reply.raw.destroy());
      return reply
        .type('text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(Readable.from(frames(pages, first, controller.signal, heartbeatMs)));
    },
  );
}

/** The text of the stream. The reader pulls, so a slow one holds nothing here but the page that it is at. */
async function* frames(
  pages: AsyncIterator<readonly JobEvent[]>,
  first: Promise<IteratorResult<readonly JobEvent[]>>,
  signal: AbortSignal,
  heartbeatMs: number,
): AsyncGenerator<Buffer> {
  yield Buffer.from(`retry: ${reconnectMs}\n\n`);
  let next = first;
  while (!signal.aborted) {
    const result = await within(next, heartbeatMs, signal);
    if (result === 'aborted') return;
    if (result === 'late') {
      yield heartbeat;
      continue;
    }
    if (result.done) return;
    yield textOf(result.value);
    next = pages.next();
  }
}

const heartbeat = Buffer.from(': still here\n\n');

/** The text of pages, made once for all who are given the same one. */
const texts = new WeakMap<readonly JobEvent[], Buffer>();

function textOf(page: readonly JobEvent[]): Buffer {
  const known = texts.get(page);
  if (known) return known;
  const frames = page.map(({ id, type, data }) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  const text = Buffer.from(frames.join(''));
  texts.set(page, text);
  return text;
}

/** What the promise gives, or which of the two came before it. */
function within<T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T | 'late' | 'aborted'> {
  return new Promise((resolve, reject) => {
    const finish = (value: T | 'late' | 'aborted') => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(value);
    };
    const onAbort = () => finish('aborted');
    const timer = setTimeout(() => finish('late'), ms);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(finish, (error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
  });
}
