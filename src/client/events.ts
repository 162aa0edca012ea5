import type { Job, MetricRow, Operations } from './schema.ts';

type DiagnosticsRow = Operations['getJobDiagnostics']['answer'][200]['application/json']['rows'][number];
/** How far a job is. */
export type Progress = Job['progress'];
type Status = Pick<Job, 'state'> & Partial<Job>;

/** Something that happened to a job; ids grow, `progress` bears the id of the event before it. */
export type JobEvent =
  | { id: number; type: 'state'; data: Status }
  | { id: number; type: 'progress'; data: Progress & { metrics: Job['metrics'] } }
  | { id: number; type: 'epoch'; data: MetricRow }
  | { id: number; type: 'diagnostics'; data: DiagnosticsRow };

/** What a stream of server-sent events says, one by one. */
export interface ServerEvent {
  id: string;
  type: string;
  data: string;
}

/** Whether a job is over. */
export function isFinal(state: Job['state']): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** Reads text/event-stream (WHATWG HTML, section 9.2.6), however the bytes are cut into pieces. */
export class EventStreamReader {
  /** What the server wants to be waited before one comes back. */
  retryMs: number | undefined;
  private readonly decoder = new TextDecoder();
  private rest = '';
  private id = '';
  private type = '';
  private data: string[] = [];

  /** @returns the events that these bytes complete */
  *read(bytes: Uint8Array): Generator<ServerEvent> {
    const text = this.rest + this.decoder.decode(bytes, { stream: true });
    // A carriage return at the end may be half of a line end.
    const lines = text.split(text.endsWith('\r') ? /\r\n|\n|\r(?!$)/ : /\r\n|\n|\r/);
    this.rest = lines.pop()!;
    for (const line of lines) {
      if (line === '') yield* this.dispatch();
      else this.field(line);
    }
  }

  private *dispatch(): Generator<ServerEvent> {
    const { id, type, data } = this;
    this.type = '';
    this.data = [];
    if (data.length > 0) yield { id, type: type || 'message', data: data.join('\n') };
  }

  private field(line: string): void {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.data.push(value);
    else if (name === 'event') this.type = value;
    else if (name === 'id' && !value.includes('\0')) this.id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}

/** The bytes of a body. Ends the body where nobody reads on. @throws what breaks it, or where it is silent for too long */
export async function* bytesOf(body: ReadableStream<Uint8Array>, silenceMs: number): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await withinMs(reader.read(), silenceMs);
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function withinMs<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the stream was silent for ${ms / 1000} s`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
