import { type AnswerOf, allPages, type Binary, type BodyOf, type Caller, type QueryOf, toBlob } from './caller.ts';
import type { Dataset, DatasetReport, Operations, Sample } from './schema.ts';
import type { CallOptions } from './transport.ts';

type UploadForm = Operations['createDataset']['body']['multipart/form-data'];
/** What is told about files: name, target, split, …. */
export type DatasetMeta = UploadForm['meta'];
/** Files by the names of their parts. */
export type DatasetFiles = { [Part in Exclude<keyof UploadForm, 'meta'>]?: Binary };

/** Reading a dataset takes as long as it takes. */
const forEver = { timeoutMs: 0 };

export class Datasets {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** From values, a generator or data that come along. */
  create(request: BodyOf<'createDataset'>, options?: CallOptions): Promise<Dataset> {
    return this.caller.json('createDataset', { body: request }, options, forEver);
  }

  /** From files. */
  upload(meta: DatasetMeta, files: DatasetFiles, options?: CallOptions): Promise<Dataset> {
    return this.caller.json('createDataset', { body: datasetForm({ meta }, files) }, options, forEver);
  }

  list(query: QueryOf<'listDatasets'> = {}, options?: CallOptions): Promise<AnswerOf<'listDatasets'>> {
    return this.caller.json('listDatasets', { query }, options);
  }

  /** All of them, the newest first. */
  all(options?: CallOptions): AsyncGenerator<Dataset, void, void> {
    return allPages((cursor) => this.list({ cursor, limit: 200 }, options));
  }

  get(id: string, options?: CallOptions): Promise<Dataset> {
    return this.caller.json('getDataset', { path: { id } }, options);
  }

  samples(id: string, query: QueryOf<'listSamples'> = {}, options?: CallOptions): Promise<AnswerOf<'listSamples'>> {
    return this.caller.json('listSamples', { path: { id }, query }, options);
  }

  /** All samples of a split, in order. */
  async *allSamples(
    id: string,
    { split }: Pick<QueryOf<'listSamples'>, 'split'> = {},
    options?: CallOptions,
  ): AsyncGenerator<Sample, void, void> {
    for (let offset: number | null = 0; offset !== null; ) {
      const page: AnswerOf<'listSamples'> = await this.samples(id, { split, offset, limit: 200 }, options);
      yield* page.items;
      offset = page.next;
    }
  }

  /** Adds rows: a new dataset of the same name. */
  addSamples(
    id: string,
    added: BodyOf<'addSamples'>,
    query: QueryOf<'addSamples'> = {},
    options?: CallOptions,
  ): Promise<Dataset> {
    return this.caller.json('addSamples', { path: { id }, query, body: added }, options, forEver);
  }

  /** Adds images with their labels: a new dataset of the same name. */
  addImages(
    id: string,
    images: { image: Binary; label: string }[],
    query: QueryOf<'addSamples'> = {},
    options?: CallOptions,
  ): Promise<Dataset> {
    const form = new FormData();
    for (const { image, label } of images) {
      form.append('image', toBlob(image), 'image');
      form.append('label', label);
    }
    return this.caller.json('addSamples', { path: { id }, query, body: form }, options, forEver);
  }

  report(id: string, options?: CallOptions): Promise<DatasetReport> {
    return this.caller.json('getDatasetReport', { path: { id } }, options, forEver);
  }

  /** One sample of an image dataset. */
  samplePng(
    id: string,
    index: number,
    query: QueryOf<'getSamplePng'> = {},
    options?: CallOptions,
  ): Promise<Uint8Array> {
    return this.caller.bytes('getSamplePng', { path: { id, index }, query }, options);
  }

  /** Many samples of an image dataset side by side. */
  sheetPng(id: string, query: QueryOf<'getSheetPng'> = {}, options?: CallOptions): Promise<Uint8Array> {
    return this.caller.bytes('getSheetPng', { path: { id }, query }, options);
  }

  histogramSvg(id: string, query: QueryOf<'getHistogramSvg'> = {}, options?: CallOptions): Promise<string> {
    return this.caller.text('getHistogramSvg', { path: { id }, query }, options);
  }

  async delete(id: string, options?: CallOptions): Promise<void> {
    await this.caller.json('deleteDataset', { path: { id } }, options);
  }
}

/** The parts of an upload: what is JSON first. */
export function datasetForm(parts: Record<string, unknown>, files: DatasetFiles): FormData {
  const form = new FormData();
  for (const [part, value] of Object.entries(parts)) form.append(part, JSON.stringify(value));
  for (const [part, file] of Object.entries(files)) {
    if (file !== undefined) form.append(part, toBlob(file), nameOf(file) ?? part);
  }
  return form;
}

/** A File has a name. */
function nameOf(file: Binary): string | undefined {
  return 'name' in file && typeof file.name === 'string' ? file.name : undefined;
}
