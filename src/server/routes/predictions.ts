import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import { type Fault, HebbError } from '../../errors.ts';
import type { PredictOptions, PredictResponse, Services } from '../../service/types.ts';
import { forEachPart, takeMultipart } from '../multipart.ts';
import type { IdParams } from '../schemas/common.ts';
import * as schemas from '../schemas/predictions.ts';

/** Of all images of one call together; encoded, so many times that in pixels. */
const maxImageBytes = 32 * 1024 ** 2;
const maxImages = 256;

export function predictionRoutes(app: FastifyInstance, services: Services, config: Config): void {
  const imageBytes = Math.min(maxImageBytes, config.maxUploadBytes);
  takeMultipart(app);
  app.addContentTypeParser<Buffer>(
    [...schemas.imageTypes],
    { parseAs: 'buffer', bodyLimit: imageBytes },
    async (_request: FastifyRequest, body: Buffer) => body,
  );

  app.post<{ Querystring: schemas.AnyModelPredictQuery }>('/predict', { schema: schemas.predict }, async (request) =>
    predict(request, request.query.model, request.query),
  );

  app.post<{ Params: IdParams; Querystring: schemas.PredictQuery }>(
    '/v1/models/:id/predict',
    { schema: schemas.predictWithModel },
    async (request) => predict(request, request.params.id, request.query),
  );

  async function predict(
    request: FastifyRequest,
    model: string,
    query: schemas.PredictQuery,
  ): Promise<PredictResponse> {
    const { top, layers, fit, invert, center } = query;
    const options: PredictOptions = {
      top,
      layers: layers?.split(',').map((name) => name.trim()),
      fit,
      invert: invert === 'auto' ? invert : invert === undefined ? undefined : invert === 'true',
      center,
    };
    const { body } = request;
    if (Buffer.isBuffer(body)) {
      if (body.length === 0) throw new HebbError('invalid-image', 'the body is empty, an image was expected');
      return services.predictions.predictImages(model, [body], options);
    }
    if (request.isMultipart()) {
      return services.predictions.predictImages(model, await receiveImages(request, imageBytes), options);
    }
    const { instances, images } = (body ?? {}) as schemas.PredictBody;
    if ((instances === undefined) === (images === undefined)) {
      throw new HebbError('invalid-request', 'the body must have either "instances" or "images"', [
        {
          pointer: '',
          message: 'must have exactly one of "instances" and "images"',
          expected: ['instances', 'images'],
        },
      ]);
    }
    if (instances) return services.predictions.predictInstances(model, instances, options);
    return services.predictions.predictImages(model, decodeImages(images!), options);
  }
}

/** Every part is an image, whatever its name. */
async function receiveImages(request: FastifyRequest, maxBytes: number): Promise<Buffer[]> {
  const images: Buffer[] = [];
  await forEachPart(request, { bytes: maxBytes, parts: maxImages }, async ({ name, content }) => {
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
