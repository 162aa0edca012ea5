import { describe, expect, test } from 'vitest';
import { isDiagnosed } from '../../src/nn/diagnostics.ts';
import { findingsOf } from '../../src/nn/findings.ts';
import { Network } from '../../src/nn/network.ts';
import type { LayerConfig, NetworkConfig } from '../../src/nn/networkConfig.ts';
import type { DiagnosticsRow, LayerDiagnostics } from '../../src/nn/progress.ts';
import type { TrainingRequest } from '../../src/nn/trainingConfig.ts';
import { data as images, small, uniform } from '../helpers/networks.ts';

const settings: TrainingRequest = {
  epochs: 3,
  batchSize: 16,
  seed: 7,
  optimizer: { type: 'adam', learningRate: 0.01 },
};

/** Two numbers; the class is whether their sum is positive. */
const inputs = uniform(400, 5);
const classes = Int32Array.from({ length: 200 }, (_, i) => (inputs[2 * i]! + inputs[2 * i + 1]! > 0 ? 1 : 0));
const points = { inputs, targets: classes };

const dense = (units: number, more: Partial<LayerConfig> = {}): LayerConfig => ({ type: 'dense', units, ...more });
const stack = (depth: number, layer: LayerConfig): NetworkConfig => ({
  input: [2],
  layers: [...Array.from({ length: depth }, () => layer), dense(2)],
});

async function diagnose(config: NetworkConfig, training: TrainingRequest = {}) {
  const network = new Network(config, { seed: 3 });
  const { diagnostics, rows } = await network.fit(points, { ...settings, ...training }, { diagnostics: true });
  return { network, diagnostics, rows, findings: findingsOf(diagnostics) };
}

const norm = (values: Iterable<number>) => Math.sqrt([...values].reduce((sum, v) => sum + v * v, 0));

describe('same bits', () => {
  const withNorm: NetworkConfig = {
    input: [8, 8, 2],
    layers: [
      { type: 'conv2d', filters: 4, kernel: 3, name: 'conv' },
      { type: 'batchNorm', activation: 'relu' },
      { type: 'dropout', rate: 0.3 },
      { type: 'flatten' },
      { type: 'dense', units: 3 },
    ],
  };

  test.each([
    ['a network with dropout', small, {}],
    ['one with batchNorm: its moving statistics are those of training alone', withNorm, {}],
    ['one step an epoch', withNorm, { batchSize: 'full' as const }],
    ['gradients that are clipped', small, { gradientClip: { norm: 0.1 } }],
  ])('with diagnostics and without, %s', async (_what, config, training) => {
    const [bare, diagnosed] = [new Network(config, { seed: 7 }), new Network(config, { seed: 7 })];
    const a = await bare.fit(images, { ...settings, ...training });
    const b = await diagnosed.fit(images, { ...settings, ...training }, { diagnostics: true });
    expect(b.diagnostics).toHaveLength(3);
    expect(a.diagnostics).toEqual([]);
    expect(diagnosed.toSafetensors()).toEqual(bare.toSafetensors());
    expect(b.rows).toEqual(a.rows);
  });
});

describe('what is measured', () => {
  test('norms, moments and the update ratio of a network worked out by hand', async () => {
    // y = relu(w x), w = (2, −1); x = 1 and 3, t = 0: the loss is the mean of y², the second unit is 0.
    const config: NetworkConfig = {
      input: [1],
      layers: [dense(2, { name: 'd', bias: false, activation: 'relu', weights: { weight: [[2, -1]] } })],
    };
    const network = new Network(config);
    const learningRate = 0.01;
    const { diagnostics } = await network.fit(
      { inputs: [[1], [3]], targets: [[0, 0], [0, 0]] }, // biome-ignore format: pairs
      {
        epochs: 1,
        batchSize: 2,
        shuffle: false,
        loss: { type: 'meanSquaredError' },
        optimizer: { type: 'sgd', learningRate },
      },
      { diagnostics: true },
    );
    // dL/dw = Σ 2 y x / 4 = (2 · 2 · 1 + 2 · 6 · 3) / 4 = 10 before the step.
    const w = 2 - learningRate * 10;
    const outputs = [w, 0, 3 * w, 0];
    const mean = (4 * w) / 4;
    const [layer] = diagnostics[0]!.layers as [LayerDiagnostics];
    const close = (value: number | null, expected: number) => expect(value! / expected).toBeCloseTo(1, 4);
    expect(layer).toMatchObject({ name: 'd', type: 'dense', deadUnits: 0.5, saturated: null });
    close(layer.weightNorm, norm([w, -1]));
    close(layer.updateRatio, (learningRate * 10) / norm([w, -1]));
    close(layer.gradientNorm, (2 * w + 2 * 3 * w * 3) / 4);
    close(layer.outputGradientNorm, norm([(2 * w) / 4, (2 * 3 * w) / 4]));
    close(layer.activationMean, mean);
    close(layer.activationDeviation, norm(outputs.map((y) => y - mean)) / 2);
    close(diagnostics[0]!.loss, (w * w + 9 * w * w) / 4);
    expect(diagnostics[0]!.accuracy).toBeNull();
  });

  test('gradient norms are those that gradients() tells, on the first rows in their order', async () => {
    const { network, diagnostics } = await diagnose(stack(2, dense(5, { activation: 'tanh' })), { epochs: 2 });
    const { parameters, loss } = await network.gradients(points.inputs, points.targets, {
      loss: 'softmaxCrossEntropy',
    });
    const newest = diagnostics.at(-1)!;
    expect(newest.loss).toBeCloseTo(loss, 5);
    for (const { name, gradientNorm } of newest.layers) {
      const own = [...parameters[`${name}.weight`]!, ...parameters[`${name}.bias`]!];
      expect(gradientNorm).toBeCloseTo(norm(own), 5);
    }
  });

  test('a layer without parameters has no norms, a final softmax is seen as the loss sees it', async () => {
    const { diagnostics } = await diagnose({
      input: [2],
      layers: [dense(3), { type: 'layerNorm' }, { type: 'dropout', rate: 0.1 }, dense(2, { activation: 'softmax' })],
    });
    const [, norms, dropout, last] = diagnostics[0]!.layers;
    expect(norms).toMatchObject({ type: 'layerNorm', gradientNorm: expect.any(Number) });
    expect(dropout).toMatchObject({ gradientNorm: null, weightNorm: null, updateRatio: null });
    expect(dropout!.outputGradientNorm).toBeGreaterThan(0);
    expect(last!.saturated).toBeNull();
    expect(diagnostics.map(({ accuracy }) => accuracy)).toEqual(diagnostics.map(() => expect.any(Number)));
  });

  test('the epochs are the first, the last and about 200 at most, fewer of a network of many layers', () => {
    const chosen = (epochs: number, layers: number) =>
      Array.from({ length: epochs }, (_, i) => i + 1).filter((epoch) => isDiagnosed(epoch, epochs, layers));
    expect(chosen(5, 3)).toEqual([1, 2, 3, 4, 5]);
    for (const epochs of [200, 201, 1000, 12_345]) {
      const all = chosen(epochs, 3);
      expect(all.length).toBeGreaterThan(90);
      expect(all.length).toBeLessThanOrEqual(202);
      expect([all[0], all.at(-1)]).toEqual([1, epochs]);
    }
    expect(chosen(1000, 100).length).toBeLessThanOrEqual(42);
    expect(chosen(1000, 1000).length).toBeLessThanOrEqual(12);
  });
});

describe('findings', () => {
  const codes = (findings: { code: string }[]) => [...new Set(findings.map(({ code }) => code))];

  test('a healthy network has none', async () => {
    for (const activation of ['tanh', 'relu', 'sigmoid'] as const) {
      const { findings, rows } = await diagnose(stack(2, dense(16, { activation })), { epochs: 20 });
      expect(rows.at(-1)!.values.accuracy).toBeGreaterThan(0.9);
      expect(findings, activation).toEqual([]);
    }
    const convolutions = new Network(small, { seed: 7 });
    const { diagnostics } = await convolutions.fit(images, { ...settings, epochs: 10 }, { diagnostics: true });
    expect(findingsOf(diagnostics)).toEqual([]);
  });

  test('a deep network of sigmoids: the gradient vanishes', async () => {
    const { findings } = await diagnose(stack(8, dense(10, { activation: 'sigmoid' })));
    const found = findings.find(({ code }) => code === 'vanishing-gradients')!;
    expect(found.message).toMatch(
      /gradients shrink \d+-fold from the last layer 'dense_8' to the first, 'dense_0'.*relu/,
    );
    expect(found.layer).toBe('dense_0');
  });

  test('large starting weights: it explodes', async () => {
    const initializer = { type: 'normal', stddev: 2 } as const;
    const { findings } = await diagnose(stack(6, dense(30, { activation: 'relu', initializer })), { epochs: 1 });
    expect(codes(findings)).toContain('exploding-gradients');
    expect(findings[0]!.message).toMatch(/gradients grow \d+-fold/);
  });

  test('relu with a very negative bias: dead units, and nothing learns', async () => {
    const biasInitializer = { type: 'constant', value: -50 } as const;
    const { findings } = await diagnose({
      input: [2],
      layers: [dense(8, { activation: 'relu', biasInitializer, name: 'dead' }), dense(2)],
    });
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          code: 'dead-units',
          layer: 'dead',
          message: expect.stringMatching(/^100 % of the units/),
        }),
        expect.objectContaining({ code: 'not-learning', layer: 'dead', message: expect.stringMatching(/no gradient/) }),
      ]),
    );
  });

  test('a channel of an image is one unit', async () => {
    const network = new Network({
      input: [2, 2, 1],
      layers: [
        { type: 'conv2d', filters: 4, kernel: 1, activation: 'relu', weights: { bias: [-9, 9, 9, -9] } },
        { type: 'flatten' },
        { type: 'dense', units: 2 },
      ],
    });
    const targets = Int32Array.from({ length: 20 }, (_, i) => i % 2);
    const { diagnostics } = await network.fit(
      { inputs: uniform(80, 1), targets },
      { epochs: 1 },
      { diagnostics: true },
    );
    expect(diagnostics[0]!.layers[0]!.deadUnits).toBe(0.5);
  });

  test.each(['sigmoid', 'tanh', 'hardSigmoid'] as const)('large weights before %s: saturated', async (activation) => {
    const initializer = { type: 'normal', stddev: 100 } as const;
    const { findings } = await diagnose({ input: [2], layers: [dense(16, { activation, initializer }), dense(2)] });
    expect(findings).toContainEqual(expect.objectContaining({ code: 'saturated', layer: 'dense_0' }));
    // Deciding is what a last layer is for.
    const last = await diagnose(
      { input: [2], layers: [dense(1, { activation, initializer })] },
      { loss: { type: 'meanSquaredError' } },
    );
    expect(last.diagnostics[0]!.layers[0]!.saturated).toBeGreaterThan(0.8);
    expect(codes(last.findings)).not.toContain('saturated');
  });

  test('a rate that is far too large or too small is told by its updates', async () => {
    const rate = (learningRate: number, more: TrainingRequest = {}) =>
      diagnose(stack(1, dense(8, { activation: 'tanh' })), {
        epochs: 8,
        optimizer: { type: 'adam', learningRate },
        ...more,
      });
    expect(codes((await rate(2, { epochs: 3, batchSize: 'full' })).findings)).toContain('updates-too-large');
    const { findings } = await rate(1e-6);
    expect(codes(findings)).toEqual(['updates-too-small', 'loss-not-falling']);
    expect(findings[0]!.message).toMatch(/dense 'dense_0' by at most \S+e-6 of their size/);
    expect(codes((await rate(1e-12)).findings)).toContain('not-learning');
  });

  test('rows alone decide, and none say nothing', () => {
    const layer: LayerDiagnostics = {
      name: 'a',
      type: 'dense',
      gradientNorm: 0.1,
      weightNorm: 1,
      updateRatio: 1e-3,
      activationMean: 0,
      activationDeviation: 1,
      deadUnits: null,
      saturated: null,
      outputGradientNorm: 0.1,
    };
    const row = (epoch: number, loss: number | null, accuracy: number | null = null): DiagnosticsRow => ({
      epoch,
      loss,
      accuracy,
      layers: [layer],
    });
    expect(findingsOf([])).toEqual([]);
    expect(findingsOf([row(1, 0.5), row(10, 0.4)])).toEqual([]);
    expect(codes(findingsOf([row(1, 0.5), row(10, 0.5)]))).toEqual(['loss-not-falling']);
    expect(codes(findingsOf([row(1, 0.5), row(10, null)]))).toEqual(['loss-not-falling']);
    // Too early to tell; learnt already.
    expect(findingsOf([row(1, 0.5), row(3, 0.5)])).toEqual([]);
    expect(findingsOf([row(1, 0.001, 1), row(10, 0.001, 1)])).toEqual([]);
  });
});
