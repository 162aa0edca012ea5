import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/nn/weights.ts';
import { data, small } from '../helpers/networks.ts';

describe('weights', () => {
  test('save and load give the same network', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hebb-'));
    try {
      const network = new Network(small, { seed: 3, normalization: { type: 'scale', factor: 0.5 } });
      await network.save(join(folder, 'model'));
      const loaded = await Network.load(join(folder, 'model'));
      expect(loaded.predict(data.inputs)).toEqual(network.predict(data.inputs));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a safetensors file round-trips, and a damaged one is refused', () => {
    const tensors = [
      { name: 'a.weight', shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) },
      { name: 'a.bias', shape: [2], values: Float32Array.of(-0, Number.NaN) },
    ];
    const file = encodeSafetensors(tensors);
    expect(decodeSafetensors(file)).toEqual(tensors);
    for (let length = 0; length < file.length; length += 7) {
      expect(() => decodeSafetensors(file.subarray(0, length))).toThrow(/not a safetensors file/);
    }
    const text = Buffer.from(file).toString('latin1');
    const changed = (from: string, to: string) => Buffer.from(text.replace(from, to), 'latin1');
    expect(() => decodeSafetensors(changed('[16,24]', '[12,20]'))).toThrow(/overlap/);
    expect(() => decodeSafetensors(changed('[2,2]', '[2,9]'))).toThrow(/lies at/);
    expect(() => decodeSafetensors(changed('F32', 'F16'))).toThrow(/expected F32/);
  });

  test('weights of another network are refused and change nothing', () => {
    const network = new Network({ input: [2], layers: [{ type: 'dense', units: 1 }] });
    const before = network.copyWeights();
    const wrong = new Network({ input: [3], layers: [{ type: 'dense', units: 1 }] });
    expect(() => network.setWeights(wrong.weights())).toThrow(/dense_0.weight must be \(2, 1\), got \(3, 1\)/);
    expect(() => network.setWeights([])).toThrow(/lack the tensor dense_0.weight/);
    expect(network.copyWeights()).toEqual(before);
  });
});
