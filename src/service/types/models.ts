import type { Readable } from 'node:stream';
import type { Task } from '../../data/dataset.ts';
import type { Column } from '../../data/tables/columns.ts';
import type { ExportFormat } from '../../models/exporters/exporter.ts';
import type { ModelParts } from '../../models/importers/importer.ts';
import type { NetworkConfig } from '../../nn/networkConfig.ts';
import type { Normalization } from '../../nn/normalization.ts';
import type { LossName } from '../../nn/trainingConfig.ts';
import type { Shape } from '../../shape.ts';
import type { MetricValues } from '../../training/protocol.ts';
import type { Page, PageQuery } from './pages.ts';

export type { ModelParts };

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
