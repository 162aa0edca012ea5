import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { HebbError } from '../errors.ts';
import { mostModelBytes } from '../service/modelFiles.ts';
import type { ModelParts } from '../service/types.ts';
import { forEachPart, type Part } from './multipart.ts';
import { parseJson } from './plugins/json.ts';

/** Parts of JSON, and parts that are files. */
const jsonParts = ['meta', 'network'] as const;
const fileParts = ['weights', 'file'] as const;
type PartName = (typeof jsonParts)[number] | (typeof fileParts)[number];

/**
 * Takes the parts of a model: network (JSON) and weights (safetensors), or file (ONNX); meta (JSON) with either.
 * @param folder where the files are written to
 * @throws HebbError('invalid-request' | 'invalid-json' | 'too-large')
 */
export async function receiveModel(request: FastifyRequest, folder: string, config: Config): Promise<ModelParts> {
  const parts: ModelParts = {};
  const limits = { bytes: Math.min(config.maxUploadBytes, mostModelBytes), parts: jsonParts.length + fileParts.length };
  await forEachPart(request, limits, async ({ name, content }) => {
    if (!isPart(name)) throw partError(`unknown part "${name}"`);
    if (parts[name] !== undefined) throw partError(`"${name}" came twice`);
    if (name === 'meta' || name === 'network') {
      parts[name] = parseJson(
        await readText(name, content, config.maxJsonBytes),
        config.maxJsonDepth,
        `the part "${name}"`,
      );
      return;
    }
    const path = join(folder, name);
    await pipeline(content, createWriteStream(path, { flags: 'wx' }));
    parts[name] = path;
  });
  if (parts.file !== undefined) {
    for (const name of ['network', 'weights'] as const) {
      if (parts[name] !== undefined) throw partError(`"${name}" came beside "file"`);
    }
  } else if (parts.network === undefined || parts.weights === undefined) {
    const missing =
      parts.network !== undefined ? '"weights" is' : parts.weights !== undefined ? '"network" is' : 'they are';
    throw partError(`${missing} missing`);
  }
  return parts;
}

async function readText(name: string, content: Part['content'], most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of content) {
    length += chunk.length;
    if (length > most) throw new HebbError('too-large', `the part "${name}" is larger than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const isPart = (name: string): name is PartName => [...jsonParts, ...fileParts].includes(name as PartName);

function partError(what: string): HebbError {
  return new HebbError(
    'invalid-request',
    `${what}; expected: network (JSON) and weights (safetensors), or file (ONNX), with or without meta (JSON)`,
  );
}
