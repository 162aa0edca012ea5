import type { Readable } from 'node:stream';
import type { AddedImages, AdditionOptions } from '../data/addition.ts';
import type { DatasetInfo, SplitName, Task } from '../data/dataset.ts';
import type { DatasetReport, ValuesReport } from '../data/report/types.ts';
import type { fileParts } from '../data/source.ts';
import type { Column } from '../data/tables/columns.ts';
import type { Problem } from '../errors.ts';
import type { ExportFormat } from '../models/exporters/exporter.ts';
import type { ModelParts } from '../models/importers/importer.ts';
import type { CalibrationBin } from '../nn/calibration.ts';
import type { Finding } from '../nn/findings.ts';
import type { NetworkConfig } from '../nn/networkConfig.ts';
import type { Normalization } from '../nn/normalization.ts';
import type { LossName, TrainingConfig } from '../nn/trainingConfig.ts';
import type { Warning } from '../nn/warnings.ts';
import type { Preset } from '../presets/index.ts';
import type { Shape } from '../shape.ts';
import type { Best, DiagnosticsRow, MetricValues, Progress, RangeTest, RateChange } from '../training/protocol.ts';
import type { InitialWeights, PauseReason } from '../training/queueStore.ts';
import type { JobState } from '../training/states.ts';

export type { JobState, ModelParts };

/** A page of a list; `next` is the cursor of the following page, null on the last. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

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

export interface Job {
  id: string;
  name: string;
  state: JobState;
  /** Id of the dataset; null for a job of zero epochs without one. */
  dataset: string | null;
  network: NetworkConfig & { input: number[] };
  training: TrainingConfig;
  /** The model that it starts from (training.initialModel), and the tensors that it takes of it; null where it starts anew. */
  initialWeights: InitialWeights | null;
  priority: number;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  progress: Progress;
  /** The newest values. */
  metrics: MetricValues;
  best: Best | null;
  /** Evaluation of the test split at the end. */
  test: MetricValues | null;
  error: Problem | null;
  /** Why it is paused; null where it is not. */
  pause: PauseReason | null;
  /** How often it was taken up again after a stop of the service or a death of its training process. */
  restarts: number;
  /** The job and the step of its checkpoint that this one goes on from. */
  fork: { job: string; step: number } | null;
  isa: string | null;
  kernelVersion: string | null;
  weightsHash: string | null;
  /** Id of the model that the job became; null before. */
  model: string | null;
  /** What the search for a learning rate found; null where one was given, or before. */
  rangeTest: RangeTest | null;
  /** Learning rates that were set by hand, and from which step on they hold. */
  learningRateChanges: RateChange[];
  /** What is allowed, but most likely not meant. */
  warnings: Warning[];
}

export interface DryRun {
  layers: { name: string; type: string; inputShape: Shape; outputShape: Shape; parameters: number; flops: number }[];
  parameters: number;
  flopsPerSample: number;
  /** Of parameters, optimiser state, gradients and activations of one batch. */
  memoryBytes: number;
  /** Measured, with a reserve of a tenth; null where nothing is trained, or it is too large to be measured. */
  secondsPerEpoch: number | null;
  warnings: Warning[];
  initialWeights: InitialWeights | null;
}

/** A state of a job's training that another job can go on from. */
export interface Checkpoint {
  step: number;
  epoch: number;
  time: string;
  bytes: number;
  metrics: MetricValues;
}

export type TimedRow = { seq: number; time: string; epoch: number; step: number } & {
  [metric: string]: number | string;
};

/** What a network of two inputs makes of a plane, with the samples that it learnt from. */
export interface DecisionRegion {
  /** The job's. */
  name: string;
  /** Of the weights; null: those that the job ended with. */
  epoch: number | null;
  /** Names of the inputs, and the stretch of the plane. */
  x: { name: string; low: number; high: number };
  y: { name: string; low: number; high: number };
  /** Cells in a row, and rows. */
  size: number;
  /** (size, size), from the lowest y up: index of the class where `range` is null, otherwise a value. */
  values: Float32Array;
  /** Values that the ends of a colour scale stand for. */
  range: [number, number] | null;
  /** Names of the classes; null for a regression. */
  classes: string[] | null;
  /** x, y and the target (class index, or value) of each sample. */
  points: { x: number; y: number; target: number }[];
}

/** Something that happened to a job; ids grow by one per event of a job. */
export interface JobEvent {
  id: number;
  type: 'state' | 'progress' | 'epoch' | 'diagnostics';
  data: unknown;
}

export interface Model {
  /** The job's id, where it is of a job. */
  id: string;
  name: string;
  createdAt: string;
  /** null: it came from outside. */
  job: string | null;
  dataset: string | null;
  task: Task;
  network: NetworkConfig & { input: number[] };
  loss: LossName | null;
  normalization: Normalization;
  inputShape: Shape;
  /** What the dataset stored: says in which units raw inputs come. */
  inputType: 'uint8' | 'float32';
  outputShape: Shape;
  classes: string[] | null;
  /** Of a dataset that was a table: how a raw row becomes inputs. */
  columns: Column[] | null;
  parameters: number;
  metrics: MetricValues;
  test: MetricValues | null;
  step: number;
  /** That it was trained on; null: it came from outside. */
  isa: string | null;
  weightsHash: string;
  /** Its place among all models that ever had its name. */
  version: number;
  /** What it is for, plain text. */
  notes: string;
  tags: string[];
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

/** How much of a list to return, and from where. */
export interface PageQuery {
  limit: number;
  cursor?: string;
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

/** A classification in detail, over its test split, otherwise validation, otherwise train. */
export interface Evaluation {
  split: SplitName;
  samples: number;
  /** In index order; support: samples of the class. */
  classes: { class: string; precision: number; recall: number; f1: number; support: number }[];
  /** Samples by their class and the one that they were taken for; null for very many classes. */
  confusion: number[][] | null;
  /** Samples with the lowest score of their own class, as `GET /v1/datasets/:id/samples` counts them. */
  worst: { split: SplitName; index: number; class: string; predicted: string; score: number }[];
}

/** An entry of a job's log; `seq` grows by one per entry of a job. */
export interface LogEntry {
  seq: number;
  time: string;
  level: 'info' | 'warn' | 'error';
  /** A short code that stays: what a program may test. */
  event: string;
  message: string;
  data: Record<string, unknown> | null;
}

export interface JobService {
  /**
   * @param idempotencyKey the same key and request give the same job for a day
   * @param upload the dataset, where it came with the request, which then names none; with a key also the SHA-256 of its files. Its files
   * may go when this resolves
   */
  create(request: unknown, idempotencyKey?: string, upload?: DatasetUpload): Promise<Job>;
  dryRun(request: unknown, upload?: DatasetUpload): Promise<DryRun>;
  /** What can be known to be wrong with a job whose dataset is still on its way. */
  checkBeforeUpload(request: unknown): void;
  list(query: PageQuery & { state?: JobState }): Page<Job>;
  get(id: string): Job;
  /** The best weights so far stay as a model. */
  cancel(id: string): Promise<Job>;
  /** Resolves when it stands still; its place goes to others. */
  pause(id: string): Promise<Job>;
  resume(id: string): Promise<Job>;
  /** Changes the learning rate of a job that runs or is paused: {training: {optimizer: {learningRate}}}. */
  change(id: string, request: unknown): Promise<Job>;
  /** A new job that goes on from a checkpoint of this one: {step?, name?, priority?, training?}. */
  fork(id: string, request: unknown, idempotencyKey?: string): Promise<Job>;
  /** Those that are kept, newest first. */
  checkpoints(id: string): Page<Checkpoint>;
  delete(id: string): Promise<void>;
  metrics(
    id: string,
    query: { resolution: 'epoch' | 'step'; since?: number; points?: number },
  ): { rows: TimedRow[]; next: number };
  /** The layers after each epoch that was diagnosed, and what that says. */
  diagnostics(id: string): { rows: DiagnosticsRow[]; findings: Finding[] };
  /** @throws HebbError('state-conflict') before the job's end, 'not-found' where it has none */
  evaluation(id: string): Evaluation;
  /** The first entries of the log after `since`, at most `limit`; `next` is the last seq. */
  log(id: string, query: { since?: number; limit: number }): { items: LogEntry[]; next: number };
  /**
   * The decision region after an epoch, or the last kept one before it; left out: of the newest weights.
   * @throws HebbError('unsuitable-model') where the network has not two inputs, 'state-conflict' where there are no weights yet,
   * 'not-found' where there are none
   */
  decision(id: string, epoch?: number): Promise<DecisionRegion>;
  /** Events after the given id (all that are kept where it is left out), then live; ends after the event of a final state. */
  events(id: string, after: number | undefined, signal: AbortSignal): AsyncIterable<JobEvent>;
  /** The same, several at a time; those who follow at the same place get the very same objects. */
  eventPages(id: string, after: number | undefined, signal: AbortSignal): AsyncIterable<readonly JobEvent[]>;
}

export interface PresetService {
  list(): Page<Preset>;
  get(name: string): Preset;
}

export interface Alias {
  alias: string;
  /** Id of the model, with its name and version. */
  model: string;
  name: string;
  version: number;
  /** Null where nobody set it by hand, or before times were kept. */
  since: string | null;
}

/** Something that happened to an alias. */
export interface AliasEvent {
  action: 'set' | 'rollback' | 'remove';
  /** Id of the model that it pointed at from then on; of a removal the one that it had pointed at. */
  model: string;
  name: string;
  version: number;
  /** Whether the model is still there. */
  exists: boolean;
  /** Null: before times were kept. */
  time: string | null;
}

export interface RollBack extends Alias {
  /** Id of the model that the alias pointed at, null where it was not set. */
  from: string | null;
  /** Models that it pointed at between the two, and that are deleted. */
  skipped: { model: string; name: string; version: number }[];
  message: string;
}

/** Two values and b − a; null where one has no such thing. */
export interface ComparedValue {
  name: string;
  a: number | null;
  b: number | null;
  difference: number | null;
}

/** A setting that differs, at its JSON pointer; left out where one has none. */
export interface ComparedSetting {
  pointer: string;
  a?: unknown;
  b?: unknown;
}

export interface ComparedLayer {
  change: 'same' | 'changed' | 'added' | 'removed';
  /** Null: the model has no such layer. */
  a: LayerSummary | null;
  b: LayerSummary | null;
  differences: ComparedSetting[];
}

export interface LayerSummary {
  index: number;
  name: string;
  type: string;
  outputShape: Shape;
  parameters: number;
}

export interface ComparedModel {
  id: string;
  name: string;
  version: number;
  createdAt: string;
  isa: string | null;
  kernelVersion: string | null;
  weightsHash: string;
  /** Null where it is deleted, or there was none. */
  dataset: { id: string; name: string; sha256: string } | null;
}

export interface ModelComparison {
  a: ComparedModel;
  b: ComparedModel;
  sameWeights: boolean;
  /** Null where one of them is not known any more. */
  sameDataset: boolean | null;
  metrics: ComparedValue[];
  /** Null where the two were not tested on the same samples. */
  test: ComparedValue[] | null;
  /** Parameters, FLOPs of one sample, bytes of the file of weights, steps of the training. */
  sizes: ComparedValue[];
  layers: ComparedLayer[];
  /** Null where a model has no job that tells. */
  training: ComparedSetting[] | null;
}

/** A model on its way to somebody. */
export interface ExportedModel {
  /** The model's. */
  name: string;
  content: Readable;
  bytes: number;
}

export interface ModelService {
  list(query: PageQuery & { name?: string }): Page<Model>;
  get(id: string): Model;
  /** What people say of it. */
  describe(id: string, description: { notes?: string; tags?: string[] }): Model;
  compare(a: string, b: string): Promise<ModelComparison>;
  /** What is known of it, as Markdown. */
  card(id: string): string;
  delete(id: string): Promise<void>;
  setAlias(alias: string, model: string): Alias;
  /** `default` then follows the newest completed job again. */
  removeAlias(alias: string): void;
  aliases(): Alias[];
  alias(alias: string): Alias;
  /** The newest first. */
  aliasHistory(alias: string, query: PageQuery): Page<AliasEvent>;
  /**
   * Points it at the model before; once more: at the one before that.
   * @throws HebbError('state-conflict') where there is none
   */
  rollBackAlias(alias: string): RollBack;
  /** The model as a file. The caller reads its content to the end, or destroys it. */
  export(id: string, format: ExportFormat): Promise<ExportedModel>;
  /** A folder for the parts of an import; the caller removes it. */
  uploadFolder(): Promise<string>;
  /** A model of a network with weights, or of an ONNX file. Resolves when it is durable. */
  import(parts: ModelParts): Promise<Model>;
}

export interface PredictOptions {
  top?: number;
  /** Names of layers whose activations are wanted. */
  layers?: string[];
  fit?: 'contain' | 'cover' | 'fill';
  /** auto: where the ground of the image is light. */
  invert?: boolean | 'auto';
  /** mass: the centre of mass comes to the middle. */
  center?: 'mass';
}

export interface Prediction {
  class?: string;
  probability?: number | null;
  top?: { class: string; probability: number | null }[];
  /** The last layer's value, nested as its shape. */
  output: unknown;
  activations?: Record<string, unknown>;
}

export interface PredictResponse {
  /** The model's id, or that of a job that is not over. */
  model: string;
  /** The step of the training that the weights are of: of a job that is not over its newest checkpoint's. */
  step: number;
  predictions: Prediction[];
}

export interface PredictionService {
  /** Rows in raw units of the dataset, each nested as the input shape or flat, or values by the names of a table's columns. */
  predictInstances(model: string, instances: unknown[], options: PredictOptions): Promise<PredictResponse>;
  /** Encoded images (PNG, JPEG, WebP). */
  predictImages(model: string, images: Buffer[], options: PredictOptions): Promise<PredictResponse>;
}

/** What a model takes and gives, as the Open Inference Protocol tells it. */
export interface InferenceMetadata {
  name: string;
  /** Those that are there; a job that is not over has none. */
  versions?: string[];
  platform: string;
  /** −1 stands for the number of rows. */
  inputs: { name: string; datatype: string; shape: number[] }[];
  outputs: { name: string; datatype: string; shape: number[] }[];
}

export interface InferTensor {
  name: string;
  datatype: string;
  shape: number[];
  /** Where it is binary data. */
  parameters?: { binary_data_size: number };
  /** Flat, row by row. */
  data?: number[] | string[];
}

export interface InferResponse {
  id?: string;
  /** As it was asked for. */
  model_name: string;
  model_version?: string;
  /** The model's id, or that of a job that is not over, and the step of its training that the weights are of. */
  parameters: { model: string; step: number };
  outputs: InferTensor[];
}

/** The Open Inference Protocol; `model` is an id, an alias or a name, as everywhere. All throw HebbError('not-found'). */
export interface OpenInferenceService {
  metadata(model: string, version?: string): InferenceMetadata;
  /** @throws HebbError('state-conflict') for a job that has no weights yet */
  ready(model: string, version?: string): { name: string; ready: boolean };
  /** The newest models. */
  index(): { name: string; version: string; state: string; reason: string }[];
  /**
   * @param request the request's JSON
   * @param binary what followed it
   * @returns the answer's JSON, and what is to follow it
   */
  infer(
    model: string,
    version: string | undefined,
    request: unknown,
    binary: Uint8Array,
  ): Promise<{ response: InferResponse; binary: Buffer[] }>;
}

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

/** What the HTTP routes call. */
export interface Services {
  datasets: DatasetService;
  jobs: JobService;
  presets: PresetService;
  models: ModelService;
  predictions: PredictionService;
  openInference: OpenInferenceService;
  insight: InsightService;
  /** True while new work can be taken. */
  ready(): boolean;
  /** Takes no new jobs; those under way leave a checkpoint and go back to the queue. At most about six seconds. */
  stop(): Promise<void>;
  /** Stops, and closes the database. */
  close(): Promise<void>;
}
