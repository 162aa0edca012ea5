import { type Static, Type } from 'typebox';
import { explainMethods } from '../../service/types.ts';
import { binary, closed, component, idParams, json, problems } from './common.ts';
import * as examples from './examples.ts';
import { imageBodies, imageOptions, inputKeys } from './predictions.ts';

const tags = ['predictions'];

const dataset = Type.String({ minLength: 1, maxLength: 256, description: 'Id or name of a dataset.' });
const splits = ['train', 'validation', 'test'] as const;

const evaluateBody = Type.Object(
  {
    dataset,
    split: Type.Optional(
      Type.Enum([...splits, 'all'], { description: '[test where there is one, else validation, else train]' }),
    ),
  },
  { ...closed, examples: [{ dataset: 'mnist', split: 'test' }] },
);
export type EvaluateBody = Static<typeof evaluateBody>;

export const evaluate = {
  operationId: 'evaluateModel',
  summary: 'Measure a model on a dataset that fits: metrics, classes, calibration, the samples that it reads worst',
  tags,
  params: idParams,
  body: evaluateBody,
  response: {
    200: json('What was measured.', component('ModelEvaluation'), examples.modelEvaluation),
    ...problems(400, 404, 409, 422, 503),
  },
};

const explainKeys = {
  method: Type.Optional(
    Type.Enum([...explainMethods], {
      description:
        '[gradCam where images go through layers whose output is an image; contributions of tables; else gradient, and occlusion where there is none]',
    }),
  ),
  class: Type.Optional(
    Type.String({ maxLength: 1000, description: 'Whose score is explained [the class that is predicted].' }),
  ),
  output: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 1e6, description: 'Of a regression: which output, from 0 [0].' }),
  ),
  layer: Type.Optional(
    Type.String({ maxLength: 64, description: 'Of gradCam [the last layer whose output is an image].' }),
  ),
  patch: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 4096,
      description: 'Of occlusion of images: side of the square that covers, in pixels [a seventh of the shorter side].',
    }),
  ),
  stride: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 4096, description: 'Pixels between two places of the square [half of it].' }),
  ),
  fill: Type.Optional(
    Type.Number({ description: 'What covers, in raw units [the mean of the training split, 0 where that is gone].' }),
  ),
  format: Type.Optional(
    Type.Enum(['json', 'png'], {
      description: 'Numbers, or the image with the heat over it; `Accept: image/png` asks for that, too [json].',
    }),
  ),
};
const explainQuery = Type.Object({ ...explainKeys, ...imageOptions }, closed);
export type ExplainQuery = Static<typeof explainQuery>;

const explainBody = Type.Object(
  { ...inputKeys, ...explainKeys },
  {
    ...closed,
    description: '"instances" or "images", and options, which may stand in the query, too; at most 16 inputs.',
    examples: [
      { instances: [[0, 1]], method: 'gradient' },
      { instances: [{ 'sepal length': 5.1, colour: 'blue' }], method: 'contributions', class: 'versicolor' },
    ],
  },
);
export type ExplainBody = Static<typeof explainBody>;

const explained = json(
  'An explanation for each input, in order; or a picture.',
  component('Explanations'),
  examples.explanations,
);

export const explain = {
  operationId: 'explainPrediction',
  summary: 'Which pixels or features speak for a class',
  tags,
  params: idParams,
  querystring: explainQuery,
  body: { content: { 'application/json': { schema: explainBody }, ...imageBodies } },
  response: {
    200: { ...explained, content: { ...explained.content, 'image/png': { schema: binary } } },
    ...problems(400, 404, 409, 413, 415, 422, 503),
  },
};

const suggestKeys = {
  strategy: Type.Optional(
    Type.Enum(['entropy', 'margin', 'leastConfidence'], {
      description: 'By −Σ p log p, by 1 − (largest − second p), or by 1 − largest p [entropy].',
    }),
  ),
  count: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: '[10]' })),
  spread: Type.Optional(
    Type.Boolean({ description: 'Take such as are far from each other, among five times as many [true].' }),
  ),
};
const suggestQuery = Type.Object({ ...suggestKeys, ...imageOptions }, closed);
export type SuggestQuery = Static<typeof suggestQuery>;

const suggestBody = Type.Object(
  {
    ...inputKeys,
    dataset: Type.Optional(dataset),
    split: Type.Optional(Type.Enum([...splits], { description: 'Of the dataset [the first with samples].' })),
    ...suggestKeys,
  },
  {
    ...closed,
    description:
      'One of "instances", "images" and "dataset" (its targets are not looked at), and options, which may stand in the query, too.',
    examples: [
      {
        instances: [
          [0, 1],
          [0.4, 0.6],
        ],
        count: 1,
      },
      { dataset: 'mnist', split: 'train', count: 20 },
    ],
  },
);
export type SuggestBody = Static<typeof suggestBody>;

export const suggest = {
  operationId: 'suggestSamples',
  summary: 'Of unlabelled samples those whose labels would teach most',
  tags,
  params: idParams,
  querystring: suggestQuery,
  body: { content: { 'application/json': { schema: suggestBody }, ...imageBodies } },
  response: {
    200: json('Those to be labelled first come first.', component('Suggestions'), examples.suggestions),
    ...problems(400, 404, 409, 413, 415, 422, 503),
  },
};
