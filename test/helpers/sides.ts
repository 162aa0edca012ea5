import { expect } from 'vitest';
import type { Services } from '../../src/service/types.ts';
import { reached, startServices, temporaryFolder } from './service.ts';

/** Outputs (x0 + x2, x1 + x3) of 2 × 2 pixels: the left column, and the right one. */
const sidesLayer = {
  type: 'dense',
  units: 2,
  weights: {
    weight: [
      [1, 0],
      [0, 1],
      [1, 0],
      [0, 1],
    ],
    bias: [0, 0],
  },
};

/** Services with a model of given weights on 2 × 2 images: the first class where the left column is brighter, else the second. */
export async function withSidesModel(
  { name, classes: [left, right] }: { name: string; classes: [string, string] },
  settings: NodeJS.ProcessEnv = {},
): Promise<Services> {
  const services = await startServices(await temporaryFolder(), settings, null);
  const job = await services.jobs.create({
    name,
    network: { input: [2, 2, 1], layers: [{ type: 'flatten', name: 'pixels' }, sidesLayer] },
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
      targets: [left, right],
    },
    training: { epochs: 0 },
  });
  expect((await reached(services, job.id)).error).toBeNull();
  return services;
}
