import { rm } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config.ts';
import { HebbError } from '../../errors.ts';
import { type ExportFormat, exportVersion } from '../../service/modelFiles.ts';
import type { Services } from '../../service/types.ts';
import { receiveModel } from '../modelUpload.ts';
import { takeMultipart } from '../multipart.ts';
import { bodyCheckedByService } from '../plugins/validation.ts';
import type { IdParams, PageQuery } from '../schemas/common.ts';
import * as schemas from '../schemas/models.ts';

/** What comes of an export; a program that would write another file gives another tag. */
const formats: Record<ExportFormat, { type: string; extension: string }> = {
  safetensors: { type: 'application/octet-stream', extension: 'safetensors' },
  onnx: { type: 'application/octet-stream', extension: 'onnx' },
  json: { type: 'application/json', extension: 'json' },
  ts: { type: 'text/typescript; charset=utf-8', extension: 'ts' },
};

export function modelRoutes(app: FastifyInstance, services: Services, config: Config): void {
  const { models } = services;
  takeMultipart(app);

  app.post(
    '/v1/models',
    { schema: schemas.importModel, validatorCompiler: bodyCheckedByService },
    async (request, reply) => {
      if (!request.isMultipart()) throw notMultipart(request.headers['content-type']);
      const folder = await models.uploadFolder();
      try {
        const model = await models.import(await receiveModel(request, folder, config));
        return await reply.code(201).header('location', `/v1/models/${model.id}`).send(model);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

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
    async ({ params, query: { format }, headers }, reply) => {
      const model = models.get(params.id);
      // The weights say all of a safetensors file; of the others the model as it is stored, which never changes, and the program.
      const tag = format === 'safetensors' ? model.weightsHash : `${model.id}-${format}-${exportVersion}`;
      reply.header('etag', `"${tag}"`);
      if (headers['if-none-match']?.split(/\s*,\s*/).includes(`"${tag}"`)) return reply.code(304).send();
      const { name, content, bytes } = await models.export(model.id, format);
      const { type, extension } = formats[format];
      return reply
        .type(type)
        .header('content-length', String(bytes))
        .header('content-disposition', attachment(`${name}.${extension}`))
        .send(content);
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

function notMultipart(type: string | undefined): HebbError {
  return new HebbError('unsupported-media-type', `a body of multipart/form-data was expected, got ${type ?? 'none'}`);
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
