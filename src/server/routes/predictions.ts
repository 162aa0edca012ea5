import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../../config.ts';
import type { PredictOptions, PredictResponse, Services } from '../../service/types.ts';
import { imageBytesOf, readInvert, readModelInputs, takeImages } from '../modelInputs.ts';
import type { IdParams } from '../schemas/common.ts';
import * as schemas from '../schemas/predictions.ts';

/** In parts of one call. */
const maxImages = 256;

export function predictionRoutes(app: FastifyInstance, services: Services, config: Config): void {
  takeImages(app, config);
  const limits = { bytes: imageBytesOf(config), images: maxImages };

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
      invert: readInvert(invert),
      center,
    };
    const inputs = await readModelInputs(request, limits);
    if ('instances' in inputs) return services.predictions.predictInstances(model, inputs.instances, options);
    return services.predictions.predictImages(model, inputs.images, options);
  }
}
