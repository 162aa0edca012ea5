import { type Static, type TSchema, Type } from 'typebox';

export const closed = { additionalProperties: false } as const;

const id = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'An id, an alias or a name (its newest bearer); of models also NAME@VERSION.',
});
export const idParams = Type.Object({ id }, closed);
export type IdParams = Static<typeof idParams>;

export const pageQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Items of one page.' }),
    cursor: Type.Optional(Type.String({ maxLength: 512, description: '`next` of the page before.' })),
  },
  closed,
);
export type PageQuery = Static<typeof pageQuery>;

export const shape = Type.Array(Type.Integer({ minimum: 1 }), { description: 'Sizes, channels last.' });
export const time = Type.String({ format: 'date-time' });
export const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

export function nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()]);
}

/** A schema from components.ts by its name. */
export function component(name: string): TSchema {
  return Type.Unsafe({ $ref: `${name}#` });
}

export function pageOf(name: string): TSchema {
  return Type.Object({
    items: Type.Array(component(name)),
    next: nullable(Type.String({ description: 'Cursor of the following page; null on the last.' })),
  });
}

/** A response of JSON for a route's schema. */
export function json(description: string, schema: TSchema, example: unknown, headers?: Record<string, TSchema>) {
  return { description, ...(headers && { headers }), content: { 'application/json': { schema, example } } };
}

/** A response of another media type for a route's schema. */
export function media(description: string, type: string) {
  return { description, content: { [type]: { schema: binary } } };
}

export const binary = Type.String({ format: 'binary' });

export const locationHeader = { Location: Type.String({ description: 'Path of what was made.' }) };

const meanings: Record<number, string> = {
  400: 'The body cannot be parsed or does not fit the schema.',
  404: 'No such thing.',
  409: 'The state does not allow it.',
  413: 'The body is too large.',
  415: 'The body is of a type that this call does not take.',
  422: 'Well-formed but impossible.',
  503: 'Not now; see Retry-After.',
};

/** Responses of errors for a route's schema: those named, and one for all others. */
export function problems(...statuses: number[]) {
  const content = { 'application/problem+json': { schema: component('Problem') } };
  const named = statuses.map((status) => [status, { description: meanings[status]!, content }]);
  return { ...Object.fromEntries(named), default: { description: 'Any other error.', content } };
}
