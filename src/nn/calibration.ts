import type { LossName } from './losses.ts';
import { lossOf } from './losses.ts';
import { indexOfLargest } from './measurement.ts';

/** Rows whose confidence lies in one stretch. */
export interface CalibrationBin {
  /** Exclusive, but for 0. */
  from: number;
  to: number;
  rows: number;
  /** Means over the rows; null where there are none. */
  confidence: number | null;
  accuracy: number | null;
}

export const calibrationBins = 15;

/**
 * Whether probabilities can be taken at their word: rows by the probability of the class that they were taken for, in 15 bins
 * of equal width, and the expected calibration error Σ share of the bin · |accuracy − mean confidence|. Naeini, Cooper,
 * Hauskrecht, AAAI 2015; as in Guo, Pleiss, Sun, Weinberger, ICML 2017.
 */
export class Calibration {
  private readonly rows = new Float64Array(calibrationBins);
  private readonly confidence = new Float64Array(calibrationBins);
  private readonly right = new Float64Array(calibrationBins);
  private readonly loss: LossName;
  private readonly elements: number;

  /** @param loss a cross-entropy: outputs are its logits */
  constructor(loss: LossName, elements: number) {
    this.loss = loss;
    this.elements = elements;
  }

  /** Whether outputs of this loss have probabilities. */
  static isOf(loss: LossName): boolean {
    return lossOf(loss).pairedActivation !== null;
  }

  /**
   * Adds rows.
   * @param outputs (rows, elements), logits
   * @param targets (rows, elements), rows of zeros and a one, or one 0/1 number
   */
  add(outputs: Float32Array, targets: Float32Array): void {
    const { elements } = this;
    for (let at = 0; at < outputs.length; at += elements) {
      if (elements === 1) {
        const p = sigmoid(outputs[at]!);
        this.addRow(Math.max(p, 1 - p), p > 0.5 === targets[at]! > 0.5);
        continue;
      }
      const taken = indexOfLargest(outputs, at, elements);
      const largest = outputs[at + taken]!;
      let sum = 0;
      for (let i = 0; i < elements; i++) sum += Math.exp(outputs[at + i]! - largest);
      const confidence = this.loss === 'softmaxCrossEntropy' ? 1 / sum : sigmoid(largest);
      this.addRow(confidence, taken === indexOfLargest(targets, at, elements));
    }
  }

  private addRow(confidence: number, right: boolean): void {
    // A bin has its upper end, not its lower one.
    const bin = Math.min(calibrationBins - 1, Math.max(0, Math.ceil(confidence * calibrationBins) - 1));
    this.rows[bin]!++;
    this.confidence[bin]! += confidence;
    this.right[bin]! += Number(right);
  }

  result(): { error: number; bins: CalibrationBin[] } {
    const all = this.rows.reduce((sum, n) => sum + n, 0);
    let error = 0;
    const bins = Array.from(this.rows, (rows, i) => {
      const mean = (sums: Float64Array) => (rows > 0 ? sums[i]! / rows : null);
      if (rows > 0) error += Math.abs(this.right[i]! - this.confidence[i]!) / all;
      return {
        from: i / calibrationBins,
        to: (i + 1) / calibrationBins,
        rows,
        confidence: mean(this.confidence),
        accuracy: mean(this.right),
      };
    });
    return { error, bins };
  }
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
