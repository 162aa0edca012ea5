import { type Static, type TObject, type TSchema, Type } from 'typebox';

/** Options of an object that takes no other keys. */
export const closed = { additionalProperties: false } as const;

/** JSON schema of a union told apart by its `type` key, in the form that both Ajv and OpenAPI understand. */
export function taggedUnion<Schemas extends [TObject, ...TObject[]]>(schemas: Schemas) {
  return Type.Unsafe<Static<Schemas[number]>>({
    type: 'object',
    required: ['type'],
    discriminator: { propertyName: 'type' },
    oneOf: schemas,
  });
}

/** One side of such a union. */
export const tagged = <Name extends string, Keys extends Record<string, TSchema>>(type: Name, keys: Keys) =>
  Type.Object({ type: Type.Literal(type), ...keys }, closed);
