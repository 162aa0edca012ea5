import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { HebbError } from '../../src/errors.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';
import { withSidesModel } from '../helpers/sides.ts';

/** Class "5" where the left column is brighter, else "7". */
const imageModel = (settings: NodeJS.ProcessEnv = {}) =>
  withSidesModel({ name: 'columns', classes: ['5', '7'] }, settings);

/** A PNG of one pixel per number, grey. */
const grey = (width: number, pixels: number[]) =>
  sharp(Buffer.from(pixels), { raw: { width, height: pixels.length / width, channels: 1 } })
    .png()
    .toBuffer();

test('instances and images are answered with classes, probabilities and activations', async () => {
  const services = await imageModel();
  const { predictions, jobs } = services;
  const nested = [
    [[0.5], [0.25]],
    [[0.5], [0]],
  ];
  const flat = [0, 1, 0, 1];
  const answer = await predictions.predictInstances('default', [nested, flat], { top: 1, layers: ['pixels'] });
  expect(answer).toMatchObject({ model: jobs.get('columns').id, step: 0 });
  const probability = 1 / (1 + Math.exp(-0.75));
  expect(answer.predictions).toEqual([
    {
      class: '5',
      probability: expect.closeTo(probability, 6),
      top: [{ class: '5', probability: expect.closeTo(probability, 6) }],
      output: [1, 0.25],
      activations: { pixels: [0.5, 0.25, 0.5, 0] },
    },
    expect.objectContaining({ class: '7', output: [0, 2] }),
  ]);

  // A model of float32 rows takes pixels from 0 to 1.
  const image = await grey(2, [255, 0, 255, 51]);
  const ofImage = await predictions.predictImages('columns', [image, image], { invert: false });
  expect(ofImage.predictions.map((prediction) => prediction.output)).toEqual([
    [2, expect.closeTo(0.2, 6)],
    [2, expect.closeTo(0.2, 6)],
  ]);
  const inverted = await predictions.predictImages('columns', [image], { invert: true });
  expect(inverted.predictions[0]).toMatchObject({ class: '7', output: [0, expect.closeTo(1.8, 6)] });

  const refusals: [Promise<unknown>, object][] = [
    [predictions.predictInstances('nope', [flat], {}), { code: 'not-found' }],
    [predictions.predictInstances('columns', [], {}), { code: 'invalid-instance' }],
    [predictions.predictInstances('columns', [flat], { layers: ['nope'] }), { code: 'invalid-request' }],
    [
      predictions.predictInstances('columns', [flat, [1, 2, 3]], {}),
      { code: 'invalid-instance', faults: [expect.objectContaining({ pointer: '/instances/1' })] },
    ],
    [
      predictions.predictImages('columns', [image, Buffer.from('no image')], {}),
      { code: 'invalid-image', faults: [expect.objectContaining({ pointer: '/images/1' })] },
    ],
  ];
  for (const [refusal, expected] of refusals) await expect(refusal).rejects.toMatchObject(expected);

  await jobs.delete('columns');
  await expect(predictions.predictInstances('columns', [flat], {})).rejects.toMatchObject({ code: 'not-found' });
});

test('a job that runs has no model, and without a checkpoint no prediction', async () => {
  const services = await startServices(await temporaryFolder());
  const network = { layers: [{ type: 'dense', units: 2 }] };
  const { id } = await services.jobs.create({
    dataset: { synthetic: { kind: 'xor' } },
    network,
    training: { seed: 104 },
  });
  const { predictions, models } = services;
  await expect(predictions.predictInstances(id, [[0, 1]], {})).rejects.toMatchObject({
    code: 'state-conflict',
    message: expect.stringContaining('no checkpoint yet'),
  });
  await expect(predictions.predictInstances('default', [[0, 1]], {})).rejects.toMatchObject({ code: 'not-found' });
  expect(() => models.get('default')).toThrow(/no job has been completed/);
  expect(() => models.setAlias('best', 'nope')).toThrow(expect.objectContaining({ code: 'unknown-model' }));
  await services.jobs.cancel(id);
  // Cancelled, so that it is a model, but not the default one.
  expect(models.get(id).id).toBe(id);
  expect(() => models.get('default')).toThrow(/no job has been completed/);
});

test('a job that is not over answers with the weights of its newest checkpoint, and says of which step they are', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const { jobs, predictions } = services;
  const job = {
    name: 'blobs',
    dataset: { synthetic: { kind: 'blobs', samples: 200, classes: 3, seed: 1 } },
    network: {
      layers: [
        { type: 'dense', units: 8, activation: 'tanh' },
        { type: 'dense', units: 3 },
      ],
    },
    training: { epochs: 1_000_000, batchSize: 16, seed: 3, checkpoint: { everySteps: 20_000 } },
  };
  const rows = [
    [0.5, -1],
    [2, 3],
  ];
  const { id } = await jobs.create(job);
  const ask = () =>
    predictions.predictInstances('blobs', rows, {}).catch((error: HebbError) => {
      if (error.code !== 'state-conflict') throw error;
      return null;
    });
  let answer = await ask();
  while (!answer) {
    await sleep(20);
    answer = await ask();
  }
  expect(answer.model).toBe(id);
  expect(answer.step).toBeGreaterThan(0);
  expect(answer.step % 20_000).toBe(0);
  // Every later checkpoint takes the place of the one before.
  let later = await ask();
  while (later!.step === answer.step) {
    await sleep(20);
    later = await ask();
  }
  expect(later!.step).toBeGreaterThan(answer.step);
  expect(later!.predictions).not.toEqual(answer.predictions);
  // The very numbers of a job that ends there.
  const ended = await jobs.create({
    ...job,
    name: 'ended',
    training: { ...job.training, epochs: undefined, steps: answer.step },
  });
  await jobs.pause(id);
  expect((await reached(services, ended.id)).error).toBeNull();
  const expected = await predictions.predictInstances('ended', rows, {});
  expect(expected.step).toBe(answer.step);
  expect(answer.predictions).toEqual(expected.predictions);
  // Paused it answers, too; over, it is a model.
  const paused = await ask();
  expect(paused!.step).toBe(jobs.checkpoints(id).items[0]!.step);
  await jobs.cancel(id);
  expect((await ask())!.model).toBe(id);
});

test('more predictions than may wait are refused, and told to come again', async () => {
  const services = await imageModel({ HEBB_MAX_PREDICTIONS: '3' });
  const image = await grey(2, [255, 0, 255, 51]);
  const ask = () => services.predictions.predictImages('columns', [image], {});
  const results = await Promise.allSettled(Array.from({ length: 5 }, ask));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']);
  expect((results[4] as PromiseRejectedResult).reason).toMatchObject({ code: 'unavailable', status: 503 });
  await ask();
});

test('models come and go under the limit of memory, and a model over it is refused', async () => {
  const services = await startServices(await temporaryFolder(), { HEBB_MODEL_MEMORY_BYTES: String(2 ** 22) }, null);
  const { jobs, predictions } = services;
  const make = async (name: string, units: number, value: number) => {
    const job = await jobs.create({
      name,
      network: {
        input: [100],
        layers: [
          { type: 'dense', units, initializer: { type: 'constant', value } },
          { type: 'dense', units: 1, initializer: { type: 'constant', value: 1 / units } },
        ],
      },
      training: { epochs: 0 },
    });
    expect((await reached(services, job.id)).error).toBeNull();
  };
  // About 300 kB of weights each.
  for (let i = 1; i <= 6; i++) await make(`m${i}`, 700, i);
  await make('huge', 8000, 1);
  const row = Array(100).fill(1);
  await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const which = 1 + ((7 * i) % 6);
      const { predictions: found } = await predictions.predictInstances(`m${which}`, [row], {});
      expect((found[0]!.output as number[])[0]).toBeCloseTo(100 * which, 2);
    }),
  );
  await expect(predictions.predictInstances('huge', [row], {})).rejects.toMatchObject({ code: 'model-too-large' });
});

test('a model that is deleted while it answers has answered, and is gone for the next', async () => {
  const services = await imageModel();
  const { predictions, jobs } = services;
  const image = await grey(2, [255, 0, 255, 51]);
  const { id } = jobs.get('columns');
  for (const loaded of [false, true]) {
    if (loaded) await predictions.predictImages(id, [image], {});
    const answers = Array.from({ length: 8 }, () => predictions.predictImages(id, [image], {}));
    if (loaded) await jobs.delete(id);
    for (const answer of await Promise.allSettled(answers)) {
      if (answer.status === 'fulfilled') expect(answer.value.predictions[0]!.class).toBe('5');
      else expect(answer.reason).toMatchObject({ code: 'not-found' });
    }
  }
  await expect(predictions.predictImages(id, [image], {})).rejects.toMatchObject({ code: 'not-found' });
});
