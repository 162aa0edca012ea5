// Compiled, never run (types.test.ts): what the client's types allow, and what they refuse.
import { HebbClient, HebbProblem, type Job, type JobRequest, type Layer } from '../../../src/client/index.ts';

const client = new HebbClient({ baseUrl: 'http://127.0.0.1:8080' });

const layers: Layer[] = [
  { type: 'conv2d', filters: 6, kernel: 5, padding: 'same', activation: 'relu' },
  { type: 'maxPool2d', size: 2 },
  { type: 'flatten' },
  { type: 'dense', units: 10 },
];
const request: JobRequest = {
  name: 'digits',
  dataset: { builtin: 'mnist' },
  network: { layers },
  training: { epochs: 3, batchSize: 'full', optimizer: { type: 'adam', learningRate: 0.001 } },
};

export async function allowed(): Promise<string> {
  const job: Job = await client.jobs.create(request);
  await client.jobs.create({ preset: 'xor-tanh', training: { epochs: 5 } });
  const { parameters, secondsPerEpoch } = await client.jobs.plan(request);
  const rest: number | null = secondsPerEpoch;
  for await (const event of client.jobs.events(job.id)) {
    if (event.type === 'epoch') {
      const loss: number | undefined = event.data.loss;
      const time: string = event.data.time;
      console.log(loss, time);
    }
    if (event.type === 'state' && event.data.state === 'failed') console.log(event.data.error?.detail);
  }
  for await (const { samples } of client.datasets.all()) console.log(samples.train);
  await client.datasets.upload({ name: 'iris', target: 'species' }, { file: new Blob(['…']) });
  await client.predict({ images: [new Uint8Array(1), new Blob([])] }, { top: 3, invert: 'auto', layers: ['a'] });
  const { stream } = await client.models.export('default', { format: 'safetensors' });
  const alias = await client.call('setAlias', { path: { alias: 'best' }, body: { model: job.id } });
  try {
    await client.jobs.delete(job.id);
  } catch (error) {
    if (error instanceof HebbProblem && error.code === 'state-conflict') console.log(error.errors[0]?.pointer);
  }
  return `${parameters} ${rest} ${stream.locked} ${alias.model}`;
}

export async function refused(): Promise<void> {
  // @ts-expect-error a layer of that type there is not
  const unknown: Layer = { type: 'dens', units: 10 };
  // @ts-expect-error dense has units
  const missing: Layer = { type: 'dense' };
  // @ts-expect-error text is no number
  await client.jobs.create({ network: { layers: [] }, training: { epochs: '3' } });
  // @ts-expect-error neither network nor preset
  await client.jobs.create({ name: 'nothing' });
  // @ts-expect-error a dataset has a name
  await client.datasets.create({ builtin: 'mnist' });
  // @ts-expect-error there is no part of that name
  await client.datasets.upload({ name: 'a' }, { picture: new Blob([]) });
  // @ts-expect-error a state that no job has
  await client.jobs.list({ state: 'done' });
  // @ts-expect-error a path without its id
  await client.call('getJob', {});
  // @ts-expect-error this call takes no body
  await client.call('getJob', { path: { id: 'a' }, body: {} });
  // @ts-expect-error a job has no such key
  console.log((await client.jobs.get('a')).loss, unknown, missing);
}
