import { Type } from 'typebox';

const open = { additionalProperties: true } as const;

/** Body of a new dataset in JSON; the service checks it in full. */
export const datasetRequestSchema = Type.Object({ name: Type.String({ minLength: 1 }) }, open);

/** The part `meta` of an upload. */
export const datasetMetaSchema = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    task: Type.Optional(Type.Enum(['classification', 'regression'])),
    format: Type.Optional(Type.String()),
    target: Type.Optional(Type.String()),
    features: Type.Optional(Type.Array(Type.String())),
    classes: Type.Optional(Type.Array(Type.String())),
    split: Type.Optional(Type.Object({}, open)),
    shape: Type.Optional(Type.Array(Type.Integer({ minimum: 1 }))),
    limit: Type.Optional(Type.Object({}, open)),
  },
  { additionalProperties: false },
);

/** Body of a new job; the service checks it in full. */
export const jobRequestSchema = Type.Object(
  {
    name: Type.Optional(Type.String()),
    dataset: Type.Optional(Type.Unknown({ description: 'Id, name or spec.' })),
    network: Type.Optional(Type.Object({}, open)),
    training: Type.Optional(Type.Object({}, open)),
    priority: Type.Optional(Type.Number()),
  },
  open,
);
