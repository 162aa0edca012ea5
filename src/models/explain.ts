// Why a network scores an input as it does: by gradients, by the activations of a layer, by covering parts, by comparison.
import type { Network } from '../nn/network.ts';
import { ScoreProgram, type ScoreRun, scoreRows } from '../nn/scores.ts';
import { elementCount, type Shape } from '../shape.ts';
import { Turns } from '../turns.ts';

/** The score that is explained: an output, or its opposite, for the first class of a single output. */
export interface Score {
  output: number;
  sign: 1 | -1;
}

export interface ExplainSettings {
  /** One for each row. */
  scores: Score[];
  /** Whether a final softmax or sigmoid is left out of the scores. */
  logits: boolean;
  signal?: AbortSignal;
}

/** Explanations of rows, one behind the other in `values`. */
export interface Explanations {
  /** The score of each row. */
  scores: number[];
  values: Float32Array;
}

interface Size {
  height: number;
  width: number;
}

/**
 * The gradient of the score by the input, in raw units: Simonyan, Vedaldi, Zisserman, ICLR workshop 2014.
 * @param timesInput multiplied by the input: Shrikumar et al., 2016
 * @returns values (rows, ...inputShape)
 */
export async function inputGradients(
  network: Network,
  inputs: Float32Array,
  settings: ExplainSettings,
  timesInput = false,
): Promise<Explanations> {
  const values = new Float32Array(inputs.length);
  const elements = elementCount(network.inputShape);
  const scores: number[] = [];
  await inRuns(network, inputs, { ...settings, gradients: true }, ({ scores: found, inputGradients }, first) => {
    scores.push(...found);
    values.set(inputGradients!, first * elements);
  });
  if (timesInput) for (let i = 0; i < values.length; i++) values[i]! *= inputs[i]!;
  return { scores, values };
}

/**
 * Grad-CAM: the maps of a layer, weighted by the means of the score's gradient over each, added, and nothing below zero:
 * relu(Σk αk Ak), αk = 1/(h·w) Σij ∂score/∂Aijk. Selvaraju et al., ICCV 2017.
 * @param layer place of a layer with an output (height, width, maps)
 * @returns values (rows, height, width), of that output's size
 */
export async function gradCam(
  network: Network,
  inputs: Float32Array,
  settings: ExplainSettings,
  layer: number,
): Promise<Explanations> {
  const [height, width, maps] = network.resolved.layers[layer]!.outputShape as [number, number, number];
  const positions = height * width;
  const rows = settings.scores.length;
  const values = new Float32Array(rows * positions);
  const scores: number[] = [];
  await inRuns(network, inputs, { ...settings, gradients: true, layer }, (run, first) => {
    scores.push(...run.scores);
    for (let row = 0; row < run.scores.length; row++) {
      const from = row * positions * maps;
      const a = run.layerOutputs!.subarray(from, from + positions * maps);
      const da = run.layerGradients!.subarray(from, from + positions * maps);
      const weights = new Float64Array(maps);
      for (let i = 0; i < da.length; i++) weights[i % maps]! += da[i]! / positions;
      for (let p = 0; p < positions; p++) {
        let sum = 0;
        for (let k = 0; k < maps; k++) sum += weights[k]! * a[p * maps + k]!;
        values[(first + row) * positions + p] = Math.max(0, sum);
      }
    }
  });
  return { scores, values };
}

/** Parts of an input that are covered one after the other. */
export interface Parts {
  count: number;
  /** Puts what covers, (...inputShape), in the place of a part of a row. */
  cover(row: Float32Array, part: number, cover: Float32Array): void;
}

/** A square of an image, cut off at its edges. */
export interface Square extends Size {
  top: number;
  left: number;
}

/** Squares of an image, `stride` apart; the last ones end with the image. */
export function squaresOf({ height, width }: Size, patch: number, stride: number): Square[] {
  const [high, wide] = [Math.min(patch, height), Math.min(patch, width)];
  return startsOf(height, patch, stride).flatMap((top) =>
    startsOf(width, patch, stride).map((left) => ({ top, left, height: high, width: wide })),
  );
}

/** Squares as parts of an image (height, width, channels). */
export function squareParts({ width, channels }: Size & { channels: number }, squares: Square[]): Parts {
  return {
    count: squares.length,
    cover(row, part, cover) {
      const square = squares[part]!;
      for (let y = square.top; y < square.top + square.height; y++) {
        const from = (y * width + square.left) * channels;
        row.set(cover.subarray(from, from + square.width * channels), from);
      }
    },
  };
}

/** How many places a patch has. */
export function patchCount({ height, width }: Size, patch: number, stride: number): number {
  const along = (size: number) => (size <= patch ? 1 : Math.ceil((size - patch) / stride) + 1);
  return along(height) * along(width);
}

function startsOf(size: number, patch: number, stride: number): number[] {
  const last = Math.max(0, size - patch);
  const starts: number[] = [];
  for (let at = 0; at < last; at += stride) starts.push(at);
  return [...starts, last];
}

/**
 * By how much the score drops where a part of the input is covered. Zeiler, Fergus, ECCV 2014.
 * @param cover (...inputShape): what takes the place of covered elements
 * @returns values (rows, parts.count)
 */
export async function occlusion(
  network: Network,
  inputs: Float32Array,
  settings: ExplainSettings,
  { parts, cover }: { parts: Parts; cover: Float32Array },
): Promise<Explanations> {
  const elements = elementCount(network.inputShape);
  const rows = settings.scores.length;
  const scores: number[] = [];
  const values = new Float32Array(rows * parts.count);
  await withProgram(network, { ...settings, gradients: false }, async (program, turns) => {
    for (let row = 0; row < rows; row++) {
      const input = inputs.subarray(row * elements, (row + 1) * elements);
      const score = settings.scores[row]!;
      const [whole] = scored(await program.run(input), [score]);
      scores.push(whole!);
      for (let first = 0; first < parts.count; first += program.rows) {
        const count = Math.min(program.rows, parts.count - first);
        const covered = new Float32Array(count * elements);
        for (let i = 0; i < count; i++) {
          const copy = covered.subarray(i * elements, (i + 1) * elements);
          copy.set(input);
          parts.cover(copy, first + i, cover);
          await turns.pass();
        }
        const left = scored(await program.run(covered), Array(count).fill(score));
        for (const [i, value] of left.entries()) values[row * parts.count + first + i] = whole! - value;
        await turns.pass();
      }
    }
  });
  return { scores, values };
}

/**
 * Drops of squares as a map of pixels: each has the mean of those that cover it, and 0 where none does.
 * @returns (height, width)
 */
export function spread(drops: Float32Array, squares: Square[], { height, width }: Size): Float32Array {
  // Each square only marks its corners; sums along both directions then fill it.
  const across = width + 1;
  const sums = new Float64Array((height + 1) * across);
  const counts = new Float64Array((height + 1) * across);
  for (const [i, square] of squares.entries()) {
    const [bottom, right] = [square.top + square.height, square.left + square.width];
    for (const [y, x, sign] of [
      [square.top, square.left, 1],
      [square.top, right, -1],
      [bottom, square.left, -1],
      [bottom, right, 1],
    ] as const) {
      sums[y * across + x]! += sign * drops[i]!;
      counts[y * across + x]! += sign;
    }
  }
  const map = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * across + x;
      for (const of of [sums, counts]) {
        const above = y > 0 ? of[at - across]! : 0;
        const before = x > 0 ? of[at - 1]! : 0;
        const both = x > 0 && y > 0 ? of[at - across - 1]! : 0;
        of[at]! += above + before - both;
      }
      map[y * width + x] = counts[at]! > 0 ? sums[at]! / counts[at]! : 0;
    }
  }
  return map;
}

/** Steps of the integral: doubled until it is met. */
const leastSteps = 32;
export const mostSteps = 1024;
/** Share of the difference that contributions may miss. */
const tolerance = 1e-3;

/**
 * Integrated gradients: (x − b) · ∫ ∂score/∂x at b + t (x − b), t from 0 to 1. They add up to score(x) − score(b). Sundararajan,
 * Taly, Yan, ICML 2017. The integral is a sum over the middles of equal steps, of which there are twice as many until the
 * contributions add up to within a thousandth, at most 1024.
 * @param baseline (...inputShape), in raw units
 * @returns values (rows, ...inputShape); baselineScores: of the same outputs
 */
export async function integratedGradients(
  network: Network,
  inputs: Float32Array,
  settings: ExplainSettings,
  baseline: Float32Array,
): Promise<Explanations & { baselineScores: number[] }> {
  const elements = elementCount(network.inputShape);
  const outputs = elementCount(network.outputShape);
  const values = new Float32Array(inputs.length);
  const scores: number[] = [];
  const baselineScores: number[] = [];
  await withProgram(network, { ...settings, gradients: true }, async (program, turns) => {
    for (const [row, score] of settings.scores.entries()) {
      const input = inputs.subarray(row * elements, (row + 1) * elements);
      const scoreOf = async (x: Float32Array) => scored(await program.run(x, seedsOf([score], outputs)), [score])[0]!;
      const whole = await scoreOf(input);
      const base = await scoreOf(baseline);
      const difference = whole - base;
      scores.push(whole);
      baselineScores.push(base);
      let found = new Float64Array(elements);
      for (let steps = leastSteps; ; steps *= 2) {
        found = await integrate(program, { input, baseline, score, outputs, steps }, turns);
        const sum = found.reduce((a, b) => a + b, 0);
        // Scores themselves are rounded: closer than that cannot be met.
        const wanted = tolerance * Math.abs(difference) + 1e-6 * Math.max(1, Math.abs(whole));
        if (steps >= mostSteps || Math.abs(sum - difference) <= wanted) break;
      }
      values.set(found, row * elements);
    }
  });
  return { scores, baselineScores, values };
}

interface Path {
  input: Float32Array;
  baseline: Float32Array;
  score: Score;
  outputs: number;
  steps: number;
}

async function integrate(program: ScoreProgram, path: Path, turns: Turns) {
  const { input, baseline, score, outputs, steps } = path;
  const elements = input.length;
  const sums = new Float64Array(elements);
  for (let first = 0; first < steps; first += program.rows) {
    const count = Math.min(program.rows, steps - first);
    const points = new Float32Array(count * elements);
    for (let s = 0; s < count; s++) {
      const t = (first + s + 0.5) / steps;
      for (let i = 0; i < elements; i++) points[s * elements + i] = baseline[i]! + t * (input[i]! - baseline[i]!);
    }
    await turns.pass();
    const { inputGradients } = await program.run(points, seedsOf(Array(count).fill(score), outputs));
    for (let i = 0; i < points.length; i++) sums[i % elements]! += inputGradients![i]! / steps;
    await turns.pass();
  }
  return sums.map((sum, i) => sum * (input[i]! - baseline[i]!));
}

/** Rows (fromHeight, fromWidth) in another size, by two linear interpolations between the middles of pixels. */
export async function resized(values: Float32Array, from: Size, to: Size): Promise<Float32Array> {
  const turns = new Turns();
  const result = new Float32Array(to.height * to.width);
  const place = (i: number, size: number, of: number) => {
    const at = Math.min(of - 1, Math.max(0, ((i + 0.5) * of) / size - 0.5));
    const low = Math.min(Math.floor(at), Math.max(0, of - 2));
    return { low, high: Math.min(low + 1, of - 1), share: at - low };
  };
  for (let y = 0; y < to.height; y++) {
    const v = place(y, to.height, from.height);
    for (let x = 0; x < to.width; x++) {
      const h = place(x, to.width, from.width);
      const along = (row: number) =>
        values[row * from.width + h.low]! * (1 - h.share) + values[row * from.width + h.high]! * h.share;
      result[y * to.width + x] = along(v.low) * (1 - v.share) + along(v.high) * v.share;
    }
    await turns.pass();
  }
  return result;
}

/** (rows, outputs): a one, or minus one, at each row's score. */
function seedsOf(scores: Score[], outputs: number): Float32Array {
  const seeds = new Float32Array(scores.length * outputs);
  for (const [row, { output, sign }] of scores.entries()) seeds[row * outputs + output] = sign;
  return seeds;
}

/** The rows' own scores. */
function scored(run: ScoreRun, scores: Score[]): number[] {
  const outputs = run.scores.length / scores.length;
  return scores.map(({ output, sign }, row) => sign * run.scores[row * outputs + output]!);
}

type ProgramSettings = ExplainSettings & { gradients: boolean; layer?: number };

async function withProgram(
  network: Network,
  { logits, gradients, layer, signal }: ProgramSettings,
  use: (program: ScoreProgram, turns: Turns) => Promise<void>,
): Promise<void> {
  const program = new ScoreProgram(network, { rows: scoreRows(network.resolved), logits, gradients, layer });
  try {
    await use(program, new Turns(signal));
  } finally {
    program.dispose();
  }
}

/** Goes over all rows, as many at a time as are worth a run. */
async function inRuns(
  network: Network,
  inputs: Float32Array,
  settings: ProgramSettings,
  take: (run: Omit<ScoreRun, 'scores'> & { scores: number[] }, first: number) => void,
): Promise<void> {
  const elements = elementCount(network.inputShape);
  const outputs = elementCount(network.outputShape);
  await withProgram(network, settings, async (program, turns) => {
    for (let first = 0; first < settings.scores.length; first += program.rows) {
      const some = settings.scores.slice(first, first + program.rows);
      const part = inputs.subarray(first * elements, (first + some.length) * elements);
      const run = await program.run(part, seedsOf(some, outputs));
      take({ ...run, scores: scored(run, some) }, first);
      await turns.pass();
    }
  });
}

/** The place of the last layer whose output is an image, before it is flattened or pooled to a point; −1 where there is none. */
export function lastSpatialLayer(layers: { outputShape: Shape }[]): number {
  return layers.findLastIndex(({ outputShape }) => isSpatial(outputShape));
}

export const isSpatial = (shape: Shape): boolean => shape.length === 3 && shape[0]! * shape[1]! > 1;
