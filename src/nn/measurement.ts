import type { LossName } from './losses.ts';
import { lossOf } from './losses.ts';
import { kOf, type MetricConfig, metricKey, metricName, metricOf } from './metrics.ts';
import type { TargetKind } from './programs.ts';
import type { MetricValues } from './progress.ts';

/** How well one class is told from the others. */
export interface ClassReport {
  precision: number;
  recall: number;
  f1: number;
  /** Rows of the class. */
  support: number;
}

/** A row that was read badly. */
export interface WorstRow {
  /** Number of the row, in the order in which rows were added; of an evaluation, its index in the split. */
  row: number;
  /** Indices of its class and of the one that it was taken for. */
  class: number;
  taken: number;
  /** Of its own class: the probability, or, without a cross-entropy, the output; of a single output, what it gives to that class. */
  score: number;
  /** The same of the class that it was taken for. */
  takenScore: number;
}

/** A classification in detail; classes in index order. */
export interface ClassificationReport {
  /** Rows by their class (first index) and the one that they were taken for; null for more than 256 classes. */
  confusion: number[][] | null;
  classes: ClassReport[];
  /** The rows with the lowest scores of their own class, the lowest first. */
  worst: WorstRow[];
}

/** So many rows are told of. */
const mostWorst = 24;
/** Classes of a confusion matrix at most. */
const mostConfused = 256;

export interface MeasurementSettings {
  targets: TargetKind;
  loss: LossName;
  /** Numbers in an output. */
  elements: number;
  /** Rows that will be added in all. */
  rows: number;
  metrics: readonly MetricConfig[];
}

/** What metrics need to know of the outputs of a split, summed up row by row in double precision. */
export class Measurement {
  private readonly settings: MeasurementSettings;
  private readonly classCount: number;
  private rows = 0;
  /** Counts by class × the class that it was taken for; empty for very many classes. */
  private readonly confused: Float64Array;
  /** By class: its rows, those that were taken for it, and those of both. */
  private readonly support: Float64Array;
  private readonly taken: Float64Array;
  private readonly right: Float64Array;
  private readonly wantedK: number[];
  private readonly hits: Float64Array;
  private rightOutputs = 0;
  private absolute = 0;
  /** By output: sum of squared errors; mean of the targets and sum of their squared distances from it. */
  private readonly squares: Float64Array;
  private readonly means: Float64Array;
  private readonly spreads: Float64Array;
  /** Scores of all rows, and their classes, where auc is wanted. */
  private readonly scores: Float64Array;
  private readonly classes: Int32Array;
  private readonly y: Float64Array;
  /** The lowest first. */
  private readonly worst: WorstRow[] = [];

  constructor(settings: MeasurementSettings) {
    const { elements, rows, targets, metrics } = settings;
    this.settings = settings;
    this.classCount = targets === 'classes' ? Math.max(elements, 2) : 0;
    this.confused = new Float64Array(this.classCount > mostConfused ? 0 : this.classCount ** 2);
    this.support = new Float64Array(this.classCount);
    this.taken = new Float64Array(this.classCount);
    this.right = new Float64Array(this.classCount);
    this.wantedK = metrics.filter((m) => metricName(m) === 'topK').map(kOf);
    this.hits = new Float64Array(this.wantedK.length);
    this.squares = new Float64Array(elements);
    this.means = new Float64Array(elements);
    this.spreads = new Float64Array(elements);
    const ranked = metrics.includes('auc') ? rows : 0;
    this.scores = new Float64Array(ranked * elements);
    this.classes = new Int32Array(ranked);
    this.y = new Float64Array(elements);
  }

  /**
   * Adds rows.
   * @param outputs (rows, elements), logits where the loss works from them
   * @param targets (rows, elements), classes as rows of zeros and a one (or one 0/1 number)
   */
  add(outputs: Float32Array, targets: Float32Array): void {
    const { elements } = this.settings;
    for (let at = 0; at < outputs.length; at += elements) this.addRow(outputs, targets, at);
  }

  private addRow(outputs: Float32Array, targets: Float32Array, at: number): void {
    const { elements, loss, targets: kind } = this.settings;
    const { y } = this;
    this.toScores(outputs, at);
    const signed = kind === 'classes' && lossOf(loss).classTargets === '±1';
    this.rows++;
    for (let i = 0; i < elements; i++) {
      const t = signed ? 2 * targets[at + i]! - 1 : targets[at + i]!;
      const error = y[i]! - t;
      this.absolute += Math.abs(error);
      this.squares[i]! += error * error;
      // Welford, Technometrics 4, 1962.
      const distance = t - this.means[i]!;
      this.means[i]! += distance / this.rows;
      this.spreads[i]! += distance * (t - this.means[i]!);
      if (this.above(outputs[at + i]!, y[i]!) === t > (signed ? 0 : 0.5)) this.rightOutputs++;
    }
    if (kind === 'classes') this.addClass(outputs, targets, at);
  }

  private addClass(outputs: Float32Array, targets: Float32Array, at: number): void {
    const { elements } = this.settings;
    const single = elements === 1;
    const truth = single ? Number(targets[at]! > 0.5) : indexOfLargest(targets, at, elements);
    const taken = single ? Number(this.above(outputs[at]!, this.y[0]!)) : indexOfLargest(outputs, at, elements);
    if (this.confused.length > 0) this.confused[truth * this.classCount + taken]!++;
    this.support[truth]!++;
    this.taken[taken]!++;
    if (truth === taken) this.right[truth]!++;
    this.noteWorst(truth, taken);
    for (const [i, k] of this.wantedK.entries()) {
      if (single ? k > 1 || truth === taken : placeOf(truth, outputs, at, elements) < k) this.hits[i]!++;
    }
    if (this.classes.length === 0) return;
    this.classes[this.rows - 1] = truth;
    this.scores.set(this.y, (this.rows - 1) * elements);
  }

  private noteWorst(truth: number, taken: number): void {
    const { worst, y } = this;
    const single = y.length === 1;
    // A single output speaks for the second class: what it does not give to that is the first one's.
    const first = lossOf(this.settings.loss).classTargets === '±1' ? -y[0]! : 1 - y[0]!;
    const scoreOf = (c: number) => (!single ? y[c]! : c === 1 ? y[0]! : first);
    const score = scoreOf(truth);
    if (worst.length === mostWorst && score >= worst.at(-1)!.score) return;
    let at = worst.length;
    while (at > 0 && worst[at - 1]!.score > score) at--;
    worst.splice(at, 0, { row: this.rows - 1, class: truth, taken, score, takenScore: scoreOf(taken) });
    worst.length = Math.min(worst.length, mostWorst);
  }

  /** Probabilities where the loss works from logits, otherwise the outputs themselves. */
  private toScores(outputs: Float32Array, at: number): void {
    const { y } = this;
    const paired = lossOf(this.settings.loss).pairedActivation;
    let max = -Infinity;
    for (let i = 0; i < y.length; i++) {
      const x = outputs[at + i]!;
      y[i] = paired === 'sigmoid' ? 1 / (1 + Math.exp(-x)) : x;
      max = Math.max(max, x);
    }
    if (paired !== 'softmax') return;
    let sum = 0;
    for (let i = 0; i < y.length; i++) {
      y[i] = Math.exp(y[i]! - max);
      sum += y[i]!;
    }
    for (let i = 0; i < y.length; i++) y[i]! /= sum;
  }

  private above(output: number, score: number): boolean {
    const { pairedActivation, threshold } = lossOf(this.settings.loss);
    return pairedActivation === 'softmax' ? score > 0.5 : output > threshold;
  }

  /** Values of the metrics that were asked for; one that the rows do not define is left out. */
  values(): MetricValues {
    const values: MetricValues = {};
    for (const config of this.settings.metrics) {
      const value = metricOf(config).value(this, kOf(config));
      if (value !== null) values[metricKey(config)] = value;
    }
    return values;
  }

  /** null for values that are no classes. */
  report(): ClassificationReport | null {
    const n = this.classCount;
    if (n === 0) return null;
    const rowOf = (c: number) => Array.from(this.confused.subarray(c * n, (c + 1) * n));
    return {
      confusion: this.confused.length > 0 ? Array.from({ length: n }, (_, c) => rowOf(c)) : null,
      classes: Array.from({ length: n }, (_, c) => this.classReport(c)),
      worst: this.worst,
    };
  }

  private classReport(c: number): ClassReport {
    const [right, support, taken] = [this.right[c]!, this.support[c]!, this.taken[c]!];
    return {
      precision: taken > 0 ? right / taken : 0,
      recall: support > 0 ? right / support : 0,
      f1: support + taken > 0 ? (2 * right) / (support + taken) : 0,
      support,
    };
  }

  accuracy(): number {
    return this.right.reduce((sum, n) => sum + n, 0) / this.rows;
  }

  /** Mean over the classes that occur, among the rows or among what they were taken for. */
  macro(key: 'precision' | 'recall' | 'f1'): number {
    let [sum, occurring] = [0, 0];
    for (let c = 0; c < this.classCount; c++) {
      if (this.support[c] === 0 && this.taken[c] === 0) continue;
      occurring++;
      sum += this.classReport(c)[key];
    }
    return sum / occurring;
  }

  topK(k: number): number {
    return this.hits[this.wantedK.indexOf(k)]! / this.rows;
  }

  binaryAccuracy(): number {
    return this.rightOutputs / (this.rows * this.settings.elements);
  }

  absoluteError(): number {
    return this.absolute / (this.rows * this.settings.elements);
  }

  squaredError(): number {
    return this.squares.reduce((sum, s) => sum + s, 0) / (this.rows * this.settings.elements);
  }

  r2(): number {
    const { elements } = this.settings;
    let sum = 0;
    for (let i = 0; i < elements; i++) {
      if (this.spreads[i]! > 0) sum += 1 - this.squares[i]! / this.spreads[i]!;
      else if (this.squares[i] === 0) sum += 1;
    }
    return sum / elements;
  }

  /** null where no class has both rows of its own and of others. */
  auc(): number | null {
    const { elements } = this.settings;
    if (this.classCount === 2) return this.aucOf(1, elements - 1);
    const areas = Array.from({ length: elements }, (_, c) => this.aucOf(c, c)).filter((area) => area !== null);
    return areas.length > 0 ? areas.reduce((sum, area) => sum + area, 0) / areas.length : null;
  }

  /** Mann and Whitney's U over all pairs, ties counting half. */
  private aucOf(c: number, output: number): number | null {
    const { elements } = this.settings;
    const own: number[] = [];
    const others: number[] = [];
    for (let r = 0; r < this.rows; r++) {
      (this.classes[r] === c ? own : others).push(this.scores[r * elements + output]!);
    }
    if (own.length === 0 || others.length === 0) return null;
    const below = Float64Array.from(others).sort();
    let [less, notMore, pairs] = [0, 0, 0];
    for (const score of Float64Array.from(own).sort()) {
      while (less < below.length && below[less]! < score) less++;
      while (notMore < below.length && below[notMore]! <= score) notMore++;
      pairs += (less + notMore) / 2;
    }
    return pairs / (own.length * others.length);
  }
}

/** Index, counted from `from`, of the largest of so many elements; of equals the first. */
export function indexOfLargest(values: Float32Array, from: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[from + i]! > values[from + best]!) best = i;
  return best;
}

/** How many outputs come before this one in order of size, equals in order of index. */
function placeOf(index: number, outputs: Float32Array, from: number, count: number): number {
  const own = outputs[from + index]!;
  let place = 0;
  for (let i = 0; i < count; i++) {
    const other = outputs[from + i]!;
    if (other > own || (other === own && i < index)) place++;
  }
  return place;
}
