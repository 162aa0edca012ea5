import type { SplitName } from '../dataset.ts';

/** Bars of equal width from `from` to `to`; the last holds its upper end, too. */
export interface Histogram {
  from: number;
  to: number;
  counts: number[];
}

/** What is known of the values of a feature, a channel or a target, in the training split. */
export interface ValuesReport {
  name: string;
  min: number;
  max: number;
  mean: number;
  /** Of the population: divided by n. */
  standardDeviation: number;
  /** Different values; null: more than were counted. */
  distinct: number | null;
  histogram: Histogram;
}

export interface ClassReport {
  class: string;
  samples: Record<SplitName, number>;
}

/** A sample, as `GET /v1/datasets/:id/samples` counts them. */
export interface Place {
  split: SplitName;
  index: number;
}

export interface SplitDuplicates {
  /** Samples whose inputs stand in the same split already, further up. */
  repeated: number;
  /** Samples whose inputs stand in a split before: those of validation and test that are trained on, above all. */
  inEarlierSplits: number;
  /** Those of both that have another target than the first one with their inputs. */
  contradicting: number;
}

/** What a look at all the data tells. Kept beside the dataset. */
export interface DatasetReport {
  version: 1;
  inputs: {
    /** feature: one for each input of rank 1; channel: one for each of an image; all: one for everything. */
    kind: 'feature' | 'channel' | 'all';
    /** How many there are; of very many features only the first are in `items`. */
    count: number;
    items: ValuesReport[];
  };
  /** Columns of a table with cells that were empty. */
  missing: { column: string; rows: number }[];
  /** Targets of a regression, one for each element. */
  targets: ValuesReport[] | null;
  /** Classes of a classification. */
  classes: ClassReport[] | null;
  duplicates: {
    /** Samples that were compared, from the first of train on. */
    checked: number;
    splits: Record<SplitName, SplitDuplicates>;
    /** The first of them, with the sample that they repeat. */
    examples: (Place & { of: Place })[];
  };
  /** Images of one colour; null where samples are no images. */
  blank: { samples: Record<SplitName, number>; examples: Place[] } | null;
  warnings: { code: string; message: string }[];
}
