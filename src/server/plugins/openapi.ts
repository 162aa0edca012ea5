import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { components } from '../schemas/components.ts';

const tags = [
  { name: 'datasets', description: 'Data to train on, kept in a compact binary store.' },
  { name: 'jobs', description: 'Training: a network, a dataset and settings become a model.' },
  { name: 'models', description: 'What a finished job leaves behind, and names for it.' },
  { name: 'predictions', description: 'Classes, probabilities and outputs for images and rows.' },
  { name: 'open inference', description: 'The Open Inference Protocol, version 2, for its clients.' },
  { name: 'operation', description: 'Is it alive, is it ready, what is it.' },
];

/** The OpenAPI document of all routes that are added from here on, at /openapi.json, and a page for it at /docs. */
export function installOpenapi(app: FastifyInstance, version: string): void {
  for (const [name, schema] of Object.entries(components)) app.addSchema({ ...schema, $id: name });

  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Hebb',
        version,
        description: 'Trains neural networks on the CPU. Errors are application/problem+json with a stable `code`.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      tags,
      security: [],
    },
    transform: ({ schema, url }) => ({
      url,
      schema: { ...schema, querystring: withoutDefaulted(schema?.querystring) },
    }),
    // Constants stay constants: Ajv, which tests the answers, and 3.1 agree on them.
    convertConstToEnum: false,
    refResolver: { buildLocalReference: (schema, _base, _fragment, i) => String(schema.$id ?? `schema${i}`) },
  });

  app.register(swaggerUi, {
    routePrefix: '/docs',
    // No badge from a validator on the internet.
    uiConfig: { validatorUrl: null },
    staticCSP: true,
    // The service speaks plain HTTP: upgrading the page's own files to HTTPS would leave it blank on another host.
    transformStaticCSP: (header) =>
      header.replace(/\s*upgrade-insecure-requests;?/, '').replace(' validator.swagger.io', ''),
  });

  app.register(async (scope) => {
    scope.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  });
}

/** A key with a default is always there for the route, and need not be sent by the client. */
function withoutDefaulted(querystring: unknown): unknown {
  if (querystring === undefined) return undefined;
  const { required, properties, ...rest } = querystring as { required?: string[]; properties: Record<string, object> };
  return { ...rest, properties, required: required?.filter((key) => !('default' in properties[key]!)) };
}
