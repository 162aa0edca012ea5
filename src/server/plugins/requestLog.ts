import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';

/** Calls that may come thousands of times a second, and change nothing. */
const frequent = /^(\/predict|\/v1\/models\/:id\/predict|\/v2\/.*\/infer)$/;

/**
 * One line for each request, when it is answered: what changed something or failed as information, reads and predictions that
 * went well only at the level "debug".
 */
export function installRequestLog(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const { statusCode } = reply;
    const quiet = method === 'GET' || method === 'HEAD' || frequent.test(request.routeOptions.url ?? '');
    const level = statusCode < 400 && quiet ? 'debug' : 'info';
    if ((request.log as Partial<Logger>).isLevelEnabled?.(level) !== false) {
      const ms = Math.round(10 * reply.elapsedTime) / 10;
      request.log[level]({ method, url: request.url, status: statusCode, ms }, 'request');
    }
    done();
  });
}
