import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Config } from '../../src/config.ts';
import { HebbError } from '../../src/errors.ts';
import * as examples from '../../src/server/schemas/examples.ts';
import { presetService } from '../../src/service/presets.ts';
import type {
  AliasEvent,
  Dataset,
  DatasetUpload,
  DryRun,
  ExplainResponse,
  Job,
  JobEvent,
  Model,
  ModelComparison,
  ModelEvaluation,
  Page,
  PageQuery,
  ReportOfDataset,
  Services,
  SuggestResponse,
} from '../../src/service/types.ts';

export const testConfig: Config = {
  port: 0,
  host: '127.0.0.1',
  dataDir: tmpdir(),
  mnistDir: undefined,
  mnistUrl: undefined,
  jobs: 1,
  threads: 1,
  isa: undefined,
  maxUploadBytes: 1024 ** 2,
  maxArchiveEntries: 1000,
  minFreeBytes: 0,
  modelMemoryBytes: 2 ** 28,
  maxPredictions: 1000,
  batchDelayMs: 0,
  maxJsonBytes: 4 * 1024 ** 2,
  maxJsonDepth: 32,
  keepJobsDays: 0,
  keepDatasetsDays: 0,
  keepVersions: 10,
  keepCheckpointsDays: 7,
  corsOrigins: [],
  logLevel: 'silent',
};

/** Services in memory: as little behaviour as the HTTP interface needs to be seen working. */
export interface FakeServices extends Services {
  /** What reached the services, newest last. */
  calls: { name: string; args: unknown[] }[];
  uploadRoot: string;
  /** What an export gives; empty: {}. */
  weightsPath: string;
  /** The job's events; push, then call `wake`. */
  log: JobEvent[];
  job: Job;
  rows: ReturnType<Services['jobs']['metrics']>['rows'];
  wake(): void;
  isReady: boolean;
  /** Event streams that are being read. */
  readers: number;
}

export async function fakeServices(): Promise<FakeServices> {
  const uploadRoot = await mkdtemp(join(tmpdir(), 'hebb-server-'));
  const dataset = structuredClone(examples.dataset) as Dataset;
  const model = structuredClone(examples.model) as Model;
  const calls: FakeServices['calls'] = [];
  const called = (name: string, ...args: unknown[]) => void calls.push({ name, args });
  let waiting: (() => void)[] = [];

  const find = <T extends { id: string; name: string }>(what: string, item: T, id: string): T => {
    if (id === item.id || id === item.name) return item;
    throw new HebbError('not-found', `no ${what} "${id}"`);
  };
  const knownAlias = (alias: string) => {
    if (alias !== examples.alias.alias) throw new HebbError('not-found', `no alias "${alias}"`);
    return structuredClone(examples.alias);
  };
  const page = <T>(item: T, query: PageQuery): Page<T> => {
    called('list', query);
    return { items: [item], next: null };
  };
  const requireName = (request: unknown) => {
    if (typeof (request as { name?: unknown } | undefined)?.name !== 'string') {
      throw new HebbError('invalid-request', '/name: must be of type string');
    }
  };

  const contentsOf = async ({ files, ...upload }: DatasetUpload) => {
    const read = Object.entries(files).map(async ([name, path]) => [name, await readFile(path, 'latin1')]);
    return { ...upload, files: Object.fromEntries(await Promise.all(read)) };
  };

  const fake: FakeServices = {
    calls,
    uploadRoot,
    weightsPath: '',
    log: [],
    job: structuredClone(examples.job) as Job,
    rows: structuredClone(examples.metricRows.rows),
    isReady: true,
    readers: 0,
    wake() {
      const woken = waiting;
      waiting = [];
      for (const resolve of woken) resolve();
    },
    ready: () => fake.isReady,
    stop: async () => called('stop'),
    close: async () => called('close'),
    datasets: {
      async create(request) {
        requireName(request);
        called('create', request);
        return dataset;
      },
      uploadFolder: () => mkdtemp(join(uploadRoot, 'upload-')),
      async createFromFiles(meta, files) {
        const contents: Record<string, string> = {};
        for (const [name, path] of Object.entries(files)) contents[name] = await readFile(path, 'latin1');
        called('createFromFiles', meta, contents);
        return dataset;
      },
      list: (query) => page(dataset, query),
      get: (id) => find('dataset', dataset, id),
      async samples(id, query) {
        find('dataset', dataset, id);
        called('samples', query);
        return structuredClone(examples.samples);
      },
      async samplePng(id, split, index) {
        find('dataset', dataset, id);
        called('samplePng', split, index);
        return Buffer.from('png');
      },
      async sheet(id, query) {
        find('dataset', dataset, id);
        called('sheet', query);
        return Buffer.from('png');
      },
      async report(id) {
        find('dataset', dataset, id);
        return structuredClone(examples.datasetReport) as ReportOfDataset;
      },
      async histogram(id, feature) {
        find('dataset', dataset, id);
        called('histogram', feature);
        const { inputs } = structuredClone(examples.datasetReport) as ReportOfDataset;
        return { dataset: dataset.name, kind: inputs.kind, items: inputs.items };
      },
      async addSamples(id, added, options) {
        find('dataset', dataset, id);
        if ('body' in added) called('addSamples', added.body, options);
        else {
          const images = added.images.map(async ({ path, label }) => [await readFile(path, 'latin1'), label]);
          called('addSamples', await Promise.all(images), options);
        }
        return dataset;
      },
      async delete(id) {
        find('dataset', dataset, id);
        throw new HebbError('in-use', 'job "digits" needs it');
      },
    },
    jobs: {
      async create(request, key, upload) {
        requireName(request);
        called('create', request, ...(key === undefined ? [] : [key]), ...(upload ? [await contentsOf(upload)] : []));
        return structuredClone(examples.queuedJob) as Job;
      },
      async dryRun(request, upload) {
        called('dryRun', request, ...(upload ? [await contentsOf(upload)] : []));
        return structuredClone(examples.dryRun) as DryRun;
      },
      checkBeforeUpload: requireName,
      list: (query) => page(fake.job, query),
      get: (id) => find('job', fake.job, id),
      async cancel(id) {
        return find('job', fake.job, id);
      },
      async pause(id) {
        find('job', fake.job, id);
        return structuredClone(examples.pausedJob) as Job;
      },
      async resume(id) {
        find('job', fake.job, id);
        return structuredClone(examples.queuedJob) as Job;
      },
      async change(id, request) {
        find('job', fake.job, id);
        called('change', request);
        return structuredClone(examples.changedJob) as Job;
      },
      async fork(id, request, key) {
        find('job', fake.job, id);
        called('fork', request, key);
        return structuredClone(examples.forkedJob) as Job;
      },
      checkpoints(id) {
        find('job', fake.job, id);
        return structuredClone(examples.checkpoints);
      },
      async delete(id) {
        find('job', fake.job, id);
      },
      metrics(id, query) {
        find('job', fake.job, id);
        called('metrics', query);
        return { rows: fake.rows, next: 1 };
      },
      diagnostics(id) {
        find('job', fake.job, id);
        return structuredClone(examples.diagnostics) as ReturnType<Services['jobs']['diagnostics']>;
      },
      evaluation(id) {
        find('job', fake.job, id);
        return structuredClone(examples.evaluation) as ReturnType<Services['jobs']['evaluation']>;
      },
      log(id, query) {
        find('job', fake.job, id);
        called('log', query);
        return structuredClone(examples.jobLog) as ReturnType<Services['jobs']['log']>;
      },
      async decision(id, epoch) {
        find('job', fake.job, id);
        called('decision', epoch);
        return {
          name: fake.job.name,
          epoch: epoch ?? null,
          x: { name: 'x1', low: 0, high: 1 },
          y: { name: 'x2', low: 0, high: 1 },
          size: 2,
          values: Float32Array.of(0, 1, 1, 1),
          range: null,
          classes: ['no', 'yes'],
          points: [{ x: 0.25, y: 0.75, target: 1 }],
        };
      },
      async *events(_id, after, signal) {
        fake.readers++;
        try {
          let at = fake.log.findIndex((event) => event.id > (after ?? -1));
          if (at < 0) at = fake.log.length;
          while (!signal.aborted) {
            while (at < fake.log.length) yield fake.log[at++]!;
            if (fake.job.state === 'completed') return;
            await new Promise<void>((resolve) => {
              waiting.push(resolve);
              signal.addEventListener('abort', () => resolve(), { once: true });
            });
          }
        } finally {
          fake.readers--;
        }
      },
      async *eventPages(id, after, signal) {
        for await (const event of fake.jobs.events(id, after, signal)) yield [event];
      },
    },
    presets: presetService,
    models: {
      list: (query) => page(model, query),
      get: (id) => find('model', model, id),
      async delete(id) {
        find('model', model, id);
      },
      setAlias(alias, id) {
        if (id !== model.id) throw new HebbError('unknown-model', `no model "${id}"`);
        return { ...structuredClone(examples.alias), alias };
      },
      removeAlias(alias) {
        if (alias !== examples.alias.alias) throw new HebbError('not-found', `no alias "${alias}"`);
      },
      aliases: () => [structuredClone(examples.alias)],
      alias: (alias) => ({ ...knownAlias(alias) }),
      aliasHistory(alias, query) {
        knownAlias(alias);
        called('aliasHistory', query);
        return { items: [structuredClone(examples.aliasEvent) as AliasEvent], next: null };
      },
      rollBackAlias(alias) {
        knownAlias(alias);
        return structuredClone(examples.rollBack);
      },
      describe(id, description) {
        find('model', model, id);
        called('describe', description);
        return { ...model, ...description };
      },
      async compare(a, b) {
        for (const id of [a, b]) find('model', model, id);
        called('compare', a, b);
        return structuredClone(examples.comparison) as ModelComparison;
      },
      card(id) {
        find('model', model, id);
        return '# digits\n';
      },
      async export(id, format) {
        const { name } = find('model', model, id);
        called('export', id, format);
        const content = fake.weightsPath ? await readFile(fake.weightsPath) : Buffer.from('{}');
        return { name, content: Readable.from([content]), bytes: content.length };
      },
      async uploadFolder() {
        return mkdtemp(join(fake.uploadRoot, 'upload-'));
      },
      async import(parts) {
        called('import', parts);
        return structuredClone(examples.importedModel) as unknown as Model;
      },
    },
    openInference: {
      metadata(id) {
        find('model', model, id);
        return structuredClone(examples.inferenceMetadata);
      },
      ready(id) {
        find('model', model, id);
        return { name: id, ready: true };
      },
      index: () => [{ name: model.name, version: '1', state: 'READY', reason: '' }],
      async infer(id, version, request, binary) {
        find('model', model, id);
        called('infer', id, version, request, Buffer.from(binary).toString('latin1'));
        return { response: structuredClone(examples.inferResponse), binary: [] };
      },
    },
    predictions: {
      async predictInstances(id, instances, options) {
        called('predictInstances', id, instances, options);
        return structuredClone(examples.prediction);
      },
      async predictImages(id, images, options) {
        called(
          'predictImages',
          id,
          images.map((image) => image.toString('latin1')),
          options,
        );
        return structuredClone(examples.prediction);
      },
    },
    insight: {
      async evaluate(id, request, signal) {
        find('model', model, id);
        called('evaluate', request, signal);
        return structuredClone(examples.modelEvaluation) as ModelEvaluation;
      },
      async explain(id, inputs, options) {
        find('model', model, id);
        called('explain', inputs, options);
        return structuredClone(examples.explanations) as ExplainResponse;
      },
      async explainPng(id, inputs, options) {
        find('model', model, id);
        called('explainPng', inputs, options);
        return Buffer.from('png');
      },
      async suggest(id, pool, options) {
        find('model', model, id);
        called('suggest', pool, options);
        return structuredClone(examples.suggestions) as SuggestResponse;
      },
    },
  };
  return fake;
}

/** Folders of uploads that are still there. */
export async function leftovers(fake: FakeServices): Promise<string[]> {
  return (await readdir(fake.uploadRoot)).filter((name) => name.startsWith('upload-'));
}
