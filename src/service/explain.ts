import {
  type ExplainSettings,
  gradCam,
  inputGradients,
  integratedGradients,
  occlusion,
  type Parts,
  resized,
  spread,
  squareParts,
  squaresOf,
} from '../models/explain.ts';
import { toNested } from '../nn/nested.ts';
import { elementCount } from '../shape.ts';
import { trainingMean } from './baseline.ts';
import {
  checkNumbers,
  checkOptions,
  columnsOf,
  defaultMethod,
  type ExplainRequest,
  type ImageSize,
  imageOf,
  invalid,
  layerOf,
  patchOf,
  rowsOf,
  whatOf,
} from './explainRequest.ts';
import { imageShape } from './imageInput.ts';
import { overlay } from './overlay.ts';
import type { ExplainMethod, ExplainResponse } from './types.ts';

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
  const rows = rowsOf(request);
  const image = imageOf(model);
  const method = options.method ?? defaultMethod(request, image);
  checkOptions(method, request, image);
  if (bounded) checkNumbers(method, request, image);
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
