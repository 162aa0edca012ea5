// The numbers of a normalisation, from the training process into the job, its model and whatever goes on from them.
import { buffer } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import { splitIndices } from '../../src/data/split.ts';
import { unscaledFeatures } from '../../src/data/tables/encode.ts';
import { Network } from '../../src/nn/network.ts';
import { decodeSafetensors } from '../../src/nn/weights.ts';
import type { Job, Services } from '../../src/service/types.ts';
import { firstEvent, reached, startServices, temporaryFolder } from '../helpers/service.ts';

/** Two features, one a thousand times the other and far from 0. */
const inputs = Array.from({ length: 80 }, (_, i) => [Math.sin(i * 2.1) * 300 + 5000, Math.cos(i * 1.3)]);
const dataset = { inputs, targets: inputs.map(([x, y]) => (x! - 5000 > y! * 200 ? 'above' : 'below')) };
const request = {
  name: 'first',
  dataset,
  network: { layers: [{ type: 'dense', name: 'only', units: 2 }] },
  training: {
    epochs: 20,
    seed: 3,
    optimizer: { type: 'adam', learningRate: 0.05 },
    validation: { fraction: 0.25 },
    normalization: { type: 'standard' },
  },
};

async function trained(services: Services, body: object): Promise<Job> {
  const job = await reached(services, (await services.jobs.create(body)).id);
  expect(job.state, JSON.stringify(job.error)).toBe('completed');
  return job;
}

/** Mean and deviation of the rows that are trained with, by plain loops. */
function expected() {
  const labels = Int32Array.from(dataset.targets, (target) => Number(target === 'below'));
  const { kept } = splitIndices({ count: inputs.length, labels, fraction: 0.25, seed: 3 });
  return [0, 1].map((feature) => {
    const values = Array.from(kept, (row) => Math.fround(inputs[row]![feature]!));
    const mean = values.reduce((sum, x) => sum + x / values.length, 0);
    return { mean, deviation: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2 / values.length, 0)) };
  });
}

describe('a job with standard normalisation', () => {
  test('works it out on the rows that it trains with; its model answers by it, and the request does the same again', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const job = await trained(services, request);
    expect(job.training.normalization).toEqual({ type: 'standard', per: 'feature' });
    expect(job).not.toHaveProperty('normalization');
    expect(job.metrics.validationAccuracy).toBeGreaterThan(0.7);
    const model = services.models.get(job.id);
    const { normalization } = model;
    if (!('offset' in normalization)) throw new Error('no numbers');
    for (const [i, { mean, deviation }] of expected().entries()) {
      expect(normalization.scale[i]! * deviation).toBeCloseTo(1, 6);
      expect(normalization.offset[i]! / (-mean / deviation)).toBeCloseTo(1, 6);
    }
    const network = new Network(model.network, { normalization, initializer: null });
    network.setWeights(decodeSafetensors(await buffer((await services.models.export(job.id, 'safetensors')).content)));
    const { predictions } = await services.predictions.predictInstances(job.id, inputs.slice(0, 5), {});
    expect(predictions.map(({ output }) => output)).toEqual(network.predict(inputs.slice(0, 5)));
    // The region is drawn in the units of the dataset.
    const region = await services.jobs.decision(job.id);
    expect(region.x.low).toBeGreaterThan(4000);
    expect(new Set(region.values).size).toBe(2);
    const { name, dataset: stored, network: sent, training } = job;
    expect((await trained(services, { name, dataset: stored, network: sent, training })).weightsHash).toBe(
      job.weightsHash,
    );
    const plain = await trained(services, { ...request, training: { ...request.training, normalization: { type: 'none' } } }); // biome-ignore format: one call
    expect(plain.metrics.validationLoss).toBeGreaterThan(job.metrics.validationLoss!);
  });

  test('goes on after a pause and in a fork with the same numbers; a cancelled one leaves them, too', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const training = { ...request.training, epochs: 4000, checkpoint: { everySteps: 50 } };
    const undisturbed = await trained(services, { ...request, training });
    const numbers = services.models.get(undisturbed.id).normalization;
    const { id } = await services.jobs.create({ ...request, training });
    await firstEvent(services, id, 'epoch');
    await services.jobs.pause(id);
    // What it drew up to there is on disk by and by.
    const region = await vi.waitFor(() => services.jobs.decision(id), { timeout: 20_000 });
    expect(new Set(region.values).size).toBe(2);
    await services.jobs.resume(id);
    expect(await reached(services, id)).toMatchObject({ state: 'completed', weightsHash: undisturbed.weightsHash });
    expect(services.models.get(id).normalization).toEqual(numbers);
    const fork = await services.jobs.fork(id, { training: { epochs: 4100 } });
    expect(await reached(services, fork.id)).toMatchObject({ state: 'completed' });
    expect(services.models.get(fork.id).normalization).toEqual(numbers);

    const long = await services.jobs.create({ ...request, training: { ...training, epochs: 900_000 } });
    await firstEvent(services, long.id, 'epoch');
    await services.jobs.pause(long.id);
    expect(await services.jobs.cancel(long.id)).toMatchObject({ state: 'cancelled', model: long.id });
    expect(services.models.get(long.id).normalization).toEqual(numbers);
  });

  test('hands its numbers to a job that starts from its weights, unless that says otherwise', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const first = await trained(services, request);
    const { normalization } = services.models.get(first.id);
    if (!('offset' in normalization)) throw new Error('no numbers');
    const { scale, offset } = normalization;
    const { normalization: _, ...training } = { ...request.training, initialModel: 'first', epochs: 0 };
    const next = await trained(services, { ...request, name: 'next', training });
    expect(next.training.normalization).toEqual({ type: 'affine', scale, offset });
    expect(next.weightsHash).toBe(first.weightsHash);
    expect(next.metrics.loss).toBeCloseTo(first.metrics.loss!, 1);
    expect(services.models.get(next.id).normalization).toEqual({ type: 'affine', scale, offset });
    const own = { ...training, normalization: { type: 'none' } };
    expect((await trained(services, { ...request, name: 'own', training: own })).training.normalization).toEqual({ type: 'none' }); // biome-ignore format: one call
  });

  test('is refused where there is nothing to work it out on', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const network = { input: [2], layers: [{ type: 'dense', units: 1, weights: { weight: [[1], [2]], bias: [0] } }] };
    await expect(
      services.jobs.create({ network, training: { epochs: 0, normalization: { type: 'minmax' } } }),
    ).rejects.toMatchObject({
      code: 'invalid-training',
      faults: [{ pointer: '/training/normalization/type', received: 'minmax' }],
    });
  });
});

test('wine is learnt where its measures are brought to one size', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const accuracy = async (type: string) => {
    const job = await trained(services, {
      name: type,
      dataset: { builtin: 'wine', split: { test: 0.3, seed: 1 } },
      network: {
        layers: [
          { type: 'dense', units: 16, activation: 'relu' },
          { type: 'dense', units: 3 },
        ],
      },
      training: { epochs: 30, seed: 1, optimizer: { type: 'sgd', learningRate: 0.05 }, normalization: { type } },
    });
    return job.test!.accuracy!;
  };
  expect(await accuracy('none')).toBeLessThan(0.75);
  expect(await accuracy('minmax')).toBeGreaterThan(0.9);
  expect(await accuracy('standard')).toBeGreaterThan(0.95);
});

test('an augmented job is told by its request: sent again it does the same; a dry run measures it', async () => {
  const services = await startServices(await temporaryFolder(), {}, null);
  const body = {
    name: 'augmented',
    dataset: { builtin: 'digits', limit: { train: 200 } },
    network: { layers: [{ type: 'conv2d', filters: 4, kernel: 3, activation: 'relu' }, { type: 'flatten' }, { type: 'dense', units: 10 }] }, // biome-ignore format: one line
    training: { epochs: 3, augmentation: [{ type: 'shift', pixels: 1 }, { type: 'rotation' }, { type: 'mixup' }] },
  };
  const augmented = await services.jobs.dryRun(body);
  expect(augmented.secondsPerEpoch).toBeGreaterThan(0);
  const job = await trained(services, body);
  const { name, dataset, network, training } = job;
  expect(training.augmentation).toHaveLength(3);
  expect((await trained(services, { name, dataset, network, training })).weightsHash).toBe(job.weightsHash);
  expect((await trained(services, { ...body, training: { epochs: 3 } })).weightsHash).not.toBe(job.weightsHash);
  // With 0 to 16 in an image there is room for it; a table has none.
  await expect(services.jobs.create({ ...body, dataset: { builtin: 'wine' }, network: { layers: [{ type: 'dense', units: 3 }] } })).rejects.toMatchObject({ faults: [{ pointer: '/training/augmentation/0/type' }, { pointer: '/training/augmentation/1/type' }] }); // biome-ignore format: one call
});

test('categories and truth values are no quantities: their inputs are those that stay as they are', () => {
  const rest = { missing: 0, fill: null };
  const columns = [
    { name: 'length', type: 'numeric', ...rest },
    { name: 'colour', type: 'categorical', encoding: 'oneHot', categories: ['blue', 'red', 'white'], ...rest },
    { name: 'notes', type: 'ignored' },
    { name: 'size', type: 'categorical', encoding: 'ordinal', categories: ['S', 'M'], ...rest },
    { name: 'wild', type: 'boolean', ...rest },
    { name: 'kind', type: 'target' },
  ] as const;
  expect(unscaledFeatures(columns as never)).toEqual([1, 2, 3, 5]);
  expect(unscaledFeatures(null)).toEqual([]);
});
