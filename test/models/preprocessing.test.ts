// Preprocessing with a number for each channel or each element, as exports write it.

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test, vi } from 'vitest';
import { exportOnnx } from '../../src/models/exporters/onnx.ts';
import { exportTypeScript } from '../../src/models/exporters/typescript.ts';
import { temporaryFolder } from '../helpers/data.ts';
import { describedModel, noise, relativeError } from '../helpers/models.ts';
import { compileExports } from '../helpers/typescript.ts';

const folder = await temporaryFolder();
const affine = vi.hoisted(() => ({ scale: [] as number[], offset: [] as number[] }));
vi.mock('../../src/nn/programs.ts', async (load) => {
  const all = await load<typeof import('../../src/nn/programs.ts')>();
  // The network itself takes what is preprocessed already.
  const affineOf: unknown = (normalization: { type: string }) =>
    normalization.type === 'scale' ? affine : { scale: 1, offset: 0 };
  return { ...all, affineOf };
});

const { model, network } = describedModel({
  input: [3, 2, 4],
  layers: [{ type: 'conv2d', filters: 2, kernel: 2 }, { type: 'flatten' }, { type: 'dense', units: 3 }],
});
const described = { ...model, normalization: { type: 'scale' as const, factor: 1 } };

test.each([
  ['channel', 4],
  ['element', 24],
])('one for each %s', async (_, count) => {
  affine.scale = Array.from(noise(count, 3));
  affine.offset = Array.from(noise(count, 4));
  const raw = noise(48, 5);
  const prepared = raw.map((value, i) => value * affine.scale[i % count]! + affine.offset[i % count]!);
  const expected = network.predict(prepared);

  const session = await InferenceSession.create(exportOnnx(described, network.weights()));
  const { output } = await session.run({ input: new Tensor('float32', raw, [2, 3, 2, 4]) });
  expect(relativeError(output!.data as Float32Array, expected)).toBeLessThan(1e-5);
  await session.release();

  const { predicts } = compileExports(folder, [exportTypeScript(described, network.weights())]);
  const rows = [raw.subarray(0, 24), raw.subarray(24)].flatMap((row) => predicts[0]!(row).output);
  expect(relativeError(rows, expected)).toBeLessThan(1e-5);
});
