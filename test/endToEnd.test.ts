// The whole way, as a client goes it: the real service and real training processes, from an upload to a prediction, and what
// happens when processes are killed on the way.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { isAlive, trainersOf } from '../scripts/helpers/processes.ts';
import { mnistFiles, type ServiceProcess, sleep, smallNet, startService, uploadDigits } from './helpers/process.ts';
import { temporaryFolder } from './helpers/service.ts';

const training = { epochs: 3, batchSize: 32, seed: 5, optimizer: { type: 'adam', learningRate: 0.002 } };
const digitsJob = { name: 'reader', dataset: 'digits', network: smallNet, training };

// biome-ignore lint/suspicious/noExplicitAny: what it holds is what the tests find out
async function train(service: ServiceProcess, job: object): Promise<any> {
  const { status, body } = await service.post('/v1/jobs', job);
  expect(status, JSON.stringify(body)).toBe(202);
  return service.job(body.id);
}

test('from an upload to a prediction', async () => {
  const service = await startService(await temporaryFolder());
  await uploadDigits(service, 2000);

  const plan = await service.post('/v1/jobs?dryRun=true', digitsJob);
  expect(plan.status).toBe(200);
  expect(plan.body).toMatchObject({ parameters: 104 + 5770 });
  expect(plan.body.layers.map((l: { outputShape: number[] }) => l.outputShape)).toEqual([
    [24, 24, 4],
    [12, 12, 4],
    [576],
    [576],
    [10],
  ]);
  expect((await service.call('/v1/jobs')).body.items).toEqual([]);

  const job = await train(service, {
    ...digitsJob,
    training: { ...training, validation: { fraction: 0.1 }, logEverySteps: 10 },
  });
  expect(job).toMatchObject({ state: 'completed', error: null, restarts: 0, model: job.id });
  expect(job.progress).toMatchObject({ epoch: 3, epochs: 3, fraction: 1 });
  expect(job.test.accuracy).toBeGreaterThan(0.8);
  expect(Object.keys(job.metrics).sort()).toEqual(['accuracy', 'loss', 'validationAccuracy', 'validationLoss']);

  // The job is its request with every default: sent again it does the same.
  const { name, dataset, network, training: complete } = job;
  const again = await train(service, { name, dataset, network, training: complete });
  expect(again.weightsHash).toBe(job.weightsHash);

  const { rows } = (await service.call(`/v1/jobs/${job.id}/metrics`)).body;
  expect(rows.map((r: { epoch: number }) => r.epoch)).toEqual([1, 2, 3]);
  const steps = (await service.call(`/v1/jobs/${job.id}/metrics?resolution=step`)).body.rows;
  expect(steps.map((r: { step: number }) => r.step)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130]);
  const csv = await service.call(`/v1/jobs/${job.id}/metrics`, { headers: { accept: 'text/csv' } });
  expect(csv.body.trim().split('\n')).toHaveLength(4);
  expect((await service.call(`/v1/jobs/${job.id}/curves.svg`)).body).toMatch(/^<svg/);
  const events = (await service.call(`/v1/jobs/${job.id}/events`)).body;
  expect(events.match(/^event: epoch$/gm)).toHaveLength(3);
  expect(events.match(/"state":"(\w+)"/g)).toEqual(['"state":"queued"', '"state":"running"', '"state":"completed"']);

  const { rows: health, findings } = (await service.call(`/v1/jobs/${job.id}/diagnostics`)).body;
  expect(health.map((row: { epoch: number }) => row.epoch)).toEqual([1, 2, 3]);
  expect(health[2].layers.map((layer: { type: string }) => layer.type)).toEqual(smallNet.layers.map((l) => l.type));
  for (const row of health) {
    expect(row.layers[0].updateRatio).toBeGreaterThan(1e-5);
    expect(row.layers[4].outputGradientNorm).toBeGreaterThan(0);
  }
  expect(findings).toEqual([]);
  const told = [...events.matchAll(/^event: diagnostics\ndata: (.*)$/gm)].map(([, data]) => JSON.parse(data));
  expect(told).toEqual(health);

  expect((await service.call(`/v1/jobs/${job.id}/decision.svg`)).body).toMatchObject({
    code: 'unsuitable-model',
    detail: expect.stringMatching(/this one has 784/),
  });

  const exported = await fetch(`${service.url}/v1/models/${job.id}/export?format=safetensors`);
  const file = Buffer.from(await exported.arrayBuffer());
  expect(createHash('sha256').update(file).digest('hex')).toBe(job.weightsHash);

  // The same image in every form that the service takes gives the same answer.
  const { images, labels } = mnistFiles(60);
  const pixels = images.subarray(16 + 7 * 784, 16 + 8 * 784);
  const grey = sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } });
  const png = await grey.clone().png().toBuffer();
  const image = (body: Buffer, type: string) => ({
    method: 'POST',
    headers: { 'content-type': type },
    body: new Uint8Array(body),
  });
  const fromPng = await service.call('/predict?model=reader&top=3', image(png, 'image/png'));
  expect(fromPng.status, JSON.stringify(fromPng.body)).toBe(200);
  const [prediction] = fromPng.body.predictions;
  expect(prediction.top).toHaveLength(3);
  expect(prediction.output).toHaveLength(10);
  expect(prediction.probability).toBe(prediction.top[0].probability);
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(png)], { type: 'image/png' }), 'seven.png');
  const fromForm = await service.call('/predict?model=reader&top=3', { method: 'POST', body: form });
  const fromNumbers = await service.post(`/v1/models/${again.id}/predict?top=3`, { instances: [[...pixels]] });
  const fromBase64 = await service.post('/predict?top=3', { images: [png.toString('base64')] });
  for (const answer of [fromForm, fromNumbers, fromBase64]) expect(answer.body.predictions).toEqual([prediction]);
  const jpeg = await grey.clone().jpeg({ quality: 100 }).toBuffer();
  expect((await service.call('/predict', image(jpeg, 'image/jpeg'))).body.predictions[0].class).toBe(prediction.class);

  // It does read digits: most of the first sixty, by the numbers that the dataset shows.
  const instances = Array.from({ length: 60 }, (_, i) => [...images.subarray(16 + i * 784, 16 + (i + 1) * 784)]);
  const { predictions } = (await service.post('/predict', { instances })).body;
  const right = predictions.filter((p: { class: string }, i: number) => p.class === String(labels[8 + i]));
  expect(right.length).toBeGreaterThan(50);
});

test('the course over HTTP: fixed weights in a job of no epochs, and a step of rate 1 shows the gradient', async () => {
  const service = await startService(await temporaryFolder());
  const nand = {
    name: 'nand',
    network: {
      input: [2],
      layers: [{ type: 'dense', units: 1, activation: 'step', weights: { weight: [[-2], [-2]], bias: [3] } }],
    },
    training: { epochs: 0 },
  };
  expect(await train(service, nand)).toMatchObject({ state: 'completed', test: null });
  const { body } = await service.post('/v1/models/nand/predict', { instances: [[1, 1], [1, 0], [0, 1], [0, 0]] }); // biome-ignore format: rows
  expect(body.predictions.map((p: { output: number[] }) => p.output)).toEqual([[0], [1], [1], [1]]);

  const ones = { activation: 'sigmoid', initializer: { type: 'constant', value: 1 } };
  const gradient = {
    dataset: { inputs: [[-2, -1]], targets: [[1]] },
    network: { layers: [{ type: 'dense', units: 2, ...ones }, { type: 'dense', units: 1, ...ones }] }, // biome-ignore format: layers
    training: {
      epochs: 1,
      batchSize: 1,
      loss: { type: 'meanSquaredError' },
      optimizer: { type: 'sgd', learningRate: 1 },
    },
  };
  const job = await train(service, gradient);
  expect(job.state, JSON.stringify(job.error)).toBe('completed');
  const file = Buffer.from(
    await (await fetch(`${service.url}/v1/models/${job.id}/export?format=safetensors`)).arrayBuffer(),
  );
  const data = 8 + Number(file.readBigUInt64LE(0));
  expect(1 - file.readFloatLE(data)).toBeCloseTo(0.0214695353, 6);

  const xor = await train(service, {
    dataset: { synthetic: { kind: 'xor' } },
    network: {
      layers: [
        { type: 'dense', units: 3, activation: 'tanh' },
        { type: 'dense', units: 1, activation: 'tanh' },
      ],
    },
    training: {
      epochs: 1000,
      batchSize: 1,
      shuffle: false,
      seed: 9,
      loss: { type: 'meanSquaredError' },
      optimizer: { type: 'sgd', learningRate: 0.1 },
    },
  });
  expect(xor.metrics.loss).toBeLessThan(0.01);
  expect(xor.metrics.accuracy).toBe(1);

  const region = await service.call(`/v1/jobs/${xor.id}/decision.svg?epoch=10`);
  expect(region.headers.get('content-type')).toBe('image/svg+xml');
  expect(region.body).toContain('decision region, epoch 10<');
  expect(region.body.match(/<circle class="point/g)).toHaveLength(4);
  expect((await service.call(`/v1/jobs/${xor.id}/decision.svg?epoch=ten`)).status).toBe(400);
});

describe('same bits', () => {
  test('the same job gives the same weights with HEBB_THREADS=1 and 2, and another instruction set says which it was', async () => {
    const jobs = [];
    const variants: Record<string, string>[] = [{ HEBB_THREADS: '1' }, { HEBB_THREADS: '2' }, { HEBB_ISA: 'scalar' }];
    for (const settings of variants) {
      const service = await startService(await temporaryFolder(), settings);
      await uploadDigits(service);
      jobs.push(await train(service, digitsJob));
      service.process.kill('SIGTERM');
    }
    expect(jobs[1]!.weightsHash).toBe(jobs[0]!.weightsHash);
    expect(jobs[2]!.isa).toBe('scalar');
    if (jobs[0]!.isa !== 'scalar') expect(jobs[2]!.weightsHash).not.toBe(jobs[0]!.weightsHash);
  });
});

describe('killed for real', () => {
  const long = { ...digitsJob, training: { ...training, epochs: 60 } };
  const running = (job: { state: string; progress: { epoch: number } }) =>
    job.state === 'running' && job.progress.epoch >= 3;

  test('a killed training process: the job starts again and ends with the same hash, the service answers throughout', async () => {
    const service = await startService(await temporaryFolder());
    await uploadDigits(service);
    const undisturbed = await train(service, long);
    const { id } = (await service.post('/v1/jobs', long)).body;
    await service.job(id, running);
    const workers = trainersOf(service.process.pid!);
    expect(workers.length).toBeGreaterThan(0);
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    let answers = 0;
    const asking = (async () => {
      for (;;) {
        expect((await service.call('/healthz')).status).toBe(200);
        answers++;
        if ((await service.job(id, () => true)).state === 'completed') return;
        await sleep(10);
      }
    })();
    const job = await service.job(id);
    await asking;
    expect(answers).toBeGreaterThan(5);
    expect(job).toMatchObject({ state: 'completed', restarts: 1, weightsHash: undisturbed.weightsHash });
    const epochs = (await service.call(`/v1/jobs/${id}/metrics`)).body.rows.map((r: { epoch: number }) => r.epoch);
    expect(epochs).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    const diagnosed = async (job: string) => (await service.call(`/v1/jobs/${job}/diagnostics`)).body.rows;
    expect(await diagnosed(id)).toEqual(await diagnosed(undisturbed.id));
    expect(await diagnosed(id)).toHaveLength(60);
  });

  test('the third death fails the job with the signal, and the next job runs', async () => {
    const service = await startService(await temporaryFolder());
    await uploadDigits(service);
    const { id } = (await service.post('/v1/jobs', { ...long, training: { ...training, epochs: 100_000 } })).body;
    for (let death = 0; death < 3; death++) {
      await service.job(id, (job) => job.state === 'running' && job.restarts === death && job.progress.epoch >= 1);
      for (const pid of trainersOf(service.process.pid!)) process.kill(pid, 'SIGKILL');
    }
    const job = await service.job(id);
    expect(job).toMatchObject({ state: 'failed', restarts: 2, error: { code: 'training-died' } });
    expect(job.error.detail).toMatch(/SIGKILL/);
    expect((await train(service, digitsJob)).state).toBe('completed');
  });

  test('a killed service leaves no training process behind; after its restart the job goes on and ends the same', async () => {
    const folder = await temporaryFolder();
    const first = await startService(folder);
    await uploadDigits(first);
    const undisturbed = await train(first, long);
    const { id } = (await first.post('/v1/jobs', long)).body;
    await first.job(id, running);
    const workers = trainersOf(first.process.pid!);
    first.process.kill('SIGKILL');
    await once(first.process, 'exit');
    const deadline = Date.now() + 5000;
    while (workers.some(isAlive) && Date.now() < deadline) await sleep(20);
    expect(workers.filter(isAlive)).toEqual([]);

    const second = await startService(folder);
    expect((await second.call(`/v1/jobs/${undisturbed.id}`)).body.weightsHash).toBe(undisturbed.weightsHash);
    expect(await second.job(id)).toMatchObject({
      state: 'completed',
      restarts: 1,
      weightsHash: undisturbed.weightsHash,
    });
  });

  test('a training process whose service was killed leaves at once, however long its job would take', async () => {
    const service = await startService(await temporaryFolder());
    await uploadDigits(service);
    const { id } = (await service.post('/v1/jobs', { ...long, training: { ...training, epochs: 100_000 } })).body;
    await service.job(id, running);
    const workers = trainersOf(service.process.pid!);
    expect(workers.length).toBeGreaterThan(0);
    service.process.kill('SIGKILL');
    await once(service.process, 'exit');
    const deadline = Date.now() + 5000;
    while (workers.some(isAlive) && Date.now() < deadline) await sleep(20);
    const left = workers.filter(isAlive);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    expect(left).toEqual([]);
  });

  test('SIGTERM stops the service cleanly in the middle of a job, which goes on after the next start', async () => {
    const folder = await temporaryFolder();
    const first = await startService(folder);
    await uploadDigits(first);
    const { id } = (await first.post('/v1/jobs', long)).body;
    await first.job(id, running);
    const workers = trainersOf(first.process.pid!);
    first.process.kill('SIGTERM');
    const [code] = await once(first.process, 'exit');
    expect(code).toBe(0);
    expect(workers.filter(isAlive)).toEqual([]);
    const second = await startService(folder);
    expect((await second.job(id)).state).toBe('completed');
  });
});

test('a running job is cancelled and keeps its best weights as a model', async () => {
  const service = await startService(await temporaryFolder());
  await uploadDigits(service);
  const { id } = (await service.post('/v1/jobs', { ...digitsJob, training: { ...training, epochs: 100_000 } })).body;
  await service.job(id, (job) => job.best?.epoch >= 2);
  const { status, body } = await service.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
  expect(status).toBe(200);
  expect(body.state).toBe('cancelled');
  expect((await service.post(`/v1/models/${id}/predict`, { instances: [new Array(784).fill(0)] })).status).toBe(200);
  expect((await service.call(`/v1/jobs/${id}/cancel`, { method: 'POST' })).status).toBe(409);
});

describe('bad input', () => {
  test('a rate that diverges fails the job with the reason and keeps the curve', async () => {
    const service = await startService(await temporaryFolder());
    const job = await train(service, {
      dataset: { synthetic: { kind: 'line', samples: 64, noise: 0.1 } },
      network: { layers: [{ type: 'dense', units: 1 }] },
      training: {
        epochs: 500,
        optimizer: { type: 'sgd', learningRate: 50 },
        loss: { type: 'meanSquaredError' },
        logEverySteps: 1,
      },
    });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'diverged' }, model: job.id });
    expect(job.weightsHash).toMatch(/^[0-9a-f]{64}$/);
    expect(job.error.detail).toMatch(/became .* in epoch \d+, step \d+: use a smaller learning rate/);
    const { rows } = (await service.call(`/v1/jobs/${job.id}/metrics?resolution=step`)).body;
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every((r: { loss: number }) => Number.isFinite(r.loss))).toBe(true);
  });

  test('wrong architectures and settings are refused with place, expectation and what came; nothing is stored', async () => {
    const service = await startService(await temporaryFolder());
    await uploadDigits(service, 100);
    const refused = async (changes: object, status: number, pointer: string, message: RegExp) => {
      const answer = await service.post('/v1/jobs', { ...digitsJob, ...changes });
      expect(answer.status, JSON.stringify(answer.body)).toBe(status);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      const fault = answer.body.errors?.find((e: { pointer: string }) => e.pointer === pointer);
      expect(fault, JSON.stringify(answer.body)).toBeDefined();
      expect(fault.message).toMatch(message);
    };
    const layers = (...list: object[]) => ({ network: { layers: list } });
    await refused(
      layers({ type: 'dense', units: 10 }),
      422,
      '/network/layers/0',
      /dense 'dense_0' after the input gets \(28, 28, 1\).*: add \{"type": "flatten"\}/,
    );
    await refused(
      layers({ type: 'flatten' }, { type: 'dense', units: 7 }),
      422,
      '/network/layers/1',
      /10 classes.*"units": 10/,
    );
    await refused(
      layers({ type: 'conv2dd', filters: 2, kernel: 3 }),
      400,
      '/network/layers/0/type',
      /unknown type "conv2dd" \(did you mean "conv2d"\?\)/,
    );
    await refused(
      layers({ type: 'dense', unit: 10 }),
      400,
      '/network/layers/0/unit',
      /unknown key "unit" \(did you mean "units"\?\)/,
    );
    await refused(layers({ type: 'dense', unit: 10 }), 400, '/network/layers/0/units', /missing/);
    await refused(layers({ type: 'dense', units: 0 }), 400, '/network/layers/0/units', />= 1/);
    await refused(layers({ type: 'dense', units: 1e12 }), 400, '/network/layers/0/units', /<= 1000000/);
    await refused(
      layers({ type: 'flatten' }, { type: 'dense', units: '10' }),
      400,
      '/network/layers/1/units',
      /integer, got "10"/,
    );
    await refused(
      layers({ type: 'conv2d', filters: 2, kernel: 31 }),
      422,
      '/network/layers/0/kernel',
      /gets \(28, 28, 1\), its kernel is 31×31: use padding 'same'/,
    );
    await refused(layers({ type: 'maxPool2d', size: 0 }), 400, '/network/layers/0/size', /integer/);
    await refused(
      { network: { input: [10, 10], layers: [{ type: 'flatten' }] } },
      422,
      '/network/input',
      /100 elements.*784/,
    );
    await refused({ dataset: 'nothing' }, 422, '/dataset', /nothing/);
    await refused({ training: { initialModel: 'nobody' } }, 422, '/training/initialModel', /no model.*nobody/);
    await refused({ training: { epochs: -1 } }, 400, '/training/epochs', />= 0/);
    await refused({ training: { learningRate: 1 } }, 400, '/training/learningRate', /unknown key/);
    await refused(
      { training: { optimizer: { type: 'sgd', learningRate: 0 } } },
      400,
      '/training/optimizer/learningRate',
      /> 0/,
    );
    await refused({ training: { loss: { type: 'binaryCrossEntropy' } } }, 422, '/training/loss/type', /two classes/);
    await refused(
      layers({ type: 'flatten' }, { type: 'dense', units: 10, activation: 'step' }),
      422,
      '/network/layers/1/activation',
      /no slope/,
    );
    await refused(
      layers({ type: 'flatten' }, { type: 'dense', units: 1, activation: 'softmax' }),
      422,
      '/network/layers/1/activation',
      /always 1/,
    );
    await refused(
      layers({ type: 'conv2d', filters: 2, kernel: 4096, padding: 'same' }),
      422,
      '/network/layers/0/kernel',
      /fewer than 2²⁴/,
    );
    await refused(
      { training: { validation: { fraction: 0.999 } } },
      422,
      '/training/validation/fraction',
      /none is left/,
    );
    await refused(
      { training: { normalization: { type: 'scale', factor: 1e39 } } },
      400,
      '/training/normalization/factor',
      /<= 3e\+38/,
    );
    // More than any machine has: 60 layers of a million by a million.
    const huge = Array.from({ length: 3 }, () => ({ type: 'dense', units: 1_000_000 }));
    const answer = await service.post('/v1/jobs', { ...digitsJob, ...layers({ type: 'flatten' }, ...huge) });
    expect(answer.status).toBe(422);
    expect((await service.call('/v1/jobs')).body.items).toEqual([]);
  });

  test('images that are none, or of the wrong type, are refused; the service goes on', async () => {
    const service = await startService(await temporaryFolder());
    await uploadDigits(service, 100);
    await train(service, { ...digitsJob, training: { epochs: 0 } });
    const send = async (body: Buffer | string, type: string) =>
      (await service.call('/predict', { method: 'POST', headers: { 'content-type': type }, body: body as string }))
        .status;
    const png = await sharp({ create: { width: 30, height: 20, channels: 4, background: '#0008' } })
      .png()
      .toBuffer();
    expect(await send(png, 'image/png')).toBe(200);
    expect(await send(png.subarray(0, 60), 'image/png')).toBe(400);
    expect(await send('', 'image/png')).toBe(400);
    expect(await send('no image', 'image/jpeg')).toBe(400);
    expect(await send(png, 'image/gif')).toBe(415);
    expect(await send('{"instances": [[1, 2]]}', 'application/json')).toBe(422);
    expect(await send('{"instances": []}', 'application/json')).toBeLessThan(500);
    expect(await send('{"instances": [[null]]}', 'application/json')).toBe(422);
    expect((await service.post('/predict?model=nobody', { instances: [[1]] })).status).toBe(404);
    expect((await service.call('/healthz')).status).toBe(200);
  });
});
