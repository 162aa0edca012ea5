import { HebbConnectionError, HebbProblem, problemOf } from './errors.ts';

type Fetch = typeof globalThis.fetch;
/** What fetch sends as it is. */
type RawBody = FormData | Blob | ArrayBuffer;

export interface ClientOptions {
  /** Where the service is [http://127.0.0.1:8080]; may have a path, behind a proxy. */
  baseUrl?: string | URL;
  /** [the global one] */
  fetch?: Fetch;
  /** Ends every call and every stream. */
  signal?: AbortSignal;
  /** Sent with every call. */
  headers?: Record<string, string>;
  /** For the answer to a call; 0: for ever [60 s]. Uploads, and what the service reads a whole dataset for, wait for ever. */
  timeoutMs?: number;
  /** How often a call that may be repeated is, after a broken connection or a 503 or 429 [3]. */
  retries?: number;
  /** Told of each repetition. */
  onRetry?: (error: HebbProblem | HebbConnectionError, delayMs: number) => void;
}

export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
  headers?: Record<string, string>;
}

export interface Call {
  method: string;
  /** With its parameters in place. */
  path: string;
  query?: Record<string, unknown>;
  headers?: Record<string, string | undefined>;
  /** FormData, Blob and ArrayBuffer go as they are, everything else as JSON. */
  body?: unknown;
  accept?: string;
  /** Whether sending it twice does what sending it once does [by the method]. */
  idempotent?: boolean;
  timeoutMs?: number;
}

/** An upper bound on what a service may ask to wait. */
const longestWaitMs = 60_000;
const firstWaitMs = 200;

/** Sends calls: timeouts, repetitions, and errors that say what happened. */
export class Transport {
  readonly baseUrl: string;
  readonly signal: AbortSignal | undefined;
  private readonly options: ClientOptions;

  constructor(options: ClientOptions) {
    this.options = options;
    this.baseUrl = new URL(options.baseUrl ?? 'http://127.0.0.1:8080').href.replace(/[?#].*$/, '').replace(/\/+$/, '');
    this.signal = options.signal;
  }

  /**
   * @param read what becomes of a good answer; within the timeout
   * @throws HebbProblem, HebbConnectionError, or the reason of the signal that ended it
   */
  async send<T>(call: Call, options: CallOptions, read: (response: Response) => Promise<T>): Promise<T> {
    const { retries = 3 } = this.options;
    const idempotent = call.idempotent ?? ['GET', 'PUT', 'DELETE'].includes(call.method);
    const signals = [this.signal, options.signal];
    let answerLost = false;
    for (let attempt = 0; ; attempt++) {
      let failure: HebbProblem | HebbConnectionError;
      try {
        return await this.once(call, options, signals, read);
      } catch (error) {
        if (error instanceof HebbProblem) {
          // The deletion whose answer was lost: what it was to do is done.
          if (answerLost && call.method === 'DELETE' && error.status === 404) return undefined as T;
          if (error.status !== 503 && error.status !== 429) throw error;
        } else if (error instanceof HebbConnectionError) answerLost = true;
        else throw error;
        failure = error;
      }
      const again = idempotent && attempt < retries && !(failure instanceof HebbConnectionError && failure.timedOut);
      if (!again) throw failure;
      const delayMs = waitMs(failure, attempt);
      this.retrying(failure, delayMs);
      await sleep(delayMs, signals);
    }
  }

  private async once<T>(
    call: Call,
    options: CallOptions,
    signals: (AbortSignal | undefined)[],
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? call.timeoutMs ?? this.options.timeoutMs ?? 60_000;
    const limit = new Limit(signals, timeoutMs);
    try {
      const response = await this.fetch(call, options, limit.signal);
      if (!response.ok) throw await problemOf(response);
      return await read(response);
    } catch (error) {
      if (error instanceof HebbProblem || error instanceof HebbConnectionError) throw error;
      for (const signal of signals) signal?.throwIfAborted();
      throw this.connectionError(error, limit.isOver ? timeoutMs : undefined);
    } finally {
      limit.clear();
    }
  }

  /** One request, without timeout or repetition. */
  fetch(call: Call, options: CallOptions, signal: AbortSignal): Promise<Response> {
    const fetch = this.options.fetch ?? globalThis.fetch;
    const headers = new Headers({ ...this.options.headers, ...options.headers });
    if (call.accept) headers.set('accept', call.accept);
    for (const [name, value] of Object.entries(call.headers ?? {})) if (value !== undefined) headers.set(name, value);
    let body: RawBody | string | undefined;
    if (isRaw(call.body)) body = call.body;
    else if (call.body !== undefined) {
      headers.set('content-type', 'application/json');
      body = JSON.stringify(call.body);
    }
    return fetch(this.baseUrl + call.path + queryText(call.query), { method: call.method, headers, body, signal });
  }

  /** Tells that it will be tried again. */
  retrying(error: unknown, delayMs: number): void {
    const known = error instanceof HebbProblem || error instanceof HebbConnectionError;
    this.options.onRetry?.(known ? error : this.connectionError(error), delayMs);
  }

  connectionError(error: unknown, timeoutMs?: number): HebbConnectionError {
    const timedOut = timeoutMs !== undefined;
    const why = timedOut ? `it took over ${timeoutMs / 1000} s` : reasonOf(error);
    const message = `no answer from ${this.baseUrl}: ${why}`;
    return new HebbConnectionError(message, this.baseUrl, { timedOut, cause: error });
  }
}

/** A signal that fires with any of others, or after a time. */
class Limit {
  isOver = false;
  private readonly controller = new AbortController();
  private readonly sources: AbortSignal[];
  private readonly timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sources: (AbortSignal | undefined)[], timeoutMs: number) {
    this.sources = sources.filter((source) => source !== undefined);
    for (const source of this.sources) {
      if (source.aborted) this.controller.abort(source.reason);
      source.addEventListener('abort', this.onAbort, { once: true });
    }
    if (timeoutMs > 0) {
      this.timer = setTimeout(() => {
        this.isOver = true;
        this.controller.abort();
      }, timeoutMs);
    }
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  clear(): void {
    clearTimeout(this.timer);
    for (const source of this.sources) source.removeEventListener('abort', this.onAbort);
  }

  private onAbort = () => this.controller.abort();
}

/** Resolves after a time. @throws the reason of a signal that fires before */
export function sleep(ms: number, signals: (AbortSignal | undefined)[] = []): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (signal?: AbortSignal) => {
      clearTimeout(timer);
      for (const [source, listener] of listeners) source.removeEventListener('abort', listener);
      if (signal) reject(signal.reason);
      else resolve();
    };
    const listeners = signals
      .filter((signal) => signal !== undefined)
      .map((signal) => [signal, () => finish(signal)] as const);
    const timer = setTimeout(finish, ms);
    for (const [source, listener] of listeners) {
      if (source.aborted) return finish(source);
      source.addEventListener('abort', listener, { once: true });
    }
  });
}

/** Longer each time, and not the same for all who wait. */
export function backoffMs(attempt: number): number {
  return firstWaitMs * 2 ** Math.min(attempt, 5) * (0.75 + Math.random() / 2);
}

function waitMs(failure: HebbProblem | HebbConnectionError, attempt: number): number {
  const asked = failure instanceof HebbProblem ? failure.retryAfterSeconds : undefined;
  return asked === undefined ? backoffMs(attempt) : Math.min(longestWaitMs, asked * 1000);
}

function isRaw(body: unknown): body is RawBody {
  return body instanceof FormData || body instanceof Blob || body instanceof ArrayBuffer;
}

function queryText(query: Record<string, unknown> = {}): string {
  const text = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) text.set(key, String(value));
  return String(text) && `?${text}`;
}

/** Fetch says "fetch failed" and keeps the reason to itself. */
function reasonOf(error: unknown): string {
  const { message = String(error), cause } = error as { message?: string; cause?: unknown };
  const inner = cause as { message?: string; code?: string } | undefined;
  return inner?.message || inner?.code || message;
}
