import cors from '@fastify/cors';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { uuidv7 } from 'uuidv7';
import type { Config } from '../config.ts';
import { HebbError } from '../errors.ts';
import type { Services } from '../service/types.ts';
import { installJsonParser } from './plugins/json.ts';
import { installOpenapi } from './plugins/openapi.ts';
import { answerClientError, installProblems, sendError } from './plugins/problems.ts';
import { installRequestLog } from './plugins/requestLog.ts';
import { installValidation } from './plugins/validation.ts';
import { datasetRoutes } from './routes/datasets.ts';
import { eventRoutes, type StreamTimes } from './routes/events.ts';
import { insightRoutes } from './routes/insight.ts';
import { jobRoutes } from './routes/jobs.ts';
import { modelRoutes } from './routes/models.ts';
import { openInferenceRoutes } from './routes/openInference.ts';
import { operationRoutes, type ServiceInfo } from './routes/operation.ts';
import { predictionRoutes } from './routes/predictions.ts';
import { presetRoutes } from './routes/presets.ts';

export interface AppOptions {
  info: ServiceInfo;
  /** Left out: no log. */
  logger?: FastifyBaseLogger;
  /** Of event streams. */
  streams?: StreamTimes;
}

/** The HTTP interface over the services; who calls it decides where it listens. */
export function buildApp(services: Services, config: Config, options: AppOptions): FastifyInstance {
  // Ids of requests: a random part for the process, and a number.
  const process = uuidv7().slice(-12);
  let requests = 0;
  const app: FastifyInstance = fastify({
    ...(options.logger && { loggerInstance: options.logger }),
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: ({ headers }) => saneRequestId(headers['x-request-id']) ?? `${process}-${(requests++).toString(36)}`,
    // While it closes, connections that are still open get true answers; /readyz says that it stops.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      sendError(error, request, reply, config);
    },
    clientErrorHandler: answerClientError,
  });

  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      const message = `a body without Content-Encoding was expected, got "${encoding}"`;
      return done(new HebbError('unsupported-media-type', message));
    }
    done();
  });
  let stopping = false;
  app.addHook('preClose', async () => {
    stopping = true;
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    // A connection that stays open for the next request would keep the server from closing.
    if (stopping) reply.header('connection', 'close');
    done(null, payload);
  });
  installRequestLog(app);
  installProblems(app, config);
  installValidation(app);
  installJsonParser(app, config);
  if (config.corsOrigins.length > 0) {
    app.register(cors, {
      origin: config.corsOrigins.includes('*') ? '*' : config.corsOrigins,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: [
        'Location',
        'ETag',
        'Content-Disposition',
        'Retry-After',
        'X-Request-Id',
        'Inference-Header-Content-Length',
      ],
      strictPreflight: false,
    });
  }
  installOpenapi(app, options.info.version);

  app.register(async (scope) => operationRoutes(scope, services, options.info, () => stopping));
  app.register(async (scope) => datasetRoutes(scope, services, config));
  app.register(async (scope) => jobRoutes(scope, services, config));
  app.register(async (scope) => presetRoutes(scope, services));
  app.register(async (scope) => eventRoutes(scope, services, options.streams ?? {}));
  app.register(async (scope) => modelRoutes(scope, services, config));
  app.register(async (scope) => predictionRoutes(scope, services, config));
  app.register(async (scope) => openInferenceRoutes(scope, services, config, options.info, () => stopping));
  app.register(async (scope) => insightRoutes(scope, services, config));
  return app;
}

/** A client's own id is taken where it cannot harm a log. */
function saneRequestId(id: string | string[] | undefined): string | undefined {
  return typeof id === 'string' && /^[\w.:/+=-]{1,128}$/.test(id) ? id : undefined;
}
