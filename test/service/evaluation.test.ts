// What a completed classification says of its classes, against the predictions of its own model.
import { expect, test } from 'vitest';
import type { HebbError } from '../../src/errors.ts';
import type { Services } from '../../src/service/types.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const start = async () => startServices(await temporaryFolder(), {}, null);

async function run(services: Services, request: object) {
  const { id } = await services.jobs.create(request);
  return reached(services, id);
}

const network = { layers: [{ type: 'dense', units: 3 }] };
const blobs = (split: object) => ({
  synthetic: { kind: 'blobs', samples: 120, classes: 3, noise: 6, seed: 4 },
  classes: ['0', '1', '2'],
  split,
});

test('counts what the model predicts, of the test split, and finds the samples with the lowest score', async () => {
  const services = await start();
  const job = await run(services, { dataset: blobs({ test: 0.4 }), network, training: { epochs: 5 } });
  const { split, samples, classes, confusion, worst } = services.jobs.evaluation(job.id);
  expect([split, samples]).toEqual(['test', 48]);
  const { items } = await services.datasets.samples(job.dataset!, { split: 'test', offset: 0, limit: 100 });
  const { predictions } = await services.predictions.predictInstances(
    job.id,
    items.map(({ input }) => input),
    { top: 3 },
  );
  const read = items.map(({ index, target }, i) => {
    const { class: predicted, top } = predictions[i]!;
    const own = top!.find(({ class: name }) => name === target)!.probability!;
    return { index, class: String(target), predicted: predicted!, score: own };
  });
  const names = ['0', '1', '2'];
  const of = (truth: string, taken: string) => read.filter((r) => r.class === truth && r.predicted === taken).length;
  expect(confusion).toEqual(names.map((truth) => names.map((taken) => of(truth, taken))));
  for (const [c, name] of names.entries()) {
    const right = of(name, name);
    const taken = read.filter((r) => r.predicted === name).length;
    const support = read.filter((r) => r.class === name).length;
    expect(classes[c]).toMatchObject({ class: name, support, recall: expect.closeTo(right / support, 12) });
    if (taken > 0) expect(classes[c]!.precision).toBeCloseTo(right / taken, 12);
  }
  const lowest = read.sort((a, b) => a.score - b.score).slice(0, worst.length);
  expect(worst).toHaveLength(24);
  expect(worst).toEqual(lowest.map((r) => ({ split: 'test', ...r, score: expect.closeTo(r.score, 5) })));
  expect(job.test!.accuracy).toBeCloseTo((confusion![0]![0]! + confusion![1]![1]! + confusion![2]![2]!) / 48, 12);
});

test('is of the validation split where there is no test split, with samples where they stand', async () => {
  const services = await start();
  const job = await run(services, {
    dataset: blobs({}),
    network,
    training: { epochs: 2, validation: { fraction: 0.25 } },
  });
  const { split, samples, worst } = services.jobs.evaluation(job.id);
  expect([split, samples]).toEqual(['validation', 30]);
  const { items } = await services.datasets.samples(job.dataset!, { split: 'train', offset: 0, limit: 200 });
  for (const { split: where, index, class: name } of worst) {
    expect(where).toBe('train');
    expect(items[index]!.target).toBe(name);
  }
});

test('is of the dataset’s own validation split, without a matrix of more than 256 classes', async () => {
  const services = await start();
  const classes = Array.from({ length: 300 }, (_, i) => `class ${i}`);
  const targets = [...classes, ...classes];
  const { id } = await run(services, {
    dataset: { inputs: targets.map((_, i) => [i % 7, i % 11]), targets, classes, split: { validation: 0.25 } },
    network: { layers: [{ type: 'dense', units: 300 }] },
    training: { epochs: 1 },
  });
  const evaluation = services.jobs.evaluation(id);
  expect(evaluation).toMatchObject({ split: 'validation', samples: 150, confusion: null });
  expect(evaluation.classes.map(({ class: name }) => name)).toEqual(classes);
  expect(new Set(evaluation.worst.map(({ split }) => split))).toEqual(new Set(['validation']));
});

test('goes with its job, and is refused where there is none', async () => {
  const services = await start();
  const refusalOf = (id: string) => {
    try {
      return services.jobs.evaluation(id);
    } catch (error) {
      const { code, message } = error as HebbError;
      return `${code}: ${message}`;
    }
  };
  const regression = await run(services, {
    dataset: { synthetic: { kind: 'line' } },
    network: { layers: [{ type: 'dense', units: 1 }] },
    training: { epochs: 1 },
  });
  expect(refusalOf(regression.id)).toMatch(/^not-found: .*only a classification with data has one$/);
  const busy = await services.jobs.create({ dataset: blobs({}), network, training: { epochs: 100_000 } });
  expect(refusalOf(busy.id)).toMatch(/^state-conflict: the job is (queued|running)/);
  await services.jobs.cancel(busy.id);
  expect(refusalOf(busy.id)).toMatch(/^not-found: .*it was cancelled$/);
});
