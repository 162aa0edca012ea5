import { type Static, Type } from 'typebox';
import { binary, closed, component, idParams, json, problems } from './common.ts';
import * as examples from './examples.ts';

const tags = ['predictions'];

export const imageTypes = ['image/png', 'image/jpeg', 'image/webp'] as const;

/** How images come to a model. */
export const imageOptions = {
  fit: Type.Optional(
    Type.Enum(['contain', 'cover', 'fill'], { description: "How an image comes to the model's size [contain]." }),
  ),
  invert: Type.Optional(
    Type.Enum(['true', 'false', 'auto'], {
      description: 'Swap dark and light of images [false]; auto: of those with a light ground, as ink on paper has.',
    }),
  ),
  center: Type.Optional(
    Type.Enum(['mass'], { description: 'Shift an image so that its centre of mass comes to the middle [as it is].' }),
  ),
};

const options = {
  top: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Classes to list.' })),
  layers: Type.Optional(
    Type.String({ maxLength: 1000, description: 'Names of layers whose activations are wanted, by commas.' }),
  ),
  ...imageOptions,
};
const modelQuery = Type.Object(options, closed);
export type PredictQuery = Static<typeof modelQuery>;

const anyModelQuery = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 256, default: 'default', description: 'Id, alias or name.' }),
    ...options,
  },
  closed,
);
export type AnyModelPredictQuery = Static<typeof anyModelQuery>;

/** Keys of a JSON body that bring rows or images. */
export const inputKeys = {
  instances: Type.Optional(
    Type.Array(Type.Unknown(), {
      minItems: 1,
      description:
        "Rows in raw units of the dataset, nested or flat; of a model that learnt from a table also objects by its columns' names.",
    }),
  ),
  images: Type.Optional(
    Type.Array(Type.String(), { minItems: 1, description: 'PNG, JPEG or WebP in base64, or data: URLs.' }),
  ),
};

const jsonBody = Type.Object(inputKeys, {
  ...closed,
  description: 'Exactly one of the two.',
  examples: [{ instances: [[0, 1]] }, { instances: [{ 'sepal length': 5.1, colour: 'blue' }] }],
});
export type PredictBody = Static<typeof jsonBody>;

/** Bodies of images, alone or in parts. */
export const imageBodies = {
  ...Object.fromEntries(imageTypes.map((type) => [type, { schema: binary }])),
  'multipart/form-data': {
    schema: Type.Object({ image: Type.Array(binary) }, { description: 'One or several images, in parts of any name.' }),
  },
};

const shared = {
  tags,
  body: {
    content: {
      'application/json': { schema: jsonBody },
      ...imageBodies,
    },
  },
  response: {
    200: json('One prediction for each row or image, in order.', component('Predictions'), examples.prediction),
    ...problems(400, 404, 409, 413, 415, 422, 503),
  },
};

export const predict = {
  operationId: 'predict',
  summary: 'Predict with the default model, or with the one named',
  querystring: anyModelQuery,
  ...shared,
};

export const predictWithModel = {
  operationId: 'predictWithModel',
  summary: 'Predict with one model',
  params: idParams,
  querystring: modelQuery,
  ...shared,
};
