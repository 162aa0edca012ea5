import { type Static, Type } from 'typebox';
import { closed, component, idParams, json, media, pageOf, pageQuery, problems } from './common.ts';
import * as examples from './examples.ts';

const tags = ['models'];

const exportQuery = Type.Object({ format: Type.Enum(['safetensors'], { default: 'safetensors' }) }, closed);
export type ExportQuery = Static<typeof exportQuery>;

const aliasParams = Type.Object({ alias: Type.String({ minLength: 1, maxLength: 256 }) }, closed);
export type AliasParams = Static<typeof aliasParams>;
const aliasBody = Type.Object(
  { model: Type.String({ minLength: 1, maxLength: 256, description: 'Id, alias or name of a model.' }) },
  { ...closed, examples: [{ model: examples.model.id }] },
);
export type AliasBody = Static<typeof aliasBody>;

export const list = {
  operationId: 'listModels',
  summary: 'List models, the newest first',
  tags,
  querystring: pageQuery,
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

export const remove = {
  operationId: 'deleteModel',
  summary: 'Delete a model',
  tags,
  params: idParams,
  response: { 204: { description: 'Deleted.', type: 'null' }, ...problems(404, 409) },
};

export const exportModel = {
  operationId: 'exportModel',
  summary: "Download a model's weights",
  description: 'Tensors in layer order, named `LAYER.weight` and `LAYER.bias`. Its SHA-256 is `weightsHash`.',
  tags,
  params: idParams,
  querystring: exportQuery,
  response: { 200: media('The file.', 'application/octet-stream'), ...problems(400, 404) },
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
