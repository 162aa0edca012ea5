import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { Services } from '../../src/service/types.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

/** A model with given weights on 2 × 2 images: class "5" where the left column is brighter, else "7". */
async function imageModel(): Promise<Services> {
  const services = await startServices(await temporaryFolder(), {}, null);
  const weight = [
    [1, 0],
    [0, 1],
    [1, 0],
    [0, 1],
  ];
  const job = await services.jobs.create({
    name: 'columns',
    network: {
      input: [2, 2, 1],
      layers: [
        { type: 'flatten', name: 'pixels' },
        { type: 'dense', units: 2, weights: { weight, bias: [0, 0] } },
      ],
    },
    dataset: {
      inputs: [
        [
          [[9], [0]],
          [[9], [0]],
        ],
        [
          [[0], [9]],
          [[0], [9]],
        ],
      ],
      targets: ['5', '7'],
    },
    training: { epochs: 0 },
  });
  expect((await reached(services, job.id)).error).toBeNull();
  return services;
}

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

test('a job that runs has no model to predict with yet', async () => {
  const services = await startServices(await temporaryFolder());
  const network = { layers: [{ type: 'dense', units: 2 }] };
  const { id } = await services.jobs.create({
    dataset: { synthetic: { kind: 'xor' } },
    network,
    training: { seed: 104 },
  });
  const { predictions, models } = services;
  await expect(predictions.predictInstances(id, [[0, 1]], {})).rejects.toMatchObject({ code: 'state-conflict' });
  expect(() => models.get('default')).toThrow(/no job has been completed/);
  expect(() => models.setAlias('best', 'nope')).toThrow(expect.objectContaining({ code: 'unknown-model' }));
  await services.jobs.cancel(id);
  // Cancelled, so that it is a model, but not the default one.
  expect(models.get(id).id).toBe(id);
  expect(() => models.get('default')).toThrow(/no job has been completed/);
});
