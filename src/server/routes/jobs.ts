import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config.ts';
import { withPointer } from '../../errors.ts';
import type { DatasetUpload, Services } from '../../service/types.ts';
import { assertValid, compileSchema } from '../../validate.ts';
import { prefers } from '../accept.ts';
import { metricsCsv } from '../csv.ts';
import { curvesSvg } from '../curvesSvg.ts';
import { inUploadFolder, receiveDataset } from '../datasetUpload.ts';
import { decisionSvg } from '../decisionSvg.ts';
import { takeMultipart } from '../multipart.ts';
import { bodyCheckedByService } from '../plugins/validation.ts';
import type { IdParams } from '../schemas/common.ts';
import * as schemas from '../schemas/jobs.ts';
import { jobDatasetMetaSchema } from '../schemas/requests.ts';
import { sendSvg } from '../sendSvg.ts';

/** A picture has no use for more points than it has pixels across. */
const curvePoints = 600;

const validateMeta = compileSchema(jobDatasetMetaSchema);

/** Faults of the dataset have the pointers that they have in a job of JSON alone. */
function checkMeta(meta: unknown): void {
  try {
    assertValid(validateMeta, meta);
  } catch (error) {
    throw withPointer(error, '/dataset');
  }
}

export function jobRoutes(app: FastifyInstance, services: Services, config: Config): void {
  const { datasets, jobs } = services;

  app.register(async (scope) => {
    takeMultipart(scope);
    scope.post<{ Querystring: schemas.CreateJobQuery; Headers: schemas.CreateJobHeaders }>(
      '/v1/jobs',
      { schema: schemas.create, validatorCompiler: bodyCheckedByService },
      async (request, reply) => {
        const { query, headers } = request;
        const key = headers['idempotency-key'];
        const act = async (body: unknown, upload?: DatasetUpload) => {
          if (query.dryRun) return jobs.dryRun(body, upload);
          const job = await jobs.create(body, key, upload);
          reply.code(202).header('location', `/v1/jobs/${job.id}`);
          return job;
        };
        if (!request.isMultipart()) return act(request.body);
        return inUploadFolder(datasets, async (folder) => {
          const hashed = key !== undefined && !query.dryRun;
          const options = { checkMeta, checkJob: jobs.checkBeforeUpload, hashed };
          const { job, ...upload } = await receiveDataset(request, folder, config, options);
          return act(job, upload);
        });
      },
    );
  });

  app.get<{ Querystring: schemas.ListJobsQuery }>('/v1/jobs', { schema: schemas.list }, async ({ query }) =>
    jobs.list(query),
  );

  app.get<{ Params: IdParams }>('/v1/jobs/:id', { schema: schemas.get }, async ({ params }) => jobs.get(params.id));

  app.get<{ Params: IdParams; Querystring: schemas.MetricsQuery }>(
    '/v1/jobs/:id/metrics',
    { schema: schemas.metrics },
    async ({ params, query, headers }, reply) => {
      const result = jobs.metrics(params.id, query);
      reply.header('vary', 'accept');
      if (!prefers(headers.accept, 'text/csv')) return result;
      // A CSV has no place to say that more follows, so it has all.
      const rows = [...result.rows];
      for (let { next } = result; query.points === undefined; ) {
        await setImmediate();
        const page = jobs.metrics(params.id, { ...query, since: next });
        if (page.next <= next) break;
        rows.push(...page.rows);
        next = page.next;
      }
      return reply.type('text/csv; charset=utf-8').send(metricsCsv(rows));
    },
  );

  app.get<{ Params: IdParams }>('/v1/jobs/:id/curves.svg', { schema: schemas.curves }, async ({ params }, reply) => {
    const job = jobs.get(params.id);
    const { rows } = jobs.metrics(job.id, { resolution: 'epoch', points: curvePoints });
    return sendSvg(reply, curvesSvg(job.name, rows));
  });

  app.get<{ Params: IdParams; Querystring: schemas.DecisionQuery }>(
    '/v1/jobs/:id/decision.svg',
    { schema: schemas.decision },
    async ({ params, query }, reply) => sendSvg(reply, decisionSvg(await jobs.decision(params.id, query.epoch))),
  );

  app.get<{ Params: IdParams }>('/v1/jobs/:id/diagnostics', { schema: schemas.diagnostics }, async ({ params }) =>
    jobs.diagnostics(params.id),
  );

  app.get<{ Params: IdParams }>('/v1/jobs/:id/evaluation', { schema: schemas.evaluation }, async ({ params }) =>
    jobs.evaluation(params.id),
  );

  app.get<{ Params: IdParams; Querystring: schemas.LogQuery }>(
    '/v1/jobs/:id/log',
    { schema: schemas.log },
    async ({ params, query, headers }, reply) => {
      const page = jobs.log(params.id, query);
      reply.header('vary', 'accept');
      if (!prefers(headers.accept, 'application/x-ndjson')) return page;
      return reply.type('application/x-ndjson').send(page.items.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    },
  );

  app.post<{ Params: IdParams }>('/v1/jobs/:id/cancel', { schema: schemas.cancel }, async ({ params }) =>
    jobs.cancel(params.id),
  );

  app.post<{ Params: IdParams }>('/v1/jobs/:id/pause', { schema: schemas.pause }, async ({ params }) =>
    jobs.pause(params.id),
  );

  app.post<{ Params: IdParams }>('/v1/jobs/:id/resume', { schema: schemas.resume }, async ({ params }) =>
    jobs.resume(params.id),
  );

  app.patch<{ Params: IdParams }>(
    '/v1/jobs/:id',
    { schema: schemas.change, validatorCompiler: bodyCheckedByService },
    async ({ params, body }) => jobs.change(params.id, body),
  );

  app.get<{ Params: IdParams }>('/v1/jobs/:id/checkpoints', { schema: schemas.checkpoints }, async ({ params }) =>
    jobs.checkpoints(params.id),
  );

  app.post<{ Params: IdParams; Headers: schemas.CreateJobHeaders }>(
    '/v1/jobs/:id/fork',
    { schema: schemas.fork, validatorCompiler: bodyCheckedByService },
    async ({ params, body, headers }, reply) => {
      const job = await jobs.fork(params.id, body, headers['idempotency-key']);
      return reply.code(202).header('location', `/v1/jobs/${job.id}`).send(job);
    },
  );

  app.delete<{ Params: IdParams }>('/v1/jobs/:id', { schema: schemas.remove }, async ({ params }, reply) => {
    await jobs.delete(params.id);
    return reply.code(204).send();
  });
}
