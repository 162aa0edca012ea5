import { type Static, Type } from 'typebox';
import { type ExportFormat, exportFormats, modelMetaSchema } from '../../service/modelFiles.ts';
import { binary, closed, component, idParams, json, locationHeader, pageOf, pageQuery, problems } from './common.ts';
import * as examples from './examples.ts';

const tags = ['models'];

const exportQuery = Type.Object(
  {
    format: Type.Enum([...exportFormats], {
      default: 'safetensors',
      description:
        'safetensors: the weights. onnx: the whole model, raw inputs to outputs. json: what it is beside its weights. ts: a TypeScript file that predicts, of small networks.',
    }),
  },
  closed,
);
export type ExportQuery = { format: ExportFormat };

const importSchema = Type.Object(
  {
    meta: Type.Optional({ ...modelMetaSchema, examples: [examples.modelMeta] }),
    network: Type.Optional(
      Type.Object(
        {},
        {
          additionalProperties: true,
          description: 'The JSON export, or {input, layers} with or without the keys of meta beside them.',
          examples: [examples.modelNetwork],
        },
      ),
    ),
    weights: Type.Optional({
      ...binary,
      description: 'safetensors: a tensor LAYER.PARAMETER for each parameter, F32.',
    }),
    file: Type.Optional({ ...binary, description: 'ONNX, of any program, for rows or images of one size.' }),
  },
  { ...closed, description: 'network and weights, or file; meta with either.' },
);

const aliasParams = Type.Object({ alias: Type.String({ minLength: 1, maxLength: 256 }) }, closed);
export type AliasParams = Static<typeof aliasParams>;
const aliasBody = Type.Object(
  { model: Type.String({ minLength: 1, maxLength: 256, description: 'Id, alias or name of a model.' }) },
  { ...closed, examples: [{ model: examples.model.id }] },
);
export type AliasBody = Static<typeof aliasBody>;

const listQuery = Type.Object(
  { ...pageQuery.properties, name: Type.Optional(Type.String({ maxLength: 256, description: 'Only its versions.' })) },
  closed,
);
export type ListQuery = Static<typeof listQuery>;

const reference = (which: string) =>
  Type.String({
    minLength: 1,
    maxLength: 256,
    description: `${which} model: an id, an alias, a name or NAME@VERSION.`,
  });
const compareQuery = Type.Object({ a: reference('One'), b: reference('The other') }, closed);
export type CompareQuery = Static<typeof compareQuery>;

const modelPatch = Type.Object(
  {
    notes: Type.Optional(Type.String({ maxLength: 10_000, description: 'What it is for, plain text.' })),
    tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 50 }), { maxItems: 20, uniqueItems: true })),
  },
  { ...closed, minProperties: 1, description: 'What is left out stays.', examples: [examples.modelPatch] },
);
export type ModelPatch = Static<typeof modelPatch>;

export const importModel = {
  operationId: 'importModel',
  summary: 'Bring a model',
  description:
    'A network with its weights, or an ONNX file. It predicts, leaves and can be started from as those that were trained here; the alias `default` does not follow it.',
  tags,
  body: { content: { 'multipart/form-data': { schema: importSchema } } },
  response: {
    201: json('The model, stored.', component('Model'), examples.importedModel, locationHeader),
    ...problems(400, 413, 415, 422, 503),
  },
};

export const list = {
  operationId: 'listModels',
  summary: 'List models, or those of a name, the newest first',
  tags,
  querystring: listQuery,
  response: {
    200: json('A page of models.', pageOf('Model'), { items: [examples.model], next: null }),
    ...problems(400),
  },
};

export const get = {
  operationId: 'getModel',
  summary: 'Show one model',
  tags,
  params: idParams,
  response: { 200: json('The model.', component('Model'), examples.model), ...problems(404) },
};

export const change = {
  operationId: 'describeModel',
  summary: 'Say what a model is for',
  tags,
  params: idParams,
  body: modelPatch,
  response: { 200: json('The model.', component('Model'), examples.describedModel), ...problems(400, 404, 409) },
};

export const card = {
  operationId: 'getModelCard',
  summary: 'What is known of a model, as Markdown',
  description: 'Data, architecture, settings, curves, figures, hash, and how to ask it.',
  tags,
  params: idParams,
  response: {
    200: {
      description: 'The card.',
      content: { 'text/markdown': { schema: Type.String(), example: '# digits, version 1\n' } },
    },
    ...problems(404, 409),
  },
};

export const compare = {
  operationId: 'compareModels',
  summary: 'Two models side by side',
  description: 'Differences are b − a. Layers are paired such that as few as possible are changed, added or removed.',
  tags,
  querystring: compareQuery,
  response: {
    200: json('What differs.', component('ModelComparison'), examples.comparison),
    ...problems(400, 404, 409),
  },
};

export const remove = {
  operationId: 'deleteModel',
  summary: 'Delete a model',
  tags,
  params: idParams,
  response: { 204: { description: 'Deleted.', type: 'null' }, ...problems(404, 409) },
};

export const exportModel = {
  operationId: 'exportModel',
  summary: 'Download a model',
  description:
    'safetensors: tensors in layer order, named `LAYER.weight` and `LAYER.bias`; its SHA-256 is `weightsHash`. The ETag stays the same as long as the file does.',
  tags,
  params: idParams,
  querystring: exportQuery,
  response: {
    200: {
      description: 'The file.',
      headers: { ETag: Type.String({ description: 'For If-None-Match.' }) },
      content: {
        'application/octet-stream': { schema: binary },
        'application/json': {
          schema: Type.Object({}, { additionalProperties: true }),
          example: examples.exportedModel,
        },
        'text/typescript': { schema: Type.String() },
      },
    },
    304: { description: 'The file that If-None-Match names is the newest.', type: 'null' },
    ...problems(400, 404, 422, 503),
  },
};

export const setAlias = {
  operationId: 'setAlias',
  summary: 'Give a model another name',
  description: 'The alias `default` follows the newest completed job until it is set here.',
  tags,
  params: aliasParams,
  body: aliasBody,
  response: { 200: json('The alias.', component('Alias'), examples.alias), ...problems(400, 409, 422) },
};

export const removeAlias = {
  operationId: 'removeAlias',
  summary: 'Remove an alias',
  description: 'The alias `default` then follows the newest completed job again.',
  tags,
  params: aliasParams,
  response: { 204: { description: 'Removed.', type: 'null' }, ...problems(404) },
};

export const listAliases = {
  operationId: 'listAliases',
  summary: 'List aliases',
  tags,
  response: {
    200: json('All aliases.', Type.Object({ items: Type.Array(component('Alias')), next: Type.Null() }), {
      items: [examples.alias],
      next: null,
    }),
    ...problems(),
  },
};

export const getAlias = {
  operationId: 'getAlias',
  summary: 'Where an alias points',
  tags,
  params: aliasParams,
  response: { 200: json('The alias.', component('Alias'), examples.alias), ...problems(404) },
};

export const aliasHistory = {
  operationId: 'listAliasHistory',
  summary: 'Where an alias pointed and when, the newest first',
  description: 'An alias keeps its newest 1,000 changes, also when it is removed.',
  tags,
  params: aliasParams,
  querystring: pageQuery,
  response: {
    200: json('A page of changes.', pageOf('AliasEvent'), { items: [examples.aliasEvent], next: null }),
    ...problems(400, 404),
  },
};

export const rollBackAlias = {
  operationId: 'rollBackAlias',
  summary: 'Point an alias at the model before',
  description:
    'Once more: at the one before that. Models that are deleted are passed over and named. An alias that was removed comes back.',
  tags,
  params: aliasParams,
  response: { 200: json('Where it points now.', component('RollBack'), examples.rollBack), ...problems(404, 409) },
};
