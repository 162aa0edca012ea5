import { type Static, Type } from 'typebox';
import { closed, component, idParams, json, locationHeader, media, pageOf, pageQuery, problems } from './common.ts';
import { jobStates } from './components.ts';
import { filePartSchemas } from './datasets.ts';
import * as examples from './examples.ts';
import { forkRequestSchema, jobDatasetMetaSchema, jobPatchSchema, jobRequestSchema } from './requests.ts';

const tags = ['jobs'];

const createQuery = Type.Object(
  { dryRun: Type.Boolean({ default: false, description: 'Only tell shapes and costs; nothing is stored.' }) },
  closed,
);
export type CreateJobQuery = Static<typeof createQuery>;

const createHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'Any text of the client’s own: for 24 hours the same key and body give the same job, another body 422. Multipart bodies are the same where job, meta and the SHA-256 of the files are.',
    }),
  ),
});
export type CreateJobHeaders = Static<typeof createHeaders>;

const listQuery = Type.Object({ ...pageQuery.properties, state: Type.Optional(Type.Enum([...jobStates])) }, closed);
export type ListJobsQuery = Static<typeof listQuery>;

const metricsQuery = Type.Object(
  {
    resolution: Type.Enum(['epoch', 'step'], { default: 'epoch' }),
    since: Type.Optional(Type.Integer({ minimum: 0, description: 'Only rows after this `seq`.' })),
    points: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 100_000,
        description: 'Thin to about so many rows; first, last, and min and max of each stretch stay.',
      }),
    ),
  },
  closed,
);
export type MetricsQuery = Static<typeof metricsQuery>;

const logQuery = Type.Object(
  {
    since: Type.Optional(Type.Integer({ minimum: 0, description: 'Only entries after this `seq`.' })),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 200, description: 'Entries at most.' }),
  },
  closed,
);
export type LogQuery = Static<typeof logQuery>;

const jobResponse = (description: string, example: unknown = examples.job) =>
  json(description, component('Job'), example);

const jobUploadSchema = Type.Object(
  {
    job: { ...jobRequestSchema, description: 'As in JSON, without `dataset`.' },
    meta: { ...jobDatasetMetaSchema, description: 'As of POST /v1/datasets; a name is not needed.' },
    ...filePartSchemas,
  },
  {
    description:
      'A job and its dataset: job comes first, then meta and the files as in POST /v1/datasets. A wrong job is refused before the files are read.',
    ...closed,
  },
);

export const create = {
  operationId: 'createJob',
  summary: 'Train a network',
  description:
    'Checked before it is accepted; `?dryRun=true` tells what it would cost and stores nothing. A dataset that comes along is stored once, and not at all where the job is refused.',
  tags,
  querystring: createQuery,
  headers: createHeaders,
  body: {
    content: {
      'application/json': { schema: { ...jobRequestSchema, examples: [examples.jobRequest, examples.presetRequest] } },
      'multipart/form-data': { schema: jobUploadSchema },
    },
  },
  response: {
    200: json('A dry run: shapes and costs.', component('DryRun'), examples.dryRun),
    202: json('The job, completed with every default.', component('Job'), examples.queuedJob, locationHeader),
    ...problems(400, 413, 415, 422, 503),
  },
};

export const list = {
  operationId: 'listJobs',
  summary: 'List jobs, the newest first',
  tags,
  querystring: listQuery,
  response: {
    200: json('A page of jobs.', pageOf('Job'), { items: [examples.job], next: null }),
    ...problems(400),
  },
};

export const get = {
  operationId: 'getJob',
  summary: 'Show one job',
  tags,
  params: idParams,
  response: { 200: jobResponse('The job.'), ...problems(404) },
};

const rowsSchema = Type.Object({
  rows: Type.Array(component('MetricRow')),
  next: Type.Integer({ description: 'The last `seq`: what to send as `since`.' }),
});

export const metrics = {
  operationId: 'getJobMetrics',
  summary: "A job's curves as rows, in JSON or CSV",
  tags,
  params: idParams,
  querystring: metricsQuery,
  response: {
    200: {
      description: 'The rows; `Accept: text/csv` gives CSV with a header line.',
      content: {
        'application/json': { schema: rowsSchema, example: examples.metricRows },
        'text/csv': {
          schema: Type.String(),
          example: 'seq,time,epoch,step,loss\r\n1,2026-01-15T09:30:00.000Z,1,1688,0.41\r\n',
        },
      },
    },
    ...problems(400, 404),
  },
};

export const curves = {
  operationId: 'getJobCurves',
  summary: 'Loss and accuracy curves as a picture',
  tags,
  params: idParams,
  response: { 200: media('Two panels: loss and accuracy.', 'image/svg+xml'), ...problems(404) },
};

const decisionQuery = Type.Object(
  {
    epoch: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'The weights after this epoch, or after the last kept one before it; the title says which.',
      }),
    ),
  },
  closed,
);
export type DecisionQuery = Static<typeof decisionQuery>;

export const decision = {
  operationId: 'getJobDecision',
  summary: 'What a network of two inputs makes of the plane, as a picture',
  description:
    'Coloured by class, or by value where there is one output, with samples of the training split. Without `epoch` by the ' +
    'weights that the job ended with; while it runs, by those of the newest epoch. Past epochs are kept of networks with less ' +
    'than 1 MiB of weights.',
  tags,
  params: idParams,
  querystring: decisionQuery,
  response: { 200: media('The region, the samples and a legend.', 'image/svg+xml'), ...problems(400, 404, 409, 422) },
};

export const diagnostics = {
  operationId: 'getJobDiagnostics',
  summary: 'The health of every layer, epoch by epoch, and what it says',
  description:
    'Measured at the ends of epochs (the first, the last, and some 200 between at most) on up to 256 rows of the training ' +
    'split, as in training. The findings are plain words about all of it; an empty list is good news.',
  tags,
  params: idParams,
  response: {
    200: json(
      'Rows and findings.',
      Type.Object({ rows: Type.Array(component('DiagnosticsRow')), findings: Type.Array(component('Finding')) }),
      examples.diagnostics,
    ),
    ...problems(404),
  },
};

export const evaluation = {
  operationId: 'getJobEvaluation',
  summary: 'How a completed classification reads each class, and what it reads worst',
  description: 'Over the test split where there is one, otherwise over validation, otherwise over train.',
  tags,
  params: idParams,
  response: {
    200: json('Classes, confusion matrix and worst samples.', component('Evaluation'), examples.evaluation),
    ...problems(404, 409),
  },
};

export const log = {
  operationId: 'getJobLog',
  summary: 'What happened to a job, entry by entry',
  description: 'A job keeps its newest 10,000 entries.',
  tags,
  params: idParams,
  querystring: logQuery,
  response: {
    200: {
      description: 'The entries, the oldest first; `Accept: application/x-ndjson` gives one a line.',
      content: {
        'application/json': {
          schema: Type.Object({
            items: Type.Array(component('LogEntry')),
            next: Type.Integer({ description: 'The last `seq`: what to send as `since`.' }),
          }),
          example: examples.jobLog,
        },
        'application/x-ndjson': { schema: Type.String(), example: examples.jobLogLines },
      },
    },
    ...problems(400, 404),
  },
};

export const events = {
  operationId: 'streamJobEvents',
  summary: 'Follow a job by server-sent events',
  description:
    'Events `state`, `progress`, `epoch` and `diagnostics` with ids, those of the past first; ends after the final state. A reader ' +
    'that comes back with `Last-Event-ID` gets what it missed, or 204 where the job is over and nothing was missed.',
  tags,
  params: idParams,
  headers: Type.Object({
    'last-event-id': Type.Optional(Type.String({ pattern: '^\\d{0,15}$', description: 'Id of the last event seen.' })),
  }),
  response: {
    200: {
      description: 'The stream.',
      content: { 'text/event-stream': { schema: Type.String(), example: examples.events } },
    },
    204: { description: 'The job is over and nothing was missed.', type: 'null' },
    ...problems(400, 404),
  },
};

export const cancel = {
  operationId: 'cancelJob',
  summary: 'Cancel a job; its best weights so far become a model',
  tags,
  params: idParams,
  response: { 200: jobResponse('The job.'), ...problems(404, 409) },
};

export const pause = {
  operationId: 'pauseJob',
  summary: 'Put a job aside at its next step, with a checkpoint; its place goes to others',
  tags,
  params: idParams,
  response: { 200: jobResponse('The job, standing still.', examples.pausedJob), ...problems(404, 409) },
};

export const resume = {
  operationId: 'resumeJob',
  summary: 'Put a paused job back into the queue; it goes on from its checkpoint',
  tags,
  params: idParams,
  response: { 200: jobResponse('The job.', examples.queuedJob), ...problems(404, 409) },
};

export const change = {
  operationId: 'changeJob',
  summary: 'Change the learning rate of a job that runs or is paused',
  description:
    'Schedules go on from the new rate. Where a job runs steps once more that it has told of, after an interruption, the rate holds behind them. The job ends in the same bits wherever it is interrupted.',
  tags,
  params: idParams,
  body: { content: { 'application/json': { schema: { ...jobPatchSchema, examples: [examples.patch] } } } },
  response: {
    200: jobResponse('The job; `learningRateChanges` says from which step on.', examples.changedJob),
    ...problems(400, 404, 409, 413, 415),
  },
};

export const checkpoints = {
  operationId: 'listCheckpoints',
  summary: 'The checkpoints of a job that are kept, the newest first',
  tags,
  params: idParams,
  response: { 200: json('The checkpoints.', pageOf('Checkpoint'), examples.checkpoints), ...problems(404) },
};

export const fork = {
  operationId: 'forkJob',
  summary: 'Start a new job from a checkpoint of this one, with other settings',
  description:
    'It goes on with the steps, the optimiser’s state and the best weights of the checkpoint. Batches, seed, normalisation and the type of the optimiser stay. Where the training ended within an epoch, a new one begins.',
  tags,
  params: idParams,
  headers: createHeaders,
  body: { content: { 'application/json': { schema: { ...forkRequestSchema, examples: [examples.forkRequest] } } } },
  response: {
    202: json('The new job.', component('Job'), examples.forkedJob, locationHeader),
    ...problems(400, 404, 409, 413, 415, 422, 503),
  },
};

export const remove = {
  operationId: 'deleteJob',
  summary: 'Delete a job and its model',
  tags,
  params: idParams,
  response: { 204: { description: 'Deleted.', type: 'null' }, ...problems(404, 409) },
};
