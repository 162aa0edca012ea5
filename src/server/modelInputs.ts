import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { type Fault, HebbError } from '../errors.ts';
import type { ModelInputs } from '../service/types.ts';
import { forEachPart, takeMultipart } from './multipart.ts';
import { imageTypes } from './schemas/predictions.ts';

/** Of all images of one call together; encoded, so many times that in pixels. */
const maxImageBytes = 32 * 1024 ** 2;

export const imageBytesOf = (config: Config): number => Math.min(maxImageBytes, config.maxUploadBytes);

/** Lets the routes of this scope take images, alone or in parts. */
export function takeImages(app: FastifyInstance, config: Config): void {
  takeMultipart(app);
  app.addContentTypeParser<Buffer>(
    [...imageTypes],
    { parseAs: 'buffer', bodyLimit: imageBytesOf(config) },
    async (_request: FastifyRequest, body: Buffer) => body,
  );
}

/**
 * The rows or images that a call brings for a model: an image, images in parts, or JSON with `instances` or `images`.
 * @param limits bytes of all images together, and how many parts there may be
 * @throws HebbError for a body that has none, or both
 */
export async function readModelInputs(
  request: FastifyRequest,
  limits: { bytes: number; images: number },
): Promise<ModelInputs> {
  const { body } = request;
  if (Buffer.isBuffer(body)) {
    if (body.length === 0) throw new HebbError('invalid-image', 'the body is empty, an image was expected');
    return { images: [body] };
  }
  if (request.isMultipart()) return { images: await receiveImages(request, limits) };
  const { instances, images } = (body ?? {}) as { instances?: unknown[]; images?: string[] };
  if ((instances === undefined) === (images === undefined)) {
    throw new HebbError('invalid-request', 'the body must have either "instances" or "images"', [
      {
        pointer: '',
        message: 'must have exactly one of "instances" and "images"',
        expected: ['instances', 'images'],
      },
    ]);
  }
  return instances ? { instances } : { images: decodeImages(images!) };
}

/** The query's word for how images are inverted. */
export function readInvert(invert: 'true' | 'false' | 'auto' | undefined): boolean | 'auto' | undefined {
  return invert === 'auto' || invert === undefined ? invert : invert === 'true';
}

/** Every part is an image, whatever its name. */
async function receiveImages(request: FastifyRequest, limits: { bytes: number; images: number }): Promise<Buffer[]> {
  const images: Buffer[] = [];
  await forEachPart(request, { bytes: limits.bytes, parts: limits.images }, async ({ name, content }) => {
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk);
    if (chunks.length === 0) throw new HebbError('invalid-image', `the part "${name}" is empty, an image was expected`);
    images.push(Buffer.concat(chunks));
  });
  if (images.length === 0)
    throw new HebbError('invalid-request', 'the multipart body has no part, images were expected');
  return images;
}

function decodeImages(texts: string[]): Buffer[] {
  const faults: Fault[] = [];
  const images = texts.map((text, i) => {
    const base64 = text.replace(/^data:image\/\w+;base64,/, '');
    if (base64 === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
      faults.push({ pointer: `/images/${i}`, message: 'must be an image in base64', received: text.slice(0, 60) });
    }
    return Buffer.from(base64, 'base64');
  });
  const [first] = faults;
  if (first) throw new HebbError('invalid-request', `${first.pointer}: ${first.message}`, faults.slice(0, 100));
  return images;
}
