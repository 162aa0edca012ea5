import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type JsonSchema, TypeWriter } from '../../scripts/client/types.ts';
import { openapiDocument, schemaFile, schemaText } from '../../scripts/client.ts';

test('src/client/schema.ts says what the OpenAPI document says: otherwise run `npm run client`', async () => {
  expect(readFileSync(schemaFile, 'utf8')).toBe(schemaText(await openapiDocument()));
});

const cases: [JsonSchema, string][] = [
  [{ type: 'string' }, 'string'],
  [{ type: 'integer' }, 'number'],
  [{ type: 'string', format: 'binary' }, 'Blob'],
  [{ type: ['string', 'null'] }, 'string | null'],
  [{ enum: ['a', 1, null] }, '"a" | 1 | null'],
  [{ type: 'string', const: 'a' }, '"a"'],
  [{}, 'unknown'],
  [{ type: 'array' }, 'Array<unknown>'],
  [{ type: 'array', items: { anyOf: [{ type: 'number' }, { type: 'null' }] } }, 'Array<number | null>'],
  [{ type: 'array', prefixItems: [{ type: 'number' }, { type: 'string' }] }, '[number, string]'],
  [{ oneOf: [{ type: 'number' }, { type: 'integer' }] }, 'number'],
  [{ $ref: '#/components/schemas/Known' }, 'Known'],
  [{ type: 'object' }, 'Record<string, unknown>'],
  [{ type: 'object', additionalProperties: { type: 'number' } }, 'Record<string, number>'],
  [{ type: 'object', additionalProperties: false }, 'Record<string, never>'],
  [
    { type: 'object', required: ['a'], properties: { a: { type: 'number' }, 'b-c': { type: 'string' } } },
    '{\na: number;\n"b-c"?: string;\n}',
  ],
  [
    { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'number' } },
    '{\na?: string;\n} & Record<string, number>',
  ],
  [{ allOf: [{ $ref: '#/components/schemas/Known' }, { anyOf: [{ type: 'null' }, {}] }] }, 'Known & (null | unknown)'],
  [{ type: 'object', properties: { a: { description: 'no */ end' } } }, '{\n/** no *\\/ end */\na?: unknown;\n}'],
];

test.each(cases)('%j', (schema, type) => {
  expect(new TypeWriter({ Known: { type: 'object' } }).body(schema)).toBe(type);
});

test('what is long and stands twice gets the name of its key, and one more where that is taken', () => {
  const long = (description: string): JsonSchema => ({ type: 'object', description: description.repeat(500) });
  const writer = new TypeWriter({ Rate: { type: 'number' } });
  const root = {
    properties: { rate: long('a'), again: long('a'), other: long('b'), once: long('c'), last: long('b') },
  };
  writer.nameRepeated([['Root', root]]);
  expect([...writer.named.keys()]).toEqual(['Rate', 'RateInput', 'Other']);
  expect(writer.body(root)).toMatch(/rate\?: RateInput;.*again\?: RateInput;.*other\?: Other;.*last\?: Other;/s);
});

test('a reference to nothing is an error', () => {
  expect(() => new TypeWriter({}).body({ $ref: '#/components/schemas/Absent' })).toThrow('refers to');
});
