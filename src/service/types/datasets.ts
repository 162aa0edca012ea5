import type { AddedImages, AdditionOptions } from '../../data/addition.ts';
import type { DatasetInfo, SplitName } from '../../data/dataset.ts';
import type { DatasetReport, ValuesReport } from '../../data/report/types.ts';
import type { fileParts } from '../../data/source.ts';
import type { Page, PageQuery } from './pages.ts';

export interface Dataset extends DatasetInfo {
  id: string;
  name: string;
  createdAt: string;
}

/** One row of a dataset as a client sees it: raw values in the dataset's units. */
export interface Sample {
  index: number;
  /** Nested as inputShape. */
  input: unknown;
  /** Class name, or the target nested as targetShape. */
  target: unknown;
}

/** A report with what it is of; warnings are those of the dataset, too. */
export type ReportOfDataset = DatasetReport & { dataset: string; name: string; sha256: string };

/** What a picture of values shows: one feature, or the channels of images. */
export interface DatasetHistogram {
  /** The dataset's name. */
  dataset: string;
  kind: DatasetReport['inputs']['kind'];
  items: ValuesReport[];
}

export type SheetQuery = {
  split: SplitName;
  rows: number;
  columns: number;
  class?: string;
  offset: number;
  /** JSON: how the samples are to be changed, as in a training. */
  augmentation?: string;
  seed?: number;
  epoch?: number;
};

export type SampleQuery = { split: SplitName; offset: number; limit: number };

/** Files of an upload by the name of their multipart part; values are paths of complete files on disk, gzipped or not. */
export type UploadedFiles = Partial<Record<(typeof fileParts)[number], string>>;

/** A dataset as it came in parts of a multipart body. */
export interface DatasetUpload {
  meta: unknown;
  files: UploadedFiles;
  /** Of the files, in hex; empty where nobody asked for them. */
  sha256: Partial<Record<keyof UploadedFiles, string>>;
}

/** An `id` argument takes an id, else an alias, else a name (its newest bearer), of models else NAME@VERSION. All throw HebbError('not-found') for an unknown one. */
export interface DatasetService {
  /** From a JSON spec: {name, task?, classes?, split?, limit?, inputs+targets | synthetic | builtin}. Resolves when it is durable. */
  create(request: unknown): Promise<Dataset>;
  /** A fresh folder for the files of one upload, on the same disk as the store; the caller removes it. */
  uploadFolder(): Promise<string>;
  createFromFiles(meta: unknown, files: UploadedFiles): Promise<Dataset>;
  list(query: PageQuery): Page<Dataset>;
  get(id: string): Dataset;
  samples(id: string, query: SampleQuery): Promise<{ items: Sample[]; total: number; next: number | null }>;
  /** One sample of an image dataset as PNG. */
  samplePng(id: string, split: SplitName, index: number): Promise<Buffer>;
  /** Samples of an image dataset (of one class) side by side, as PNG. */
  sheet(id: string, query: SheetQuery): Promise<Buffer>;
  /** What a look at all the data tells; made now where the dataset has none yet. */
  report(id: string): Promise<ReportOfDataset>;
  /** @param feature name or place; left out: the first feature, or all channels */
  histogram(id: string, feature?: string): Promise<DatasetHistogram>;
  /** A new dataset of the same name, with these samples more. Resolves when it is durable. */
  addSamples(
    id: string,
    added: { body: unknown } | { images: AddedImages },
    options: AdditionOptions,
  ): Promise<Dataset>;
  /** @throws HebbError('in-use') while a job that is not finished needs it */
  delete(id: string): Promise<void>;
}
