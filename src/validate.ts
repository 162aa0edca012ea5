import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { TSchema } from 'typebox';
import { type Fault, HebbError, type ProblemCode } from './errors.ts';
import { brief, didYouMean, escapePointer } from './words.ts';

export { brief, didYouMean, escapePointer };

/** Bodies are taken as they are: nothing removed, nothing coerced, every fault told. */
const bodyAjv = new Ajv({
  allErrors: true,
  removeAdditional: false,
  coerceTypes: false,
  useDefaults: false,
  discriminator: true,
  strict: false,
  verbose: true,
});
/** Queries and path parameters come as text, so they are coerced. */
const queryAjv = new Ajv({
  allErrors: true,
  coerceTypes: 'array',
  useDefaults: true,
  discriminator: true,
  strict: false,
  verbose: true,
});

/** Checks a value: what Ajv finds wrong with it, null where it fits. */
export type Validator = (value: unknown) => ErrorObject[] | null;

/** A validator for one schema, compiled when it is first asked: a large union takes time and memory. */
export function compileSchema(schema: TSchema, where: 'body' | 'query' = 'body'): Validator {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= (where === 'body' ? bodyAjv : queryAjv).compile(schema);
    return validate(value) ? null : (validate.errors ?? []);
  };
}

/** A hostile body can be wrong in a million places; nobody reads past the first hundred. */
const mostFaults = 100;

/** What is wrong with a value, at pointers that begin with `pointer`. */
export function faultsOf(validate: Validator, value: unknown, pointer = ''): Fault[] {
  const faults = toFaults((validate(value) ?? []).slice(0, mostFaults));
  return faults.map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
}

/** @throws HebbError (all faults at once) where the value does not fit the schema. */
export function assertValid(validate: Validator, value: unknown, code: ProblemCode = 'invalid-request'): void {
  const errors = validate(value);
  if (errors) throw validationError(errors, code);
}

export function validationError(errors: ErrorObject[], code: ProblemCode = 'invalid-request'): HebbError {
  return faultyError(toFaults(errors.slice(0, mostFaults)), code);
}

/** One error for several faults; its text is the first's. */
export function faultyError(faults: Fault[], code: ProblemCode): HebbError {
  const first = faults[0];
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new HebbError(
    code,
    first ? `${first.pointer || 'the body'}: ${first.message}${more}` : 'does not fit',
    faults.slice(0, mostFaults),
  );
}

/** Ajv's errors as faults: one for each thing that is wrong, in the words of somebody who has to mend it. */
export function toFaults(errors: ErrorObject[]): Fault[] {
  const faults: Fault[] = [];
  const unions = errors.filter((e) => e.keyword === 'anyOf' || e.keyword === 'oneOf');
  // A union reports its own failure besides that of each branch: where there are branch errors that say more, they alone are
  // told, and the branches of another type are not.
  const inBranch = (e: ErrorObject, union: ErrorObject) =>
    e !== union && e.instancePath === union.instancePath && e.schemaPath.startsWith(union.schemaPath);
  const saysMore = (e: ErrorObject, union: ErrorObject) =>
    e.instancePath.startsWith(`${union.instancePath}/`) ||
    (inBranch(e, union) && ['additionalProperties', 'required'].includes(e.keyword) && hasOneObject(union.schema));
  const open = unions.filter((union) => !errors.some((e) => saysMore(e, union)));
  for (const error of errors) {
    if (unions.includes(error) && !open.includes(error)) continue;
    if (error.keyword === 'if' && errors.some((e) => e.instancePath.startsWith(`${error.instancePath}/`))) continue;
    const told = unions.some(
      (union) => inBranch(error, union) && (open.includes(union) || ['type', 'enum', 'const'].includes(error.keyword)),
    );
    if (!told) faults.push(toFault(error));
  }
  return faults;
}

/** Whether a union has one object among its branches, so that an object must have been meant as that. */
function hasOneObject(branches: unknown): boolean {
  return Array.isArray(branches) && branches.filter((branch) => branch?.type === 'object').length === 1;
}

function toFault(error: ErrorObject): Fault {
  const { instancePath: pointer, params, data, keyword } = error;
  const received = brief(data);
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params.additionalProperty);
      const known = Object.keys((error.parentSchema?.properties as object | undefined) ?? {});
      return {
        pointer: `${pointer}/${escapePointer(key)}`,
        message: `unknown key "${key}"${didYouMean(key, known)}; ${known.length > 0 ? `known keys: ${known.join(', ')}` : 'none is known here'}`,
        expected: known,
        received: key,
      };
    }
    case 'required':
      return {
        pointer: `${pointer}/${escapePointer(params.missingProperty)}`,
        message: `"${params.missingProperty}" is missing`,
        expected: params.missingProperty,
      };
    case 'discriminator': {
      const branches = (error.parentSchema?.oneOf as { properties: Record<string, { const?: unknown }> }[]) ?? [];
      return unknownTag(
        pointer,
        params.tag,
        params.tagValue,
        branches.map((s) => String(s.properties[params.tag]?.const)),
      );
    }
    case 'enum':
      return {
        pointer,
        message: `${JSON.stringify(received)} is none of ${params.allowedValues.join(', ')}${typeof data === 'string' ? didYouMean(data, params.allowedValues) : ''}`,
        expected: params.allowedValues,
        received,
      };
    case 'const':
      return {
        pointer,
        message: `must be ${JSON.stringify(params.allowedValue)}, got ${JSON.stringify(received)}`,
        expected: params.allowedValue,
        received,
      };
    case 'type':
      return {
        pointer,
        message: `must be of type ${[params.type].flat().join(' or ')}, got ${JSON.stringify(received)}`,
        expected: params.type,
        received,
      };
    case 'anyOf':
    case 'oneOf': {
      const expected = describeUnion(error.schema);
      const hint = typeof data === 'string' ? didYouMean(data, stringsOf(error.schema)) : '';
      return { pointer, message: `must be ${expected}, got ${JSON.stringify(received)}${hint}`, expected, received };
    }
    default:
      return {
        pointer,
        message: `${error.message ?? keyword}, got ${JSON.stringify(received)}`,
        expected: params.limit ?? params,
        received,
      };
  }
}

/** The fault of a union told apart by a key, where that key is missing or names no branch. */
export function unknownTag(pointer: string, tag: string, value: unknown, known: string[]): Fault {
  const what = value === undefined ? `"${tag}" is missing` : `unknown ${tag} ${JSON.stringify(brief(value))}`;
  return {
    pointer: `${pointer}/${tag}`,
    message: `${what}${typeof value === 'string' ? didYouMean(value, known) : ''}; expected one of ${known.join(', ')}`,
    expected: known,
    received: brief(value),
  };
}

/** The strings that a union takes. */
function stringsOf(schemas: unknown): string[] {
  if (!Array.isArray(schemas)) return [];
  return schemas.flatMap((s) => s.enum ?? s.const ?? []).filter((value) => typeof value === 'string');
}

function describeUnion(schemas: unknown): string {
  if (!Array.isArray(schemas)) return 'one of the known forms';
  return schemas
    .map((s) => {
      if (s.const !== undefined) return JSON.stringify(s.const);
      if (s.enum) return `one of ${s.enum.join(', ')}`;
      const bounds = [
        s.minimum !== undefined && `≥ ${s.minimum}`,
        s.exclusiveMinimum !== undefined && `> ${s.exclusiveMinimum}`,
        s.maximum !== undefined && `≤ ${s.maximum}`,
        s.exclusiveMaximum !== undefined && `< ${s.exclusiveMaximum}`,
      ].filter(Boolean);
      if (s.type === 'array') return 'an array';
      if (s.type === 'object') return `an object {${Object.keys(s.properties ?? {}).join(', ')}}`;
      return `${s.type === 'integer' ? 'an integer' : `a ${s.type}`}${bounds.length ? ` (${bounds.join(', ')})` : ''}`;
    })
    .join(' or ');
}
