import { setTimeout as sleep } from 'node:timers/promises';
import type { DrilledService } from './service.ts';

const training = {
  batchSize: 32,
  seed: 1,
  // For hours: a job is cancelled when it has been measured.
  steps: 100_000_000,
  normalization: { type: 'scale', factor: 1 / 255 },
  optimizer: { type: 'sgd', learningRate: 0.01 },
};

async function begin(service: DrilledService, dataset: string, network: object): Promise<string> {
  const { status, body } = await service.post('/v1/jobs', { name: `on ${dataset}`, dataset, network, training });
  if (status !== 202) throw new Error(JSON.stringify(body));
  return body.id;
}

async function progressOf(service: DrilledService, job: string): Promise<{ step: number; samplesPerSecond: number }> {
  const { body } = await service.call(`/v1/jobs/${job}`);
  if (!['queued', 'running'].includes(body.state)) throw new Error(`${body.state}: ${JSON.stringify(body.error)}`);
  return body.progress;
}

/** Starts a job and waits until the service tells of its first steps. */
export async function firstStep(service: DrilledService, dataset: string, network: object) {
  const started = performance.now();
  const job = await begin(service, dataset, network);
  while ((await progressOf(service, job)).step === 0) await sleep(2);
  return { job, ms: performance.now() - started };
}

/** Samples per second of a job in its first epoch over so many seconds, as it tells them. */
export async function speedOf(service: DrilledService, dataset: string, network: object, seconds: number) {
  const { job } = await firstStep(service, dataset, network);
  await sleep(seconds * 1000);
  const { samplesPerSecond } = await progressOf(service, job);
  await stopped(service, job);
  return samplesPerSecond;
}

export async function stopped(service: DrilledService, job: string): Promise<void> {
  await service.call(`/v1/jobs/${job}/cancel`, { method: 'POST' });
  while ((await service.call(`/v1/jobs/${job}`)).body.state !== 'cancelled') await sleep(5);
}
