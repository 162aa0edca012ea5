import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config.ts';
import type { Services } from '../../service/types.ts';
import { assertValid, compileSchema } from '../../validate.ts';
import { inUploadFolder, receiveDataset } from '../datasetUpload.ts';
import { histogramSvg } from '../histogramSvg.ts';
import { takeMultipart } from '../multipart.ts';
import { bodyCheckedByService } from '../plugins/validation.ts';
import { receiveImages } from '../sampleUpload.ts';
import type { IdParams, PageQuery } from '../schemas/common.ts';
import * as schemas from '../schemas/datasets.ts';
import { sendSvg } from '../sendSvg.ts';

const validateMeta = compileSchema(schemas.datasetMetaSchema);

export function datasetRoutes(app: FastifyInstance, services: Services, config: Config): void {
  const { datasets } = services;
  takeMultipart(app);

  app.post(
    '/v1/datasets',
    { schema: schemas.create, validatorCompiler: bodyCheckedByService },
    async (request, reply) => {
      const dataset = request.isMultipart()
        ? await inUploadFolder(datasets, async (folder) => {
            const checkMeta = (meta: unknown) => assertValid(validateMeta, meta);
            const { meta, files } = await receiveDataset(request, folder, config, { checkMeta });
            return datasets.createFromFiles(meta, files);
          })
        : await datasets.create(request.body);
      return reply.code(201).header('location', `/v1/datasets/${dataset.id}`).send(dataset);
    },
  );

  app.get<{ Querystring: PageQuery }>('/v1/datasets', { schema: schemas.list }, async ({ query }) =>
    datasets.list(query),
  );

  app.get<{ Params: IdParams }>('/v1/datasets/:id', { schema: schemas.get }, async ({ params }) =>
    datasets.get(params.id),
  );

  app.get<{ Params: IdParams; Querystring: schemas.SamplesQuery }>(
    '/v1/datasets/:id/samples',
    { schema: schemas.samples },
    async ({ params, query }) => datasets.samples(params.id, query),
  );

  app.get<{ Params: IdParams & { index: number }; Querystring: schemas.SamplePngQuery }>(
    '/v1/datasets/:id/samples/:index(^\\d+).png',
    { schema: schemas.samplePng },
    async ({ params, query }, reply) =>
      reply.type('image/png').send(await datasets.samplePng(params.id, query.split, params.index)),
  );

  app.post<{ Params: IdParams; Querystring: schemas.AdditionQuery }>(
    '/v1/datasets/:id/samples',
    { schema: schemas.addSamples, validatorCompiler: bodyCheckedByService },
    async (request, reply) => {
      const { params, query } = request;
      const dataset = request.isMultipart()
        ? await inUploadFolder(datasets, async (folder) => {
            // Before the files: nobody should send them to hear that there is no such dataset.
            datasets.get(params.id);
            const images = await receiveImages(request, folder, config);
            return datasets.addSamples(params.id, { images }, query);
          })
        : await datasets.addSamples(params.id, { body: request.body }, query);
      return reply.code(201).header('location', `/v1/datasets/${dataset.id}`).send(dataset);
    },
  );

  app.get<{ Params: IdParams }>('/v1/datasets/:id/report', { schema: schemas.report }, async ({ params }) =>
    datasets.report(params.id),
  );

  app.get<{ Params: IdParams; Querystring: schemas.SheetQuery }>(
    '/v1/datasets/:id/sheet.png',
    { schema: schemas.sheet },
    async ({ params, query }, reply) => reply.type('image/png').send(await datasets.sheet(params.id, query)),
  );

  app.get<{ Params: IdParams; Querystring: schemas.HistogramQuery }>(
    '/v1/datasets/:id/histogram.svg',
    { schema: schemas.histogram },
    async ({ params, query }, reply) => {
      const histogram = await datasets.histogram(params.id, query.feature);
      return sendSvg(reply, histogramSvg(histogram));
    },
  );

  app.delete<{ Params: IdParams }>('/v1/datasets/:id', { schema: schemas.remove }, async ({ params }, reply) => {
    await datasets.delete(params.id);
    return reply.code(204).send();
  });
}
