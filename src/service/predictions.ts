import { HebbError } from '../errors.ts';
import { loadPredictor, type Predictor, predictorBytes } from '../models/predictor.ts';
import { PredictorCache } from '../models/predictorCache.ts';
import { toNested } from '../nn/nested.ts';
import type { ResolvedNetwork } from '../nn/resolve.ts';
import { elementCount } from '../shape.ts';
import { imageInputs, instanceInputs } from './modelInputs.ts';
import { toPrediction } from './predictionOutput.ts';
import type { ServedModel, ServedModels } from './servedModels.ts';
import type { PredictionService, PredictOptions, PredictResponse } from './types.ts';

/** Numbers of activations in one answer: writing them as JSON takes the event loop's time. */
const maxActivations = 100_000;

export interface PredictionSettings {
  isa: string;
  threads: number;
  batchDelayMs: number;
  /** Requests that are being worked on or wait; more are refused. */
  maxPredictions: number;
  /** Bytes that loaded models take together. */
  modelMemoryBytes: number;
}

/** Calls on loaded models; all of them are counted against the limit of what may wait. */
export interface Predictions {
  service(models: ServedModels): PredictionService;
  /** Calls `use` with a model that is loaded, and stays so meanwhile. */
  withModel<Result>(model: ServedModel, use: (predictor: Predictor) => Promise<Result>): Promise<Result>;
  /** @throws HebbError('unavailable') where too many are under way */
  admitted<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Drops a model that was deleted. */
  forget(id: string): void;
  close(): void;
}

/** Predictions by models that stay loaded between calls. */
export function createPredictions(settings: PredictionSettings): Predictions {
  const cache = new PredictorCache<Predictor>(settings.modelMemoryBytes);
  let underWay = 0;

  async function admitted<Result>(work: () => Promise<Result>): Promise<Result> {
    if (underWay >= settings.maxPredictions) {
      throw new HebbError(
        'unavailable',
        `${underWay} predictions are under way or wait, which is as many as may (HEBB_MAX_PREDICTIONS): send this one again in a moment`,
      );
    }
    underWay++;
    try {
      return await work();
    } finally {
      underWay--;
    }
  }

  function withModel<Result>(model: ServedModel, use: (predictor: Predictor) => Promise<Result>): Promise<Result> {
    const loading = () => ({
      version: model.version,
      bytes: predictorBytes(model, settings),
      loadingBytes: model.readingBytes,
      load: () => loadPredictor(model, settings),
    });
    return cache.use(model.id, model.version, loading, use);
  }

  async function predict(model: ServedModel, inputs: Float32Array, options: PredictOptions): Promise<PredictResponse> {
    const { layers = [] } = options;
    const rows = inputs.length / elementCount(model.inputShape);
    return withModel(model, async (predictor) => {
      checkLayers(layers, predictor.resolved, rows);
      if (layers.length > 0) {
        const { output, ofRow } = await activationsOf(predictor, inputs, layers, rows);
        return answer(model, predictor, output, rows, options, ofRow);
      }
      return answer(model, predictor, await predictor.predict(inputs, rows), rows, options);
    });
  }

  /** What predict gives, of a model that is loaded and has nothing else to do; otherwise null. */
  function predictNow(model: ServedModel, inputs: Float32Array, options: PredictOptions): PredictResponse | null {
    if (options.layers?.length) return null;
    const rows = inputs.length / elementCount(model.inputShape);
    const predictor = cache.loaded(model.id, model.version);
    const output = predictor?.predictNow(inputs, rows);
    return output ? answer(model, predictor!, output, rows, options) : null;
  }

  return {
    admitted,
    withModel,
    service: (models) => ({
      async predictInstances(id, instances, options) {
        const model = models.find(id);
        const now = predictNow(model, instanceInputs(model, instances), options);
        if (now) return now;
        return admitted(() =>
          models.withCurrent(id, async (model) => predict(model, instanceInputs(model, instances), options)),
        );
      },
      predictImages: (id, images, options) =>
        admitted(() =>
          models.withCurrent(id, async (model) => {
            const inputs = await imageInputs(model, images, options);
            return predict(model, inputs, options);
          }),
        ),
    }),
    forget: (id) => cache.drop(id),
    close: () => cache.clear(),
  };
}

/** @param activationsOf a row, where they are wanted */
function answer(
  model: ServedModel,
  { step }: Predictor,
  output: Float32Array,
  rows: number,
  { top }: PredictOptions,
  activationsOf?: (row: number) => Record<string, unknown>,
): PredictResponse {
  const predictions = Array.from({ length: rows }, (_, row) => {
    const prediction = toPrediction(model, rowOf(output, row, rows), top);
    return activationsOf ? { ...prediction, activations: activationsOf(row) } : prediction;
  });
  return { model: model.id, step, predictions };
}

/** The outputs of the last layer, and by row those of other layers, nested, by their names. */
async function activationsOf(predictor: Predictor, inputs: Float32Array, names: string[], rows: number) {
  const { layers } = predictor.resolved;
  const final = layers.at(-1)!.name;
  const activations = await predictor.activations(inputs, [...names, final]);
  const shapes = new Map(layers.map(({ name, outputShape }) => [name, outputShape]));
  const ofRow = (row: number) =>
    Object.fromEntries(
      names.map((name) => [name, toNested(rowOf(activations[name]!, row, rows), shapes.get(name)!)] as const),
    );
  return { output: activations[final]!, ofRow };
}

function rowOf(values: Float32Array, row: number, rows: number): Float32Array {
  if (rows === 1) return values;
  const elements = values.length / rows;
  return values.subarray(row * elements, (row + 1) * elements);
}

/** @throws HebbError for a layer that the model does not have, or more numbers than an answer may carry */
function checkLayers(names: string[], { layers }: ResolvedNetwork, rows: number): void {
  if (names.length === 0) return;
  const sizes = new Map(layers.map(({ name, outputShape }) => [name, elementCount(outputShape)]));
  for (const name of names) {
    if (sizes.has(name)) continue;
    const known = [...sizes.keys()];
    const message = `the model has no layer "${name}"; its layers: ${known.join(', ')}`;
    throw new HebbError('invalid-request', message, [{ pointer: '/layers', message, expected: known, received: name }]);
  }
  const numbers = rows * names.reduce((sum, name) => sum + sizes.get(name)!, 0);
  if (numbers <= maxActivations) return;
  throw new HebbError(
    'invalid-instance',
    `the activations of these layers are ${numbers} numbers, an answer carries at most ${maxActivations}: ask for fewer layers or inputs at a time`,
  );
}
