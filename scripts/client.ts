// Writes src/client/schema.ts from the OpenAPI document: types of all that is sent and answered, and the calls by their names.
//   npm run client            writes the file
// test/client/schema.test.ts fails where the file is not what this makes.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../src/config.ts';
import { buildApp } from '../src/server/app.ts';
import type { Services } from '../src/service/types.ts';
import { comment, type JsonSchema, pascal, propertyName, TypeWriter } from './client/types.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
export const schemaFile = join(root, 'src/client/schema.ts');

type Content = Record<string, { schema: JsonSchema }>;
interface Parameter {
  in: 'query' | 'path' | 'header';
  name: string;
  required?: boolean;
  description?: string;
  schema: JsonSchema;
}
interface Operation {
  operationId: string;
  summary: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, { description: string; content?: Content }>;
}
export interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema> };
}

/** The document of a service that does nothing: the routes alone make it. */
export async function openapiDocument(): Promise<Document> {
  const nothing: object = new Proxy(() => {}, { get: () => nothing });
  const info = { name: 'hebb', version: '0.0.0', isa: '', threads: 1, jobs: 1, kernelVersion: '' };
  const app = buildApp(nothing as Services, readConfig({}), { info });
  try {
    await app.ready();
    return structuredClone((app as unknown as { swagger(): Document }).swagger());
  } finally {
    await app.close();
  }
}

/** The file's text, as the formatter leaves it. */
export function schemaText({ paths, components }: Document): string {
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
  );
  const writer = new TypeWriter(components.schemas);
  writer.nameRepeated(
    operations.flatMap(({ operationId, requestBody, responses }) => [
      ...named(`${pascal(operationId)}Body`, requestBody?.content),
      ...Object.values(responses).flatMap(({ content }) => named(`${pascal(operationId)}Answer`, content)),
    ]),
  );

  const calls = operations.map(
    (operation) =>
      `${comment(sentences(operation.summary, operation.description))}${operation.operationId}: {
        ${parametersOf(writer, operation)}
        body: ${bodyOf(writer, operation)};
        answer: ${answerOf(writer, operation)};
      };\n`,
  );
  const routes = operations.map(
    ({ operationId, method, path }) => `${operationId}: { method: '${method}', path: '${path}' },\n`,
  );
  const types = [...writer.named].map(
    ([name, { schema, description = schema.description }]) =>
      `${comment(description)}export type ${name} = ${writer.body(schema)};\n`,
  );
  return format(`// Written by \`npm run client\` from the OpenAPI document; not to be changed by hand.

${types.join('\n')}
/** What each call takes and answers, by the media types of bodies; \`null\` is a body that is not there. */
export interface Operations {
${calls.join('\n')}}

/** Where each call goes. */
export const routes = {
${routes.join('')}} as const satisfies Record<keyof Operations, { method: string; path: string }>;
`);
}

function named(name: string, content: Content = {}): [string, JsonSchema][] {
  return Object.values(content).map(({ schema }) => [name, schema]);
}

function sentences(summary: string, description = ''): string {
  return [`${summary}.`, description].join(' ').trim();
}

function parametersOf(writer: TypeWriter, { parameters = [] }: Operation): string {
  return (['path', 'query', 'header'] as const)
    .map((place) => {
      const here = parameters.filter((parameter) => parameter.in === place);
      const keys = here.map(
        ({ name, required, description, schema }) =>
          `${comment(description)}${propertyName(name)}${required ? '' : '?'}: ${writer.type(schema)};\n`,
      );
      return `${place}: ${keys.length > 0 ? `{\n${keys.join('')}}` : 'Record<string, never>'};\n`;
    })
    .join('');
}

function bodyOf(writer: TypeWriter, { requestBody }: Operation): string {
  return requestBody ? contentOf(writer, requestBody.content) : 'null';
}

/** Of the statuses that say that it went well. */
function answerOf(writer: TypeWriter, { responses }: Operation): string {
  const good = Object.entries(responses).filter(([status]) => status.startsWith('2'));
  const keys = good.map(
    ([status, { description, content }]) =>
      `${comment(description)}${status}: ${content ? contentOf(writer, content) : 'null'};\n`,
  );
  return `{\n${keys.join('')}}`;
}

function contentOf(writer: TypeWriter, content: Content): string {
  const keys = Object.entries(content).map(([type, { schema }]) => `${propertyName(type)}: ${writer.type(schema)};\n`);
  return `{\n${keys.join('')}}`;
}

function format(text: string): string {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  return execFileSync(process.execPath, [biome, 'check', '--write', `--stdin-file-path=${schemaFile}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(schemaFile, schemaText(await openapiDocument()));
