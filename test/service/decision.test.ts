import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decisionSvg } from '../../src/server/decisionSvg.ts';
import type { DecisionRegion, Job, Services } from '../../src/service/types.ts';
import { firstEvent, reached, startServices, temporaryFolder } from '../helpers/service.ts';

async function trained(services: Services, request: object): Promise<Job> {
  const job = await reached(services, (await services.jobs.create(request)).id);
  expect(job.state, JSON.stringify(job.error)).toBe('completed');
  return job;
}

/** What the region says at a point. */
function valueAt({ x, y, size, values }: DecisionRegion, px: number, py: number): number {
  const column = Math.floor(((px - x.low) / (x.high - x.low)) * size);
  const row = Math.floor(((py - y.low) / (y.high - y.low)) * size);
  return values[row * size + column]!;
}

/** Class of the rectangle that covers a point of the plane in the picture. */
function colourAt(svg: string, { x, y }: DecisionRegion, px: number, py: number): string | undefined {
  const cx = 66 + ((px - x.low) / (x.high - x.low)) * 400;
  const cy = 466 - ((py - y.low) / (y.high - y.low)) * 400;
  const region = svg.slice(svg.indexOf('<g class="region">'), svg.indexOf('</g>'));
  for (const match of region.matchAll(/<rect class="([^"]+)" x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"/g)) {
    const [left, top, width, height] = match.slice(2).map(Number) as [number, number, number, number];
    if (cx >= left && cx < left + width && cy >= top && cy < top + height) return match[1];
  }
  return undefined;
}

const blobs = { synthetic: { kind: 'blobs', samples: 300, classes: 2, seed: 4, spread: 5, noise: 0.6 } };
const circles = { synthetic: { kind: 'circles', samples: 300, noise: 0.05, seed: 1, factor: 0.4 } };

describe('the decision region', () => {
  test('of a logistic neuron on two clouds has the right colour on both sides, and the samples', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const job = await trained(services, {
      name: 'neuron',
      dataset: blobs,
      network: { layers: [{ type: 'dense', units: 1, activation: 'sigmoid' }] },
      training: { epochs: 60, optimizer: { type: 'sgd', learningRate: 0.3 } },
    });
    expect(job.metrics.accuracy).toBeGreaterThan(0.97);
    const region = await services.jobs.decision(job.id);
    expect(region).toMatchObject({ epoch: null, size: 80, range: [0, 1], classes: ['0', '1'] });
    expect(region.points).toHaveLength(300);
    const svg = decisionSvg(region);
    for (const { x, y, target } of region.points.slice(0, 40)) {
      const value = valueAt(region, x, y);
      if (Math.abs(value - 0.5) < 0.1) continue;
      expect(value > 0.5 ? 1 : 0).toBe(target);
      expect(colourAt(svg, region, x, y)).toMatch(target === 1 ? /^c1 v/ : /^c0 v/);
    }
    // The region is what the model predicts there.
    const { predictions } = await services.predictions.predictInstances(job.id, [[1.2, -0.7]], {});
    const [one] = predictions[0]!.top!.filter((entry) => entry.class === '1');
    expect(valueAt(region, 1.2, -0.7)).toBeCloseTo(one!.probability!, 1);
    expect(svg.match(/<circle class="point c[01]"/g)).toHaveLength(300);
    expect(svg).toMatch(/decision region, final weights/);
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('of a deep network of sigmoids on circles is a disc inside, and past epochs are shown from the history', async () => {
    const folder = await temporaryFolder();
    const services = await startServices(folder, {}, null);
    const layers = [
      ...Array.from({ length: 2 }, () => ({ type: 'dense', units: 12, activation: 'sigmoid' })),
      { type: 'dense', units: 2 },
    ];
    const job = await trained(services, {
      name: 'circles',
      dataset: circles,
      network: { layers },
      training: { epochs: 150, seed: 2, batchSize: 16, optimizer: { type: 'adam', learningRate: 0.03 } },
    });
    expect(job.metrics.accuracy).toBeGreaterThan(0.97);
    const files = await readdir(join(folder, 'models', job.id));
    expect(files.filter((file) => !file.endsWith('.checkpoint')).sort()).toEqual(['0.history', '0.safetensors']);
    const region = await services.jobs.decision(job.id);
    expect(region.range).toBeNull();
    const svg = decisionSvg(region);
    expect([colourAt(svg, region, 0, 0), valueAt(region, 0, 0)]).toEqual(['c c1', 1]);
    for (const [x, y] of [
      [1, 0],
      [0, 1],
      [-1, 0],
      [0, -1],
      [0.7, 0.7],
    ] as const) {
      // biome-ignore format: pairs
      expect([colourAt(svg, region, x, y), valueAt(region, x, y)]).toEqual(['c c0', 0]);
    }
    // Runs are merged: a disc of two colours takes a few rectangles a row.
    expect(svg.match(/<rect/g)!.length).toBeLessThan(80 * 4);

    // The last epoch of the history is the final weights; the first knew nothing yet.
    const last = await services.jobs.decision(job.id, 150);
    expect(last.epoch).toBe(150);
    expect(last.values).toEqual(region.values);
    expect((await services.jobs.decision(job.id, 99_999)).epoch).toBe(150);
    const first = await services.jobs.decision(job.id, 1);
    expect(first.epoch).toBe(1);
    expect(first.values).not.toEqual(region.values);
    expect(decisionSvg(first)).toContain('decision region, epoch 1<');

    // The history goes through a restart with its model, and goes with its job.
    await services.close();
    const again = await startServices(folder, {}, null);
    expect((await again.jobs.decision(job.id, 1)).values).toEqual(first.values);
    await again.jobs.delete(job.id);
    expect(await readdir(join(folder, 'models'))).toEqual([]);
  });

  test('of a running job is that of its newest epoch; before there is one it is a conflict', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const endless = {
      dataset: circles,
      network: { layers: [{ type: 'dense', units: 2 }] },
      training: { epochs: 1_000_000 },
    };
    const running = await services.jobs.create(endless);
    const queued = await services.jobs.create(endless);
    await expect(services.jobs.decision(queued.id)).rejects.toMatchObject({
      code: 'state-conflict',
      message: expect.stringMatching(/is queued and has no weights yet/),
    });
    await firstEvent(services, running.id, 'epoch');
    let region: DecisionRegion | null = null;
    for (let tries = 0; !region && tries < 200; tries++) {
      region = await services.jobs.decision(running.id).catch(() => null);
      if (!region) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(region!.epoch).toBeGreaterThan(0);
    await services.jobs.cancel(queued.id);
    await services.jobs.cancel(running.id);
    await expect(services.jobs.decision(queued.id)).rejects.toMatchObject({ code: 'not-found' });
    expect((await services.jobs.decision(running.id)).epoch).toBeNull();
  });

  test('of a regression shows values, of fixed weights without a dataset the plane alone', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const grid = Array.from({ length: 100 }, (_, i) => [(i % 10) / 5 - 1, Math.floor(i / 10) / 5 - 1]);
    const job = await trained(services, {
      name: 'plane',
      dataset: { inputs: grid, targets: grid.map(([x, y]) => [2 * x! - y!]), features: ['width', 'height'] },
      network: { layers: [{ type: 'dense', units: 1 }] },
      training: { epochs: 80, optimizer: { type: 'adam', learningRate: 0.05 } },
    });
    const region = await services.jobs.decision(job.id);
    expect(region).toMatchObject({ x: { name: 'width' }, y: { name: 'height' }, classes: null });
    expect(region.range![0]).toBeCloseTo(-2.8, 5);
    for (const [x, y] of [
      [0.5, -0.5],
      [-0.6, 0.2],
    ] as const) {
      // biome-ignore format: pairs
      expect(Math.abs(valueAt(region, x, y) - (2 * x - y))).toBeLessThan(0.2);
    }
    expect(decisionSvg(region)).toContain('>width</text>');

    const nand = await trained(services, {
      name: 'nand',
      network: {
        input: [2],
        layers: [{ type: 'dense', units: 1, activation: 'step', weights: { weight: [[-2], [-2]], bias: [3] } }],
      },
      training: { epochs: 0 },
    });
    const plane = await services.jobs.decision(nand.id);
    expect(plane.points).toEqual([]);
    expect([valueAt(plane, 0, 0), valueAt(plane, 1, 0), valueAt(plane, 0, 1), valueAt(plane, 1, 1)]).toEqual([1, 1, 1, 0]); // biome-ignore format: row
    await expect(services.jobs.decision(nand.id, 1)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('is refused where the network has not two inputs', async () => {
    const services = await startServices(await temporaryFolder(), {}, null);
    const job = await trained(services, {
      dataset: { synthetic: { kind: 'line' } },
      network: { layers: [{ type: 'dense', units: 1 }] },
      training: { epochs: 1 },
    });
    await expect(services.jobs.decision(job.id)).rejects.toMatchObject({
      code: 'unsuitable-model',
      message: expect.stringMatching(/two inputs, this one has 1/),
    });
  });
});
