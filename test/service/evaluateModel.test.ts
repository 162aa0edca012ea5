// Any model on any dataset that fits, against what the job itself measured and against plain loops over its predictions.
import { expect, test } from 'vitest';
import type { HebbError } from '../../src/errors.ts';
import type { Services } from '../../src/service/types.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const start = async (settings: NodeJS.ProcessEnv = {}) => startServices(await temporaryFolder(), settings, null);
const forever = new AbortController().signal;

async function run(services: Services, request: object) {
  const { id } = await services.jobs.create(request);
  const job = await reached(services, id);
  expect(job.error).toBeNull();
  return job;
}

const network = {
  layers: [
    { type: 'dense', units: 16, activation: 'relu' },
    { type: 'dense', units: 3 },
  ],
};
const two = { layers: [network.layers[0]!, { type: 'dense', units: 2 }] };
const blobs = {
  synthetic: { kind: 'blobs', samples: 900, classes: 3, noise: 6, seed: 4 },
  classes: ['0', '1', '2'],
  split: { test: 0.4, validation: 0.1 },
};

test('a job’s own test split: the very numbers that the job has, and what its predictions say', async () => {
  const services = await start();
  const job = await run(services, {
    name: 'blobs',
    dataset: blobs,
    network,
    training: {
      epochs: 3,
      loss: { type: 'softmaxCrossEntropy', labelSmoothing: 0.1 },
      metrics: ['accuracy', { type: 'topK', k: 2 }],
    },
  });
  const found = await services.insight.evaluate('blobs', { dataset: job.dataset! }, forever);
  expect(found).toMatchObject({ model: job.id, step: job.progress.step, split: 'test', samples: 360, warnings: [] });
  // Equal to the last bit.
  expect(found.metrics).toMatchObject(job.test!);
  expect(Object.keys(found.metrics)).toEqual(['loss', 'accuracy', 'precision', 'recall', 'f1', 'top2']);
  const own = services.jobs.evaluation(job.id);
  expect([found.confusion, found.classes]).toEqual([own.confusion, own.classes]);
  expect(found.worst).toEqual(own.worst.map((row) => ({ ...row, probability: expect.any(Number) })));

  const { items } = await services.datasets.samples(job.dataset!, { split: 'test', offset: 0, limit: 360 });
  const { predictions } = await services.predictions.predictInstances(
    job.id,
    items.map(({ input }) => input),
    { top: 3 },
  );
  const read = predictions.map((prediction, i) => ({
    confidence: prediction.probability!,
    right: prediction.class === items[i]!.target,
  }));
  let error = 0;
  for (let b = 0; b < 15; b++) {
    const inBin = read.filter(({ confidence }) => confidence > b / 15 && confidence <= (b + 1) / 15);
    expect(found.calibration!.bins[b]!.rows).toBe(inBin.length);
    if (inBin.length === 0) {
      expect(found.calibration!.bins[b]).toMatchObject({ confidence: null, accuracy: null });
      continue;
    }
    const mean = (f: (row: (typeof read)[number]) => number) =>
      inBin.reduce((sum, row) => sum + f(row), 0) / inBin.length;
    const [confidence, accuracy] = [mean((row) => row.confidence), mean((row) => Number(row.right))];
    expect(found.calibration!.bins[b]!.confidence).toBeCloseTo(confidence, 5);
    expect(found.calibration!.bins[b]!.accuracy).toBeCloseTo(accuracy, 12);
    error += (inBin.length / 360) * Math.abs(accuracy - confidence);
  }
  expect(found.calibration!.error).toBeCloseTo(error, 5);
  expect(error).toBeGreaterThan(0.005);
  for (const worst of found.worst) {
    if (!('class' in worst)) throw new Error('a classification has classes');
    expect(worst.class).toBe(items[worst.index]!.target);
    expect(worst.probability).toBeCloseTo(predictions[worst.index]!.probability!, 5);
  }

  const train = await services.insight.evaluate('blobs', { dataset: job.dataset!, split: 'train' }, forever);
  const validation = await services.insight.evaluate('blobs', { dataset: job.dataset!, split: 'validation' }, forever);
  expect(validation.metrics.accuracy).toBe(job.metrics.validationAccuracy);
  const all = await services.insight.evaluate('blobs', { dataset: job.dataset!, split: 'all' }, forever);
  expect([all.split, all.samples]).toEqual(['all', 900]);
  const parts = [train, validation, found];
  const mean = (key: string) => parts.reduce((sum, part) => sum + part.metrics[key]! * part.samples, 0) / 900;
  for (const key of ['loss', 'accuracy']) expect(all.metrics[key]).toBeCloseTo(mean(key), 10);
  const worstOf = parts.flatMap(({ worst }) => worst as { split: string; index: number; score: number }[]);
  const lowest = worstOf.sort((a, b) => a.score - b.score).slice(0, 24);
  expect((all.worst as typeof lowest).map(({ score }) => score)).toEqual(lowest.map(({ score }) => score));
  expect(new Set(all.worst.map(({ split, index }) => `${split} ${index}`))).toEqual(
    new Set(lowest.map(({ split, index }) => `${split} ${index}`)),
  );
});

test('classes go by their names, whatever their order; those that the model does not know are listed', async () => {
  const services = await start();
  const inputs = Array.from({ length: 40 }, (_, i) => [Math.cos(i), Math.sin(i)]);
  const names = inputs.map(([x]) => (x! > 0 ? 'right' : 'left'));
  await run(services, {
    name: 'sides',
    dataset: { inputs, targets: names, classes: ['right', 'left', 'none'] },
    network,
    training: { epochs: 60, batchSize: 8 },
  });
  const other = await services.datasets.create({ name: 'turned', inputs, targets: names, classes: ['left', 'right'] });
  const found = await services.insight.evaluate('sides', { dataset: 'turned' }, forever);
  const own = await services.insight.evaluate('sides', { dataset: services.models.get('sides').dataset! }, forever);
  expect(found.metrics.accuracy).toBeGreaterThan(0.9);
  expect([found.split, found.dataset]).toEqual(['train', { id: other.id, name: 'turned' }]);
  for (const key of ['metrics', 'confusion', 'classes', 'calibration', 'worst'] as const) {
    expect(found[key]).toEqual(own[key]);
  }
  await services.datasets.create({
    name: 'more',
    inputs: [...inputs, [0, 0], [1, 1]],
    targets: [...names, 'up', 'down'],
    classes: ['left', 'right', 'up', 'down'],
  });
  await expect(services.insight.evaluate('sides', { dataset: 'more' }, forever)).rejects.toMatchObject({
    code: 'invalid-data',
    message: 'the model "sides" does not know 2 of the 4 classes of "more": up, down; it knows right, left, none',
    faults: [expect.objectContaining({ pointer: '/dataset', received: ['up', 'down'] })],
  });
});

test('a regression: loss, MAE, RMSE, R² and the largest errors; its own test split as its job has it', async () => {
  const services = await start();
  const job = await run(services, {
    name: 'line',
    dataset: { synthetic: { kind: 'line', samples: 300, noise: 0.3, seed: 2 }, split: { test: 0.3 } },
    network: { layers: [{ type: 'dense', units: 1 }] },
    training: { epochs: 5, loss: { type: 'huber', delta: 0.5 }, metrics: ['mae', 'r2'] },
  });
  const found = await services.insight.evaluate('line', { dataset: job.dataset! }, forever);
  expect(found.metrics).toMatchObject(job.test!);
  const { items } = await services.datasets.samples(job.dataset!, { split: 'test', offset: 0, limit: 200 });
  const { predictions } = await services.predictions.predictInstances(
    job.id,
    items.map((item) => item.input),
    {},
  );
  const rows = items.map(({ index, target }, i) => {
    const [t, y] = [[target].flat()[0] as number, [predictions[i]!.output].flat()[0] as number];
    return { index, error: Math.abs(t - y), t };
  });
  const mean = rows.reduce((sum, { t }) => sum + t, 0) / rows.length;
  const squares = rows.reduce((sum, { error }) => sum + error ** 2, 0);
  expect(found.metrics.mae).toBeCloseTo(rows.reduce((sum, { error }) => sum + error, 0) / rows.length, 6);
  expect(found.metrics.rmse).toBeCloseTo(Math.sqrt(squares / rows.length), 6);
  expect(found.metrics.r2).toBeCloseTo(1 - squares / rows.reduce((sum, { t }) => sum + (t - mean) ** 2, 0), 5);
  const largest = rows.sort((a, b) => b.error - a.error).slice(0, 24);
  expect(found.worst.map(({ index }) => index)).toEqual(largest.map(({ index }) => index));
  expect(found.worst[0]).toMatchObject({ split: 'test', error: expect.closeTo(largest[0]!.error, 5) });
  expect(found).toMatchObject({ classes: null, confusion: null, calibration: null });
});

test('images: the samples that are read worst come with the path of their picture', async () => {
  const services = await start();
  const job = await run(services, {
    dataset: { builtin: 'digits', split: { test: 0.5 } },
    network: { layers: [{ type: 'flatten' }, { type: 'dense', units: 10 }] },
    training: { epochs: 1 },
  });
  const found = await services.insight.evaluate(job.id, { dataset: job.dataset! }, forever);
  const [first] = found.worst;
  expect(first!.image).toBe(`/v1/datasets/${job.dataset}/samples/${first!.index}.png?split=test`);
});

test('tables go by the names of their columns, with the model’s categories', async () => {
  const services = await start();
  const upload = async (name: string, header: string, rows: string[]) => {
    const { writeFile } = await import('node:fs/promises');
    const path = `${await services.datasets.uploadFolder()}/table.csv`;
    await writeFile(path, [header, ...rows].join('\n'));
    return services.datasets.createFromFiles({ name, target: 'kind', format: 'csv' }, { file: path });
  };
  const rows = Array.from({ length: 60 }, (_, i) => ({
    size: ((i * 7) % 20) + 0.5,
    colour: ['red', 'green', 'blue'][i % 3]!,
    old: i % 2 === 0 ? 'true' : 'false',
    kind: (i * 7) % 20 > 9 || i % 3 === 0 ? 'big' : 'small',
  }));
  await upload(
    'first',
    'size,colour,old,kind',
    rows.map((r) => `${r.size},${r.colour},${r.old},${r.kind}`),
  );
  await run(services, { name: 'table', dataset: 'first', network: two, training: { epochs: 20, batchSize: 8 } });
  const own = await services.insight.evaluate('table', { dataset: 'first' }, forever);
  // Other places, another order of the categories, one that is missing, and a column more.
  const some = rows.filter((row) => row.colour !== 'green').reverse();
  await upload(
    'second',
    'old,colour,note,kind,size',
    some.map((r, i) => `${r.old},${r.colour},${i * 3.5},${r.kind},${r.size}`),
  );
  const { predictions } = await services.predictions.predictInstances(
    'table',
    some.map(({ size, colour, old }) => ({ size, colour, old: old === 'true' })),
    {},
  );
  const found = await services.insight.evaluate('table', { dataset: 'second' }, forever);
  const right = predictions.filter((prediction, i) => prediction.class === some[i]!.kind).length;
  expect(found.metrics.accuracy).toBeCloseTo(right / some.length, 12);
  expect(own.metrics.accuracy).toBeGreaterThan(0.7);
  expect(found.samples).toBe(40);

  await upload(
    'third',
    'old,colour,kind,size',
    rows.map((r, i) => `${r.old},${i === 30 ? 'pink' : r.colour},${r.kind},${r.size}`),
  );
  const refused = (dataset: string) =>
    services.insight.evaluate('table', { dataset }, forever).catch((e: HebbError) => `${e.code}: ${e.message}`);
  expect(await refused('third')).toMatch(
    /^invalid-data: rows have the category "pink" in the column "colour", which the model does not know; it knows/,
  );
  await upload(
    'fourth',
    'colour,kind,size',
    rows.map((r) => `${r.size},${r.kind},${r.size}`),
  );
  expect(await refused('fourth')).toMatch(
    /^invalid-data: "fourth" lacks columns of the model "table": old; .* \(and 1 more\)$/,
  );
});

test('what does not fit is told: shapes, tasks, splits, datasets; and what waits is bounded', async () => {
  const services = await start();
  const job = await run(services, { name: 'blobs', dataset: blobs, network, training: { epochs: 1 } });
  const refused = (dataset: string, split?: 'test' | 'train') =>
    services.insight.evaluate('blobs', { dataset, split }, forever).catch((e: HebbError) => `${e.code}: ${e.message}`);
  await services.datasets.create({ name: 'line', synthetic: { kind: 'line' } });
  await services.datasets.create({ name: 'iris', builtin: 'iris' });
  await services.datasets.create({ name: 'wide', inputs: [[1, 2, 3]], targets: ['0'], classes: ['0', '1'] });
  expect(await refused('absent')).toMatch(/^unknown-dataset: no dataset has the id or the name "absent"/);
  expect(await refused('line')).toMatch(
    /^invalid-data: .*tells classes \(classification\), the targets of "line" are numbers/,
  );
  expect(await refused('wide')).toMatch(/^invalid-data: .*takes inputs of \(2\), those of "wide" are \(3\)/);
  expect(await refused('iris')).toMatch(/^invalid-data: .*does not know 3 of the 3 classes of "iris"/);
  await services.datasets.create({ name: 'plain', inputs: [[1, 2]], targets: ['0'], classes: ['0', '1'] });
  expect(await refused('plain', 'test')).toMatch(/^invalid-data: "plain" has no samples in test: it has 1 in train$/);

  const many = await Promise.allSettled(
    Array.from({ length: 20 }, () => services.insight.evaluate('blobs', { dataset: job.dataset! }, forever)),
  );
  const problems = many.flatMap((each) => (each.status === 'rejected' ? [(each.reason as HebbError).code] : []));
  expect(problems).toEqual(['unavailable', 'unavailable', 'unavailable']);
  const answers = many.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  for (const answer of answers) expect(answer).toEqual(answers[0]);
});

test('one that nobody waits for ends, at its turn or meanwhile, and the next has its turn', async () => {
  const services = await start();
  const job = await run(services, {
    name: 'large',
    dataset: { synthetic: { kind: 'blobs', samples: 200_000, noise: 1, seed: 1 } },
    network,
    training: { steps: 10 },
  });
  const controllers = [0, 1, 2].map(() => new AbortController());
  const all = controllers.map(({ signal }) => services.insight.evaluate('large', { dataset: job.dataset! }, signal));
  const outcomes = Promise.allSettled(all);
  await new Promise((resolve) => setTimeout(resolve, 30));
  controllers[0]!.abort(new Error('gone'));
  controllers[1]!.abort(new Error('gone'));
  const [first, second, third] = await outcomes;
  expect([first!.status, second!.status, third!.status]).toEqual(['rejected', 'rejected', 'fulfilled']);
});
