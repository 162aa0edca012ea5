import { HebbArgumentError } from './errors.ts';
import { type Operations, routes } from './schema.ts';
import type { Call, CallOptions, Transport } from './transport.ts';

export type OperationId = keyof Operations;

type JsonOf<Content> = Content extends { 'application/json': infer Body } ? Body : undefined;

/** What a call answers, where that is JSON. */
export type AnswerOf<Id extends OperationId> = {
  [Status in keyof Operations[Id]['answer']]: JsonOf<Operations[Id]['answer'][Status]>;
}[keyof Operations[Id]['answer']];

/** The JSON that a call takes. */
export type BodyOf<Id extends OperationId> = JsonOf<Operations[Id]['body']>;

export type QueryOf<Id extends OperationId> = Operations[Id]['query'];

type PathArguments<Id extends OperationId> =
  Operations[Id]['path'] extends Record<string, never> ? { path?: undefined } : { path: Operations[Id]['path'] };
type BodyArguments<Id extends OperationId> = Operations[Id]['body'] extends null
  ? { body?: undefined }
  : { body: BodyOf<Id> | FormData | Blob };

/** All that a call takes. */
export type ArgumentsOf<Id extends OperationId> = PathArguments<Id> &
  BodyArguments<Id> & { query?: QueryOf<Id>; header?: Operations[Id]['header'] };

/** What the document cannot say of a call. */
export interface CallTraits {
  accept?: string;
  idempotent?: boolean;
  timeoutMs?: number;
}

/** Bytes that come as they are read. */
export interface Download {
  stream: ReadableStream<Uint8Array>;
  /** As the service would call the file. */
  filename: string;
  /** undefined: not known before the end */
  bytes: number | undefined;
}

/** Sends calls by the names that they have in the OpenAPI document. */
export class Caller {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** @returns the JSON of the answer, undefined where it has none */
  async json<Id extends OperationId>(
    id: Id,
    taken: ArgumentsOf<Id>,
    options: CallOptions = {},
    traits: CallTraits = {},
  ): Promise<AnswerOf<Id>> {
    const call = toCall(id, taken as Arguments, { accept: 'application/json', ...traits });
    return this.transport.send(call, options, async (response) =>
      response.status === 204 ? (undefined as AnswerOf<Id>) : ((await response.json()) as AnswerOf<Id>),
    );
  }

  async text<Id extends OperationId>(
    id: Id,
    taken: ArgumentsOf<Id>,
    options: CallOptions = {},
    traits: CallTraits = {},
  ): Promise<string> {
    return this.transport.send(toCall(id, taken as Arguments, traits), options, (response) => response.text());
  }

  async bytes<Id extends OperationId>(id: Id, taken: ArgumentsOf<Id>, options: CallOptions = {}): Promise<Uint8Array> {
    return this.transport.send(
      toCall(id, taken as Arguments, {}),
      options,
      async (response) => new Uint8Array(await response.arrayBuffer()),
    );
  }

  /** The timeout is for the beginning of the answer. */
  async download<Id extends OperationId>(id: Id, taken: ArgumentsOf<Id>, options: CallOptions = {}): Promise<Download> {
    return this.transport.send(toCall(id, taken as Arguments, {}), options, async (response) => {
      const length = response.headers.get('content-length');
      return {
        stream: response.body as ReadableStream<Uint8Array>,
        filename: filenameOf(response.headers.get('content-disposition')) ?? id,
        bytes: length === null ? undefined : Number(length),
      };
    });
  }
}

interface Arguments {
  path?: Record<string, string | number>;
  query?: Record<string, unknown>;
  header?: Record<string, string | undefined>;
  body?: unknown;
}

export function toCall(id: OperationId, { path, query, header, body }: Arguments, traits: CallTraits): Call {
  const { method, path: template } = routes[id];
  return { method, path: fill(template, path), query, headers: header, body, ...traits };
}

/** @throws HebbArgumentError for what cannot stand in a path */
function fill(template: string, values: Record<string, string | number> = {}): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = String(values[key] ?? '');
    // "." and ".." are taken out of a URL however they are written: the call would go elsewhere.
    if (value === '' || value === '.' || value === '..') throw new HebbArgumentError(`"${value}" is no ${key}`);
    return encodeURIComponent(value);
  });
}

/** RFC 6266: the name in full, otherwise the one in plain letters. */
function filenameOf(disposition: string | null): string | undefined {
  const full = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1];
  const name = full ? decodeURIComponent(full) : /filename="([^"]*)"/i.exec(disposition ?? '')?.[1];
  // A name, never a way to another folder.
  return name?.replace(/[/\\\p{Cc}]/gu, '_') || undefined;
}

/** Items of all pages, page by page as they are wanted. */
export async function* allPages<Item>(
  page: (cursor: string | undefined) => Promise<{ items: Item[]; next: string | null }>,
): AsyncGenerator<Item, void, void> {
  let cursor: string | undefined;
  do {
    const { items, next } = await page(cursor);
    yield* items;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}

/** Bytes in whatever form they are at hand. */
export type Binary = Blob | ArrayBuffer | Uint8Array;

export function toBlob(bytes: Binary): Blob {
  return bytes instanceof Blob ? bytes : new Blob([bytes as ArrayBuffer]);
}

/** A text that nobody else has; also where a page came over plain HTTP, which has no crypto.randomUUID. */
export function randomKey(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
