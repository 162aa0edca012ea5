// The client against the real service, with a real training process.
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { expect, test } from 'vitest';
import { HebbClient, HebbProblem } from '../../src/client/index.ts';
import { startService } from '../helpers/process.ts';
import { temporaryFolder } from '../helpers/service.ts';

test('a job with its files, followed to its model', async () => {
  const { url } = await startService(await temporaryFolder());
  const client = new HebbClient({ baseUrl: url });
  const request = {
    name: 'flowers',
    network: { layers: [{ type: 'dense' as const, units: 3 }] },
    training: { epochs: 5, batchSize: 8 },
  };
  const files = { file: await openAsBlob('src/data/builtin/iris.csv') };
  const meta = { target: 'class', split: { test: 0.2, seed: 1 } };
  const idempotencyKey = 'once';
  const job = await client.jobs.createWithFiles(request, meta, files, { idempotencyKey });
  // The same again is the same job.
  expect((await client.jobs.createWithFiles(request, meta, files, { idempotencyKey })).id).toBe(job.id);

  const epochs: number[] = [];
  const over = await client.jobs.wait(job.id, {
    onProgress: (_, event) => {
      if (event.type === 'epoch') epochs.push(event.data.epoch);
    },
  });
  expect(over).toMatchObject({ state: 'completed', test: { accuracy: expect.any(Number) } });
  expect(epochs).toEqual([1, 2, 3, 4, 5]);
  expect(await client.jobs.wait(job.id)).toEqual(over);

  const { stream, bytes } = await client.models.export('flowers');
  const file = Buffer.from(await new Response(stream).arrayBuffer());
  expect(file.length).toBe(bytes);
  expect(createHash('sha256').update(file).digest('hex')).toBe(over.weightsHash);
  const { predictions } = await client.predict({ instances: [[5.1, 3.5, 1.4, 0.2]] }, { top: 1 });
  expect(predictions[0]).toMatchObject({ class: expect.any(String), top: [{ class: predictions[0]!.class }] });
  const error = await client.predict({ instances: [[5.1]] }).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(HebbProblem);
  expect(error.errors[0]).toMatchObject({ pointer: '/instances/0' });
});
