import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv, type AnySchema } from 'ajv';
import { expect, test } from 'vitest';
import { bodyOf, startServer } from '../helpers/server.ts';

interface Body {
  schema: AnySchema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}
/** One is `example`, several are `examples`. */
function examplesOf({ example, examples = {} }: Body): unknown[] {
  return example === undefined ? Object.values(examples).map(({ value }) => value) : [example];
}
interface Operation {
  operationId: string;
  tags: string[];
  parameters?: { in: string; name: string; required: boolean }[];
  requestBody?: { content: Record<string, Body> };
  responses: Record<string, { content?: Record<string, { schema: AnySchema; example?: unknown }> }>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, AnySchema> };
}

async function documented() {
  const server = await startServer();
  const document: Document = await bodyOf(await fetch(`${server.url}/openapi.json`));
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
  return { ...server, document, operations };
}

/** Validators for the document's schemas, in which an object has no keys but those described. */
function strictValidator(document: Document) {
  const ajv = new Ajv({ allErrors: true, discriminator: true, strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'document', ...(close(document) as object) });
  return (pointer: string[], value: unknown) => {
    const fragment = pointer
      .map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const validate = ajv.compile({ $ref: `document#/${fragment}` });
    return validate(value) ? [] : validate.errors;
  };
}

function close(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(close);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, close(inner)]));
  if (copy.type === 'object' && copy.properties) copy.additionalProperties ??= false;
  return copy;
}

test('the linter finds nothing', async () => {
  const { document, services } = await documented();
  const file = join(services.uploadRoot, 'openapi.json');
  await writeFile(file, JSON.stringify(document));
  const child = spawn('node_modules/.bin/redocly', ['lint', '--extends=spec', '--format=json', file], {
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  const found = JSON.parse(output.slice(output.indexOf('{')));
  expect(found.problems.map((p: { message: string; location: unknown }) => [p.message, p.location])).toEqual([]);
  expect(code).toBe(0);
});

test('every operation is described: id, summary, one tag, an example, errors', async () => {
  const { operations } = await documented();
  expect(operations.length).toBeGreaterThan(24);
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  for (const { path, operation } of operations) {
    expect(operation).toMatchObject({ summary: expect.any(String), tags: [expect.any(String)] });
    const errors = path.startsWith('/v2') ? 'application/json' : 'application/problem+json';
    expect(Object.keys(operation.responses.default!.content!)).toEqual([errors]);
    const body = operation.requestBody?.content['application/json'];
    if (body) expect(examplesOf(body), operation.operationId).not.toEqual([]);
    for (const response of Object.values(operation.responses)) {
      const json = response.content?.['application/json'];
      if (json) expect(json, operation.operationId).toHaveProperty('example');
    }
  }
});

test('parameters with a default need not be sent', async () => {
  const { document } = await documented();
  const limit = document.paths['/v1/jobs']!.get!.parameters!.find((p) => p.name === 'limit');
  expect(limit).toMatchObject({ in: 'query', required: false, schema: { default: 50 } });
});

test('examples fit their schemas', async () => {
  const { document, operations } = await documented();
  const faults = strictValidator(document);
  for (const { path, method, operation } of operations) {
    for (const [status, response] of Object.entries(operation.responses)) {
      for (const [type, { example }] of Object.entries(response.content ?? {})) {
        if (example === undefined) continue;
        const pointer = ['paths', path, method, 'responses', status, 'content', type, 'schema'];
        expect(faults(pointer, example), pointer.join(' ')).toEqual([]);
      }
    }
    const body = operation.requestBody?.content['application/json'];
    if (body) {
      const pointer = ['paths', path, method, 'requestBody', 'content', 'application/json', 'schema'];
      for (const example of examplesOf(body)) expect(faults(pointer, example), operation.operationId).toEqual([]);
    }
  }
});

test('every answer is one that the document knows, and fits its schema', async () => {
  const { url, document, operations, services } = await documented();
  const faults = strictValidator(document);
  const ids: Record<string, string> = {
    datasets: 'mnist',
    jobs: 'digits',
    models: 'digits',
    aliases: 'best',
    presets: 'xor-tanh',
  };
  for (const { path, method, operation } of operations) {
    for (const known of [true, false]) {
      const resource = path.split('/')[2] ?? '';
      const id = known ? ids[resource]! : 'absent';
      const target = path
        .replace('{id}', id)
        .replace('{alias}', id)
        .replace('{name}', id)
        .replace('{index}', '0')
        .replace('{version}', '1');
      const json = operation.requestBody?.content['application/json'];
      // These have to be there; a value that fits them need not be known.
      const required = (operation.parameters ?? []).filter((p) => p.in === 'query' && p.required);
      const query = required.map(({ name }) => `${name}=${id}`).join('&');
      const body = json && examplesOf(json)[0];
      const response = await fetch(`${url}${target}${query && `?${query}`}`, {
        method: method.toUpperCase(),
        ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      const status = operation.responses[response.status] ? String(response.status) : 'default';
      const type = response.headers.get('content-type')?.split(';')[0];
      const what = `${method} ${target} ${response.status} ${type}`;
      expect(operation.responses, what).toHaveProperty([response.status]);
      const content = operation.responses[status]!.content;
      if (type === undefined) {
        expect(content, what).toBeUndefined();
        continue;
      }
      expect(content, what).toHaveProperty([type]);
      if (!type.endsWith('json')) continue;
      const pointer = ['paths', path, method, 'responses', status, 'content', type, 'schema'];
      expect(faults(pointer, await bodyOf(response)), what).toEqual([]);
    }
  }
  expect(services.readers).toBe(0);
});

test('the page for people needs nothing from elsewhere, and its policy lets its own files run', async () => {
  const { url } = await startServer();
  const response = await fetch(`${url}/docs/`);
  const policy = response.headers.get('content-security-policy')!;
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toMatch(/upgrade-insecure-requests|validator/);
  const page = await response.text();
  const files = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) {
    expect(file).toMatch(/^\.\//);
    expect((await fetch(new URL(file, `${url}/docs/`))).status).toBe(200);
  }
  // No script in the page itself: the policy would stop it.
  expect(page).not.toMatch(/<script(?![^>]*\bsrc=)/);
});
