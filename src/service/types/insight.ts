import type { SplitName } from '../../data/dataset.ts';
import type { CalibrationBin } from '../../nn/calibration.ts';
import type { MetricValues } from '../../training/protocol.ts';
import type { PredictOptions } from './predictions.ts';

/** What a call brings for a model: rows, or encoded images. */
export type ModelInputs = { instances: unknown[] } | { images: Buffer[] };

/** A model measured on a dataset. */
export interface ModelEvaluation {
  /** As a prediction says it. */
  model: string;
  step: number;
  dataset: { id: string; name: string };
  split: SplitName | 'all';
  samples: number;
  /** loss (where the model has one), the metrics of its task, and those that it was trained with. */
  metrics: MetricValues;
  /** In index order of the model's classes; null for a regression. */
  classes: { class: string; precision: number; recall: number; f1: number; support: number }[] | null;
  /** Samples by their class and the one that they were taken for; null for a regression or very many classes. */
  confusion: number[][] | null;
  /** Expected calibration error, and its bins; null where there are no probabilities. */
  calibration: { error: number; bins: CalibrationBin[] } | null;
  /** A classification's samples with the lowest score of their own class, a regression's with the largest error. */
  worst: (
    | {
        split: SplitName;
        index: number;
        class: string;
        predicted: string;
        score: number;
        /** Of `predicted`. */
        probability: number | null;
        /** Path of its picture, where samples are images. */
        image?: string;
      }
    | { split: SplitName; index: number; target: unknown; output: unknown; error: number; image?: string }
  )[];
  warnings: { code: string; message: string }[];
}

export const explainMethods = ['gradCam', 'gradient', 'gradientTimesInput', 'occlusion', 'contributions'] as const;

export type ExplainMethod = (typeof explainMethods)[number];

export interface ExplainOptions extends Pick<PredictOptions, 'fit' | 'invert' | 'center'> {
  /** [images through a network with spatial layers: gradCam; tables: contributions; else gradient] */
  method?: ExplainMethod;
  /** The class whose score is explained [the predicted one]. */
  class?: string;
  /** Of a regression: which of the outputs [0]. */
  output?: number;
  /** Of gradCam [the last one whose output is an image]. */
  layer?: string;
  /** Of occlusion of images: side of the square in pixels [a seventh of the shorter side], and its steps [half of it]. */
  patch?: number;
  stride?: number;
  /** Of occlusion: what covers, in raw units [the mean of the training split]. */
  fill?: number;
}

export interface Explanation {
  /** Whose score it is; of a regression the number of the output. */
  class?: string;
  probability?: number | null;
  output?: number;
  /** The logit of the class, or the output. */
  score: number;
  /** Of contributions: that of the baseline; they add up to the difference. */
  baselineScore?: number;
  /** Of a table: by column, in their order. */
  contributions?: { column: string; contribution: number }[];
  /** Nested as the input, or (height, width). */
  values?: unknown;
}

export interface ExplainResponse {
  model: string;
  step: number;
  method: ExplainMethod;
  /** Of gradCam. */
  layer?: string;
  /** What contributions and occlusion compare with: the mean of the training split, zeros where that is gone, or a number given. */
  baseline?: 'trainingMean' | 'zero' | 'fill';
  explanations: Explanation[];
}

export interface SuggestOptions extends Pick<PredictOptions, 'fit' | 'invert' | 'center'> {
  strategy: 'entropy' | 'margin' | 'leastConfidence';
  count: number;
  /** Whether those that are alike are kept apart. */
  spread: boolean;
}

export interface SuggestResponse {
  model: string;
  step: number;
  strategy: SuggestOptions['strategy'];
  /** Rows that were looked at. */
  samples: number;
  /** Between which outputs distances were taken: a layer's, or those of the network ("output"); null without spreading. */
  spreadBy: string | null;
  /** Those to be labelled first come first. */
  items: {
    index: number;
    /** How unsure the model is; the larger the more. */
    score: number;
    class: string;
    probability: number;
    image?: string;
  }[];
}

/** What is behind predictions: how good they are, why they are so, and what would make them better. */
export interface InsightService {
  /** @throws HebbError('unknown-dataset'), 'invalid-data' where the dataset does not fit, 'unavailable' where too many wait */
  evaluate(
    model: string,
    request: { dataset: string; split?: SplitName | 'all' },
    signal: AbortSignal,
  ): Promise<ModelEvaluation>;
  explain(model: string, inputs: ModelInputs, options: ExplainOptions, signal: AbortSignal): Promise<ExplainResponse>;
  /** One input's explanation as a PNG: the image, and over it what speaks for the class. */
  explainPng(model: string, inputs: ModelInputs, options: ExplainOptions, signal: AbortSignal): Promise<Buffer>;
  suggest(
    model: string,
    pool: ModelInputs | { dataset: string; split?: SplitName },
    options: SuggestOptions,
    signal: AbortSignal,
  ): Promise<SuggestResponse>;
}
