import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { fileParts } from '../data/source.ts';
import { HebbError } from '../errors.ts';
import type { DatasetService, DatasetUpload } from '../service/types.ts';
import { forEachPart, type Part } from './multipart.ts';
import { parseJson } from './plugins/json.ts';

type FilePart = (typeof fileParts)[number];
const maxMetaBytes = 1024 ** 2;

export interface UploadOptions {
  /** Called as soon as `meta` is there, before the files: nobody should send gigabytes to hear that a key was misspelt. */
  checkMeta(meta: unknown): void;
  /** Where a job comes before its dataset: called with it as soon as it is there, for the same reason. */
  checkJob?(job: unknown): void;
  /** Whether the files' SHA-256 are wanted [false]. */
  hashed?: boolean;
}

/** Files stream into a folder that is gone afterwards, whatever happened. */
export async function inUploadFolder<Result>(
  datasets: Pick<DatasetService, 'uploadFolder'>,
  action: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await datasets.uploadFolder();
  try {
    return await action(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Takes the parts of a dataset from a multipart body: `meta`, then files; before them `job` where one is expected.
 * @param folder where the files are written to
 * @throws HebbError('invalid-request' | 'invalid-json' | 'too-large'), and what the checks throw
 */
export async function receiveDataset(
  request: FastifyRequest,
  folder: string,
  config: Config,
  { checkMeta, checkJob, hashed = false }: UploadOptions,
): Promise<DatasetUpload & { job: unknown }> {
  let job: unknown;
  let meta: unknown;
  const files: DatasetUpload['files'] = {};
  const sha256: DatasetUpload['sha256'] = {};
  const wrong = (what: string) => partError(what, checkJob !== undefined);
  const limits = { bytes: config.maxUploadBytes, parts: (checkJob ? 2 : 1) + fileParts.length };
  await forEachPart(request, limits, async ({ name, content }) => {
    if (name === 'job' && checkJob) {
      if (job !== undefined) throw wrong('"job" came twice');
      if (meta !== undefined) throw wrong('the part "meta" came before "job"');
      job = await readJson(name, content, config.maxJsonBytes, config);
      checkJob(job);
      return;
    }
    if (checkJob && job === undefined) throw wrong(`the part "${name}" came before "job"`);
    if (name === 'meta') {
      if (meta !== undefined) throw wrong('"meta" came twice');
      meta = await readJson(name, content, maxMetaBytes, config);
      checkMeta(meta);
      return;
    }
    if (!isFilePart(name)) throw wrong(`unknown part "${name}"`);
    if (meta === undefined) throw wrong(`the part "${name}" came before "meta"`);
    if (files[name] !== undefined) throw wrong(`"${name}" came twice`);
    const path = join(folder, name);
    const hash = hashed ? createHash('sha256') : undefined;
    await pipeline(hash ? seenBy(hash, content) : content, createWriteStream(path, { flags: 'wx' }));
    files[name] = path;
    if (hash) sha256[name] = hash.digest('hex');
  });
  if (checkJob && job === undefined) throw wrong('the part "job" is missing');
  if (meta === undefined) throw wrong('the part "meta" is missing');
  return { job, meta, files, sha256 };
}

async function* seenBy(hash: { update(chunk: Buffer): unknown }, content: Part['content']): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}

async function readJson(name: string, content: Part['content'], maxBytes: number, config: Config): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of content) {
    length += chunk.length;
    if (length > maxBytes) throw new HebbError('too-large', `the part "${name}" is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return parseJson(Buffer.concat(chunks), config.maxJsonDepth, `the part "${name}"`);
}

function partError(what: string, withJob: boolean): HebbError {
  return new HebbError(
    'invalid-request',
    `${what}; expected: ${withJob ? 'job (JSON), then ' : ''}meta (JSON)${withJob ? ',' : ' first,'} then file, with or without labels, testFile and validationFile, or inputs and targets, or images and labels, with or without those of a test`,
  );
}

function isFilePart(name: string): name is FilePart {
  return (fileParts as readonly string[]).includes(name);
}
