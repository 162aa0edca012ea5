import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import type { Config } from '../config.ts';
import type { DatasetInfo } from '../data/dataset.ts';
import { importDataset } from '../data/importer.ts';
import { readReport } from '../data/report/readReport.ts';
import { pictureShape, samplePng } from '../data/samplePng.ts';
import { sheetPng } from '../data/sheetPng.ts';
import {
  type DatasetMeta,
  datasetMetaSchema,
  datasetRequestSchema,
  datasetSpec,
  type Source,
  uploadSource,
} from '../data/source.ts';
import { readRows } from '../data/store.ts';
import { HebbError } from '../errors.ts';
import type { DatasetRecord } from '../store/datasets.ts';
import type { Store } from '../store/store.ts';
import { assertValid, compileSchema } from '../validate.ts';
import { createAdditions } from './additions.ts';
import { augmentationOf, augmentedSamples } from './augmentedSheet.ts';
import { allWarnings, classIndexOf, histogramOf } from './datasetReport.ts';
import { pageOf } from './lists.ts';
import type { Paths } from './paths.ts';
import type { DatasetService } from './types.ts';

/** Text and compressed files grow when they become numbers; the store may be so many times the largest upload. */
const storeGrowth = 4;

const validateRequest = compileSchema(datasetRequestSchema);
const validateMeta = compileSchema(datasetMetaSchema);

/** A dataset on disk that no row of the database tells of yet: it becomes one by `commit`, or goes by `discard`, which undoes `commit` as well. */
export interface PreparedDataset {
  record: DatasetRecord;
  commit(): void;
  discard(): Promise<void>;
}

export interface Datasets extends DatasetService {
  /** @throws HebbError for what is wrong with the source */
  prepare(source: Source, name?: string): Promise<PreparedDataset>;
  /** By id, else by name. */
  find(idOrName: string): DatasetRecord | undefined;
}

export function createDatasets(store: Store, paths: Paths, config: Config): Datasets {
  const limits = {
    maxBytes: storeGrowth * config.maxUploadBytes,
    maxArchiveEntries: config.maxArchiveEntries,
  };
  // Beside the datasets, in a folder that nobody tidies.
  const mnistMirror = config.mnistUrl ? { url: config.mnistUrl, folder: join(config.dataDir, 'mnist') } : undefined;
  const located = (source: Source): Source =>
    source.kind === 'builtin' ? { ...source, mnistDir: config.mnistDir, mnistMirror } : source;
  const folderOf = (id: string) => join(paths.datasets, id);
  const find = (idOrName: string) => store.datasets.get(idOrName) ?? store.datasets.byName(idOrName);

  function get(id: string): DatasetRecord {
    const dataset = find(id);
    if (!dataset) throw new HebbError('not-found', `no dataset has the id or the name "${id}"`);
    return dataset;
  }

  async function prepare(source: Source, name?: string): Promise<PreparedDataset> {
    const id = uuidv7();
    const info = await importDataset(located(source), folderOf(id), limits);
    const record = { id, name: name ?? generatedName(source, info), createdAt: new Date().toISOString(), ...info };
    let committed = false;
    return {
      record,
      commit() {
        store.datasets.insert(record, source.kind === 'addition');
        committed = true;
      },
      async discard() {
        if (committed) store.datasets.delete(id);
        await rm(folderOf(id), { recursive: true, force: true });
      },
    };
  }

  async function add(source: Source, name: string): Promise<DatasetRecord> {
    const prepared = await prepare(source, name);
    try {
      prepared.commit();
    } catch (error) {
      await prepared.discard();
      throw error;
    }
    return prepared.record;
  }

  async function remove(id: string): Promise<void> {
    store.datasets.delete(id);
    await rm(folderOf(id), { recursive: true, force: true });
  }

  const additions = createAdditions({
    find: get,
    folderOf,
    add,
    hasJob: store.datasets.hasJob,
    outgrown: (name) => (config.keepVersions > 0 ? store.datasets.outgrown(name, config.keepVersions) : []),
    remove,
  });

  return {
    find,
    get,
    prepare,
    addSamples: additions.add,
    async create(request) {
      assertValid(validateRequest, request);
      return add(datasetSpec(request), (request as { name: string }).name);
    },
    async uploadFolder() {
      const folder = join(paths.tmp, uuidv7());
      await mkdir(folder, { recursive: true });
      return folder;
    },
    async createFromFiles(meta, files) {
      assertValid(validateMeta, meta);
      return add(uploadSource(meta, files), (meta as DatasetMeta).name);
    },
    list: (query) =>
      pageOf(
        query,
        (page) => store.datasets.list(page),
        (record) => record,
      ),
    async samples(id, { split, offset, limit }) {
      const dataset = get(id);
      const total = dataset.samples[split];
      const items = offset < total ? await readRows(folderOf(dataset.id), dataset, split, offset, limit) : [];
      const end = offset + items.length;
      return { items, total, next: items.length > 0 && end < total ? end : null };
    },
    async samplePng(id, split, index) {
      const dataset = get(id);
      const total = dataset.samples[split];
      if (index >= total) throw new HebbError('not-found', `there is no sample ${index} in ${split}: it has ${total}`);
      return samplePng(folderOf(dataset.id), dataset, split, index);
    },
    async sheet(id, { class: name, augmentation, seed = 0, epoch = 0, ...query }) {
      const dataset = get(id);
      const classIndex = name === undefined ? undefined : classIndexOf(dataset, name);
      // Before what is wrong with the augmentation: no other dataset has pictures.
      pictureShape(dataset);
      const list = augmentation === undefined ? null : augmentationOf(augmentation, dataset);
      const change = (samples: Float32Array) => augmentedSamples(samples, dataset, { list: list!, seed, epoch });
      return sheetPng(folderOf(dataset.id), dataset, { ...query, classIndex, ...(list && { change }) });
    },
    async report(id) {
      const dataset = get(id);
      const report = await readReport(folderOf(dataset.id), dataset);
      const { id: datasetId, name, sha256 } = dataset;
      return { dataset: datasetId, name, sha256, ...report, warnings: allWarnings(dataset, report) };
    },
    async histogram(id, feature) {
      const dataset = get(id);
      return histogramOf(dataset.name, await readReport(folderOf(dataset.id), dataset), feature);
    },
    async delete(id) {
      const dataset = get(id);
      const job = store.jobs.unfinishedOf(dataset.id);
      if (job !== undefined) throw new HebbError('in-use', `the job "${job}" still needs the dataset: cancel it first`);
      if (additions.needs(dataset.id)) {
        throw new HebbError('in-use', 'samples are being added to the dataset: try again when that is done');
      }
      await remove(dataset.id);
    },
  };
}

/** A whole builtin dataset is called as it is; a part of it must not be mistaken for it. */
function generatedName(source: Source, info: DatasetInfo): string {
  const kind = source.kind === 'builtin' ? source.builtin : 'dataset';
  const whole = source.kind === 'builtin' && !source.limit && !source.split;
  return whole ? kind : `${kind}-${info.sha256.slice(0, 8)}`;
}
