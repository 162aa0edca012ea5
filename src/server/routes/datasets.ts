import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import { fileParts } from '../../data/source.ts';
import { HebbError } from '../../errors.ts';
import type { Dataset, Services, UploadedFiles } from '../../service/types.ts';
import { assertValid, compileSchema } from '../../validate.ts';
import { histogramSvg } from '../histogramSvg.ts';
import { forEachPart, type Part, takeMultipart } from '../multipart.ts';
import { parseJson } from '../plugins/json.ts';
import { bodyCheckedByService } from '../plugins/validation.ts';
import { receiveImages } from '../sampleUpload.ts';
import type { IdParams, PageQuery } from '../schemas/common.ts';
import * as schemas from '../schemas/datasets.ts';
import { sendSvg } from '../sendSvg.ts';

type FilePart = (typeof fileParts)[number];
const maxMetaBytes = 1024 ** 2;

const checkMeta = compileSchema(schemas.datasetMetaSchema);

export function datasetRoutes(app: FastifyInstance, services: Services, config: Config): void {
  const { datasets } = services;
  takeMultipart(app);

  app.post(
    '/v1/datasets',
    { schema: schemas.create, validatorCompiler: bodyCheckedByService },
    async (request, reply) => {
      const dataset = request.isMultipart()
        ? await inUploadFolder(async (folder) => {
            const { meta, files } = await receive(request, folder, config);
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
        ? await inUploadFolder(async (folder) => {
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

  /** Files stream into a folder that is gone afterwards, whatever happened. */
  async function inUploadFolder(action: (folder: string) => Promise<Dataset>): Promise<Dataset> {
    const folder = await datasets.uploadFolder();
    try {
      return await action(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function receive(
  request: FastifyRequest,
  folder: string,
  config: Config,
): Promise<{ meta: unknown; files: UploadedFiles }> {
  let meta: unknown;
  const files: UploadedFiles = {};
  const limits = { bytes: config.maxUploadBytes, parts: 1 + fileParts.length };
  await forEachPart(request, limits, async ({ name, content }) => {
    if (name === 'meta') {
      if (meta !== undefined) throw partError('"meta" came twice');
      meta = parseJson(await readMeta(content), config.maxJsonDepth, 'the part "meta"');
      // Before the files: nobody should send gigabytes to hear that a key was misspelt.
      assertValid(checkMeta, meta);
      return;
    }
    if (!isFilePart(name)) throw partError(`unknown part "${name}"`);
    if (meta === undefined) throw partError(`the part "${name}" came before "meta"`);
    if (files[name] !== undefined) throw partError(`"${name}" came twice`);
    const path = join(folder, name);
    await pipeline(content, createWriteStream(path, { flags: 'wx' }));
    files[name] = path;
  });
  if (meta === undefined) throw partError('the part "meta" is missing');
  return { meta, files };
}

async function readMeta(content: Part['content']): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of content) {
    length += chunk.length;
    if (length > maxMetaBytes) throw new HebbError('too-large', `the part "meta" is larger than ${maxMetaBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function partError(what: string): HebbError {
  return new HebbError(
    'invalid-request',
    `${what}; expected: meta (JSON) first, then file, with or without labels, or inputs and targets, or images and labels, with or without those of a test`,
  );
}

function isFilePart(name: string): name is FilePart {
  return (fileParts as readonly string[]).includes(name);
}
