import type { ValidateFunction } from 'ajv';
import { HebbError } from '../errors.ts';
import { compileSchema, validationError } from '../validate.ts';

export { compileSchema };

/** More faults than anybody mends at once; a hostile body could have a million. */
const maxFaults = 100;

/** @throws HebbError('invalid-request') with all faults (the first hundred) where the body does not fit the schema */
export function checkBody(validate: ValidateFunction, body: unknown): void {
  if (!validate(body)) throw validationError((validate.errors ?? []).slice(0, maxFaults));
}

/** The error of a part of a body, its pointers from the body's root. */
export function withPointer(error: unknown, prefix: string): unknown {
  if (!(error instanceof HebbError) || !error.faults) return error;
  const faults = error.faults.map((fault) => ({ ...fault, pointer: prefix + fault.pointer }));
  return new HebbError(error.code, error.message, faults, { cause: error });
}
