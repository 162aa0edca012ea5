import { join } from 'node:path';
import { type SplitName, splitNames } from '../data/dataset.ts';
import { readRawRows } from '../data/store.ts';
import { HebbError } from '../errors.ts';
import type { Predictor } from '../models/predictor.ts';
import { type Candidate, farthestFirst, Highest, uncertainty } from '../models/suggest.ts';
import { ScoreProgram, scoreRows } from '../nn/scores.ts';
import { elementCount } from '../shape.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import { Turns } from '../turns.ts';
import { fitInputs, reencodeAll } from './datasetFit.ts';
import { className, classProbabilities } from './predictionOutput.ts';
import { sampleImage } from './sampleImage.ts';
import type { ServedModel } from './servedModels.ts';
import type { SuggestOptions, SuggestResponse } from './types.ts';

/** Among so many times as many of the least sure rows as are wanted, those are taken that are far from each other. */
const candidatesPerItem = 5;
/** Numbers of all candidates' features at most; more, and the network's outputs tell them apart. */
const mostFeatures = 2 ** 23;

export interface SuggestRequest {
  model: ServedModel;
  predictor: Predictor;
  /** (rows, ...inputShape) in raw units, or the rows of a dataset. */
  pool: { inputs: Float32Array } | { dataset: DatasetRecord; split?: SplitName };
  options: SuggestOptions;
  signal: AbortSignal;
  datasetsDirectory: string;
}

/** Rows to choose from. */
interface Pool {
  rows: number;
  read(first: number, rows: number): Promise<Float32Array>;
  image(index: number): { image?: string };
}

/** See InsightService.suggest. */
export async function suggest(request: SuggestRequest): Promise<SuggestResponse> {
  const { model, predictor, options, signal } = request;
  const { strategy, count, spread } = options;
  checkProbabilities(model);
  const pool = poolOf(request);
  const highest = new Highest(spread ? candidatesPerItem * count : count);
  await overRows(request, pool, undefined, (output, index) => highest.add(candidateOf(model, strategy, output, index)));
  const candidates = highest.candidates();
  const order = spread ? await spreadOut(request, pool, candidates) : null;
  const chosen = order ? order.places.map((place) => candidates[place]!) : candidates;
  signal.throwIfAborted();
  return {
    model: model.id,
    step: predictor.step,
    strategy,
    samples: pool.rows,
    spreadBy: order?.by ?? null,
    items: chosen.map(({ index, score, class: taken, probability }) => ({
      index,
      score,
      class: className(model, taken),
      probability,
      ...pool.image(index),
    })),
  };
}

/** @throws HebbError('unsuitable-model') where outputs are no probabilities of classes */
function checkProbabilities({ name, task, loss }: ServedModel): void {
  if (task === 'classification' && (loss === 'softmaxCrossEntropy' || loss === 'binaryCrossEntropy')) return;
  const why =
    task === 'regression'
      ? 'it is a regression'
      : `it was trained with ${loss ?? 'no loss'}, so its outputs are no probabilities: train it with softmaxCrossEntropy or binaryCrossEntropy`;
  throw new HebbError('unsuitable-model', `"${name}" cannot tell how unsure it is: ${why}`);
}

function candidateOf(
  model: ServedModel,
  strategy: SuggestOptions['strategy'],
  output: Float32Array,
  index: number,
): Candidate {
  const probabilities = classProbabilities(model, output);
  let taken = 0;
  for (let i = 1; i < probabilities.length; i++) if (probabilities[i]! > probabilities[taken]!) taken = i;
  const probability = probabilities[taken]!;
  return { index, score: uncertainty(strategy, shares(model, probabilities)), class: taken, probability };
}

/** Outputs that are each a probability of their own are divided by their sum. */
function shares({ loss }: ServedModel, probabilities: ArrayLike<number>): ArrayLike<number> {
  if (loss === 'softmaxCrossEntropy' || probabilities.length === 2) return probabilities;
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) sum += probabilities[i]!;
  return Array.from(probabilities, (p) => (sum > 0 ? p / sum : 1 / probabilities.length));
}

/** Candidates that lie far from each other where the network tells classes apart: by what its last layer with weights takes. */
async function spreadOut(request: SuggestRequest, pool: Pool, candidates: Candidate[]) {
  const { layers } = request.predictor.resolved;
  const last = layers.findLast(({ parameters }) => parameters.length > 0);
  const source = last?.inputs[0] ?? -1;
  const layer = source >= 0 && last!.inputs.length === 1 ? layers[source]! : layers.at(-1)!;
  const fits = candidates.length * elementCount(layer.outputShape) <= mostFeatures;
  const by = fits ? layer : layers.at(-1)!;
  const size = elementCount(by.outputShape);
  const features = new Float32Array(candidates.length * size);
  const chosen: Pool = {
    ...pool,
    rows: candidates.length,
    async read(first, rows) {
      const parts: Float32Array[] = [];
      for (const { index } of candidates.slice(first, first + rows)) parts.push(await pool.read(index, 1));
      const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
      for (const [i, part] of parts.entries()) joined.set(part, i * part.length);
      return joined;
    },
  };
  await overRows(request, chosen, layers.indexOf(by), (_, row, values) => features.set(values!, row * size));
  const places = await farthestFirst(features, candidates.length, request.options.count, request.signal);
  return { places, by: by === layers.at(-1) ? 'output' : by.name };
}

/** Runs the network over all rows; `take` gets each row's output, its place, and its output of the layer. */
async function overRows(
  { predictor, signal, model }: SuggestRequest,
  pool: Pool,
  layer: number | undefined,
  take: (output: Float32Array, row: number, values: Float32Array | null) => void,
): Promise<void> {
  const { network } = predictor;
  const program = new ScoreProgram(network, { rows: scoreRows(network.resolved), logits: false, layer });
  const turns = new Turns(signal);
  try {
    for (let first = 0; first < pool.rows; first += program.rows) {
      const inputs = await pool.read(first, Math.min(program.rows, pool.rows - first));
      const rows = inputs.length / elementCount(model.inputShape);
      const { scores, layerOutputs } = await program.run(inputs);
      const part = (values: Float32Array, row: number) =>
        values.subarray((row * values.length) / rows, ((row + 1) * values.length) / rows);
      for (let row = 0; row < rows; row++) {
        take(part(scores, row), first + row, layerOutputs && part(layerOutputs, row));
        await turns.pass();
      }
    }
  } finally {
    program.dispose();
  }
}

function poolOf({ model, pool, datasetsDirectory }: SuggestRequest): Pool {
  if ('inputs' in pool) {
    const elements = elementCount(model.inputShape);
    return {
      rows: pool.inputs.length / elements,
      read: async (first, rows) => pool.inputs.subarray(first * elements, (first + rows) * elements),
      image: () => ({}),
    };
  }
  const { dataset } = pool;
  const { reencode } = fitInputs(model, dataset);
  const split = pool.split ?? splitNames.find((name) => dataset.samples[name] > 0) ?? 'train';
  const rows = dataset.samples[split];
  if (rows === 0) {
    const message = `"${dataset.name}" has no samples in ${split}`;
    throw new HebbError('invalid-data', message, [{ pointer: '/split', message }]);
  }
  const folder = join(datasetsDirectory, dataset.id);
  return {
    rows,
    async read(first, count) {
      const { inputs } = await readRawRows(folder, split, first, count);
      return reencode ? reencodeAll(reencode, inputs, count) : new Float32Array(inputs);
    },
    image: (index) => sampleImage(dataset, split, index),
  };
}
