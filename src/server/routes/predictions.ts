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
    const answer =
      'instances' in inputs
        ? services.predictions.predictInstances(model, inputs.instances, options)
        : services.predictions.predictImages(model, inputs.images, options);
    const predictions = await answer;
    await endOfTurn();
    return predictions;
  }
}

let ending: Promise<void> | null = null;

/**
 * When all that came in this turn of the event loop has been worked on. Answers that are written one after the other then cost
 * less than each by itself: the first wakes whoever reads them.
 */
function endOfTurn(): Promise<void> {
  ending ??= new Promise((resolve) => {
    setImmediate(() => {
      ending = null;
      resolve();
    });
  });
  return ending;
}
