// Digits as pictures in folders train the very network that their IDX files train: the same data, the same weights to the bit.
import { expect, test } from 'vitest';
import { png, zip } from './helpers/images.ts';
import { mnistFiles, smallNet, startService } from './helpers/process.ts';
import { temporaryFolder } from './helpers/service.ts';

const [trained, tested] = [1600, 400];

/** A stretch of an IDX file as a file of its own. */
function stretch(file: Buffer, header: number, rowBytes: number, from: number, count: number): Buffer {
  const start = Buffer.from(file.subarray(0, header));
  start.writeUInt32BE(count, 4);
  return Buffer.concat([start, file.subarray(header + from * rowBytes, header + (from + count) * rowBytes)]);
}

test('pictures in a ZIP reach the accuracy that IDX gives', async () => {
  const { images, labels } = mnistFiles(trained + tested);
  const entries = await Promise.all(
    Array.from({ length: trained + tested }, async (_, i) => {
      const folder = `digits/${i < trained ? 'train' : 'test'}/${labels[8 + i]}`;
      const content = await png(28, 28, images.subarray(16 + 784 * i, 16 + 784 * (i + 1)));
      return { name: `${folder}/${String(i).padStart(5, '0')}.png`, content };
    }),
  );
  const service = await startService(await temporaryFolder());
  const upload = async (name: string, parts: Record<string, Buffer>) => {
    const form = new FormData();
    form.append('meta', JSON.stringify({ name }));
    for (const [part, bytes] of Object.entries(parts)) form.append(part, new Blob([new Uint8Array(bytes)]), part);
    const { status, body } = await service.call('/v1/datasets', { method: 'POST', body: form });
    expect(status, JSON.stringify(body)).toBe(201);
    expect(body.samples).toEqual({ train: trained, validation: 0, test: tested });
    return body;
  };
  const pictures = await upload('pictures', { file: zip(entries) });
  const arrays = await upload('arrays', {
    images: stretch(images, 16, 784, 0, trained),
    labels: stretch(labels, 8, 1, 0, trained),
    testImages: stretch(images, 16, 784, trained, tested),
    testLabels: stretch(labels, 8, 1, trained, tested),
  });
  expect(pictures.sha256).toBe(arrays.sha256);
  const training = { epochs: 3, batchSize: 32, seed: 5, optimizer: { type: 'adam', learningRate: 0.002 } };
  const results = [];
  for (const dataset of ['pictures', 'arrays']) {
    const { status, body } = await service.post('/v1/jobs', { dataset, network: smallNet, training });
    expect(status, JSON.stringify(body)).toBe(202);
    const job = await service.job(body.id);
    expect(job.state, JSON.stringify(job.error)).toBe('completed');
    results.push({ weights: job.weightsHash, test: job.test });
  }
  expect(results[0]).toEqual(results[1]);
  expect(results[0]!.test.accuracy).toBeGreaterThan(0.8);
}, 180_000);
