import { Type } from 'typebox';
import { binary, closed, component, json } from './common.ts';
import * as examples from './examples.ts';
import { inferRequestSchema } from './requests.ts';

const tags = ['open inference'];

/** The protocol's errors are no problem+json. */
function errors(...statuses: number[]) {
  const content = {
    'application/json': { schema: component('InferenceError'), example: { error: 'no model has the name "absent"' } },
  };
  const named = statuses.map((status) => [status, { description: 'What was expected, and what came.', content }]);
  return { ...Object.fromEntries(named), default: { description: 'Any other error.', content } };
}

const name = Type.String({ minLength: 1, maxLength: 256, description: 'An id, an alias or a name.' });
const version = Type.String({
  minLength: 1,
  maxLength: 32,
  description: 'Place of the model among those of its name.',
});

export const server = {
  operationId: 'getInferenceServer',
  summary: 'What serves here, and which extensions of the protocol it knows',
  tags,
  response: {
    200: json(
      'The server.',
      Type.Object({ name: Type.String(), version: Type.String(), extensions: Type.Array(Type.String()) }),
      { name: 'hebb', version: '0.1.0', extensions: ['binary_tensor_data', 'classification'] },
    ),
    ...errors(),
  },
};

export const live = {
  operationId: 'isInferenceServerLive',
  summary: 'Is the process alive',
  tags,
  response: { 200: json('It is.', Type.Object({ live: Type.Literal(true) }), { live: true }), ...errors() },
};

export const ready = {
  operationId: 'isInferenceServerReady',
  summary: 'Can it take requests',
  tags,
  response: { 200: json('It can.', Type.Object({ ready: Type.Literal(true) }), { ready: true }), ...errors(503) },
};

export const index = {
  operationId: 'listInferenceModels',
  summary: 'The newest 1,000 models with their versions',
  tags,
  response: {
    200: json(
      'The models.',
      Type.Array(
        Type.Object({
          name: Type.String(),
          version: Type.String(),
          state: Type.Literal('READY'),
          reason: Type.String(),
        }),
      ),
      [{ name: 'digits', version: '1', state: 'READY', reason: '' }],
    ),
    ...errors(),
  },
};

/** Routes of a model, whose version may be named. */
function routesOf(suffix: string, params: Record<string, typeof name>) {
  const shared = { tags, params: Type.Object(params, closed) };
  return {
    metadata: {
      operationId: `getInferenceModel${suffix}`,
      summary: 'What a model takes and gives',
      ...shared,
      response: {
        200: json('The model.', component('InferenceMetadata'), examples.inferenceMetadata),
        ...errors(404, 409),
      },
    },
    ready: {
      operationId: `isInferenceModelReady${suffix}`,
      summary: 'Can a model be asked',
      ...shared,
      response: {
        200: json('It can.', Type.Object({ name: Type.String(), ready: Type.Literal(true) }), {
          name: 'digits',
          ready: true,
        }),
        ...errors(404, 409),
      },
    },
    infer: {
      operationId: `infer${suffix}`,
      summary: 'Ask a model',
      description:
        'With the header `Inference-Header-Content-Length` that many bytes of the body are JSON and the rest is binary data: little-endian, row by row. ' +
        'An output of which `parameters.classification` values are wanted comes as texts `VALUE:INDEX:LABEL`.',
      ...shared,
      body: {
        content: {
          'application/json': { schema: { ...inferRequestSchema, examples: [examples.inferRequest] } },
          'application/octet-stream': { schema: binary },
        },
      },
      response: {
        200: {
          description: 'The outputs; binary data follows the JSON where it was asked for.',
          headers: {
            'Inference-Header-Content-Length': Type.String({
              description: 'Length of the JSON, where binary data follows it.',
            }),
          },
          content: {
            'application/json': { schema: component('InferenceAnswer'), example: examples.inferResponse },
            'application/octet-stream': { schema: binary },
          },
        },
        ...errors(400, 404, 409, 413, 422, 503),
      },
    },
  };
}

export const ofModel = routesOf('', { name });
export const ofVersion = routesOf('OfVersion', { name, version });
