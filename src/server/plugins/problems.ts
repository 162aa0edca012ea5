import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import { HebbError, isNoSpace, noSpaceError, type ProblemCode, problemTable } from '../../errors.ts';

const problemType = 'application/problem+json; charset=utf-8';
/** What clients are told to wait after 429 and 503. */
const retryAfterSeconds = 5;
/** How long the rest of a refused body may keep coming before the connection is cut. */
const discardMs = 10_000;

/** Codes for errors of the framework and its plugins, which carry a status. */
const codeOfStatus: Record<number, ProblemCode> = {
  400: 'invalid-request',
  404: 'not-found',
  406: 'invalid-request',
  413: 'too-large',
  414: 'not-found',
  415: 'unsupported-media-type',
  429: 'too-many-requests',
  503: 'unavailable',
};

/** Every error leaves as application/problem+json: RFC 9457. */
export function installProblems(app: FastifyInstance, config: Config): void {
  const routes = collectRoutes(app);

  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, config));

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]!;
    const methods = allowedMethods(routes, path);
    if (methods.length === 0) {
      const error = new HebbError('not-found', `there is nothing at ${path}; /openapi.json lists every path`);
      return sendError(error, request, reply, config);
    }
    reply.header('allow', methods.join(', '));
    if (request.method === 'OPTIONS') return reply.code(204).send();
    const detail = `${path} does not take ${request.method}, only ${methods.join(', ')}`;
    return sendError(new HebbError('method-not-allowed', detail), request, reply, config);
  });
}

/** Answers with the problem that the error is; what is not known is a bug, is logged and says no more. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, config: Config): FastifyReply {
  const known = toHebbError(error, request, config);
  if (known.status >= 500 && known.code !== 'unavailable') request.log.error({ err: error }, 'request failed');
  if (known.status === 429 || known.status === 503) reply.header('retry-after', String(retryAfterSeconds));
  if (!request.raw.readableEnded) discardRest(request, reply);
  if (isOpenInference(request.url)) return reply.code(known.status).send({ error: known.message });
  return reply.code(known.status).type(problemType).send(JSON.stringify(known.toProblem()));
}

/** The Open Inference Protocol has errors of its own: {error}. */
function isOpenInference(url: string): boolean {
  return /^\/v2(\/|\?|$)/.test(url);
}

/** Answers what is not HTTP at all, where there is no request yet. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const detail =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'the headers are larger than 16 KiB'
      : `the request is not HTTP/1.1 (${error.code ?? error.message})`;
  const body = JSON.stringify(new HebbError('invalid-request', detail).toProblem());
  const head = [
    `HTTP/1.1 400 ${STATUS_CODES[400]}`,
    `Content-Type: ${problemType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function toHebbError(error: unknown, request: FastifyRequest, config: Config): HebbError {
  if (error instanceof HebbError) return error;
  const { code = '', statusCode = 500, message } = error as Partial<FastifyError>;
  if (isNoSpace(error)) return noSpaceError(error);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new HebbError('too-large', tooLargeDetail(request, config));
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return unsupportedMediaType(request);
  // A body whose sender is gone: nobody reads the answer, and it is no bug.
  if (request.raw.destroyed && !request.raw.complete) return new HebbError('invalid-request', 'the body was cut short');
  const known = code.startsWith('FST_') ? codeOfStatus[statusCode] : undefined;
  if (known) return new HebbError(known, message ?? problemTable[known].title, undefined, { cause: error });
  return new HebbError('internal', 'An unexpected error; the service log has it.', undefined, { cause: error });
}

function tooLargeDetail(request: FastifyRequest, config: Config): string {
  if (!request.headers['content-type']?.includes('json')) return 'the body is larger than this call takes';
  return (
    `the JSON body is larger than ${config.maxJsonBytes} bytes; more goes as files: ` +
    'POST /v1/datasets takes IDX files, gzipped or not, as multipart/form-data'
  );
}

function unsupportedMediaType(request: FastifyRequest): HebbError {
  const body = request.routeOptions.schema?.body as { content?: object } | undefined;
  const expected = Object.keys(body?.content ?? { 'application/json': {} });
  const received = request.headers['content-type'];
  const detail = `a body of type ${expected.join(' or ')} was expected, got ${received ?? 'one without Content-Type'}`;
  return new HebbError('unsupported-media-type', detail);
}

/**
 * Lets the rest of a refused body run into the void, so that the client gets to read the answer: closing a socket
 * with unread bytes resets it, and the answer is lost with it; one left paused would never see its next request.
 */
function discardRest(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request;
  reply.removeHeader('connection');
  raw.unpipe();
  raw.resume();
  const timer = setTimeout(() => raw.socket.destroy(), discardMs);
  timer.unref();
  raw.once('end', () => clearTimeout(timer));
  raw.once('close', () => clearTimeout(timer));
}

interface KnownRoute {
  pattern: RegExp;
  methods: string[];
}

/** Patterns and methods of all routes that are added from here on. */
function collectRoutes(app: FastifyInstance): KnownRoute[] {
  const routes: KnownRoute[] = [];
  app.addHook('onRoute', (route) => {
    if (route.url.includes('*')) return;
    // Literal text and, between, what a parameter matches where it says so: /samples/:index(^\\d+).png
    const pieces = route.url.split(/:\w+(\(\^[^)]*\))?/).map((piece = '', i) => {
      if (i % 2 === 0) return piece.replace(/[.+?^$()|[\]\\]/g, '\\$&');
      return piece === '' ? '[^/]+' : piece.replace('(^', '(');
    });
    routes.push({ pattern: new RegExp(`^${pieces.join('')}$`), methods: [route.method].flat() });
  });
  return routes;
}

function allowedMethods(routes: KnownRoute[], path: string): string[] {
  return [...new Set(routes.filter((r) => r.pattern.test(path)).flatMap((r) => r.methods))].sort();
}
