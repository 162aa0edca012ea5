import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import { decodeSafetensors } from '../../src/nn/weights.ts';
import type { Job, Services } from '../../src/service/types.ts';
import { behaviour } from '../helpers/fakeWorker.mjs';
import { firstEvent, reached, startServices, temporaryFolder } from '../helpers/service.ts';

const body = { type: 'dense', name: 'body', units: 6, activation: 'tanh' };
const blobs = (classes: number) => ({ synthetic: { kind: 'blobs', samples: 90, classes, seed: 4 } });
const base = {
  name: 'base',
  dataset: blobs(2),
  network: { layers: [body, { type: 'dense', name: 'head', units: 2 }] },
  training: { epochs: 5, seed: 1 },
};
/** Another last layer, for another task, on the same body. */
const tuned = {
  name: 'tuned',
  dataset: blobs(3),
  network: { layers: [body, { type: 'dense', name: 'newHead', units: 3 }] },
  training: { epochs: 4, seed: 2, initialModel: 'base' },
};

async function trained(services: Services, request: object): Promise<Job> {
  const job = await reached(services, (await services.jobs.create(request)).id);
  expect(job.state, JSON.stringify(job.error)).toBe('completed');
  return job;
}

async function weightsOf(services: Services, id: string): Promise<Record<string, Float32Array>> {
  const tensors = decodeSafetensors(await buffer((await services.models.export(id, 'safetensors')).content));
  return Object.fromEntries(tensors.map(({ name, values }) => [name, values]));
}

describe('a job that starts from a model', () => {
  test('takes what agrees in name and shape, tells what, and a frozen layer keeps it', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const first = await trained(services, base);
    expect(first.initialWeights).toBeNull();
    const match = {
      model: first.id,
      loaded: ['body.weight', 'body.bias'],
      missing: ['newHead.weight', 'newHead.bias'],
      unused: ['head.weight', 'head.bias'],
    };
    const plan = await services.jobs.dryRun(tuned);
    expect(plan.initialWeights).toEqual(match);

    const frozen = { ...tuned, training: { ...tuned.training, frozen: ['body'] } };
    const job = await trained(services, frozen);
    expect(job.initialWeights).toEqual(match);
    expect(job.training).toMatchObject({ initialModel: first.id, frozen: ['body'] });
    const [before, after] = [await weightsOf(services, first.id), await weightsOf(services, job.id)];
    for (const name of match.loaded) expect(after[name], name).toEqual(before[name]);
    const anew = new Network({ input: [2], ...tuned.network } as never, { seed: 2 }).weights();
    for (const name of match.missing) {
      expect(after[name], name).not.toEqual(anew.find((tensor) => tensor.name === name)!.values);
    }

    // Without epochs nothing moves: loaded tensors are the model's, the others as the seed has them.
    const still = await trained(services, { ...tuned, training: { ...tuned.training, epochs: 0 } });
    const untouched = await weightsOf(services, still.id);
    expect(untouched['body.weight']).toEqual(before['body.weight']);
    expect(untouched['newHead.weight']).toEqual(anew.find(({ name }) => name === 'newHead.weight')!.values);

    // Not frozen, the layer learns; and the job is its request: sent again it does the same.
    const free = await trained(services, tuned);
    expect((await weightsOf(services, free.id))['body.weight']).not.toEqual(before['body.weight']);
    const { name, dataset, network, training } = free;
    expect((await trained(services, { name, dataset, network, training })).weightsHash).toBe(free.weightsHash);
  });

  test('goes by id, alias or name; the id is pinned', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const first = await trained(services, base);
    services.models.setAlias('good', first.id);
    for (const initialModel of [first.id, 'good', 'base', 'default']) {
      const plan = await services.jobs.dryRun({ ...tuned, training: { ...tuned.training, initialModel } });
      expect(plan.initialWeights!.model).toBe(first.id);
    }
    const second = await trained(services, base);
    const job = await trained(services, { ...tuned, training: { ...tuned.training, epochs: 0 } });
    expect(job.training.initialModel).toBe(second.id);
  });

  test('leaves to a layer the weights that it states by itself', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    await trained(services, base);
    const stated = { ...body, weights: { bias: [1, 2, 3, 4, 5, 6] } };
    const network = { layers: [stated, { type: 'dense', name: 'newHead', units: 3 }] };
    const job = await trained(services, { ...tuned, network, training: { ...tuned.training, epochs: 0 } });
    expect(job.initialWeights).toMatchObject({ loaded: ['body.weight'], unused: ['body.bias', 'head.weight', 'head.bias'] }); // biome-ignore format: lists
    expect([...(await weightsOf(services, job.id))['body.bias']!]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('is refused where there is no such model, or nothing of it fits', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    await trained(services, base);
    const from = (initialModel: string) => ({ ...tuned, training: { ...tuned.training, initialModel } });
    for (const create of [services.jobs.create, services.jobs.dryRun]) {
      await expect(create(from('nobody'))).rejects.toMatchObject({
        code: 'unknown-model',
        faults: [{ pointer: '/training/initialModel', received: 'nobody' }],
      });
      const layers = [{ ...body, units: 7 }, { type: 'dense', units: 3 }]; // biome-ignore format: layers
      await expect(create({ ...from('base'), network: { layers } })).rejects.toMatchObject({
        code: 'invalid-training',
        message: expect.stringMatching(/body.weight \(2, 7\).*the model has body.weight \(2, 6\)/),
        faults: [expect.objectContaining({ pointer: '/training/initialModel' })],
      });
    }
  });
});

test('a model that a queued or running job starts from stays until that is over', async () => {
  const folder = await temporaryFolder();
  const services = await startServices(folder);
  const first = await trained(services, base);
  const endless = { ...tuned.training, initialModel: first.id, seed: behaviour.endless };
  const running = await services.jobs.create({ ...tuned, name: 'running', training: endless });
  const queued = await services.jobs.create({ ...tuned, name: 'queued', training: endless });
  await firstEvent(services, running.id, 'epoch');
  const refused = { code: 'in-use', message: expect.stringMatching(/the job "(running|queued)" starts from/) };
  await expect(services.models.delete(first.id)).rejects.toMatchObject(refused);
  await expect(services.jobs.delete(first.id)).rejects.toMatchObject(refused);
  await services.jobs.cancel(queued.id);
  await expect(services.jobs.delete(first.id)).rejects.toMatchObject({ message: expect.stringMatching(/"running"/) });
  // It is stored: a restart of the service knows it, too.
  await services.close();
  const again = await startServices(folder);
  expect(again.jobs.get(running.id).initialWeights).toEqual(running.initialWeights);
  await expect(again.models.delete(first.id)).rejects.toMatchObject({ code: 'in-use' });
  await again.jobs.cancel(running.id);
  await again.jobs.delete(first.id);
  expect(again.jobs.get(running.id).initialWeights!.model).toBe(first.id);
  await expect(again.jobs.create(tuned)).rejects.toMatchObject({ code: 'unknown-model' });
});
