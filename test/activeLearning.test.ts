// The loop of active learning as a client goes it: suggest, label, add, train again; and what that is worth.
import { expect, test } from 'vitest';
import { randomBits } from '../src/native.ts';
import { type ServiceProcess, startService } from './helpers/process.ts';
import { temporaryFolder } from './helpers/service.ts';

interface Sample {
  input: number[][][];
  target: string;
}

/** The digits that come along: those to learn from, of which few have a label, and an exam. */
async function digits(service: ServiceProcess): Promise<{ pool: Sample[]; exam: Sample[] }> {
  await service.post('/v1/datasets', { name: 'digits', builtin: 'digits' });
  const samples: Sample[] = [];
  for (let offset: number | null = 0; offset !== null; ) {
    const { body } = await service.call(`/v1/datasets/digits/samples?split=train&limit=200&offset=${offset}`);
    samples.push(...body.items);
    offset = body.next;
  }
  return { pool: samples.slice(0, 897), exam: samples.slice(897) };
}

const classes = Array.from({ length: 10 }, (_, i) => String(i));
const inputsOf = (samples: Sample[]) => samples.map(({ input }) => input);
const targetsOf = (samples: Sample[]) => samples.map(({ target }) => target);
const network = {
  layers: [{ type: 'flatten' }, { type: 'dense', units: 32, activation: 'relu' }, { type: 'dense', units: 10 }],
};
const training = {
  epochs: 60,
  batchSize: 10,
  seed: 1,
  optimizer: { type: 'adam', learningRate: 0.005 },
  normalization: { type: 'scale', factor: 1 / 16 },
};

test('suggested samples teach more than as many that were drawn by chance', async () => {
  const service = await startService(await temporaryFolder());
  const { pool, exam } = await digits(service);
  const store = (name: string, samples: Sample[]) =>
    service.post('/v1/datasets', { name, inputs: inputsOf(samples), targets: targetsOf(samples), classes });
  const trained = async (dataset: string) => {
    const { body } = await service.post('/v1/jobs', { name: dataset, dataset, network, training });
    expect((await service.job(body.id)).error).toBeNull();
    const evaluation = await service.post(`/v1/models/${dataset}/evaluate`, { dataset: 'exam' });
    expect(evaluation.body).toMatchObject({ model: body.id, samples: 900 });
    return evaluation.body.metrics.accuracy as number;
  };
  await store('exam', exam);
  await store('labelled', pool.slice(0, 50));
  let unlabelled = pool.slice(50);
  const first = await trained('labelled');
  for (let round = 0; round < 3; round++) {
    const { status, body } = await service.post('/v1/models/labelled/suggest', {
      instances: inputsOf(unlabelled),
      count: 25,
    });
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body).toMatchObject({ strategy: 'entropy', samples: unlabelled.length, spreadBy: 'dense_1' });
    const indices: number[] = body.items.map(({ index }: { index: number }) => index);
    expect(new Set(indices).size).toBe(25);
    // Somebody looks at them and tells what they are.
    const chosen = indices.map((index) => unlabelled[index]!);
    const added = await service.post('/v1/datasets/labelled/samples', {
      inputs: inputsOf(chosen),
      targets: targetsOf(chosen),
    });
    expect(added.body.samples.train).toBe(75 + 25 * round);
    unlabelled = unlabelled.filter((sample) => !chosen.includes(sample));
    await trained('labelled');
  }
  const suggested = (await service.post('/v1/models/labelled/evaluate', { dataset: 'exam' })).body.metrics.accuracy;
  const drawn: number[] = [];
  for (const seed of [1, 2, 3]) {
    const order = randomBits({ seed, purpose: 0 }, 0, 847);
    const byChance = pool.slice(50).sort((a, b) => order[pool.indexOf(a) - 50]! - order[pool.indexOf(b) - 50]!);
    await store(`chance${seed}`, [...pool.slice(0, 50), ...byChance.slice(0, 75)]);
    drawn.push(await trained(`chance${seed}`));
  }
  expect(suggested).toBeGreaterThan(drawn.reduce((sum, accuracy) => sum + accuracy, 0) / 3 + 0.01);
  expect(suggested).toBeGreaterThan(first + 0.05);

  // Without spreading: the least sure of all, in their order, as predictions tell them.
  const { body: plain } = await service.post('/v1/models/labelled/suggest?spread=false&strategy=margin&count=5', {
    instances: inputsOf(unlabelled),
  });
  expect(plain.spreadBy).toBeNull();
  const { body } = await service.post('/predict?model=labelled&top=2', { instances: inputsOf(unlabelled) });
  const margins = (body.predictions as { class: string; top: { probability: number }[] }[]).map(
    ({ top, ...rest }, index) => ({
      index,
      class: rest.class,
      probability: expect.closeTo(top[0]!.probability, 5),
      score: 1 - (top[0]!.probability - top[1]!.probability),
    }),
  );
  const least = margins.sort((a, b) => b.score - a.score).slice(0, 5);
  expect(plain.items).toEqual(least.map((item) => ({ ...item, score: expect.closeTo(item.score, 5) })));
  // From the rows of a dataset, with the paths of their pictures; the same each time.
  const ask = () => service.post('/v1/models/labelled/suggest', { dataset: 'exam', split: 'train', count: 7 });
  const [one, two] = [await ask(), await ask()];
  expect(one.body.items).toHaveLength(7);
  expect(one.body.items[0].image).toMatch(
    new RegExp(`^/v1/datasets/.+/samples/${one.body.items[0].index}.png\\?split=train$`),
  );
  expect((await service.call(one.body.items[0].image)).status).toBe(200);
  expect(two.body).toEqual(one.body);
  // Ten times the same picture is one suggestion.
  const copies = [...Array(10).fill(inputsOf(unlabelled)[plain.items[0].index]), ...inputsOf(unlabelled).slice(0, 50)];
  const spread = await service.post('/v1/models/labelled/suggest', { instances: copies, count: 8 });
  expect(spread.body.items.filter(({ index }: { index: number }) => index < 10)).toHaveLength(1);
}, 120_000);

test('models that cannot tell how unsure they are', async () => {
  const service = await startService(await temporaryFolder());
  const refusal = async (dataset: object, units: number, loss: string) => {
    const job = {
      name: loss,
      dataset,
      network: { layers: [{ type: 'dense', units }] },
      training: { epochs: 1, loss: { type: loss } },
    };
    const { body } = await service.post('/v1/jobs', job);
    expect((await service.job(body.id)).error).toBeNull();
    const answer = await service.post(`/v1/models/${body.id}/suggest`, { dataset: body.dataset });
    return `${answer.status} ${answer.body.code}: ${answer.body.detail}`;
  };
  expect(await refusal({ synthetic: { kind: 'line' } }, 1, 'meanSquaredError')).toBe(
    '422 unsuitable-model: "meanSquaredError" cannot tell how unsure it is: it is a regression',
  );
  expect(await refusal({ synthetic: { kind: 'xor' } }, 1, 'hinge')).toMatch(
    /^422 unsuitable-model: "hinge" cannot tell how unsure it is: it was trained with hinge, so its outputs are no probabilities/,
  );
});
