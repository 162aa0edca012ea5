import { RowEncoder, widthOf } from '../data/tables/encode.ts';
import { HebbError } from '../errors.ts';
import {
  type ExplainSettings,
  gradCam,
  inputGradients,
  integratedGradients,
  isSpatial,
  lastSpatialLayer,
  mostSteps,
  occlusion,
  type Parts,
  patchCount,
  resized,
  type Score,
  spread,
  squareParts,
  squaresOf,
} from '../models/explain.ts';
import type { Predictor } from '../models/predictor.ts';
import { toNested } from '../nn/nested.ts';
import { gradientObstacle } from '../nn/scores.ts';
import { elementCount } from '../shape.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import { didYouMean } from '../validate.ts';
import { trainingMean } from './baseline.ts';
import { imageShape } from './imageInput.ts';
import { overlay } from './overlay.ts';
import { className, toPrediction } from './predictionOutput.ts';
import type { ServedModel } from './servedModels.ts';
import type { ExplainMethod, ExplainOptions, ExplainResponse, Explanation } from './types.ts';

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

interface ImageSize {
  height: number;
  width: number;
  channels: number;
}

/** What a method gives for all rows. */
interface Found {
  scores: number[];
  baselineScores?: number[];
  baseline?: ExplainResponse['baseline'];
  layer?: string;
  /** Of each row: numbers nested as this shape, or one for each column. */
  values: Float32Array;
  shape: number[] | 'columns';
}

/** See InsightService.explain. */
export async function explain(request: ExplainRequest): Promise<ExplainResponse> {
  const { model, predictor } = request;
  const { method, explained, found } = await compute(request, true);
  const columns = columnsOf(model);
  const rows = explained.length;
  const size = found.values.length / rows;
  return {
    model: model.id,
    step: predictor.step,
    method,
    ...(found.layer !== undefined && { layer: found.layer }),
    ...(found.baseline && { baseline: found.baseline }),
    explanations: explained.map(({ score: _, ...told }, row) => {
      const values = found.values.subarray(row * size, (row + 1) * size);
      return {
        ...told,
        score: found.scores[row]!,
        ...(found.baselineScores && { baselineScore: found.baselineScores[row]! }),
        ...(found.shape === 'columns'
          ? { contributions: columns!.map(({ name }, i) => ({ column: name, contribution: values[i]! })) }
          : { values: toNested(values, found.shape) }),
      };
    }),
  };
}

/** See InsightService.explainPng. */
export async function explanationPng(request: ExplainRequest): Promise<Buffer> {
  const { model, inputs } = request;
  const image = imageShape(model.name, model.inputShape, model.network.input);
  if (inputs.length !== elementCount(model.inputShape)) {
    const rows = inputs.length / elementCount(model.inputShape);
    throw invalid('/format', `a picture is of one input, got ${rows}: send them one by one, or ask for JSON`);
  }
  const { found } = await compute(request, false);
  const perPixel = found.values.length / (image.height * image.width);
  return overlay(inputs, image, perPixel === 1 ? found.values : strongest(found.values, perPixel));
}

/** Of several channels the value that is farthest from 0. */
function strongest(values: Float32Array, channels: number): Float32Array {
  const map = new Float32Array(values.length / channels);
  for (const [i, value] of values.entries()) {
    const pixel = Math.floor(i / channels);
    if (Math.abs(value) > Math.abs(map[pixel]!)) map[pixel] = value;
  }
  return map;
}

/** @param bounded the numbers of the answer are counted */
async function compute(request: ExplainRequest, bounded: boolean) {
  const { model, predictor, inputs, options, signal } = request;
  const rows = inputs.length / elementCount(model.inputShape);
  if (rows > mostInputs) {
    throw new HebbError('invalid-instance', `1 to ${mostInputs} inputs are explained in one call, got ${rows}`);
  }
  const image = imageOf(model);
  const method = options.method ?? defaultMethod(request, image);
  checkOptions(method, request, image);
  const numbers =
    rows * (columnsOf(model) && isByColumn(method) ? columnsOf(model)!.length : numbersOf(method, request, image));
  if (bounded && numbers > mostNumbers) {
    const instead = image ? '; a picture (format=png) has no such limit' : '';
    const message = `the explanations are ${numbers} numbers, an answer carries at most ${mostNumbers}: send fewer inputs at a time${instead}`;
    throw new HebbError('invalid-instance', message);
  }
  const output = await predictor.predict(inputs, rows);
  const explained = Array.from({ length: rows }, (_, row) =>
    whatOf(model, output.subarray((row * output.length) / rows, ((row + 1) * output.length) / rows), options),
  );
  const scores = explained.map(({ score }) => score);
  const settings: ExplainSettings = { scores, logits: model.task === 'classification', signal };
  return { method, explained, found: await methods[method](request, settings, image) };
}

type Method = (request: ExplainRequest, settings: ExplainSettings, image: ImageSize | null) => Promise<Found>;

const methods: Record<ExplainMethod, Method> = {
  async gradCam({ model, predictor, inputs, options }, settings, image) {
    const index = layerOf(predictor, options.layer);
    const { name, outputShape } = predictor.resolved.layers[index]!;
    const { scores, values } = await gradCam(predictor.network, inputs, settings, index);
    const from = { height: outputShape[0]!, width: outputShape[1]! };
    const to = image ?? imageShape(model.name, model.inputShape, model.network.input);
    const size = to.height * to.width;
    const maps = new Float32Array(scores.length * size);
    for (let row = 0; row < scores.length; row++) {
      const map = values.subarray(row * from.height * from.width, (row + 1) * from.height * from.width);
      maps.set(await resized(map, from, to), row * size);
    }
    return { scores, values: maps, shape: [to.height, to.width], layer: name };
  },

  async gradient({ model, predictor, inputs }, settings) {
    return { ...(await inputGradients(predictor.network, inputs, settings)), shape: model.inputShape };
  },

  async gradientTimesInput({ model, predictor, inputs }, settings) {
    return { ...(await inputGradients(predictor.network, inputs, settings, true)), shape: model.inputShape };
  },

  async contributions(request, settings) {
    const { model, predictor, inputs } = request;
    const { mean, baseline } = await meanOf(request);
    const found = await integratedGradients(predictor.network, inputs, settings, mean);
    const columns = columnsOf(model);
    if (!columns) return { ...found, baseline, shape: model.inputShape };
    const rows = settings.scores.length;
    const width = inputs.length / rows;
    const values = new Float32Array(rows * columns.length);
    for (let row = 0; row < rows; row++) {
      for (const [c, { offset, inputs: count }] of columns.entries()) {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += found.values[row * width + offset + i]!;
        values[row * columns.length + c] = sum;
      }
    }
    return { ...found, values, baseline, shape: 'columns' };
  },

  async occlusion(request, settings, image) {
    const { model, predictor, inputs, options } = request;
    const { mean, baseline } =
      options.fill === undefined ? await meanOf(request) : { mean: null, baseline: 'fill' as const };
    const elements = elementCount(model.inputShape);
    const columns = columnsOf(model);
    // A grey square: the mean image would bring traces of what it is the mean of.
    const grey = mean && image ? mean.reduce((a, b) => a + b, 0) / elements : options.fill;
    const cover = grey === undefined ? mean! : new Float32Array(elements).fill(grey);
    if (image) {
      const { patch, stride } = patchOf(options, image);
      const squares = squaresOf(image, patch, stride);
      const parts = squareParts(image, squares);
      const found = await occlusion(predictor.network, inputs, settings, { parts, cover });
      const maps = settings.scores.map((_, row) =>
        spread(found.values.subarray(row * parts.count, (row + 1) * parts.count), squares, image),
      );
      const values = new Float32Array(maps.length * image.height * image.width);
      for (const [row, map] of maps.entries()) values.set(map, row * map.length);
      return { scores: found.scores, values, baseline, shape: [image.height, image.width] };
    }
    const parts: Parts = {
      count: columns?.length ?? elements,
      cover(row, part, values) {
        const { offset, inputs: count } = columns?.[part] ?? { offset: part, inputs: 1 };
        row.set(values.subarray(offset, offset + count), offset);
      },
    };
    const found = await occlusion(predictor.network, inputs, settings, { parts, cover });
    return { ...found, baseline, shape: columns ? 'columns' : model.inputShape };
  },
};

const isByColumn = (method: ExplainMethod) => method === 'contributions' || method === 'occlusion';

/** Inputs of a table by column; null where the model is of none. */
function columnsOf({ columns }: ServedModel): { name: string; offset: number; inputs: number }[] | null {
  if (!columns) return null;
  return new RowEncoder(columns).slots.map(({ column, offset }) => ({
    name: column.name,
    offset,
    inputs: widthOf(column),
  }));
}

/** What an image is for the model; null where its inputs are none. */
function imageOf({ inputShape, network, columns }: ServedModel): ImageSize | null {
  const shape = [inputShape, network.input].find(
    (candidate) => candidate.length === 3 || (candidate.length === 2 && candidate[0]! > 1),
  );
  if (!shape || columns) return null;
  const [height, width, channels = 1] = shape as [number, number, number?];
  return { height, width, channels };
}

function defaultMethod({ model, predictor }: ExplainRequest, image: ImageSize | null): ExplainMethod {
  const { resolved } = predictor;
  const spatial = lastSpatialLayer(resolved.layers);
  if (image && model.task === 'classification' && spatial >= 0 && !gradientObstacle(resolved, spatial))
    return 'gradCam';
  if (gradientObstacle(resolved)) return 'occlusion';
  return model.columns ? 'contributions' : 'gradient';
}

function layerOf({ resolved }: Predictor, name: string | undefined): number {
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

function patchOf({ patch, stride }: ExplainOptions, { height, width }: ImageSize) {
  const side = patch ?? Math.max(1, Math.round(Math.min(height, width) / 7));
  return { patch: side, stride: stride ?? Math.max(1, Math.round(side / 2)) };
}

/** @throws HebbError for what the method cannot do with this model, or would take too long */
function checkOptions(
  method: ExplainMethod,
  { model, predictor, inputs, options }: ExplainRequest,
  image: ImageSize | null,
) {
  const { resolved } = predictor;
  const rows = inputs.length / elementCount(model.inputShape);
  const from = method === 'gradCam' ? layerOf(predictor, options.layer) : -1;
  if (method === 'gradCam') imageShape(model.name, model.inputShape, model.network.input);
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
function whatOf(
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

/** What inputs are compared with. */
async function meanOf({ model, trainingData, datasetsDirectory }: ExplainRequest) {
  const elements = elementCount(model.inputShape);
  const dataset = trainingData(model);
  const fits = dataset && elementCount(dataset.inputShape) === elements;
  const mean = fits ? await trainingMean(dataset, datasetsDirectory).catch(() => null) : null;
  // It may have been deleted before or meanwhile.
  if (!mean) return { mean: new Float32Array(elements), baseline: 'zero' as const };
  return { mean, baseline: 'trainingMean' as const };
}

function invalid(pointer: string, message: string, expected?: unknown, received?: unknown): HebbError {
  return new HebbError('invalid-request', message, [{ pointer, message, expected, received }]);
}
