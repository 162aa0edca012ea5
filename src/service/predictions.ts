import { HebbError } from '../errors.ts';
import { loadPredictor, type Predictor } from '../models/predictor.ts';
import { toNested } from '../nn/nested.ts';
import { resolveNetwork } from '../nn/resolve.ts';
import { elementCount, type Shape } from '../shape.ts';
import type { ModelRecord } from '../store/models.ts';
import { imageShape, readImage } from './imageInput.ts';
import { checkCount, readInstances } from './instances.ts';
import type { Models } from './models.ts';
import { toPrediction } from './predictionOutput.ts';
import type { PredictionService, PredictOptions, PredictResponse } from './types.ts';

/** Loaded models that are kept: the most recently used, up to so many and so many bytes of weights. */
const maxLoaded = 16;
const maxLoadedBytes = 512 * 2 ** 20;
/** Numbers of activations in one answer: writing them as JSON takes the event loop's time. */
const maxActivations = 100_000;

interface Loaded {
  predictor: Promise<Predictor>;
  bytes: number;
  /** Output shape of each layer by name. */
  shapes: Map<string, Shape>;
  /** Calls under way. */
  users: number;
  /** No longer kept: goes with its last call. */
  dropped: boolean;
}

export interface Predictions {
  service(models: Models): PredictionService;
  /** Drops a model that was deleted. */
  forget(id: string): void;
  close(): void;
}

/** Predictions by models that stay loaded between calls. */
export function createPredictions(settings: { isa: string; threads: number }): Predictions {
  /** Least recently used first. */
  const loaded = new Map<string, Loaded>();

  function drop(id: string): void {
    const entry = loaded.get(id);
    if (!entry) return;
    loaded.delete(id);
    entry.dropped = true;
    disposeUnused(entry);
  }

  function disposeUnused(entry: Loaded): void {
    if (!entry.dropped || entry.users > 0) return;
    entry.predictor.then(
      (predictor) => predictor.dispose(),
      () => {},
    );
  }

  function load(model: ModelRecord, weightsFile: string): Loaded {
    const { layers } = resolveNetwork(model.network, { checked: true });
    const entry: Loaded = {
      predictor: loadPredictor(model, weightsFile, settings),
      bytes: 0,
      shapes: new Map(layers.map(({ name, outputShape }) => [name, outputShape])),
      users: 0,
      dropped: false,
    };
    entry.predictor.then(
      ({ bytes }) => {
        entry.bytes = bytes;
        makeRoom();
      },
      () => drop(model.id),
    );
    return entry;
  }

  function makeRoom(): void {
    const bytes = () => [...loaded.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    while (loaded.size > maxLoaded || (loaded.size > 1 && bytes() > maxLoadedBytes)) drop(loaded.keys().next().value!);
  }

  async function using<T>(
    model: ModelRecord,
    weightsFile: string,
    use: (predictor: Predictor, shapes: Map<string, Shape>) => Promise<T>,
  ): Promise<T> {
    const entry = loaded.get(model.id) ?? load(model, weightsFile);
    loaded.delete(model.id);
    loaded.set(model.id, entry);
    entry.users++;
    makeRoom();
    try {
      return await use(await entry.predictor, entry.shapes);
    } finally {
      entry.users--;
      disposeUnused(entry);
    }
  }

  async function predict(
    model: ModelRecord,
    weightsFile: string,
    inputs: Float32Array,
    { top, layers }: PredictOptions,
  ): Promise<PredictResponse> {
    return using(model, weightsFile, async (predictor, shapes) => {
      const rows = inputs.length / elementCount(model.inputShape);
      checkLayers(layers ?? [], shapes, rows);
      const { output, activations } = await predictor.predict(inputs, rows, layers);
      const predictions = Array.from({ length: rows }, (_, row) => {
        const prediction = toPrediction(model, rowOf(output, row, rows), top);
        if (!layers?.length) return prediction;
        const ofRow = layers.map((name) => [name, toNested(rowOf(activations[name]!, row, rows), shapes.get(name)!)]);
        return { ...prediction, activations: Object.fromEntries(ofRow) };
      });
      return { model: model.id, step: model.step, predictions };
    });
  }

  return {
    service: (models) => ({
      async predictInstances(id, instances, options) {
        const model = models.find(id);
        const inputs = readInstances(instances, [model.inputShape, model.network.input], model.columns);
        return predict(model, models.pathOf(model), inputs, options);
      },
      async predictImages(id, images, options) {
        const model = models.find(id);
        checkCount(images.length);
        const shape = imageShape(model.inputShape, model.network.input);
        const elements = elementCount(model.inputShape);
        const inputs = new Float32Array(images.length * elements);
        for (const [i, image] of images.entries()) {
          inputs.set(await pointed(i, readImage(image, shape, model.inputType, options)), i * elements);
        }
        return predict(model, models.pathOf(model), inputs, options);
      },
    }),
    forget: drop,
    close() {
      for (const id of [...loaded.keys()]) drop(id);
    },
  };
}

/** The error of one image among several says which. */
async function pointed(index: number, image: Promise<Float32Array>): Promise<Float32Array> {
  try {
    return await image;
  } catch (error) {
    if (!(error instanceof HebbError)) throw error;
    throw new HebbError(error.code, error.message, [{ pointer: `/images/${index}`, message: error.message }], {
      cause: error.cause,
    });
  }
}

function rowOf(values: Float32Array, row: number, rows: number): Float32Array {
  const elements = values.length / rows;
  return values.subarray(row * elements, (row + 1) * elements);
}

/** @throws HebbError for a layer that the model does not have, or more numbers than an answer may carry */
function checkLayers(names: string[], shapes: Map<string, Shape>, rows: number): void {
  for (const name of names) checkLayer(name, shapes);
  const numbers = rows * names.reduce((sum, name) => sum + elementCount(shapes.get(name)!), 0);
  if (numbers <= maxActivations) return;
  throw new HebbError(
    'invalid-instance',
    `the activations of these layers are ${numbers} numbers, an answer carries at most ${maxActivations}: ask for fewer layers or inputs at a time`,
  );
}

function checkLayer(name: string, shapes: Map<string, Shape>): void {
  if (shapes.has(name)) return;
  const known = [...shapes.keys()];
  const message = `the model has no layer "${name}"; its layers: ${known.join(', ')}`;
  throw new HebbError('invalid-request', message, [{ pointer: '/layers', message, expected: known, received: name }]);
}
