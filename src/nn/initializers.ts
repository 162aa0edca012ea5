import { Type } from 'typebox';

export const initializerNames = ['glorotUniform', 'heNormal', 'normal', 'uniform', 'zeros', 'constant'] as const;
export type InitializerName = (typeof initializerNames)[number];

const initializerObject = Type.Object(
  {
    type: Type.Enum([...initializerNames]),
    mean: Type.Optional(Type.Number()),
    stddev: Type.Optional(Type.Number({ minimum: 0 })),
    min: Type.Optional(Type.Number()),
    max: Type.Optional(Type.Number()),
    value: Type.Optional(Type.Number()),
  },
  { additionalProperties: false },
);

/** A name, or {type, mean, stddev, min, max, value}. */
export const initializerSchema = Type.Union([Type.Enum([...initializerNames]), initializerObject]);

export interface InitializerObject {
  type: InitializerName;
  /** normal [0] */
  mean?: number;
  /** normal [1] */
  stddev?: number;
  /** uniform [−0.05] */
  min?: number;
  /** uniform [0.05] */
  max?: number;
  /** constant [0] */
  value?: number;
}
export type InitializerConfig = InitializerName | InitializerObject;
