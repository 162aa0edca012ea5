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
