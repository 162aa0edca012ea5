import { expect, test } from 'vitest';
import { type Preset, presets } from '../src/presets/index.ts';
import { presetService, spellOut } from '../src/service/presets.ts';
import { temporaryFolder, thrown } from './helpers/data.ts';
import { type PresetRequest, planPreset, runPreset } from './helpers/presets.ts';
import { startService } from './helpers/process.ts';
import { temporaryFolder as serviceFolder, startServices } from './helpers/service.ts';

const networkOf = (name: string) => presetService.get(name).job.network;

test('names are unique, and every system of the course has one', () => {
  expect(new Set(presets.map(({ name }) => name)).size).toBe(presets.length);
  const courses = new Set(presets.map(({ course }) => course));
  for (let i = 1; i <= 20; i++) expect(courses).toContain(`C${i}`);
  expect(presets.slice(0, 3).map(({ course }) => course)).toEqual(['C1', 'C2', 'C2']);
  expect(presets.at(-1)!.course).toBeNull();
});

const folder = await temporaryFolder();

/** A part of the data where there is much of it. */
function little({ name, job: { dataset } }: Preset): PresetRequest {
  if (!dataset?.builtin) return { preset: name };
  return { preset: name, dataset: { ...dataset, limit: { train: 64, test: 16 } } };
}

test('every preset’s job stands: dry run, defaults, costs', async () => {
  for (const preset of presets) {
    const { plan } = await planPreset(little(preset), folder);
    expect(plan.parameters, preset.name).toBeGreaterThan(0);
    expect(plan.training, preset.name).toMatchObject({ epochs: preset.job.training.epochs });
    // The loss is told, not guessed, wherever something is learnt.
    if (plan.training.epochs > 0 && plan.training.loss.type !== 'perceptron') {
      expect(preset.job.training.loss, preset.name).toEqual({ type: plan.training.loss.type });
    }
  }
});

test.each(presets)('$name runs an epoch', async (preset) => {
  const epochs = Math.min(preset.job.training.epochs!, 1);
  const { metrics, rows } = await runPreset({ ...little(preset), training: { epochs } }, { parent: folder });
  expect(rows).toHaveLength(epochs);
  if (preset.job.dataset) expect(metrics.loss).toBeGreaterThanOrEqual(0);
});

test('the service takes one by its name, dry or not', async () => {
  const services = await startServices(await serviceFolder());
  const plan = await services.jobs.dryRun({ preset: 'xor-tanh' });
  expect(plan).toMatchObject({ parameters: 13, layers: [{ outputShape: [3] }, { outputShape: [1] }] });
  expect(services.jobs.list({ limit: 5 }).items).toEqual([]);
  const first = await services.jobs.create({ preset: 'xor-tanh' });
  const second = await services.jobs.create({ preset: 'xor-tanh', name: 'again' });
  expect(first).toMatchObject({ name: 'xor-tanh', training: { epochs: 1000, seed: 9 } });
  // The dataset is stored once.
  expect(second).toMatchObject({ name: 'again', dataset: first.dataset, training: first.training });
  expect(services.datasets.list({ limit: 5 }).items).toHaveLength(1);
});

test('training is merged key by key, network and dataset are replaced whole', () => {
  const network = { layers: [{ type: 'dense', units: 1 }] };
  const { job } = presetService.get('xor-tanh');
  expect(spellOut({ preset: 'xor-tanh' })).toEqual({ name: 'xor-tanh', ...job });
  expect(
    spellOut({
      preset: 'xor-tanh',
      name: 'mine',
      priority: 2,
      network,
      dataset: 'other',
      training: { epochs: 5, optimizer: { learningRate: 0.2, momentum: 0.9 }, validation: { fraction: 0.1 } },
    }),
  ).toEqual({
    name: 'mine',
    priority: 2,
    network,
    dataset: 'other',
    training: {
      ...job.training,
      epochs: 5,
      optimizer: { type: 'sgd', learningRate: 0.2, momentum: 0.9 },
      validation: { fraction: 0.1 },
    },
  });
});

test('an object of another type takes nothing over', () => {
  const { training } = spellOut({ preset: 'xor-tanh', training: { optimizer: { type: 'adam' } } }) as {
    training: object;
  };
  expect(training).toMatchObject({ optimizer: { type: 'adam' } });
  expect((training as { optimizer: object }).optimizer).toEqual({ type: 'adam' });
});

test('a preset’s network takes the shape of the dataset, a given one, or without both its own', () => {
  const { layers } = networkOf('conv-by-hand');
  const network = { preset: 'conv-by-hand' };
  expect(spellOut({ network, dataset: 'd' })).toEqual({ network: { layers }, dataset: 'd' });
  expect(spellOut({ network })).toEqual({ network: { input: [3, 3, 2], layers } });
  expect(spellOut({ network: { ...network, input: [5, 5, 2] } })).toEqual({ network: { input: [5, 5, 2], layers } });
  expect(spellOut({ preset: 'mlp', network: { preset: 'lenet5' } })).toEqual({
    name: 'mlp',
    ...presetService.get('mlp').job,
    network: networkOf('lenet5'),
  });
});

test('what is spelt out is a copy: nobody can change a preset', () => {
  const copy = spellOut({ preset: 'nand-neuron' }) as { network: { layers: { weights: { bias: number[] } }[] } };
  copy.network.layers[0]!.weights.bias[0] = 9;
  expect(networkOf('nand-neuron').layers[0]!.weights).toMatchObject({ bias: [3] });
});

test('unknown presets are told with their neighbour, at the place where they stand', async () => {
  const wrong = await thrown('unknown-preset', () => spellOut({ preset: 'xor-tan' }));
  expect(wrong.status).toBe(422);
  expect(wrong.faults).toMatchObject([{ pointer: '/preset', received: 'xor-tan' }]);
  expect(wrong.message).toContain('did you mean "xor-tanh"?');
  const inside = await thrown('unknown-preset', () => spellOut({ network: { preset: 'lenet' } }));
  expect(inside.faults).toMatchObject([{ pointer: '/network/preset' }]);
  expect((await thrown('not-found', () => presetService.get('lenet'))).message).toContain('lenet5');
});

test('what is no preset at all is told as such', async () => {
  const at = async (body: unknown) => (await thrown('invalid-request', () => spellOut(body))).faults[0]!.pointer;
  expect(await at({ preset: 7 })).toBe('/preset');
  expect(await at({ network: { preset: null } })).toBe('/network/preset');
  expect(await at({ network: { preset: 'lenet5', layers: [] } })).toBe('/network/layers');
  for (const body of [null, 3, 'x', [], { network: null }, { dataset: 'd' }]) expect(spellOut(body)).toEqual(body);
});

test('steps take the place of the epochs of a preset', () => {
  const lengthOf = (training: object) => {
    const { epochs, steps } = (spellOut({ preset: 'xor-tanh', training }) as { training: Record<string, unknown> })
      .training;
    return { epochs, steps };
  };
  expect(lengthOf({ steps: 10 })).toEqual({ epochs: undefined, steps: 10 });
  expect(lengthOf({ steps: 10, epochs: 3 })).toEqual({ epochs: 3, steps: 10 });
});

test('overrides that do not fit are faults of the request, where they stand', async () => {
  const { jobs } = await startServices(await serviceFolder());
  await expect(jobs.dryRun({ preset: 'xor-tanh', training: { epoch: 3 } })).rejects.toMatchObject({
    code: 'invalid-request',
    faults: [{ pointer: '/training/epoch' }],
  });
  await expect(jobs.dryRun({ preset: 'xor-tanh', training: 3 })).rejects.toMatchObject({
    faults: [{ pointer: '/training' }],
  });
  await expect(jobs.dryRun({ dataset: { synthetic: { kind: 'xor' } } })).rejects.toMatchObject({
    faults: [{ pointer: '/network' }],
  });
});

test('over HTTP one call runs a preset, and its model predicts right', async () => {
  const service = await startService(await serviceFolder());
  const { body: list } = await service.call('/v1/presets');
  expect(list.next).toBeNull();
  expect(list.items).toEqual(JSON.parse(JSON.stringify(presets)));
  expect((await service.call('/v1/presets/xor-tanh')).body).toEqual(
    list.items.find(({ name }: Preset) => name === 'xor-tanh'),
  );
  const absent = await service.call('/v1/presets/xor-tan');
  expect(absent).toMatchObject({ status: 404, body: { code: 'not-found' } });
  expect(absent.body.detail).toContain('xor-tanh');
  const misspelt = await service.post('/v1/jobs', { preset: 'nand-neurn' });
  expect(misspelt).toMatchObject({ status: 422, body: { code: 'unknown-preset', errors: [{ pointer: '/preset' }] } });

  for (const preset of ['nand-neuron', 'xor-tanh', 'weight-height']) {
    const { status, body } = await service.post('/v1/jobs', { preset });
    expect(status, JSON.stringify(body)).toBe(202);
    expect(await service.job(body.id)).toMatchObject({ state: 'completed', name: preset });
  }
  const predicted = async (model: string, instances: number[][]) => {
    const { predictions } = (await service.post(`/v1/models/${model}/predict`, { instances })).body;
    return predictions as { class: string; output: number[] }[];
  };
  const corners = [[0, 0], [0, 1], [1, 0], [1, 1]]; // biome-ignore format: a table
  const nand = await predicted('nand-neuron', corners);
  expect(nand.map(({ output }) => output)).toEqual([[1], [1], [1], [0]]);
  expect(nand.map((prediction) => prediction.class)).toEqual(['1', '1', '1', '0']);
  const xor = await predicted('xor-tanh', corners);
  expect(xor.map((prediction) => prediction.class)).toEqual(['0', '1', '1', '0']);
  const people = await predicted('weight-height', [[-7, -3], [20, 2]]); // biome-ignore format: a table
  expect(people.map((prediction) => prediction.class)).toEqual(['female', 'male']);
  expect(people[0]!.output[0]).toBeGreaterThan(0.94);
  expect(people[1]!.output[0]).toBeLessThan(0.05);

  // A preset's network on other data: the last layer does not fit three classes of four inputs, and the answer says what would.
  const dataset = { builtin: 'iris' };
  const refused = await service.post('/v1/jobs', { dataset, network: { preset: 'mlp' } });
  expect(refused).toMatchObject({ status: 422, body: { code: 'invalid-network' } });
  const taken = await service.post('/v1/jobs?dryRun=true', { dataset, network: { preset: 'softmax-regression' } });
  expect(taken).toMatchObject({ status: 200, body: { parameters: 15 } });
}, 60_000);
