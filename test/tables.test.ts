// Tables from the upload to the prediction: the real service, files that other programs wrote, and files that nobody should send.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { type ServiceProcess, startService } from './helpers/process.ts';
import { temporaryFolder } from './helpers/service.ts';
import { fixture } from './helpers/tables.ts';

// Every upload starts a thread that has to load its sources.
vi.setConfig({ testTimeout: 180_000 });

type Parts = Record<string, Uint8Array | string>;

async function upload(service: ServiceProcess, meta: object, parts: Parts) {
  const form = new FormData();
  form.append('meta', JSON.stringify(meta));
  for (const [name, bytes] of Object.entries(parts)) form.append(name, new Blob([bytes as Uint8Array<ArrayBuffer>]));
  return service.call('/v1/datasets', { method: 'POST', body: form });
}

async function trained(service: ServiceProcess, dataset: string, units: number, more = {}) {
  const layers = [{ type: 'flatten' }, { type: 'dense', units }];
  const training = { epochs: 30, batchSize: 8, seed: 1, optimizer: { type: 'adam', learningRate: 0.1 }, ...more };
  const { status, body } = await service.post('/v1/jobs', { name: dataset, dataset, network: { layers }, training });
  expect(status, JSON.stringify(body)).toBe(202);
  return service.job(body.id);
}

test('files of every format upload and train, and the model takes the raw row', async () => {
  const service = await startService(await temporaryFolder());
  const flowers: [string, Parts][] = [
    ...['iris.csv', 'iris-european.csv', 'iris-utf16.tsv', 'iris.tsv.gz', 'iris.json', 'iris.ndjson', 'iris-rows.json', 'iris.npz', 'iris.parquet', 'iris-groups.parquet'].map((name): [string, Parts] => [name, { file: fixture(name) }]), // biome-ignore format: names
    ['gzipped.parquet.gz', { file: gzipSync(fixture('iris.parquet')) }],
    ['npy', { inputs: fixture('iris-inputs.npy'), targets: gzipSync(fixture('iris-targets.npy')) }],
  ];
  const hashes = new Set<string>();
  const weights = new Set<string>();
  for (const [name, parts] of flowers) {
    const { status, body } = await upload(service, { name }, parts);
    expect(status, `${name}: ${JSON.stringify(body)}`).toBe(201);
    hashes.add(body.sha256);
    const job = await trained(service, name, 3);
    expect(job.state, JSON.stringify(job.error)).toBe('completed');
    expect(job.metrics.accuracy, name).toBeGreaterThan(0.8);
    weights.add(job.weightsHash);
  }
  // The same data: the same dataset, and the same weights to the bit.
  expect(hashes.size).toBe(1);
  expect(weights.size).toBe(1);

  const row = { 'sepal length (cm)': 5.1, 'sepal width (cm)': 3.5, 'petal length (cm)': 1.4, 'petal width (cm)': 0.2 };
  const byName = await service.post('/predict?model=iris.parquet', { instances: [row, Object.values(row)] });
  expect(byName.status, JSON.stringify(byName.body)).toBe(200);
  expect(byName.body.predictions[0]).toEqual(byName.body.predictions[1]);
  expect(byName.body.predictions[0].class).toBe('setosa');
  const { 'petal width (cm)': _, ...short } = row;
  const wrong = await service.post('/predict?model=iris.csv', { instances: [{ ...short, colour: 'blue' }] });
  expect(wrong.status).toBe(422);
  expect(wrong.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    '/instances/0/colour',
    '/instances/0/petal width (cm)',
  ]);

  const sheet = { name: 'orchard', target: 'sort', missing: 'mean', split: { time: 'picked', test: 0.2 } };
  const orchard = await upload(service, sheet, { file: fixture('orchard.csv') });
  expect(orchard.status, JSON.stringify(orchard.body)).toBe(201);
  const apples = await trained(service, 'orchard', 3, { epochs: 400, normalization: { type: 'scale', factor: 0.1 } });
  expect(apples.test.accuracy).toBeGreaterThan(0.6);

  const digits = await upload(service, { name: 'digits' }, { file: fixture('digits.npz') });
  expect(digits.body).toMatchObject({ inputShape: [8, 8, 1], samples: { train: 100, test: 20 } });
  const job = await trained(service, 'digits', 10, { normalization: { type: 'scale', factor: 1 / 16 } });
  expect(job.test.accuracy).toBeGreaterThan(0.6);
});

test('a table with holes keeps its columns with the dataset and the model', async () => {
  const service = await startService(await temporaryFolder());
  const meta = {
    name: 'passengers',
    target: 'survived',
    missing: 'median',
    columns: { class: { type: 'categorical' }, fare: { type: 'ignored' } },
    split: { test: 0.25, seed: 1 },
  };
  const { status, body: dataset } = await upload(service, meta, { file: fixture('passengers.parquet') });
  expect(status, JSON.stringify(dataset)).toBe(201);
  expect(dataset.columns.map(({ type }: { type: string }) => type)).toEqual(['numeric', 'ignored', 'categorical', 'categorical', 'boolean', 'target']); // biome-ignore format: types
  expect((await service.call('/v1/datasets/passengers')).body).toEqual(dataset);
  await trained(service, 'passengers', 2);
  const model = (await service.call('/v1/models/passengers')).body;
  expect(model.columns).toEqual(dataset.columns);
  const [age] = dataset.columns;
  const known = { class: 1, deck: 'A', alone: true };
  const { body } = await service.post('/v1/models/passengers/predict', {
    instances: [known, { ...known, age: age.fill }, { ...known, age: null, fare: 'whatever', survived: 'yes' }],
  });
  expect(body.predictions).toHaveLength(3);
  for (const prediction of body.predictions) expect(prediction).toEqual(body.predictions[0]);
});

test('several targets train as one regression, and files of their own are the test', async () => {
  const service = await startService(await temporaryFolder());
  const rows = (count: number, step: number) =>
    Array.from({ length: count }, (_, i) => `${i * step},${i % 2},${2 * i * step + 1},${(i % 2) - i * step}`);
  const file = `a,b,sum,difference\n${rows(40, 0.05).join('\n')}\n`;
  const testFile = `sum,b,difference,a\n${rows(9, 0.2).map((row) => [2, 1, 3, 0].map((at) => row.split(',')[at]).join()).join('\n')}\n`; // biome-ignore format: steps
  const meta = { name: 'sums', target: ['sum', 'difference'] };
  const { status, body } = await upload(service, meta, { file, testFile });
  expect(status, JSON.stringify(body)).toBe(201);
  expect(body).toMatchObject({ task: 'regression', targetShape: [2], samples: { train: 40, validation: 0, test: 9 } });
  const job = await trained(service, 'sums', 2, { epochs: 200 });
  expect(job.state, JSON.stringify(job.error)).toBe('completed');
  expect(job.test.loss).toBeLessThan(0.001);
  const { body: answer } = await service.post('/predict?model=sums', { instances: [{ a: 0.5, b: 1 }] });
  const [sum, difference] = answer.predictions[0].output;
  expect(sum).toBeCloseTo(2, 1);
  expect(difference).toBeCloseTo(0.5, 1);
  const { body: report } = await service.call('/v1/datasets/sums/report');
  expect(report.targets.map(({ name }: { name: string }) => name)).toEqual(['target 0', 'target 1']);
});

test('what nobody should send gets a 4xx that says what is wrong, and leaves nothing', async () => {
  const folder = await temporaryFolder();
  const service = await startService(folder, { HEBB_MAX_UPLOAD_BYTES: String(2 ** 22) });
  const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
  const header = `a,b,c\n${'1,2,x\n'.repeat(5)}`;
  const cases: [string, object, Parts, number, RegExp][] = [
    ['a PNG', { format: 'csv' }, { file: png }, 400, /this is a PNG image/],
    ['an empty file', {}, { file: '' }, 400, /the file is empty/],
    ['ragged rows', {}, { file: `${header}1,2\n` }, 400, /line 7: 3 cells separated by comma are expected.*got 2/],
    ['double names', {}, { file: `a,a\n1,2\n3,4\n` }, 400, /both called "a"/],
    ['10,000 columns', {}, { file: `${'1,'.repeat(9999)}1\n`.repeat(2) }, 413, /at most 4096 columns/],
    ['one sample', {}, { file: 'a,b\n1,x\n' }, 422, /at least 2 rows/],
    ['text for a number', { columns: { a: { type: 'numeric' } } }, { file: `${header}x,2,y\n` }, 422, /line 7, column "a": a number is expected, got "x"/], // biome-ignore format: a case
    [
      'a CSV said to be Parquet',
      { format: 'parquet' },
      { file: header },
      400,
      /the request says parquet, the file is csv/,
    ],
    ['a Parquet cut off', {}, { file: fixture('iris.parquet').subarray(0, 3000) }, 400, /begins and ends with PAR1/],
    ['a ZIP cut off', {}, { file: fixture('iris.npz').subarray(0, 1500) }, 400, /ZIP archive is damaged/],
    ['an unknown target', { target: 'x' }, { file: header }, 400, /there is no column "x"/],
    ['a gzip bomb', {}, { file: gzipSync(Buffer.alloc(2 ** 27, 'a,b\n')) }, 413, /unpacks to more than/],
    ['NPY with columns', { target: 'x' }, { inputs: fixture('version1.npy'), targets: fixture('version1.npy') }, 400, /"target" is for tables/], // biome-ignore format: a case
    ['one array', {}, { inputs: fixture('version1.npy') }, 400, /the file part "targets" is missing/],
    ['3,000 classes', {}, { file: `x,id\n${Array.from({ length: 3000 }, (_, i) => `${i},n${i}`).join('\n')}` }, 422, /3000 different values in 3000 rows/], // biome-ignore format: a case
    ['an infinity', {}, { file: `${header}inf,2,x\n` }, 422, /line 7, column "a": a finite number.*got "inf"/],
    ['a time that is none', { split: { time: 'a', test: 0.5 } }, { file: `${header}1.2.2024,2,x\n` }, 422, /line 7, column "a": a finite number is expected, got "1.2.2024"/], // biome-ignore format: a case
    ['a split that is none', { split: { column: 'c' } }, { file: header }, 422, /line 2, column "c": train, validation or test/], // biome-ignore format: a case
    ['an unknown class in the test', {}, { file: header, testFile: 'a,b,c\n1,2,y\n' }, 422, /testFile: line 2, column "c": one of the classes x/], // biome-ignore format: a case
    ['a ragged test', {}, { file: header, testFile: 'a,b,c\n1,2,x\n1,2\n' }, 400, /testFile: line 3: 3 cells/],
    ['an IDX of the wrong endianness', {}, { images: Uint8Array.from([0, 0, 8, 2, 4, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4]), labels: Uint8Array.from([0, 0, 8, 1, 4, 0, 0, 0, 0, 1, 0, 1]) }, 400, /the file has 16/], // biome-ignore format: a case
    ['two kinds', {}, { file: header, labels: 'x' }, 400, /IDX files come as images and labels, got a part "file"/],
  ];
  for (const [what, meta, parts, status, message] of cases) {
    const response = await upload(service, { name: 'bad', ...meta }, parts);
    expect(response.status, `${what}: ${JSON.stringify(response.body)}`).toBe(status);
    expect(response.body.detail, what).toMatch(message);
    expect(response.body.errors.length, what).toBeGreaterThan(0);
  }
  expect((await service.call('/v1/datasets')).body.items).toEqual([]);
  expect(readdirSync(join(folder, 'datasets'))).toEqual([]);
  expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  const descriptors = () => readdirSync(`/proc/${service.process.pid}/fd`).length;
  const before = descriptors();
  for (const [, meta, parts] of cases.slice(0, 3)) await upload(service, { name: 'bad', ...meta }, parts);
  expect(descriptors()).toBeLessThanOrEqual(before + 2);
});
