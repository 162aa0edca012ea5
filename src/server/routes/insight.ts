import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Config } from '../../config.ts';
import { HebbError } from '../../errors.ts';
import type { Services } from '../../service/types.ts';
import { imageBytesOf, readInvert, readModelInputs, takeImages } from '../modelInputs.ts';
import type { IdParams } from '../schemas/common.ts';
import * as schemas from '../schemas/insight.ts';

/** Images in parts of one call: what is explained is little, what is chosen from is much. */
const mostExplained = 16;
const mostSuggested = 1000;

/** What is behind predictions: evaluation, explanation, suggestion. */
export function insightRoutes(app: FastifyInstance, { insight }: Services, config: Config): void {
  takeImages(app, config);
  const bytes = imageBytesOf(config);
  const open = new Set<AbortController>();
  app.addHook('preClose', async () => {
    for (const controller of open) controller.abort(new HebbError('unavailable', 'the service stops'));
  });

  /** Aborted when nobody waits for the answer any more. */
  function whileAwaited(reply: FastifyReply): AbortSignal {
    const controller = new AbortController();
    open.add(controller);
    reply.raw.once('close', () => {
      open.delete(controller);
      controller.abort(new HebbError('unavailable', 'nobody waits for the answer any more'));
    });
    return controller.signal;
  }

  app.post<{ Params: IdParams; Body: schemas.EvaluateBody }>(
    '/v1/models/:id/evaluate',
    { schema: schemas.evaluate },
    async ({ params, body }, reply) => insight.evaluate(params.id, body, whileAwaited(reply)),
  );

  app.post<{ Params: IdParams; Querystring: schemas.ExplainQuery }>(
    '/v1/models/:id/explain',
    { schema: schemas.explain },
    async (request, reply) => {
      const signal = whileAwaited(reply);
      const inputs = await readModelInputs(request, { bytes, images: mostExplained });
      const { instances: _, images: __, ...inBody } = jsonBodyOf<schemas.ExplainBody>(request.body);
      const { format, fit, invert, center, ...options } = { ...request.query, ...inBody };
      const settings = { ...options, fit, invert: readInvert(invert), center };
      const wantsPicture = format ? format === 'png' : /\bimage\/png\b/.test(request.headers.accept ?? '');
      if (!wantsPicture) return insight.explain(request.params.id, inputs, settings, signal);
      const picture = await insight.explainPng(request.params.id, inputs, settings, signal);
      return reply.type('image/png').send(picture);
    },
  );

  app.post<{ Params: IdParams; Querystring: schemas.SuggestQuery }>(
    '/v1/models/:id/suggest',
    { schema: schemas.suggest },
    async (request, reply) => {
      const signal = whileAwaited(reply);
      const { instances, images, dataset, split, ...inBody } = jsonBodyOf<schemas.SuggestBody>(request.body);
      if (dataset !== undefined && (instances ?? images) !== undefined) throw oneOf('got "dataset" beside others');
      if (split !== undefined && dataset === undefined) throw oneOf('"split" goes with "dataset"');
      const pool =
        dataset === undefined ? await readModelInputs(request, { bytes, images: mostSuggested }) : { dataset, split };
      const { strategy = 'entropy', count = 10, spread = true, invert, ...rest } = { ...request.query, ...inBody };
      const options = { ...rest, strategy, count, spread, invert: readInvert(invert) };
      return insight.suggest(request.params.id, pool, options, signal);
    },
  );
}

/** What a JSON body says; of others nothing. */
function jsonBodyOf<Body extends object>(body: unknown): Partial<Body> {
  return typeof body === 'object' && body !== null && !Buffer.isBuffer(body) ? (body as Partial<Body>) : {};
}

function oneOf(what: string): HebbError {
  const message = `the body must have one of "instances", "images" and "dataset": ${what}`;
  return new HebbError('invalid-request', message, [
    { pointer: '', message, expected: ['instances', 'images', 'dataset'] },
  ]);
}
