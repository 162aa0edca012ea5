// What a call for explanations asks for, what that means for the model, and whether it can be done.
import { RowEncoder, widthOf } from '../data/tables/encode.ts';
import { HebbError } from '../errors.ts';
import { isSpatial, lastSpatialLayer, mostSteps, patchCount, type Score } from '../models/explain.ts';
import type { Predictor } from '../models/predictor.ts';
import { gradientObstacle } from '../nn/scores.ts';
import { elementCount } from '../shape.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import { didYouMean } from '../validate.ts';
import { imageShape } from './imageInput.ts';
import { className, toPrediction } from './predictionOutput.ts';
import type { ServedModel } from './servedModels.ts';
import type { ExplainMethod, ExplainOptions, Explanation } from './types.ts';

/** Inputs of one call. */
const mostInputs = 16;
/** Numbers in one answer: writing them as JSON takes the event loop's time. */
const mostNumbers = 100_000;
/** Floating-point operations of one call: some seconds to a minute. */
const mostFlops = 2e12;
/** Places of a patch in one call. */
const mostPatches = 16_384;

export interface ExplainRequest {
  model: ServedModel;
  predictor: Predictor;
  /** (rows, ...inputShape) in raw units */
  inputs: Float32Array;
  options: ExplainOptions;
  signal: AbortSignal;
  /** What the model has learnt from, while there is such a dataset. */
  trainingData(model: ServedModel): DatasetRecord | undefined;
  datasetsDirectory: string;
}

export interface ImageSize {
  height: number;
  width: number;
  channels: number;
}

/**
 * How many inputs are to be explained.
 * @throws HebbError('invalid-instance') for too many
 */
export function rowsOf({ model, inputs }: ExplainRequest): number {
  const rows = inputs.length / elementCount(model.inputShape);
  if (rows > mostInputs) {
    throw new HebbError('invalid-instance', `1 to ${mostInputs} inputs are explained in one call, got ${rows}`);
  }
  return rows;
}

/** @throws HebbError('invalid-instance') for more numbers than an answer carries */
export function checkNumbers(method: ExplainMethod, request: ExplainRequest, image: ImageSize | null): void {
  const { model } = request;
  const rows = rowsOf(request);
  const numbers =
    rows * (columnsOf(model) && isByColumn(method) ? columnsOf(model)!.length : numbersOf(method, request, image));
  if (numbers > mostNumbers) {
    const instead = image ? '; a picture (format=png) has no such limit' : '';
    const message = `the explanations are ${numbers} numbers, an answer carries at most ${mostNumbers}: send fewer inputs at a time${instead}`;
    throw new HebbError('invalid-instance', message);
  }
}

const isByColumn = (method: ExplainMethod) => method === 'contributions' || method === 'occlusion';

/** Inputs of a table by column; null where the model is of none. */
export function columnsOf({ columns }: ServedModel): { name: string; offset: number; inputs: number }[] | null {
  if (!columns) return null;
  return new RowEncoder(columns).slots.map(({ column, offset }) => ({
    name: column.name,
    offset,
    inputs: widthOf(column),
  }));
}

/** What an image is for the model; null where its inputs are none. */
export function imageOf({ inputShape, network, columns }: ServedModel): ImageSize | null {
  const shape = [inputShape, network.input].find(
    (candidate) => candidate.length === 3 || (candidate.length === 2 && candidate[0]! > 1),
  );
  if (!shape || columns) return null;
  const [height, width, channels = 1] = shape as [number, number, number?];
  return { height, width, channels };
}

export function defaultMethod({ model, predictor }: ExplainRequest, image: ImageSize | null): ExplainMethod {
  const { resolved } = predictor;
  const spatial = lastSpatialLayer(resolved.layers);
  if (image && model.task === 'classification' && spatial >= 0 && !gradientObstacle(resolved, spatial))
    return 'gradCam';
  if (gradientObstacle(resolved)) return 'occlusion';
  return model.columns ? 'contributions' : 'gradient';
}

export function layerOf({ resolved }: Predictor, name: string | undefined): number {
  const { layers } = resolved;
  const index = name === undefined ? lastSpatialLayer(layers) : layers.findIndex((layer) => layer.name === name);
  const spatial = layers.filter(({ outputShape }) => isSpatial(outputShape)).map((layer) => layer.name);
  if (spatial.length === 0) {
    throw new HebbError(
      'unsuitable-model',
      'Grad-CAM looks at a layer whose output is an image (height, width, channels), and this network has none: use method=gradient or method=occlusion',
    );
  }
  if (index >= 0 && spatial.includes(layers[index]!.name)) return index;
  const fault = index < 0 ? `the model has no layer "${name}"` : `the output of the layer "${name}" is no image`;
  throw invalid('/layer', `${fault}; layers with one: ${spatial.join(', ')}`, spatial, name);
}

export function patchOf({ patch, stride }: ExplainOptions, { height, width }: ImageSize) {
  const side = patch ?? Math.max(1, Math.round(Math.min(height, width) / 7));
  return { patch: side, stride: stride ?? Math.max(1, Math.round(side / 2)) };
}

/** @throws HebbError for what the method cannot do with this model, or would take too long */
export function checkOptions(
  method: ExplainMethod,
  { model, predictor, inputs, options }: ExplainRequest,
  image: ImageSize | null,
) {
  const { resolved } = predictor;
  const rows = inputs.length / elementCount(model.inputShape);
  const from = method === 'gradCam' ? layerOf(predictor, options.layer) : -1;
  if (method === 'gradCam' && !image) imageShape(model.name, model.inputShape, model.network.input);
  const obstacle = method === 'occlusion' ? null : gradientObstacle(resolved, from);
  if (obstacle) {
    throw new HebbError(
      'unsuitable-model',
      `"${model.name}" has no gradient to explain it by, because ${obstacle}: use method=occlusion`,
    );
  }
  let passes = 3 * rows;
  if (method === 'contributions') passes = 3 * rows * 2 * mostSteps;
  if (method === 'occlusion') {
    const { patch, stride } = image ? patchOf(options, image) : { patch: 1, stride: 1 };
    const places = image
      ? patchCount(image, patch, stride)
      : (columnsOf(model)?.length ?? elementCount(model.inputShape));
    passes = rows * places;
    if (passes > mostPatches) {
      const message = `${places} places of ${rows} inputs are ${passes} predictions, one call makes at most ${mostPatches}: send fewer inputs, or ask for a larger stride`;
      throw invalid('/stride', message);
    }
  }
  const flops = passes * resolved.flopsPerSample;
  if (flops <= mostFlops) return;
  const message = `this takes up to ${flops.toExponential(1)} floating-point operations, one call may take ${mostFlops.toExponential(0)}: send fewer inputs, or use another method`;
  throw new HebbError('invalid-instance', message);
}

/** Numbers that one input's explanation has. */
function numbersOf(method: ExplainMethod, { model }: ExplainRequest, image: ImageSize | null): number {
  const isMap = method === 'gradCam' || method === 'occlusion';
  return image && isMap ? image.height * image.width : elementCount(model.inputShape);
}

/** Which score is explained, and what is told of it. */
export function whatOf(
  model: ServedModel,
  output: Float32Array,
  options: ExplainOptions,
): Pick<Explanation, 'class' | 'probability' | 'output'> & { score: Score } {
  if (model.task === 'regression') {
    if (options.class !== undefined) {
      throw invalid(
        '/class',
        `"${model.name}" is a regression and has no classes: output=N says which of its outputs is meant`,
      );
    }
    const index = options.output ?? 0;
    if (index < output.length) return { output: index, score: { output: index, sign: 1 } };
    throw invalid('/output', `"${model.name}" has ${output.length} outputs, counted from 0; got ${index}`);
  }
  if (options.output !== undefined) {
    throw invalid('/output', `"${model.name}" tells classes: class=NAME says which one is meant`);
  }
  const count = Math.max(2, output.length);
  const prediction = toPrediction(model, output, count);
  const names = model.classes ?? Array.from({ length: count }, (_, i) => className(model, i));
  const name = options.class ?? prediction.class!;
  const index = names.indexOf(name);
  if (index < 0) {
    const known = names.slice(0, 20).join(', ') + (names.length > 20 ? ', …' : '');
    const message = `"${model.name}" knows no class "${name}"${didYouMean(name, names)}; its classes: ${known}`;
    throw invalid('/class', message, names.slice(0, 100), name);
  }
  const probability = prediction.top!.find((listed) => listed.class === name)?.probability ?? null;
  // A single output speaks for the second class, and against the first.
  const score: Score = output.length === 1 ? { output: 0, sign: index === 1 ? 1 : -1 } : { output: index, sign: 1 };
  return { class: name, probability, score };
}

export function invalid(pointer: string, message: string, expected?: unknown, received?: unknown): HebbError {
  return new HebbError('invalid-request', message, [{ pointer, message, expected, received }]);
}
