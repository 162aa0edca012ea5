// A network whose weights stay keeps what it works out of them: its outputs have to be the very same bits.
import { describe, expect, test } from 'vitest';
import { isas } from '../../src/native.ts';
import { predictionBytes } from '../../src/nn/cost.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkConfig } from '../../src/nn/networkConfig.ts';

const conv = (filters: number, kernel: number, more: object = {}) => ({
  type: 'conv2d',
  filters,
  kernel,
  activation: 'relu',
  ...more,
});
const networks: Record<string, NetworkConfig> = {
  'products of several blocks of depth': {
    input: [1500],
    layers: [
      { type: 'dense', units: 1100, activation: 'tanh' },
      { type: 'dense', units: 37 },
    ],
  },
  'convolutions of all kinds': {
    input: [20, 20, 3],
    layers: [
      conv(32, 3, { padding: 'same' }),
      conv(48, 3, { padding: 'same' }), // in Winograd's form
      conv(24, 1),
      conv(24, 3, { groups: 4 }),
      conv(24, 3, { groups: 24 }),
      conv(20, 5, { stride: 2 }),
      { type: 'conv2dTranspose', filters: 7, kernel: 3, stride: 2 },
      { type: 'flatten' },
      { type: 'dense', units: 10 },
    ],
  } as NetworkConfig,
};

describe.each(Object.entries(networks))('%s', (_, config) => {
  test.each(isas)('on %s', (isa) => {
    const plain = new Network(config, { isa, seed: 5 });
    const elements = config.input!.reduce((product, size) => product * size, 1);
    for (const threads of [1, 3]) {
      const constant = new Network(config, { isa, seed: 5, threads, constant: true });
      // The first prediction fills what is kept, those after it use it.
      for (const rows of [1, 5, 64, 1]) {
        const inputs = Float32Array.from({ length: rows * elements }, (_, i) => ((i * 7919) % 1009) / 500 - 1);
        expect(constant.predict(inputs)).toEqual(plain.predict(inputs));
      }
    }
  });
});

test('what is kept counts as memory', () => {
  const config = networks['convolutions of all kinds']!;
  const { resolved } = new Network(config);
  const settings = { isa: isas[0]!, threads: 1 };
  const bytes = predictionBytes(resolved, { type: 'none' }, settings);
  expect(bytes).toBeGreaterThan(4 * (resolved.parameterFloats + 36 * 32 * 48));
});
