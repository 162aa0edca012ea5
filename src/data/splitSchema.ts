import { type Static, Type } from 'typebox';

const fraction = Type.Optional(Type.Number({ minimum: 0, exclusiveMaximum: 1 }));
const column = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 200, description }));

/** Which samples become validation and test samples. */
export const splitSchema = Type.Object(
  {
    validation: fraction,
    test: fraction,
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 })),
    stratify: Type.Optional(Type.Boolean({ description: 'Keep the shares of the classes [true].' })),
    column: column('Of a table: the column that names the split of each row: train, validation, test. It is no input.'),
    time: column(
      'Of a table: the column of numbers or ISO 8601 dates by which the newest rows become test, those before validation. Rows of one time stay together. No input, unless "columns" gives it a type.',
    ),
    group: column(
      'Of a table: the column whose equal values stay together in one split, drawn at random. No input, unless "columns" gives it a type.',
    ),
  },
  { additionalProperties: false, description: 'Fractions of the samples [0], or the column that decides.' },
);
export type SplitOptions = Static<typeof splitSchema>;
