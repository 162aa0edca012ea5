import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { compileSchema, validationError } from '../../validate.ts';

/** For routes that take no query: unknown keys are errors there as well. */
const noQuery = { type: 'object', properties: {}, additionalProperties: false };

/** Bodies are checked as they are, queries and path parameters are coerced; unknown keys are errors in both. */
export function installValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(compileValidator);
  // fast-json-stringify would drop what a schema forgot and print NaN; JSON.stringify does neither.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.addHook('onRoute', (route) => {
    if (route.schema && !route.schema.hide) route.schema = { querystring: noQuery, ...route.schema };
  });
}

const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart, contentType }) => {
  // Images and multipart bodies are described by their schema, and checked by the route while they stream.
  if (contentType !== undefined && contentType !== 'application/json') return () => true;
  const validate = compileSchema(schema, httpPart === 'body' ? 'body' : 'query');
  return (data) => {
    const errors = validate(data);
    return errors ? { error: validationError(errors) } : { value: data };
  };
};

/** For routes whose service checks the body itself: the schema then only describes it. */
export const bodyCheckedByService: FastifySchemaCompiler<TSchema> = (definition) =>
  definition.httpPart === 'body' ? () => true : compileValidator(definition);
