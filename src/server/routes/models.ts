import { open } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { Services } from '../../service/types.ts';
import type { IdParams, PageQuery } from '../schemas/common.ts';
import * as schemas from '../schemas/models.ts';

export function modelRoutes(app: FastifyInstance, services: Services): void {
  const { models } = services;

  app.get<{ Querystring: schemas.ListQuery }>('/v1/models', { schema: schemas.list }, async ({ query }) =>
    models.list(query),
  );

  // Goes before a model of that name, which still has its id.
  app.get<{ Querystring: schemas.CompareQuery }>('/v1/models/compare', { schema: schemas.compare }, async ({ query }) =>
    models.compare(query.a, query.b),
  );

  app.get<{ Params: IdParams }>('/v1/models/:id', { schema: schemas.get }, async ({ params }) => models.get(params.id));

  app.patch<{ Params: IdParams; Body: schemas.ModelPatch }>(
    '/v1/models/:id',
    { schema: schemas.change },
    async ({ params, body }) => models.describe(params.id, body),
  );

  app.get<{ Params: IdParams }>('/v1/models/:id/card', { schema: schemas.card }, async ({ params }, reply) =>
    reply.type('text/markdown; charset=utf-8').header('cache-control', 'no-store').send(models.card(params.id)),
  );

  app.delete<{ Params: IdParams }>('/v1/models/:id', { schema: schemas.remove }, async ({ params }, reply) => {
    await models.delete(params.id);
    return reply.code(204).send();
  });

  app.get<{ Params: IdParams; Querystring: schemas.ExportQuery }>(
    '/v1/models/:id/export',
    { schema: schemas.exportModel },
    async ({ params, query }, reply) => {
      const model = models.get(params.id);
      // An open file stays whole, even if the model is deleted while it is on its way.
      const file = await open(models.weightsFile(model.id));
      const { size } = await file.stat();
      return reply
        .type('application/octet-stream')
        .header('content-length', String(size))
        .header('content-disposition', attachment(`${model.name}.${query.format}`))
        .send(file.createReadStream());
    },
  );

  app.put<{ Params: schemas.AliasParams; Body: schemas.AliasBody }>(
    '/v1/aliases/:alias',
    { schema: schemas.setAlias },
    async ({ params, body }) => models.setAlias(params.alias, body.model),
  );

  app.delete<{ Params: schemas.AliasParams }>(
    '/v1/aliases/:alias',
    { schema: schemas.removeAlias },
    async ({ params }, reply) => {
      models.removeAlias(params.alias);
      return reply.code(204).send();
    },
  );

  app.get<{ Params: schemas.AliasParams }>('/v1/aliases/:alias', { schema: schemas.getAlias }, async ({ params }) =>
    models.alias(params.alias),
  );

  app.get<{ Params: schemas.AliasParams; Querystring: PageQuery }>(
    '/v1/aliases/:alias/history',
    { schema: schemas.aliasHistory },
    async ({ params, query }) => models.aliasHistory(params.alias, query),
  );

  app.post<{ Params: schemas.AliasParams }>(
    '/v1/aliases/:alias/rollback',
    { schema: schemas.rollBackAlias },
    async ({ params }) => models.rollBackAlias(params.alias),
  );

  app.get('/v1/aliases', { schema: schemas.listAliases }, async () => ({ items: models.aliases(), next: null }));
}

/** Content-Disposition with the name in plain letters for old clients and in full for all others (RFC 6266). */
function attachment(name: string): string {
  const plain = name.replace(/[^\w.-]/g, '_');
  const full = encodeURIComponent(name.replace(/\p{Surrogate}/gu, '\ufffd')).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${full}`;
}
