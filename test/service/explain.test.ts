// Explanations of models in service: which method, of which class, by which column; against predictions of the same model.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { HebbError } from '../../src/errors.ts';
import type { ExplainOptions, Services } from '../../src/service/types.ts';
import { reached, startServices, temporaryFolder } from '../helpers/service.ts';

const start = async () => startServices(await temporaryFolder(), {}, null);
const forever = new AbortController().signal;

async function run(services: Services, request: object) {
  const { id } = await services.jobs.create(request);
  const job = await reached(services, id);
  expect(job.error).toBeNull();
  return job;
}

test('a conv network: Grad-CAM by default, of the class that is predicted or asked for, as numbers and as a picture', async () => {
  const services = await start();
  const job = await run(services, {
    name: 'digits',
    dataset: { builtin: 'digits' },
    network: {
      layers: [
        { type: 'conv2d', filters: 4, kernel: 3, padding: 'same', activation: 'relu', name: 'conv' },
        { type: 'maxPool2d', name: 'pool' },
        { type: 'flatten' },
        { type: 'dense', units: 10 },
      ],
    },
    training: { epochs: 1 },
  });
  const { items } = await services.datasets.samples(job.dataset!, { split: 'train', offset: 0, limit: 3 });
  const instances = items.map(({ input }) => input);
  const explain = (options: ExplainOptions = {}, inputs = instances) =>
    services.insight.explain('digits', { instances: inputs }, options, forever);
  const { predictions } = await services.predictions.predictInstances('digits', instances, { top: 10 });
  const found = await explain();
  expect(found).toMatchObject({ model: job.id, step: job.progress.step, method: 'gradCam', layer: 'pool' });
  for (const [i, { class: name, probability, score, values }] of found.explanations.entries()) {
    expect([name, probability]).toEqual([predictions[i]!.class, predictions[i]!.probability]);
    expect(score).toBeCloseTo(Math.max(...(predictions[i]!.output as number[])), 4);
    const map = values as number[][];
    expect([map.length, map[0]!.length]).toEqual([8, 8]);
    expect(Math.min(...map.flat())).toBeGreaterThanOrEqual(0);
  }
  const other = await explain({ class: '3', layer: 'conv' });
  expect(other).toMatchObject({ layer: 'conv', explanations: [{ class: '3' }, { class: '3' }, { class: '3' }] });
  expect(other.explanations[0]!.score).toBeCloseTo((predictions[0]!.output as number[])[3]!, 4);
  // Covering with a number that is everywhere already changes nothing, and is told.
  const blank = [Array(64).fill(5)];
  const covered = await explain({ method: 'occlusion', fill: 5, patch: 2, stride: 2 }, blank);
  expect(covered).toMatchObject({ method: 'occlusion', baseline: 'fill' });
  expect(new Set((covered.explanations[0]!.values as number[][]).flat())).toEqual(new Set([0]));
  const gradient = await explain({ method: 'gradient' }, [instances[0]!]);
  const times = await explain({ method: 'gradientTimesInput' }, [instances[0]!]);
  const pixels = (instances[0] as number[][][]).flat(2);
  const flat = (values: unknown) => (values as number[][][]).flat(2);
  const products = flat(gradient.explanations[0]!.values).map((g, i) => g * pixels[i]!);
  for (const [i, value] of flat(times.explanations[0]!.values).entries()) expect(value).toBeCloseTo(products[i]!, 5);

  for (const method of ['gradCam', 'gradient', 'occlusion', 'contributions'] as const) {
    const png = await services.insight.explainPng('digits', { instances: [instances[0]!] }, { method }, forever);
    const { width, height, format } = await sharp(png).metadata();
    expect({ width, height, format }).toEqual({ width: 224, height: 224, format: 'png' });
  }
  const image = await sharp(Buffer.from(pixels.map((v) => v * 15)), { raw: { width: 8, height: 8, channels: 1 } })
    .png()
    .toBuffer();
  const png = await services.insight.explainPng('digits', { images: [image] }, {}, forever);
  const { channels } = await sharp(png).stats();
  // Heat: more red than blue.
  expect(channels[0]!.mean).toBeGreaterThan(channels[2]!.mean);

  const refused = async (options: ExplainOptions, inputs = instances) =>
    explain(options, inputs).then(String, (e: HebbError) => `${e.code} ${e.faults?.[0]?.pointer ?? ''}: ${e.message}`);
  expect(await refused({ class: '33' })).toMatch(/^invalid-request \/class: "digits" knows no class "33"/);
  expect(await refused({ output: 1 })).toMatch(/^invalid-request \/output: .*class=NAME/);
  expect(await refused({ method: 'gradCam', layer: 'dense_3' })).toMatch(
    /^invalid-request \/layer: .*is no image; layers with one: conv, pool/,
  );
  expect(await refused({ method: 'gradCam', layer: 'con' })).toMatch(
    /^invalid-request \/layer: the model has no layer "con"/,
  );
  expect(await refused({}, Array(17).fill(instances[0]))).toMatch(
    /^invalid-instance : 1 to 16 inputs are explained in one call, got 17/,
  );
  const two = services.insight.explainPng('digits', { instances }, {}, forever);
  await expect(two).rejects.toThrow('a picture is of one input, got 3');
});

test('a table: contributions by column add up to the difference from the mean row; one-hot columns are one figure', async () => {
  const services = await start();
  const { writeFile } = await import('node:fs/promises');
  const path = `${await services.datasets.uploadFolder()}/table.csv`;
  const rows = Array.from({ length: 90 }, (_, i) => ({
    size: ((i * 7) % 20) + 0.5,
    colour: ['red', 'green', 'blue'][i % 3]!,
    noise: ((i * 13) % 11) / 10,
    kind: (i * 7) % 20 > 9 || i % 3 === 0 ? 'big' : 'small',
  }));
  await writeFile(path, ['size,colour,noise,kind', ...rows.map((r) => Object.values(r).join(','))].join('\n'));
  const dataset = await services.datasets.createFromFiles({ name: 't', target: 'kind', format: 'csv' }, { file: path });
  const binary = {
    layers: [
      { type: 'dense', units: 8, activation: 'tanh' },
      { type: 'dense', units: 1, activation: 'sigmoid' },
    ],
  };
  await run(services, { name: 'table', dataset: dataset.id, network: binary, training: { epochs: 30, batchSize: 8 } });
  const instances = rows.slice(0, 4).map(({ kind: _, ...row }) => row);
  const found = await services.insight.explain('table', { instances }, {}, forever);
  expect(found).toMatchObject({ method: 'contributions', baseline: 'trainingMean' });
  const { items } = await services.datasets.samples('t', { split: 'train', offset: 0, limit: 90 });
  const inputs = items.map(({ input }) => input as number[]);
  const mean = inputs[0]!.map((_, i) => inputs.reduce((sum, row) => sum + row[i]!, 0) / inputs.length);
  const outputs = async (raw: unknown[]) =>
    (await services.predictions.predictInstances('table', raw, {})).predictions.map(({ output, class: name }) => {
      const p = (output as number[])[0]!;
      const logit = Math.log(p / (1 - p));
      return { name, logit };
    });
  const predicted = await outputs(instances);
  const [base] = await outputs([mean]);
  const classes = services.models.get('table').classes!;
  for (const [i, { class: name, score, baselineScore, contributions }] of found.explanations.entries()) {
    // A single output speaks for the second class, and against the first.
    const sign = name === classes[1] ? 1 : -1;
    expect(name).toBe(predicted[i]!.name);
    expect(score).toBeCloseTo(sign * predicted[i]!.logit, 3);
    expect(baselineScore).toBeCloseTo(sign * base!.logit, 3);
    expect(contributions!.map(({ column }) => column)).toEqual(['size', 'colour', 'noise']);
    const sum = contributions!.reduce((total, { contribution }) => total + contribution, 0);
    expect(Math.abs(sum - (score - baselineScore!))).toBeLessThan(2e-3 * Math.max(1, Math.abs(score - baselineScore!)));
  }
  // Size decides more than noise does.
  const size = (column: string) =>
    found.explanations.reduce(
      (sum, each) => sum + Math.abs(each.contributions!.find((c) => c.column === column)!.contribution),
      0,
    );
  expect(size('size')).toBeGreaterThan(size('noise'));

  // Covering a column puts the mean there.
  const occluded = await services.insight.explain(
    'table',
    { instances: [instances[0]] },
    { method: 'occlusion' },
    forever,
  );
  const [first] = inputs as [number[]];
  const { offsets } = { offsets: { size: [0], colour: [1, 2, 3], noise: [4] } };
  for (const { column, contribution } of occluded.explanations[0]!.contributions!) {
    const places: number[] = offsets[column as keyof typeof offsets];
    const [whole, without] = await outputs([first, first.map((v, i) => (places.includes(i) ? mean[i]! : v))]);
    const sign = occluded.explanations[0]!.class === classes[1] ? 1 : -1;
    expect(contribution).toBeCloseTo(sign * (whole!.logit - without!.logit), 3);
  }
  const gradient = await services.insight.explain(
    'table',
    { instances: [instances[0]] },
    { method: 'gradient' },
    forever,
  );
  expect(gradient.explanations[0]!.values).toHaveLength(5);
  const gradCam = services.insight.explain('table', { instances }, { method: 'gradCam' }, forever);
  await expect(gradCam).rejects.toMatchObject({
    code: 'unsuitable-model',
    message: expect.stringContaining('method=gradient'),
  });
  const picture = services.insight.explainPng('table', { instances: [instances[0]] }, {}, forever);
  await expect(picture).rejects.toMatchObject({ code: 'invalid-image' });

  // Where the dataset is gone there is no mean any more.
  await run(services, {
    name: 'gone',
    dataset: {
      inputs: [
        [1, 2],
        [3, 5],
        [2, 2],
      ],
      targets: [1, 2, 3],
    },
    network: { layers: [{ type: 'dense', units: 1, weights: { weight: [[2], [-1]], bias: [0.5] } }] },
    training: { epochs: 0 },
  });
  const before = await services.insight.explain('gone', { instances: [[5, 1]] }, { method: 'contributions' }, forever);
  expect(before).toMatchObject({
    baseline: 'trainingMean',
    explanations: [{ output: 0, score: 9.5, baselineScore: 1.5, values: [6, 2] }],
  });
  await services.datasets.delete(services.models.get('gone').dataset!);
  const after = await services.insight.explain('gone', { instances: [[5, 1]] }, { method: 'contributions' }, forever);
  expect(after).toMatchObject({
    baseline: 'zero',
    explanations: [{ score: 9.5, baselineScore: 0.5, values: [10, -1] }],
  });
  const refusal = services.insight.explain('gone', { instances: [[5, 1]] }, { output: 1 }, forever);
  await expect(refusal).rejects.toMatchObject({ faults: [expect.objectContaining({ pointer: '/output' })] });
});

test('where nothing goes back through a network, parts are covered', async () => {
  const services = await start();
  await run(services, {
    name: 'gates',
    network: {
      input: [2],
      layers: [
        { type: 'dense', units: 1, activation: 'step', name: 'gate', weights: { weight: [[1], [0]], bias: [-0.5] } },
      ],
    },
    dataset: {
      inputs: [
        [0, 0],
        [1, 1],
      ],
      targets: [0, 1],
    },
    training: { epochs: 0 },
  });
  const found = await services.insight.explain('gates', { instances: [[1, 1]] }, { fill: 0 }, forever);
  expect(found).toMatchObject({ method: 'occlusion', explanations: [{ score: 1, values: [1, 0] }] });
  const gradient = services.insight.explain('gates', { instances: [[1, 1]] }, { method: 'gradient' }, forever);
  await expect(gradient).rejects.toMatchObject({
    code: 'unsuitable-model',
    message: expect.stringMatching(/"step" of its layer "gate" is flat: use method=occlusion/),
  });
});

test('images of any number of channels are explained; pictures are of 1, 3 or 4', async () => {
  const services = await start();
  const inputs = [0, 1, 2, 3].map((k) => Array.from({ length: 32 }, (_, i) => ((i * 7 + k * 11) % 10) / 10));
  await run(services, {
    name: 'two',
    dataset: { inputs, targets: ['a', 'b', 'a', 'b'] },
    network: {
      input: [4, 4, 2],
      layers: [
        { type: 'conv2d', filters: 3, kernel: 3, padding: 'same' },
        { type: 'flatten' },
        { type: 'dense', units: 2 },
      ],
    },
    training: { epochs: 1 },
  });
  const found = await services.insight.explain('two', { instances: inputs }, {}, forever);
  expect(found.method).toBe('gradCam');
  expect(found.explanations[0]!.values).toHaveLength(4);
  const picture = services.insight.explainPng('two', { instances: [inputs[0]] }, {}, forever);
  await expect(picture).rejects.toMatchObject({ code: 'invalid-image' });
  const gone = AbortSignal.abort(new Error('gone'));
  await expect(services.insight.explain('two', { instances: inputs }, {}, gone)).rejects.toThrow('gone');
});
