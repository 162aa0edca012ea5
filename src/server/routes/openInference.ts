import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import { HebbError } from '../../errors.ts';
import type { Services } from '../../service/types.ts';
import { parseJson } from '../plugins/json.ts';
import { bodyCheckedByService } from '../plugins/validation.ts';
import * as schemas from '../schemas/openInference.ts';
import type { ServiceInfo } from './operation.ts';

/** Of a request with binary tensors. */
const maxBinaryBytes = 32 * 1024 ** 2;

const headerLength = 'inference-header-content-length';

type Params = { name: string; version?: string };

/** The Open Inference Protocol, version 2, for clients that know it. */
export function openInferenceRoutes(
  app: FastifyInstance,
  services: Services,
  config: Config,
  { name, version }: ServiceInfo,
  isStopping: () => boolean,
): void {
  const { openInference } = services;
  // Clients of the protocol send JSON and binary data with any content type, or none.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    '*',
    { parseAs: 'buffer', bodyLimit: Math.max(config.maxJsonBytes, Math.min(maxBinaryBytes, config.maxUploadBytes)) },
    async (_request: FastifyRequest, body: Buffer) => body,
  );

  app.get('/v2', { schema: schemas.server }, async () => ({
    name,
    version,
    extensions: ['binary_tensor_data', 'classification'],
  }));

  app.get('/v2/health/live', { schema: schemas.live, logLevel: 'warn' }, async () => ({ live: true }));

  app.get('/v2/health/ready', { schema: schemas.ready, logLevel: 'warn' }, async () => {
    if (isStopping() || !services.ready()) throw new HebbError('unavailable', 'the service takes no work now');
    return { ready: true };
  });

  // Its body, a filter, is not looked at.
  app.post('/v2/repository/index', { schema: schemas.index, validatorCompiler: bodyCheckedByService }, async () =>
    openInference.index(),
  );

  for (const [path, of] of [
    ['/v2/models/:name', schemas.ofModel],
    ['/v2/models/:name/versions/:version', schemas.ofVersion],
  ] as const) {
    app.get<{ Params: Params }>(path, { schema: of.metadata }, async ({ params }) =>
      openInference.metadata(params.name, params.version),
    );
    app.get<{ Params: Params }>(`${path}/ready`, { schema: of.ready, logLevel: 'warn' }, async ({ params }) =>
      openInference.ready(params.name, params.version),
    );
    app.post<{ Params: Params }>(
      `${path}/infer`,
      { schema: of.infer, validatorCompiler: bodyCheckedByService },
      async (request, reply) => infer(request, reply),
    );
  }

  async function infer({ params, body, headers }: FastifyRequest<{ Params: Params }>, reply: FastifyReply) {
    const [text, binary] = split((body as Buffer | undefined) ?? Buffer.alloc(0), headers[headerLength]);
    if (text.length > config.maxJsonBytes) {
      const hint = 'larger tensors go as binary data';
      throw new HebbError('too-large', `the JSON of a request is at most ${config.maxJsonBytes} bytes; ${hint}`);
    }
    const request = parseJson(text, config.maxJsonDepth, 'the JSON of the request');
    const answer = await openInference.infer(params.name, params.version, request, binary);
    if (answer.binary.length === 0) return answer.response;
    const json = Buffer.from(JSON.stringify(answer.response));
    return reply
      .type('application/octet-stream')
      .header(headerLength, String(json.length))
      .send(Buffer.concat([json, ...answer.binary]));
  }
}

/** The JSON that a body begins with, and the binary data behind it. */
function split(body: Buffer, length: string | string[] | undefined): [Buffer, Buffer] {
  if (length === undefined) return [body, body.subarray(body.length)];
  const bytes = typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : Number.NaN;
  if (bytes <= body.length) return [body.subarray(0, bytes), body.subarray(bytes)];
  throw new HebbError(
    'invalid-request',
    `Inference-Header-Content-Length must be the length of the JSON in a body of ${body.length} bytes, got "${String(length).slice(0, 60)}"`,
  );
}
