import type { FastifyInstance } from 'fastify';
import { HebbError } from '../../errors.ts';
import type { Services } from '../../service/types.ts';
import * as schemas from '../schemas/operation.ts';

/** What runs here, as /v1/info tells it. */
export interface ServiceInfo {
  name: string;
  version: string;
  isa: string;
  /** Of one training process. */
  threads: number;
  /** That train at once. */
  jobs: number;
  kernelVersion: string;
}

export function operationRoutes(
  app: FastifyInstance,
  services: Services,
  info: ServiceInfo,
  isStopping: () => boolean,
): void {
  const { name, version } = info;
  app.get('/', { schema: schemas.root }, async () => ({
    name,
    version,
    links: {
      docs: '/docs',
      openapi: '/openapi.json',
      datasets: '/v1/datasets',
      jobs: '/v1/jobs',
      presets: '/v1/presets',
      models: '/v1/models',
      info: '/v1/info',
    },
  }));

  // Asked every few seconds by machines: not worth a line in the log.
  app.get('/healthz', { schema: schemas.health, logLevel: 'warn' }, async () => ({ status: 'ok' }));

  app.get('/readyz', { schema: schemas.ready, logLevel: 'warn' }, async () => {
    if (isStopping()) throw new HebbError('unavailable', 'the service is stopping');
    if (!services.ready()) throw new HebbError('unavailable', 'the service takes no work now');
    return { status: 'ok' };
  });

  app.get('/v1/info', { schema: schemas.info }, async () => info);
}
