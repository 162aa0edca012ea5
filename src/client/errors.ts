import type { Problem } from './schema.ts';

/** The service refused: RFC 9457 problem details as an error. `message` is the problem's detail. */
export class HebbProblem extends Error {
  override readonly name = 'HebbProblem';
  /** HTTP status. */
  readonly status: number;
  /** Stable: what a program may test; 'unknown' where something other than the service answered. */
  readonly code: Problem['code'] | 'unknown';
  readonly title: string;
  /** Every fault of the body, with a JSON pointer. */
  readonly errors: NonNullable<Problem['errors']>;
  /** Id of the request in the service's log. */
  readonly requestId: string | undefined;
  /** Seconds after which it may be tried again; undefined where the service did not say. */
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: Partial<Problem>, response: Response) {
    super(problem.detail ?? `${response.url} answered with ${response.status} ${response.statusText}`);
    this.status = response.status;
    this.code = problem.code ?? 'unknown';
    this.title = problem.title ?? response.statusText;
    this.errors = problem.errors ?? [];
    this.requestId = response.headers.get('x-request-id') ?? undefined;
    const seconds = Number.parseFloat(response.headers.get('retry-after') ?? '');
    this.retryAfterSeconds = Number.isFinite(seconds) ? seconds : undefined;
  }
}

/** No answer: nobody listens there, the connection broke, or it took too long. `cause` is what was thrown. */
export class HebbConnectionError extends Error {
  override readonly name = 'HebbConnectionError';
  /** Address of the service. */
  readonly baseUrl: string;
  readonly timedOut: boolean;

  constructor(message: string, baseUrl: string, { timedOut = false, cause }: { timedOut?: boolean; cause?: unknown }) {
    super(message, { cause });
    this.baseUrl = baseUrl;
    this.timedOut = timedOut;
  }
}

/** What was given cannot be sent: a name that would lead to another path. */
export class HebbArgumentError extends TypeError {
  override readonly name = 'HebbArgumentError';
}

/** The problem that a response bears; one that is none (of a proxy, say) becomes one without a code. */
export async function problemOf(response: Response): Promise<HebbProblem> {
  const text = await response.text();
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'detail' in body) {
      return new HebbProblem(body as Partial<Problem>, response);
    }
  } catch {
    // Not JSON: told as what it is.
  }
  const about = text.replace(/\s+/g, ' ').trim().slice(0, 200);
  const detail = `${response.url} answered with ${response.status}${about && `: ${about}`}`;
  return new HebbProblem({ detail }, response);
}
