// Jobs through the real queue and the real training process.

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { decodeSafetensors } from '../../src/nn/weights.ts';
import { createServices } from '../../src/service/index.ts';
import type { Job, Services } from '../../src/service/types.ts';
import { builtWorker, reached, silent } from '../helpers/service.ts';

async function run(request: object): Promise<Job> {
  const { id } = await services.jobs.create(request);
  return reached(services, id);
}

let folder: string;
let services: Services;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hebb-test-'));
  const config = readConfig({ HEBB_DATA_DIR: folder, HEBB_LOG_LEVEL: 'silent', HEBB_THREADS: '1' });
  services = await createServices(config, silent, { workerEntry: builtWorker });
});
afterAll(async () => {
  await services.close();
  await rm(folder, { recursive: true, force: true });
});

/** Two classes on a line, the second ten times as often. */
const rows = Array.from({ length: 110 }, (_, i) => [i % 11 === 0 ? -0.2 : 0.3]);
const unequal = { inputs: rows, targets: rows.map(([x]) => (x! < 0 ? 'few' : 'many')) };
const line = { inputs: [[1], [2], [3]], targets: [1, 2, 3] };
const linear = { layers: [{ type: 'dense', units: 1 }] };

describe('a job that diverges', () => {
  test('fails with the error and leaves a model of its last finite weights', async () => {
    const training = { epochs: 500, batchSize: 'full', optimizer: { type: 'sgd', learningRate: 30 } };
    const job = await run({ dataset: line, network: linear, training });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'diverged' }, model: job.id, test: null });
    expect(job.metrics.loss).toBeGreaterThan(1);
    expect(job.best).toMatchObject({ epoch: 1 });
    const model = services.models.get(job.id);
    expect(model.step).toBeGreaterThan(3);
    const file = await readFile(join(folder, 'models', job.id, '0.safetensors'));
    expect(createHash('sha256').update(file).digest('hex')).toBe(job.weightsHash);
    for (const { values } of decodeSafetensors(file)) expect(values.every(Number.isFinite)).toBe(true);
    const { predictions } = await services.predictions.predictInstances(job.id, [[1]], {});
    expect(Number.isFinite((predictions[0]!.output as number[])[0])).toBe(true);
    // It is one to look at, not one to answer by default, and trained for so many epochs it is the same.
    expect(services.models.aliases()).toEqual([]);
    const again = await run({
      dataset: line,
      network: linear,
      training: { ...training, epochs: model.step },
    });
    expect(again).toMatchObject({ state: 'completed', weightsHash: job.weightsHash });
    await services.jobs.delete(job.id);
  });

  test('before its first epoch has ended leaves the weights that it started from', async () => {
    const huge = { inputs: [[1e30], [-1e30]], targets: [1, 2] };
    const training = { epochs: 5, optimizer: { type: 'sgd', learningRate: 1 } };
    const job = await run({ dataset: huge, network: linear, training });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'diverged' }, metrics: {}, best: null });
    expect(services.models.get(job.id).step).toBe(0);
    const untrained = await run({ dataset: line, network: linear, training: { epochs: 0 } });
    expect(untrained.weightsHash).toBe(job.weightsHash);
  });
});

describe('a job', () => {
  test('that stops early is complete, with the metrics and steps of its best epoch', async () => {
    const training = {
      epochs: 400,
      batchSize: 'full',
      optimizer: { type: 'sgd', learningRate: 0.3 },
      earlyStopping: { patience: 2 },
    };
    const network = { layers: [{ type: 'dense', units: 1, weights: { weight: [[1]], bias: [0.5] } }] };
    const job = await run({ dataset: line, network, training });
    expect(job).toMatchObject({
      state: 'completed',
      best: { epoch: 1, loss: 0.25 },
      metrics: { loss: 0.25 },
      progress: { epoch: 4, epochs: 400, step: 4, steps: 400, fraction: 1, etaSeconds: 0 },
      training: { earlyStopping: { metric: 'loss', patience: 2, minDelta: 0, restoreBest: true } },
    });
    expect(services.models.get(job.id)).toMatchObject({ step: 1, metrics: { loss: 0.25 } });
  });

  test('of so many steps ends in the middle of an epoch; sent again as it stands it does the same', async () => {
    const training = { steps: 5, batchSize: 2, optimizer: { type: 'sgd', learningRate: 0.01 } };
    const job = await run({ dataset: line, network: linear, training });
    expect(job).toMatchObject({
      state: 'completed',
      training: { steps: 5, epochs: 3 },
      progress: { epoch: 3, epochs: 3, step: 5, steps: 5, fraction: 1 },
    });
    expect(services.models.get(job.id).step).toBe(5);
    const again = await run({ dataset: job.dataset, network: job.network, training: job.training });
    expect(again.weightsHash).toBe(job.weightsHash);
  });

  test('with class weights learns as if the rows of the class came more often', async () => {
    const training = { epochs: 20, batchSize: 'full', optimizer: { type: 'sgd', learningRate: 0.5 } };
    const network = { layers: [{ type: 'dense', units: 2 }] };
    const request = { dataset: unequal, network };
    const plain = await run({ ...request, training });
    const classWeights = { few: 10 };
    const weighted = await run({ ...request, training: { ...training, classWeights } });
    const ones = await run({ ...request, training: { ...training, classWeights: { few: 1, many: 1 } } });
    expect(ones.weightsHash).toBe(plain.weightsHash);
    expect(weighted.weightsHash).not.toBe(plain.weightsHash);
    const few = async (job: Job) => {
      const { predictions } = await services.predictions.predictInstances(job.id, [[-0.2]], {});
      return predictions[0]!.class;
    };
    expect([await few(plain), await few(weighted)]).toEqual(['many', 'few']);
  });

  test('whose rate is to be found tells the curve and trains with what it found', async () => {
    const dataset = { synthetic: { kind: 'blobs', samples: 200, classes: 2, seed: 1 }, split: { test: 0.2 } };
    const network = {
      layers: [
        { type: 'dense', units: 8, activation: 'tanh' },
        { type: 'dense', units: 2 },
      ],
    };
    const training = (learningRate: number | string) => ({
      epochs: 10,
      seed: 3,
      optimizer: { type: 'sgd', learningRate },
    });
    const found = await run({ dataset, network, training: training('auto') });
    expect(found).toMatchObject({ state: 'completed', training: { optimizer: { learningRate: 'auto' } } });
    const { learningRate, curve } = found.rangeTest!;
    expect(curve[0]!.learningRate).toBeCloseTo(1e-6, 12);
    expect(curve.length).toBeGreaterThan(50);
    expect(found.test!.accuracy).toBeGreaterThan(0.9);
    // The search leaves no trace: the same rate, given, gives the same weights.
    const given = await run({ dataset: found.dataset, network, training: training(learningRate) });
    expect(given).toMatchObject({ state: 'completed', rangeTest: null, weightsHash: found.weightsHash });
  });

  test('tells the metrics that were asked for, of the test split too', async () => {
    const dataset = { synthetic: { kind: 'blobs', samples: 90, classes: 3, seed: 1 }, split: { test: 0.3 } };
    const network = { layers: [{ type: 'dense', units: 3 }] };
    const metrics = ['f1', 'auc', { type: 'topK', k: 2 }];
    const training = { epochs: 3, metrics, validation: { fraction: 0.2 }, schedule: { type: 'cosine' } };
    const job = await run({ dataset, network, training });
    expect(Object.keys(job.test!)).toEqual(['loss', 'f1', 'auc', 'top2']);
    const measured = ['loss', 'validationLoss', 'validationF1', 'validationAuc', 'validationTop2', 'learningRate'];
    const { rows } = services.jobs.metrics(job.id, { resolution: 'epoch' });
    expect(Object.keys(rows[0]!).sort()).toEqual([...measured, 'seq', 'time', 'epoch', 'step'].sort());
    expect(Object.keys(job.metrics).sort()).toEqual([...measured, 'f1', 'auc', 'top2'].sort());
  });

  test('whose targets the loss cannot work with fails before it trains', async () => {
    const job = await run({
      dataset: line,
      network: linear,
      training: { loss: { type: 'binaryCrossEntropy' } },
    });
    expect(job).toMatchObject({
      state: 'failed',
      model: null,
      error: { code: 'invalid-data', errors: [{ pointer: '/training/loss/type', received: 2 }] },
    });
  });

  test('shows what is most likely not meant, and so does the dry run', async () => {
    const network = { layers: [{ type: 'dense', units: 2, activation: 'sigmoid' }] };
    const request = { dataset: unequal, network, training: { epochs: 1 } };
    const warnings = [{ code: 'activation-before-loss', message: expect.stringMatching(/'dense_0' ends in sigmoid/) }];
    expect((await services.jobs.dryRun(request)).warnings).toEqual(warnings);
    const job = await run(request);
    expect(job).toMatchObject({ state: 'completed', warnings });
    const fine = { ...request, network: { layers: [{ type: 'dense', units: 2 }] } };
    expect((await services.jobs.dryRun(fine)).warnings).toEqual([]);
  });
});
