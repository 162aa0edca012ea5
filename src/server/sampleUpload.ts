import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { type AddedImages, mostAddedImages } from '../data/addition.ts';
import { HebbError } from '../errors.ts';
import { forEachPart, type Part } from './multipart.ts';

const maxLabelBytes = 1000;

/**
 * Takes the parts `image` and `label` of a multipart body, as many of the one as of the other: the first label is that of the first image.
 * @param folder where the images are written to
 * @throws HebbError('invalid-request'), ('too-large')
 */
export async function receiveImages(request: FastifyRequest, folder: string, config: Config): Promise<AddedImages> {
  const paths: string[] = [];
  const labels: string[] = [];
  const limits = { bytes: config.maxUploadBytes, parts: 2 * mostAddedImages };
  await forEachPart(request, limits, async ({ name, content }) => {
    if (name === 'label') labels.push(await readLabel(content));
    else if (name === 'image') {
      const path = join(folder, `image-${paths.length}`);
      await pipeline(content, createWriteStream(path, { flags: 'wx' }));
      paths.push(path);
    } else throw partError(`unknown part "${name}"`);
  });
  if (paths.length === 0) throw partError('no image came');
  if (paths.length !== labels.length) throw partError(`${paths.length} images and ${labels.length} labels came`);
  return paths.map((path, index) => ({ path, label: labels[index]! }));
}

async function readLabel(content: Part['content']): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of content) {
    length += chunk.length;
    if (length > maxLabelBytes) throw new HebbError('too-large', `a label is longer than ${maxLabelBytes} bytes`);
    chunks.push(chunk);
  }
  const label = Buffer.concat(chunks).toString('utf8');
  if (label === '' || label.length > 200 || /\p{Cc}|\ufffd/u.test(label)) {
    throw partError('a label must be text of 1 to 200 characters, in UTF-8 and without control characters');
  }
  return label;
}

function partError(what: string): HebbError {
  return new HebbError('invalid-request', `${what}; expected: image (a file) and label (text), as many of both`);
}
