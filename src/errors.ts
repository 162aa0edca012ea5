/** One thing that is wrong with a request, at a JSON pointer into its body (empty: the body as a whole). */
export interface Fault {
  pointer: string;
  message: string;
  expected?: unknown;
  received?: unknown;
}

/** RFC 9457 problem details, as every error leaves the service. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  errors?: Fault[];
}

/** The one table of what can go wrong: stable code → HTTP status and title. */
export const problemTable = {
  'invalid-json': { status: 400, title: 'The body is not JSON' },
  'invalid-request': { status: 400, title: 'The request does not fit the schema' },
  'invalid-file': { status: 400, title: 'The file cannot be read' },
  'invalid-image': { status: 400, title: 'The image cannot be read' },
  'not-found': { status: 404, title: 'Not found' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'state-conflict': { status: 409, title: 'The state does not allow it' },
  'in-use': { status: 409, title: 'Still in use' },
  'too-large': { status: 413, title: 'Too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'invalid-data': { status: 422, title: 'The data cannot be used' },
  'invalid-network': { status: 422, title: 'The network is impossible' },
  'invalid-training': { status: 422, title: 'The training settings are impossible' },
  'unknown-dataset': { status: 422, title: 'No such dataset' },
  'unknown-preset': { status: 422, title: 'No such preset' },
  'idempotency-mismatch': { status: 422, title: 'The key belongs to another request' },
  'unknown-model': { status: 422, title: 'No such model' },
  'unsuitable-model': { status: 422, title: 'Not possible with this network' },
  'model-too-large': { status: 422, title: 'The model does not fit into memory' },
  'invalid-instance': { status: 422, title: 'The input does not fit the model' },
  diverged: { status: 422, title: 'Training diverged' },
  'training-died': { status: 500, title: 'The training process died' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'no-space': { status: 503, title: 'The disk is full' },
  unavailable: { status: 503, title: 'Not available now' },
  internal: { status: 500, title: 'A bug in the service' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problemTable;

/** An error with a place in the table above. Everything thrown on purpose is one of these. */
export class HebbError extends Error {
  readonly code: ProblemCode;
  readonly faults: Fault[] | undefined;

  /** @param detail one sentence: what was expected, where, and what came. */
  constructor(code: ProblemCode, detail: string, faults?: Fault[], options?: ErrorOptions) {
    super(detail, options);
    this.name = 'HebbError';
    this.code = code;
    this.faults = faults;
  }

  get status(): number {
    return problemTable[this.code].status;
  }

  toProblem(): Problem {
    const { status, title } = problemTable[this.code];
    return {
      type: `urn:hebb:problem:${this.code}`,
      title,
      status,
      detail: this.message,
      code: this.code,
      ...(this.faults && { errors: this.faults }),
    };
  }

  /** The error that a problem came from, for instance one that crossed a process or thread boundary. */
  static fromProblem(problem: Problem): HebbError {
    return new HebbError(problem.code, problem.detail, problem.errors);
  }
}

/** Whether something could not be written for want of room on the disk, as the operating system and SQLite call it. */
export function isNoSpace(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL';
}

/** What is told of it. */
export function noSpaceError(cause: unknown): HebbError {
  return new HebbError('no-space', 'The disk is full: there is no room to store it.', undefined, { cause });
}

/** Any thrown value as a problem; what is neither a HebbError nor a full disk is a bug and says no more than that. */
export function toProblem(error: unknown): Problem {
  if (error instanceof HebbError) return error.toProblem();
  if (isNoSpace(error)) return noSpaceError(error).toProblem();
  return new HebbError('internal', 'An unexpected error; the service log has it.').toProblem();
}

/** The error of a part of a body, its pointers from the body's root. */
export function withPointer(error: unknown, prefix: string): unknown {
  if (!(error instanceof HebbError) || !error.faults) return error;
  const faults = error.faults.map((fault) => ({ ...fault, pointer: prefix + fault.pointer }));
  return new HebbError(error.code, error.message, faults, { cause: error });
}
