import { type Static, type TSchema, Type } from 'typebox';
import type { AdditionOptions } from '../../data/addition.ts';
import { splitNames } from '../../data/dataset.ts';
import { fileParts } from '../../data/source.ts';
import { maxSeed } from '../../nn/initializers.ts';
import {
  binary,
  closed,
  component,
  idParams,
  json,
  locationHeader,
  media,
  pageOf,
  pageQuery,
  problems,
} from './common.ts';
import * as examples from './examples.ts';
import { additionOptionsSchema, additionSchema, datasetMetaSchema, datasetRequestSchema } from './requests.ts';

export { datasetMetaSchema };
export type AdditionQuery = AdditionOptions;

const tags = ['datasets'];

/** The parts of files in a multipart body. */
export const filePartSchemas = Object.fromEntries(fileParts.map((part) => [part, Type.Optional(binary)])) as Record<
  string,
  TSchema
>;

const uploadSchema = Type.Object(
  { meta: { ...datasetMetaSchema, examples: [examples.tableMeta, examples.timeSplitMeta] }, ...filePartSchemas },
  {
    description:
      'meta comes first, then file (CSV, JSON, Parquet, NPZ; a ZIP, TAR or TAR.GZ of images in one folder a class, or with a labels.csv in it or as the part labels), for a table also testFile and validationFile, or inputs and targets (NPY), or images and labels (IDX), with those of a test; each gzipped or not.',
    ...closed,
  },
);

const split = Type.Enum([...splitNames], { default: 'train', description: 'Which part of the dataset.' });
const samplesQuery = Type.Object(
  {
    split,
    offset: Type.Integer({ minimum: 0, default: 0 }),
    limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  },
  closed,
);
export type SamplesQuery = Static<typeof samplesQuery>;
const samplePngQuery = Type.Object({ split }, closed);
export type SamplePngQuery = Static<typeof samplePngQuery>;

export const create = {
  operationId: 'createDataset',
  summary: 'Make a dataset from values, a generator or files',
  description: 'JSON for what is small or made up, multipart/form-data for files, which stream to disk.',
  tags,
  body: {
    content: {
      'application/json': {
        schema: { ...datasetRequestSchema, examples: [examples.datasetRequest, examples.builtinRequest] },
      },
      'multipart/form-data': { schema: uploadSchema },
    },
  },
  response: {
    201: json('The dataset, stored.', component('Dataset'), examples.dataset, locationHeader),
    ...problems(400, 413, 415, 422, 503),
  },
};

export const list = {
  operationId: 'listDatasets',
  summary: 'List datasets, the newest first',
  tags,
  querystring: pageQuery,
  response: {
    200: json('A page of datasets.', pageOf('Dataset'), { items: [examples.dataset], next: null }),
    ...problems(400),
  },
};

export const get = {
  operationId: 'getDataset',
  summary: 'Show one dataset',
  tags,
  params: idParams,
  response: { 200: json('The dataset.', component('Dataset'), examples.dataset), ...problems(404) },
};

export const samples = {
  operationId: 'listSamples',
  summary: 'Look at rows of a dataset',
  tags,
  params: idParams,
  querystring: samplesQuery,
  response: {
    200: json(
      'Rows in raw units.',
      Type.Object({
        items: Type.Array(component('Sample')),
        total: Type.Integer({ description: 'Rows of the split.' }),
        next: Type.Union([Type.Integer(), Type.Null()], { description: 'Offset of the following page.' }),
      }),
      examples.samples,
    ),
    ...problems(400, 404),
  },
};

export const samplePng = {
  operationId: 'getSamplePng',
  summary: 'Look at one sample of an image dataset',
  tags,
  params: Type.Object({ ...idParams.properties, index: Type.Integer({ minimum: 0 }) }, closed),
  querystring: samplePngQuery,
  response: { 200: media('The sample.', 'image/png'), ...problems(400, 404, 422) },
};

export const addSamples = {
  operationId: 'addSamples',
  summary: 'Add samples to a dataset',
  description:
    'Makes a new dataset of the same name, which the name means from now on; a job keeps the one that it was given. Of the versions that additions made, the newest ten stay (HEBB_KEEP_VERSIONS), and those that a job was given. multipart/form-data: image and label, as many of both as there are new images, which get the size and the channels of the others.',
  tags,
  params: idParams,
  querystring: additionOptionsSchema,
  body: {
    content: {
      'application/json': { schema: { ...additionSchema, examples: [examples.addition] } },
      'multipart/form-data': {
        schema: Type.Object({ image: Type.Array(binary), label: Type.Array(Type.String()) }, closed),
      },
    },
  },
  response: {
    201: json('The new dataset, stored.', component('Dataset'), examples.dataset, locationHeader),
    ...problems(400, 404, 413, 415, 422),
  },
};

export const report = {
  operationId: 'getDatasetReport',
  summary: 'What a look at all samples tells',
  description:
    'Values of each input in the training split, classes, duplicates, blank images, and what is most likely not meant.',
  tags,
  params: idParams,
  response: { 200: json('The report.', component('DatasetReport'), examples.datasetReport), ...problems(404) },
};

const side = (description: string) => Type.Integer({ minimum: 1, maximum: 30, default: 10, description });
const sheetQuery = Type.Object(
  {
    split,
    rows: side('Samples below each other.'),
    columns: side('Samples beside each other.'),
    class: Type.Optional(Type.String({ maxLength: 200, description: 'Only samples of this class.' })),
    offset: Type.Integer({ minimum: 0, default: 0, description: 'Samples that are passed over.' }),
    augmentation: Type.Optional(
      Type.String({
        maxLength: 4000,
        description:
          'JSON list as in a training, URL-encoded: shows what it makes of the samples, with the default normalisation; of large images only so many as have 2,097,152 numbers.',
      }),
    ),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: maxSeed, description: 'Of the augmentation [0].' })),
    epoch: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Of the augmentation: another draw in each [0].' }),
    ),
  },
  closed,
);
export type SheetQuery = Static<typeof sheetQuery>;

export const sheet = {
  operationId: 'getSheetPng',
  summary: 'Look at many samples of an image dataset at once',
  tags,
  params: idParams,
  querystring: sheetQuery,
  response: { 200: media('The samples, row by row.', 'image/png'), ...problems(400, 404) },
};

const histogramQuery = Type.Object(
  {
    feature: Type.Optional(
      Type.String({
        maxLength: 200,
        description:
          'Name or place of an input, or of a channel: red, green, blue, grey [the first input; all channels].',
      }),
    ),
  },
  closed,
);
export type HistogramQuery = Static<typeof histogramQuery>;

export const histogram = {
  operationId: 'getHistogramSvg',
  summary: 'How the values of an input are spread',
  tags,
  params: idParams,
  querystring: histogramQuery,
  response: { 200: media('The picture.', 'image/svg+xml'), ...problems(400, 404) },
};

export const remove = {
  operationId: 'deleteDataset',
  summary: 'Delete a dataset that no unfinished job needs',
  tags,
  params: idParams,
  response: { 204: { description: 'Deleted.', type: 'null' }, ...problems(404, 409) },
};
