import {
  type AnswerOf,
  allPages,
  type Binary,
  type BodyOf,
  type Caller,
  type Download,
  type QueryOf,
  toBlob,
} from './caller.ts';
import type { Alias, Model, Operations, Predictions } from './schema.ts';
import type { CallOptions } from './transport.ts';

type ImportForm = Operations['importModel']['body']['multipart/form-data'];

/** What is to be predicted: rows in raw units (arrays, or objects by the names of columns), or encoded images. */
export type PredictInput = { instances: unknown[] } | { images: Binary[] } | Binary;

export type PredictOptions = Omit<QueryOf<'predictWithModel'>, 'layers' | 'invert'> & {
  /** Layers whose activations are wanted. */
  layers?: string[];
  /** Swap dark and light of images; auto: of those with a light ground. */
  invert?: boolean | 'auto';
};

export class Models {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  list(query: QueryOf<'listModels'> = {}, options?: CallOptions): Promise<AnswerOf<'listModels'>> {
    return this.caller.json('listModels', { query }, options);
  }

  /** All of them, the newest first. */
  all(options?: CallOptions): AsyncGenerator<Model, void, void> {
    return allPages((cursor) => this.list({ cursor, limit: 200 }, options));
  }

  get(id: string, options?: CallOptions): Promise<Model> {
    return this.caller.json('getModel', { path: { id } }, options);
  }

  async delete(id: string, options?: CallOptions): Promise<void> {
    await this.caller.json('deleteModel', { path: { id } }, options);
  }

  /** What it is for, and tags. */
  describe(id: string, description: BodyOf<'describeModel'>, options?: CallOptions): Promise<Model> {
    return this.caller.json('describeModel', { path: { id }, body: description }, options);
  }

  /** All that is known of it, as Markdown. */
  card(id: string, options?: CallOptions): Promise<string> {
    return this.caller.text('getModelCard', { path: { id } }, options);
  }

  /** Two side by side. */
  compare(a: string, b: string, options?: CallOptions): Promise<AnswerOf<'compareModels'>> {
    return this.caller.json('compareModels', { query: { a, b } }, options);
  }

  /** How well it does on a dataset. */
  evaluate(id: string, request: BodyOf<'evaluateModel'>, options?: CallOptions): Promise<AnswerOf<'evaluateModel'>> {
    return this.caller.json('evaluateModel', { path: { id }, body: request }, options, { timeoutMs: 0 });
  }

  /** Brings a model: an ONNX file, or a network (JSON) with its weights (safetensors). */
  import(
    files: { file: Binary } | { network: Binary; weights: Binary },
    meta: NonNullable<ImportForm['meta']> = {},
    options?: CallOptions,
  ): Promise<Model> {
    const form = new FormData();
    form.append('meta', JSON.stringify(meta));
    for (const [part, content] of Object.entries(files)) form.append(part, toBlob(content), part);
    return this.caller.json('importModel', { body: form }, options, { timeoutMs: 0 });
  }

  /** The model as a file, as it comes. */
  export(id: string, query: QueryOf<'exportModel'> = {}, options?: CallOptions): Promise<Download> {
    return this.caller.download('exportModel', { path: { id }, query }, options);
  }

  /** @param id a job that is not over answers from its last checkpoint */
  predict(
    id: string,
    input: PredictInput,
    { signal, timeoutMs, headers, ...predict }: PredictOptions & CallOptions = {},
  ): Promise<Predictions> {
    const taken = { path: { id }, query: predictQuery(predict), body: predictBody(input) };
    return this.caller.json('predictWithModel', taken, { signal, timeoutMs, headers }, { idempotent: true });
  }

  async aliases(options?: CallOptions): Promise<Alias[]> {
    return (await this.caller.json('listAliases', {}, options)).items;
  }

  setAlias(alias: string, model: string, options?: CallOptions): Promise<Alias> {
    return this.caller.json('setAlias', { path: { alias }, body: { model } }, options);
  }

  /** Back to the model before. */
  rollBackAlias(alias: string, options?: CallOptions): Promise<AnswerOf<'rollBackAlias'>> {
    return this.caller.json('rollBackAlias', { path: { alias } }, options);
  }

  async removeAlias(alias: string, options?: CallOptions): Promise<void> {
    await this.caller.json('removeAlias', { path: { alias } }, options);
  }
}

/** Keys as the query has them. */
export function predictQuery({ layers, invert, ...rest }: PredictOptions): QueryOf<'predictWithModel'> {
  return {
    ...rest,
    ...(layers && { layers: layers.join(',') }),
    ...(invert !== undefined && { invert: String(invert) as 'true' | 'false' | 'auto' }),
  };
}

export function predictBody(input: PredictInput): { instances: unknown[] } | FormData {
  if ('instances' in input) return input;
  const images = 'images' in input ? input.images : [input];
  const form = new FormData();
  for (const image of images) form.append('image', toBlob(image), 'image');
  return form;
}
