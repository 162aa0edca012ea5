import { type TObject, Type } from 'typebox';
import { layers } from './layers/index.ts';
import { taggedUnion } from './trainingConfig.ts';

const schemas = [...layers.values()].map((layer) => layer.schema) as unknown as [TObject, ...TObject[]];

/** A network in JSON, as a client sends it. */
export const networkSchema = Type.Object(
  {
    input: Type.Optional(
      Type.Array(Type.Integer({ minimum: 1, maximum: 2 ** 24 }), {
        minItems: 1,
        maxItems: 4,
        description: 'Shape of one sample, channels last; left out: the dataset’s.',
      }),
    ),
    layers: Type.Array(taggedUnion(schemas), { minItems: 1, maxItems: 1000 }),
  },
  { additionalProperties: false },
);
